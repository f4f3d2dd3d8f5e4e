import MendKit

/// The bytes of a database file on which SQLite's connections lock ("File Locking And Concurrency", section 3), held here
/// by OFD locks.
enum LockBytes {
  static let pending = 0x4000_0000
  static let reserved = pending + 1
  static let shared = pending + 2
  static let sharedCount = 510

  /// Takes a reader's lock, waiting up to `patience` seconds while a writer commits.
  static func takeShared(_ file: FileHandle, patience: Double) throws(Problem) {
    try wait(patience, file, on: pending, count: 2 + sharedCount, strength: .shared) { () throws(Problem) in
      guard try FileLock.take(.shared, file, start: pending, length: 1) else { return false }
      defer { FileLock.release(file, start: pending, length: 1) }
      return try FileLock.take(.shared, file, start: shared, length: sharedCount)
    }
  }

  /// Takes the lock that keeps every reader and writer out. New ones are kept waiting from the first moment, so that a
  /// stream of readers cannot hold it off for ever.
  static func takeExclusive(_ file: FileHandle, patience: Double) throws(Problem) {
    do throws(Problem) {
      try wait(patience, file, on: pending, count: 2 + sharedCount, strength: .exclusive) { () throws(Problem) in
        guard try FileLock.take(.exclusive, file, start: pending, length: 2) else { return false }
        return try FileLock.take(.exclusive, file, start: shared, length: sharedCount)
      }
    } catch {
      release(file)
      throw error
    }
  }

  static func release(_ file: FileHandle) { FileLock.release(file, start: pending, length: 2 + sharedCount) }

  /// Whether another connection is preparing a transaction: its journal is then not a leftover.
  static func isReserved(_ file: FileHandle) -> Bool {
    FileLock.isHeld(.exclusive, file, start: reserved, length: 1)
  }

  /// Whether a writer has everything ready and waits for the readers to be gone, so that it can commit.
  static func isWriterWaiting(_ file: FileHandle) -> Bool { FileLock.isHeld(.shared, file, start: pending, length: 1) }

  private static func wait(
    _ patience: Double, _ file: FileHandle, on start: Int, count: Int, strength: FileLock.Strength,
    _ attempt: () throws(Problem) -> Bool
  ) throws(Problem) {
    let clock = Clock.system
    let deadline = clock.steady() + patience
    // A writer that is never idle lets go for a millisecond between two transactions: who looks less often rarely meets it.
    let pause: UInt32 = 300
    while !(try attempt()) {
      guard clock.steady() < deadline else {
        let holder = FileLock.holder(strength, file, start: start, length: count)
        let status = try file.status()
        let openers = OpenFiles.processes(device: status.device, inode: status.inode)
        throw Problem(
          .locked, tried: strength == .shared ? "get a reader's lock on" : "get the exclusive lock on", on: file.path,
          said: "another process kept it locked for \(TimeSpan(seconds: patience).short)",
          advice: "Wait until that process has committed or stop it, or allow more time with busy_timeout.",
          code: "store.locked", blockers: holder.map { [$0] } ?? openers)
      }
      usleep(pause)
    }
  }
}
