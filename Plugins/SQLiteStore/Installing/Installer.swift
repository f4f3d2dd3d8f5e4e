import MendKit

/// Puts a verified copy in the place of a live database.
struct Installer {
  /// The live database, links resolved.
  let path: String
  let sidecars: Sidecars
  let patience: Double
  private let replacement: FileReplacement
  var clock = Clock.system

  init(_ path: String, patience: Double) {
    replacement = FileReplacement(path)
    self.path = replacement.path
    sidecars = Sidecars(of: self.path)
    self.patience = patience
  }

  /// Installs the copy. `expected` is the state that the copy was made from; any other one is refused.
  func install(_ copy: String, expected: StoreStamp?) throws(Problem) {
    guard FileStatus.exists(path) else {
      try Settlement.setAsideOrphans(sidecars, clock: clock)
      return try replacement.installNew(copy)
    }
    if let obstacle = obstacle() { throw obstacle }
    let file = try FileHandle.update(path)
    try replacement.refuseIfOpen(try file.status())
    try LockBytes.takeExclusive(file, patience: patience)
    defer { LockBytes.release(file) }
    // Someone may have come between the first look and the lock.
    let status = try file.status()
    try replacement.refuseIfOpen(status)
    if let expected { try refuseIfChanged(since: expected) }
    try Settlement.settle(file, sidecars, clock: clock)

    let verified = try FileHandle.update(copy)
    // Where this user may not give the copy its owner, the file stays, and its content changes.
    let isSame = try replacement.hand(attributesOf: file, to: verified)
    try verified.sync()
    let exchanged = isSame ? try replacement.exchange(copy, with: status) : false
    if exchanged {
      // Who was opening the old file at the moment of the exchange has it open only now, and waits for this lock. With versions that
      // no SQLite knows it is no database to it: an error, where a transaction would be lost without a word.
      try? file.write([0xFF, 0xFF], at: DatabaseHeader.versionsOffset)
    } else {
      try JournaledOverwrite.run(verified, over: file, journal: sidecars.journal)
    }
    try Paths.removeFile(copy)
  }

  /// Why nothing could be put in the place of the database; nil when nothing is known to stand in the way.
  func obstacle() -> Problem? { replacement.obstacle() }

  private func refuseIfChanged(since expected: StoreStamp) throws(Problem) {
    guard try StoreView(path, locking: .held).stamp == expected else { throw StoreView.changed(path) }
  }
}
