import CSystem

/// A folder that nobody else looks into, for copies that an engine's client may open; it goes with the last who holds it. What a
/// killed run left is taken away by the next one: a lock that nobody holds any more tells.
public final class PrivateFolder {
  /// The folder's path.
  public let path: String
  private let lock: FileHandle

  private static let lockName = "lock"
  /// A folder that was made this moment may not be locked yet.
  private static let leastAge: Int64 = 60

  /// Makes one below `place`, or, where that is nil, in the folder for temporary files. Its name begins with `prefix`.
  public init(_ prefix: String, in place: String? = nil) throws(Problem) {
    let given = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    let place = place ?? (given.isEmpty ? "/tmp" : given)
    Self.sweep(place, prefix)
    path = try Paths.makeTemporaryFolder(Paths.join(place, prefix))
    lock = try FileHandle.create(Paths.join(path, Self.lockName), mode: 0o600)
    _ = try FileLock.take(.exclusive, lock, start: 0, length: 0)
  }

  deinit { try? Paths.removeTree(path) }

  private static func sweep(_ place: String, _ prefix: String) {
    let newest = (Clock.system.now() - leastAge) * 1_000_000_000
    for name in (try? Paths.names(in: place)) ?? [] where name.hasPrefix(prefix) {
      let folder = Paths.join(place, name)
      guard let status = try? FileStatus.of(folder, followLinks: false), status.kind == .folder,
        status.user == geteuid(), status.modified < newest,
        let file = try? FileHandle.update(Paths.join(folder, lockName)),
        (try? FileLock.take(.exclusive, file, start: 0, length: 0)) == true
      else { continue }
      try? Paths.removeTree(folder)
    }
  }
}
