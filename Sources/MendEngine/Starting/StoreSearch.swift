import MendKit

/// Looks for stores among the paths that `dbmend init` was given. Only the first bytes of files are read.
struct StoreSearch {
  /// How many levels of folders are searched below one that was named.
  static let maximalDepth = 4
  /// The most files that are looked at: whoever names `/` by mistake is told so.
  var maximalFiles = 100_000

  let registry: PluginRegistry
  /// The folder of archives that the new configuration will name.
  let repository: String

  /// A file that a driver knows.
  struct Candidate {
    /// From the root; links are not resolved.
    var path: String
    var driver: any Driver
  }

  private(set) var candidates: [Candidate] = []
  /// What was looked at and is no store, or could not be looked at, and why.
  private(set) var leftOut: [Initialiser.LeftOut] = []
  private var seen: Set<String> = []
  private var files = 0

  init(registry: PluginRegistry, repository: String) {
    self.registry = registry
    self.repository = repository
  }

  /// Looks at a file, or for files in a folder. Throws when the path itself is not there or cannot be read.
  mutating func search(_ path: String) throws(Problem) {
    let path = Paths.absolute(path)
    let status = try FileStatus.of(path)
    switch status.kind {
    case .folder: try search(folder: path, depth: 1)
    case .file:
      if let driver = registry.driver(forFile: try head(of: path, status)) {
        add(Candidate(path: path, driver: driver))
      } else {
        leftOut.append(
          Initialiser.LeftOut(
            path: path, reason: "no driver here knows a file of this kind",
            advice: "Check that it is a database at all; 'dbmend plugins' lists the kinds."))
      }
    default:
      throw Problem(
        .refused, tried: "find stores in", on: path, said: "it is a \(status.kind.rawValue)",
        advice: "Name database files, or folders that hold them.")
    }
  }

  private mutating func search(folder: String, depth: Int) throws(Problem) {
    let names: [String]
    do throws(Problem) {
      names = try Paths.names(in: folder)
    } catch {
      if depth == 1 { throw error }
      leave(folder, error)
      return
    }
    for name in names where !name.hasPrefix(".") {
      let path = Paths.join(folder, name)
      // Links are passed by: what they lead to is found in its own place, and they can lead in circles.
      guard let status = try? FileStatus.of(path, followLinks: false) else { continue }
      if status.kind == .folder {
        guard depth < Self.maximalDepth, name != "dbmend-archives", !isRepository(path) else { continue }
        try search(folder: path, depth: depth + 1)
      } else if status.kind == .file, status.size > 0 {
        try look(at: path, status)
      }
    }
  }

  private func isRepository(_ path: String) -> Bool {
    Paths.name(of: path) == Paths.name(of: repository) && Paths.resolved(path) == Paths.resolved(repository)
  }

  private mutating func look(at path: String, _ status: FileStatus) throws(Problem) {
    files += 1
    guard files <= maximalFiles else {
      throw Problem(
        .refused, tried: "find stores in", on: Paths.folder(of: path),
        said: "there are more than \(maximalFiles) files",
        advice: "Name the database files, or a folder nearer to them: dbmend init PATH…")
    }
    do throws(Problem) {
      guard let driver = registry.driver(forFile: try head(of: path, status), isFound: true) else { return }
      add(Candidate(path: path, driver: driver))
    } catch {
      leave(path, error)
    }
  }

  private mutating func add(_ candidate: Candidate) {
    if seen.insert(Paths.resolved(candidate.path)).inserted { candidates.append(candidate) }
  }

  private mutating func leave(_ path: String, _ problem: Problem) {
    leftOut.append(Initialiser.LeftOut(path: path, reason: problem.said, advice: problem.advice))
  }

  private func head(of path: String, _ status: FileStatus) throws(Problem) -> FileHead {
    let file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK, tried: "open")
    defer { file.close() }
    return FileHead(path: path, bytes: try file.read(4096, at: 0), size: status.size)
  }
}
