import CSystem
import MendKit

/// The files that DuckDB keeps beside a database.
enum Sidecars {
  /// What the name of the log ends with.
  static let log = ".wal"
  /// All of them: the log, the log that is written while a checkpoint runs, and what a recovery from both is put together in.
  static let suffixes = [log, ".wal.checkpoint", ".wal.recovery"]

  /// Opens a sidecar for reading; nil where there is none, or one without content.
  static func open(_ path: String) throws(Problem) -> FileHandle? {
    guard FileStatus.exists(path) else { return nil }
    let file: FileHandle
    do throws(Problem) {
      file = try FileHandle.read(path)
    } catch  where error.kind == .missing {
      return nil
    }
    let status = try file.status()
    guard status.kind == .file else {
      throw Problem(
        .damaged, tried: "read the log", on: path, said: "it is a \(status.kind.rawValue), not a file",
        code: "wal.malformed")
    }
    return status.size > 0 ? file : nil
  }

  /// Whether a log stands beside a file that holds anything.
  static func holdAnything(beside path: String) throws(Problem) -> Bool {
    for suffix in suffixes where try open(path + suffix) != nil { return true }
    return false
  }

  /// Takes the sidecars of a file away.
  static func remove(beside path: String) throws(Problem) {
    for suffix in suffixes { try Paths.removeFile(path + suffix) }
  }
}
