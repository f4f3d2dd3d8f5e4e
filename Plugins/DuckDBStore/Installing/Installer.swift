import CSystem
import MendKit

/// Puts a verified copy in the place of a live database, so that at every instant the old state or the new one is there.
///
/// What stands in the log belongs to the old file and must not be replayed into the new one. So before the exchange the log is
/// replaced by one with the same transactions and, behind them, the entry with which the engine itself ends a log whose content is
/// in the file: it names the place of the new file's catalog. Over the old file, whose catalog is elsewhere, the engine replays
/// that log; over the new one it leaves it out. Whatever instant a run dies at, the engine does the right thing.
struct Installer {
  /// The live database, links resolved.
  let path: String
  private let patience: Double
  private let replacement: FileReplacement
  var clock = Clock.system
  /// Called after every step that changes what an application would find.
  var afterStep: () -> Void = {}

  init(_ path: String, patience: Double) {
    replacement = FileReplacement(path)
    self.path = replacement.path
    self.patience = patience
  }

  /// Installs the copy. `expected` is the state that the copy was made from; any other one is refused.
  func install(_ copy: String, expected: StoreStamp?) throws(Problem) {
    let kept = try SetAsideMark.take(beside: copy)
    try Settling.settle(copy)
    try setApart(copy)
    guard FileStatus.exists(path) else {
      for suffix in Sidecars.suffixes where FileStatus.exists(path + suffix) { try setAside(path + suffix) }
      return try replacement.installNew(copy)
    }
    if let obstacle = replacement.obstacle() { throw obstacle }
    let file = try FileHandle.update(path)
    try replacement.refuseIfOpen(try file.status())
    // The engine's own lock.
    try replacement.lockWhole(file, patience: patience)
    defer { FileLock.release(file, start: 0, length: 0) }
    let status = try file.status()
    try replacement.refuseIfOpen(status)
    if let expected, try NativeCopy.stamp(path) != expected { throw NativeCopy.changed(path) }

    let verified = try FileHandle.update(copy)
    try replacement.mustHand(attributesOf: file, to: verified)
    try verified.sync()
    try closeLog(over: file, for: verified, kept: kept)
    try replacement.mustExchange(copy, with: status)
    afterStep()
    try Sidecars.remove(beside: path)
    afterStep()
    try Durable.syncFolder(Paths.folder(of: path))
    try Paths.removeFile(copy)
  }

  /// Where a log stands beside the live file, has the engine write another checkpoint of a copy whose catalog begins where the live
  /// file's does: only by that place the two are told apart.
  private func setApart(_ copy: String) throws(Problem) {
    guard FileStatus.exists(path), try Sidecars.open(path + Sidecars.log) != nil,
      let old = try FileHeaders(FileHandle.read(path)).active?.metaBlock,
      try FileHeaders(FileHandle.read(copy)).active?.metaBlock == old
    else { return }
    let name = "dbmend_" + String(UInt64.random(in: .min ... .max), radix: 36)
    let statements = ["CREATE TABLE main.\(name)(i INTEGER)", "DROP TABLE main.\(name)", "CHECKPOINT"]
    if let words = try Client.find().run(statements, on: copy, .writable).compactMap(\.failure).first {
      throw EngineWords.problem(words, on: copy, tried: "write a checkpoint of")
    }
  }

  /// Sees to it that the log is not replayed into the copy. `kept` tells how much of it the copy has, where that is not all.
  private func closeLog(over file: FileHandle, for copy: FileHandle, kept: Int?) throws(Problem) {
    let path = self.path + Sidecars.log
    // What a checkpoint that was interrupted left belongs to the log; the engine alone can put the two together.
    for suffix in Sidecars.suffixes.dropFirst() where FileStatus.exists(self.path + suffix) {
      try setAside(self.path + suffix)
    }
    guard let live = try Sidecars.open(path) else { return try Paths.removeFile(path) }
    let bytes = try live.readAll(limit: WriteAheadLog.mostBytes)
    let log = WriteAheadLog(bytes)
    let old = try FileHeaders(file).active?.metaBlock
    let new = try FileHeaders(copy).active?.metaBlock
    // Of a damaged log the transactions before the damage are whole; nothing at all of one may be, or nobody can tell.
    let isWhole = kept == nil && log.isWhole
    guard let new, old != new, kept.map({ $0 > 0 }) ?? (log.isWhole || log.transactions > 0) else {
      return try setAside(path)
    }
    if !isWhole {
      try Durable.write(bytes, to: freeName(path), mode: try live.status().mode)
      afterStep()
    }
    try Durable.write(
      WriteAheadLog.closed(bytes, length: kept.map { min($0, log.committed) } ?? log.committed, metaBlock: new),
      to: path, mode: try live.status().mode)
    afterStep()
  }

  private func setAside(_ path: String) throws(Problem) {
    while !(try Durable.renameIfFree(path, to: freeName(path))) {}
    afterStep()
  }

  private func freeName(_ path: String) -> String {
    var name = path + ".orphan-" + UTCTime(seconds: clock.now()).compact
    while FileStatus.exists(name) { name += "-2" }
    return name
  }
}
