import CSystem

/// Puts a verified copy in the place of a live file in one atomic step: the two exchange names, so that the old file or the new
/// one is there at every instant. Drivers do around it what their engines need: take locks, deal with logs.
public struct FileReplacement {
  /// The live file, links resolved.
  public let path: String

  /// The replacement of a file. A link is followed to the file that it leads to.
  public init(_ path: String) { self.path = Paths.resolved(path) }

  /// Whether something is mounted under a path, so that it cannot be renamed.
  public static func isMountRoot(_ path: String) -> Bool { csystem_is_mount_root(path) == 1 }

  /// Why nothing could be put in the place of the file; nil when nothing is known to stand in the way.
  public func obstacle() -> Problem? {
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

  /// Throws a refusal that names the processes that have the file open, as far as this user may see them.
  public func refuseIfOpen(_ status: FileStatus) throws(Problem) {
    let openers = OpenFiles.processes(device: status.device, inode: status.inode)
    guard openers.isEmpty else { throw inUse(openers) }
  }

  /// Gives the copy the owner, mode and attributes of the file; false where this user may not.
  public func hand(attributesOf file: FileHandle, to copy: FileHandle) throws(Problem) -> Bool {
    do throws(Problem) {
      try FileAttributes(of: file).apply(to: copy)
      return true
    } catch {
      guard error.kind == .denied else { throw error }
      return false
    }
  }

  /// Gives the copy the owner, mode and attributes of the file. Throws where this user may not, for drivers that have no other way.
  public func mustHand(attributesOf file: FileHandle, to copy: FileHandle) throws(Problem) {
    guard try hand(attributesOf: file, to: copy) else {
      throw Problem(
        .denied, tried: "give the new file the owner of", on: path, said: "this user may not",
        advice: "Run dbmend as the file's owner, or as root.")
    }
  }

  /// Takes an engine's lock over the whole file, so that no application opens it in between. Waits up to `patience` seconds.
  public func lockWhole(_ file: FileHandle, patience: Double) throws(Problem) {
    let start = Clock.system.steady()
    while try !FileLock.take(.exclusive, file, start: 0, length: 0) {
      guard Clock.system.steady() - start < patience else {
        let holder = FileLock.holder(.exclusive, file, start: 0, length: 0)
        throw Problem(
          .locked, tried: "lock", on: path,
          said: holder.map { "\($0.program) (process \($0.pid)) has it open" } ?? "another process has it open",
          advice: "Stop that process and run dbmend again.", code: "store.locked", blockers: holder.map { [$0] } ?? [])
      }
      usleep(50_000)
    }
  }

  /// Puts a copy where no file is. Throws when somebody has just made one.
  public func installNew(_ copy: String) throws(Problem) {
    let replacement = try FileHandle.update(copy)
    try replacement.sync()
    guard try Durable.renameIfFree(copy, to: path) else {
      throw Problem(
        .refused, tried: "put a file at", on: path, said: "another process has just made one there",
        advice: "Stop the application and run dbmend again.")
    }
  }

  /// Exchanges the names of a synced copy and the file; false where the file system or a mount forbids it. The exchange is
  /// taken back when another process opened the old file in the last moment, or `isAsExpected` says of the status of what came
  /// away that it is not what was to be replaced.
  public func exchange(
    _ copy: String, with old: FileStatus, isAsExpected: (FileStatus) -> Bool = { _ in true }
  ) throws(Problem) -> Bool {
    guard csystem_is_mount_root(path) != 1 else { return false }
    guard csystem_rename_exchange(copy, path) == 0 else {
      let number = errno
      guard [EBUSY, EINVAL, ENOSYS, EXDEV, ENOTSUP].contains(number) else {
        throw SystemError.problem("exchange the verified copy with", path, number)
      }
      return false
    }
    try Durable.syncFolder(Paths.folder(of: path))
    guard isAsExpected(try FileStatus.of(copy, followLinks: false)) else {
      try takeBack(copy)
      throw Problem(
        .changing, tried: "replace", on: path, said: "something wrote to it in the last moment",
        advice: "Stop the application and run dbmend again.")
    }
    let openers = OpenFiles.processes(device: old.device, inode: old.inode)
    guard openers.isEmpty else {
      try takeBack(copy)
      throw inUse(openers)
    }
    try Durable.syncFolder(Paths.folder(of: copy))
    return true
  }

  /// Exchanges the names as `exchange` does. Throws where the file system or a mount forbids it, for drivers that have no other way.
  public func mustExchange(
    _ copy: String, with old: FileStatus, isAsExpected: (FileStatus) -> Bool = { _ in true }
  ) throws(Problem) {
    guard try exchange(copy, with: old, isAsExpected: isAsExpected) else {
      throw Problem(
        .refused, tried: "replace", on: path,
        said: "it cannot be renamed over (it is mounted by itself, or the file system does not exchange names)",
        advice: "Mount its folder instead of the file, or use repair --output.")
    }
  }

  private func takeBack(_ copy: String) throws(Problem) {
    guard csystem_rename_exchange(copy, path) == 0 else {
      throw SystemError.problem("take the exchange back on", path)
    }
    try Durable.syncFolder(Paths.folder(of: path))
  }

  private func inUse(_ openers: [Blocker]) -> Problem {
    let names = openers.map { "\($0.program) (process \($0.pid))" }.joined(separator: ", ")
    return Problem(
      .refused, tried: "replace", on: path, said: "it is open in \(names)",
      advice: "Stop that process, or have a before_repair hook stop it, and run dbmend again.", code: "store.in-use",
      blockers: openers)
  }
}
