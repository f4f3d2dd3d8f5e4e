import MendKit

/// Looks for stores in a folder and everything below it, by the files' first bytes. Hidden files and folders, folders of
/// archives, links to folders, and file systems in which the system shows its own state (`/proc`) are left out.
struct FolderSearch {
  /// Where archives are kept when nothing else is said.
  static let archiveFolderName = "dbmend-archives"

  /// A file below the folder.
  struct File {
    /// The path below the folder as it was written.
    let path: String
    /// The path from the root, links resolved.
    let resolved: String
    fileprivate let size: Int
  }

  let registry: PluginRegistry
  /// Folders of archives, links resolved.
  let archiveFolders: Set<String>
  /// Sorted, folder by folder.
  private(set) var found: [File] = []
  /// Folders that could not be looked into.
  private(set) var problems: [Problem] = []

  /// How many files a thread recognises at a time.
  private static let portion = 64

  init(registry: PluginRegistry, archiveFolders: Set<String>) {
    self.registry = registry
    self.archiveFolders = archiveFolders
  }

  mutating func search(_ folder: String) {
    var files: [File] = []
    list(folder, resolved: Paths.resolved(folder), device: nil, &files)
    let drivers = recognise(files)
    var sidecars: Set<String> = []
    for (file, driver) in zip(files, drivers) {
      guard let driver, !sidecars.contains(file.resolved) else { continue }
      sidecars.formUnion(driver.sidecars(of: file.resolved))
      found.append(file)
    }
  }

  /// `device` is that of the folder above; nil of the folder that was named, which is searched wherever it is.
  private mutating func list(_ folder: String, resolved: String, device: UInt64?, _ files: inout [File]) {
    let names: [String]
    do throws(Problem) {
      names = try Paths.names(in: folder)
    } catch {
      problems.append(error)
      return
    }
    let own = device ?? (try? FileStatus.of(folder).device)
    for name in names where !name.hasPrefix(".") {
      let path = Paths.join(folder, name)
      guard let status = try? FileStatus.of(path, followLinks: false) else {
        if name.contains("\u{FFFD}") { problems.append(FolderSearch.unnameable(path)) }
        continue
      }
      let below = Paths.join(resolved, name)
      switch status.kind {
      case .folder:
        guard name != FolderSearch.archiveFolderName, !archiveFolders.contains(below) else { continue }
        if status.device != own, Volume.isKernelView(path) { continue }
        list(path, resolved: below, device: status.device, &files)
      case .file: files.append(File(path: path, resolved: below, size: status.size))
      case .link:
        guard let target = try? FileStatus.of(path), target.kind == .file else { continue }
        files.append(File(path: path, resolved: Paths.resolved(path), size: target.size))
      case .socket, .pipe, .device: continue
      }
    }
  }

  /// A name of other bytes than UTF-8 cannot be spoken of. What stands there may be a store, and was not checked.
  private static func unnameable(_ path: String) -> Problem {
    Problem(
      .unsupported, tried: "look at", on: path, said: "its name is not valid UTF-8",
      advice: "Give it a name in UTF-8, or take it out of the folder.")
  }

  /// The driver that knows each file; nil where none does.
  private func recognise(_ files: [File]) -> [(any Driver)?] {
    let registry = registry
    let portions = (files.count + Self.portion - 1) / Self.portion
    return Workers.map(portions, workers: Workers.processors) { portion in
      files[portion * Self.portion..<min((portion + 1) * Self.portion, files.count)].map { file in
        // A file that may not be read can still be known by its name; its check then says that it may not be read.
        let head = (try? StoreFile.head(of: file.path)) ?? FileHead(path: file.path, bytes: [], size: file.size)
        return registry.driver(forFile: head, isFound: true)
      }
    }.flatMap(\.self)
  }
}
