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
    // The lock of Java's `FileChannel`.
    try replacement.lockWhole(file, patience: patience)
    defer { FileLock.release(file, start: 0, length: 0) }
    let status = try file.status()
    try replacement.refuseIfOpen(status)
    if let expected, try NativeCopy.stamp(path) != expected { throw NativeCopy.changed(path) }
    let verified = try FileHandle.update(copy)
    try replacement.mustHand(attributesOf: file, to: verified)
    try verified.sync()
    try replacement.mustExchange(copy, with: status)
    try Paths.removeFile(copy)
  }
}
