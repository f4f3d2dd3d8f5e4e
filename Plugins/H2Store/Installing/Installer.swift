import MendKit

/// Puts a verified copy in the place of a live database, under the lock that H2 itself takes.
struct Installer {
  private let path: String
  private let patience: Double
  private let replacement: FileReplacement

  init(_ path: String, patience: Double) {
    replacement = FileReplacement(path)
    self.path = replacement.path
    self.patience = patience
  }

  /// Installs the copy. `expected` is the state that the copy was made from; any other one is refused.
  func install(_ copy: String, expected: StoreStamp?) throws(Problem) {
    guard FileStatus.exists(path) else { return try replacement.installNew(copy) }
    if let obstacle = replacement.obstacle() { throw obstacle }
    let file = try FileHandle.update(path)
    try replacement.refuseIfOpen(try file.status())
    try lock(file)
    defer { FileLock.release(file, start: 0, length: 0) }
    let status = try file.status()
    try replacement.refuseIfOpen(status)
    if let expected, try NativeCopy.stamp(path) != expected { throw NativeCopy.changed(path) }
    let verified = try FileHandle.update(copy)
    guard try replacement.hand(attributesOf: file, to: verified) else {
      throw Problem(
        .denied, tried: "give the new file the owner of", on: path, said: "this user may not",
        advice: "Run dbmend as the file's owner, or as root.")
    }
    try verified.sync()
    guard try replacement.exchange(copy, with: status) else {
      throw Problem(
        .refused, tried: "replace", on: path,
        said: "it cannot be renamed over (it is mounted by itself, or the file system does not exchange names)",
        advice: "Mount its folder instead of the file, or use repair --output.")
    }
    try Paths.removeFile(copy)
  }

  /// The lock of Java's `FileChannel` over the whole file, so that no application opens it in between.
  private func lock(_ file: FileHandle) throws(Problem) {
    let clock = Clock.system
    let start = clock.steady()
    while try !FileLock.take(.exclusive, file, start: 0, length: 0) {
      guard clock.steady() - start < patience else {
        let holder = FileLock.holder(.exclusive, file, start: 0, length: 0)
        throw Problem(
          .locked, tried: "lock", on: path,
          said: holder.map { "\($0.program) (process \($0.pid)) has it open" } ?? "another process has it open",
          advice: "Stop that process and run dbmend again.", code: "store.locked", blockers: holder.map { [$0] } ?? [])
      }
      usleep(50_000)
    }
  }
}
