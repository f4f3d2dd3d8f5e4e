import CSystem
import MendKit

/// Puts a verified copy in the place of a live database.
struct Installer {
  /// The live database, links resolved.
  let path: String
  let sidecars: Sidecars
  let patience: Double
  var clock = Clock.system

  init(_ path: String, patience: Double) {
    self.path = Paths.resolved(path)
    sidecars = Sidecars(of: self.path)
    self.patience = patience
  }

  /// Installs the copy. `expected` is the state that the copy was made from; any other one is refused.
  func install(_ copy: String, expected: StoreStamp?) throws(Problem) {
    guard FileStatus.exists(path) else { return try installNew(copy) }
    if let obstacle = obstacle() { throw obstacle }
    let file = try FileHandle.update(path)
    try refuseIfOpen(try file.status())
    try LockBytes.takeExclusive(file, patience: patience)
    defer { LockBytes.release(file) }
    // Someone may have come between the first look and the lock.
    let status = try file.status()
    try refuseIfOpen(status)
    if let expected { try refuseIfChanged(since: expected) }
    try Settlement.settle(file, sidecars, clock: clock)

    let replacement = try FileHandle.update(copy)
    var isSame = true
    do throws(Problem) {
      try FileAttributes(of: file).apply(to: replacement)
    } catch {
      // This user may not give the file its owner: then the file stays, and its content changes.
      guard error.kind == .denied else { throw error }
      isSame = false
    }
    try replacement.sync()
    let exchanged = isSame ? try exchange(copy, with: status) : false
    if !exchanged {
      try JournaledOverwrite.run(replacement, over: file, journal: sidecars.journal)
    }
    try Paths.removeFile(copy)
  }

  /// Why nothing could be put in the place of the database; nil when nothing is known to stand in the way.
  func obstacle() -> Problem? {
    do throws(Problem) {
      let status = try FileStatus.of(path)
      guard status.kind == .file else {
        return Problem(.refused, tried: "replace", on: path, said: "it is a \(status.kind.rawValue), not a file")
      }
      guard status.links == 1 else {
        return Problem(
          .refused, tried: "replace", on: path,
          said: "the file has \(status.links) names (hard links), and the others would keep the old content",
          advice: "Make it a file of its own (cp it and mv the copy over it), or use repair --output.",
          code: "file.hard-link")
      }
      guard access(path, W_OK) == 0 else { return SystemError.problem("open for writing", path) }
      guard access(Paths.folder(of: path), W_OK) == 0 else {
        return SystemError.problem("write in the folder", Paths.folder(of: path))
      }
      return nil
    } catch {
      return error.kind == .missing ? nil : error
    }
  }

  private func installNew(_ copy: String) throws(Problem) {
    try Settlement.setAsideOrphans(sidecars, clock: clock)
    let replacement = try FileHandle.update(copy)
    try replacement.sync()
    guard try Durable.renameIfFree(copy, to: path) else {
      throw Problem(
        .refused, tried: "put a file at", on: path, said: "another process has just made one there",
        advice: "Stop the application and run dbmend again.")
    }
  }

  private func refuseIfOpen(_ status: FileStatus) throws(Problem) {
    let openers = OpenFiles.processes(device: status.device, inode: status.inode)
    guard openers.isEmpty else { throw Self.inUse(path, openers) }
  }

  private static func inUse(_ path: String, _ openers: [Blocker]) -> Problem {
    let names = openers.map { "\($0.program) (process \($0.pid))" }.joined(separator: ", ")
    return Problem(
      .refused, tried: "replace", on: path, said: "it is open in \(names)",
      advice: "Stop that process, or have a before_repair hook stop it, and run dbmend again.", code: "store.in-use",
      blockers: openers)
  }

  private func refuseIfChanged(since expected: StoreStamp) throws(Problem) {
    guard try StoreView(path, locking: .held).stamp == expected else { throw StoreView.changed(path) }
  }

  /// Exchanges the two names; false where the file system or a mount forbids it. Whoever opened the old file in the last
  /// moment has it taken back.
  private func exchange(_ copy: String, with old: FileStatus) throws(Problem) -> Bool {
    guard csystem_is_mount_root(path) != 1 else { return false }
    guard csystem_rename_exchange(copy, path) == 0 else {
      let number = errno
      guard [EBUSY, EINVAL, ENOSYS, EXDEV, ENOTSUP].contains(number) else {
        throw SystemError.problem("exchange the verified copy with", path, number)
      }
      return false
    }
    try Durable.syncFolder(Paths.folder(of: path))
    let openers = OpenFiles.processes(device: old.device, inode: old.inode)
    guard openers.isEmpty else {
      guard csystem_rename_exchange(copy, path) == 0 else {
        throw SystemError.problem("take the exchange back on", path)
      }
      try Durable.syncFolder(Paths.folder(of: path))
      throw Self.inUse(path, openers)
    }
    try Durable.syncFolder(Paths.folder(of: copy))
    return true
  }
}
