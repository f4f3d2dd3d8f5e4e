import CSystem
import MendKit

/// A folder for copies that the engine may open, in the folder for temporary files; it goes with the last who holds it. What a
/// killed run left is taken away by the next one: a lock that nobody holds any more tells.
final class PrivateFolder {
  /// The folder's path.
  let path: String
  private let lock: FileHandle

  private static let prefix = "dbmend-duckdb-"
  private static let lockName = "lock"

  init() throws(Problem) {
    let variable = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    let place = variable.isEmpty ? "/tmp" : variable
    Self.sweep(place)
    path = try Paths.makeTemporaryFolder(Paths.join(place, Self.prefix))
    lock = try FileHandle.create(Paths.join(path, Self.lockName), mode: 0o600)
    _ = try FileLock.take(.exclusive, lock, start: 0, length: 0)
  }

  deinit { try? Paths.removeTree(path) }

  private static func sweep(_ place: String) {
    for name in (try? Paths.names(in: place)) ?? [] where name.hasPrefix(prefix) {
      let folder = Paths.join(place, name)
      guard let status = try? FileStatus.of(folder, followLinks: false), status.kind == .folder,
        status.user == geteuid(),
        let file = try? FileHandle.update(Paths.join(folder, lockName)),
        (try? FileLock.take(.exclusive, file, start: 0, length: 0)) == true
      else { continue }
      try? Paths.removeTree(folder)
    }
  }
}
