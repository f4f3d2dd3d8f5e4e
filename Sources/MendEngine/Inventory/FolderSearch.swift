import MendKit

/// Looks for stores in a folder and everything below it, by the files' first bytes. Hidden files and folders, folders of
/// archives, and links to folders are left out.
struct FolderSearch {
  /// Where archives are kept when nothing else is said.
  static let archiveFolderName = "dbmend-archives"

  let registry: PluginRegistry
  /// Folders of archives, links resolved.
  let archiveFolders: Set<String>
  /// Paths below the folder as it was written, sorted.
  private(set) var found: [String] = []
  /// Folders that could not be looked into.
  private(set) var problems: [Problem] = []

  init(registry: PluginRegistry, archiveFolders: Set<String>) {
    self.registry = registry
    self.archiveFolders = archiveFolders
  }

  mutating func search(_ folder: String) {
    let names: [String]
    do throws(Problem) {
      names = try Paths.names(in: folder)
    } catch {
      problems.append(error)
      return
    }
    var sidecars: Set<String> = []
    for name in names where !name.hasPrefix(".") {
      let path = Paths.join(folder, name)
      guard let status = try? FileStatus.of(path, followLinks: false) else {
        if name.contains("\u{FFFD}") { problems.append(FolderSearch.unnameable(path)) }
        continue
      }
      if status.kind == .folder {
        guard name != FolderSearch.archiveFolderName, !archiveFolders.contains(Paths.resolved(path)) else { continue }
        search(path)
        continue
      }
      guard !sidecars.contains(path), let driver = driver(of: path) else { continue }
      sidecars.formUnion(driver.sidecars(of: path))
      found.append(path)
    }
  }

  /// A name of other bytes than UTF-8 cannot be spoken of. What stands there may be a store, and was not checked.
  private static func unnameable(_ path: String) -> Problem {
    Problem(
      .unsupported, tried: "look at", on: path, said: "its name is not valid UTF-8",
      advice: "Give it a name in UTF-8, or take it out of the folder.")
  }

  private func driver(of path: String) -> (any Driver)? {
    guard let status = try? FileStatus.of(path), status.kind == .file else { return nil }
    // A file that may not be read can still be known by its name; its check then says that it may not be read.
    let head = (try? StoreFile.head(of: path)) ?? FileHead(path: path, bytes: [], size: status.size)
    return registry.driver(forFile: head)
  }
}
