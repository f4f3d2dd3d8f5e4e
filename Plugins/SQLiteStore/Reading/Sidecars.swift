import MendKit

/// The files that SQLite keeps beside a database.
struct Sidecars {
  let log: String
  let logIndex: String
  let journal: String

  init(of database: String) {
    log = database + "-wal"
    logIndex = database + "-shm"
    journal = database + "-journal"
  }

  /// All of them, whether or not they exist.
  var all: [String] { [log, logIndex, journal] }

  /// Opens a sidecar; nil when it is not there. Only a regular file is opened: a pipe would block.
  static func open(_ path: String) throws(Problem) -> FileHandle? {
    guard FileStatus.exists(path) else { return nil }
    do throws(Problem) {
      guard try FileStatus.of(path).kind == .file else { return nil }
      return try FileHandle.read(path)
    } catch {
      if error.kind == .missing { return nil }
      throw error
    }
  }
}
