import CSystem
import Synchronization

/// The one place that makes writes durable: content first, then the name, then the folder that holds the name.
public enum Durable {
  private static let counter = Atomic<Int>(0)

  /// How many times this process waited for the disk.
  public static var syncs: Int { counter.load(ordering: .relaxed) }

  /// Waits until a descriptor's content is on the disk.
  public static func sync(_ descriptor: Int32, _ path: String) throws(Problem) {
    counter.add(1, ordering: .relaxed)
    guard fsync(descriptor) == 0 else { throw SystemError.problem("sync", path) }
  }

  /// Waits until the names in a folder are on the disk. A file system that cannot sync folders is no error.
  public static func syncFolder(_ path: String) throws(Problem) {
    let descriptor = csystem_open(path, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else {
      if errno == EACCES { return }
      throw SystemError.problem("open the folder", path)
    }
    defer { close(descriptor) }
    counter.add(1, ordering: .relaxed)
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw SystemError.problem("sync the folder", path) }
  }

  /// Waits until everything that was written to the volume of a folder is on the disk: for many files at once.
  public static func syncVolume(of folder: String) throws(Problem) {
    let descriptor = csystem_open(folder, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else { throw SystemError.problem("open the folder", folder) }
    defer { close(descriptor) }
    counter.add(1, ordering: .relaxed)
    guard csystem_sync_volume(descriptor) == 0 else { throw SystemError.problem("sync the volume of", folder) }
  }

  /// Puts content under a name, all of it or nothing: whoever reads the name sees the old content or the new.
  public static func write(_ bytes: [UInt8], to path: String, mode: Int = 0o644) throws(Problem) {
    let temporary = path + ".\(getpid()).new"
    try Paths.removeFile(temporary)
    let file = try FileHandle.create(temporary, mode: mode)
    do throws(Problem) {
      try file.write(bytes, at: 0)
      try file.sync()
      file.close()
      try rename(temporary, to: path)
    } catch {
      try? Paths.removeFile(temporary)
      throw error
    }
  }

  /// Gives a synced file its name, replacing what bears it, and syncs the folder. Without `syncingFolder` the name may be lost with
  /// the power.
  public static func rename(_ from: String, to path: String, syncingFolder: Bool = true) throws(Problem) {
    guard systemRename(from, path) == 0 else { throw SystemError.problem("rename to", path) }
    if syncingFolder { try syncFolder(Paths.folder(of: path)) }
  }

  /// Gives a synced file a name that must be free; false when it is taken. Without `syncingFolder` the caller syncs the
  /// folder itself, once for several names.
  public static func renameIfFree(
    _ from: String, to path: String, syncingFolder: Bool = true
  ) throws(Problem) -> Bool {
    if csystem_rename_exclusive(from, path) != 0 {
      let number = errno
      if number == EEXIST { return false }
      guard number == EINVAL || number == ENOSYS else { throw SystemError.problem("rename to", path, number) }
      // A file system without RENAME_NOREPLACE: a hard link fails just the same when the name is taken.
      guard link(from, path) == 0 else {
        if errno == EEXIST { return false }
        throw SystemError.problem("rename to", path)
      }
      try Paths.removeFile(from)
    }
    if syncingFolder { try syncFolder(Paths.folder(of: path)) }
    return true
  }
}

private func systemRename(_ from: String, _ to: String) -> Int32 { rename(from, to) }
