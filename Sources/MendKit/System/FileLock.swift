import CSystem

/// Locks on ranges of bytes of an open file, held by the open file and not by the process, so that closing another
/// descriptor of the same file does not drop them (OFD locks). They exclude, and are excluded by, the POSIX locks of
/// other programs.
public struct FileLock: Sendable {
  /// How much a lock excludes.
  public enum Strength: Int32, Sendable { case shared = 1, exclusive = 2 }

  /// Tries to take a lock; false when another holds one that stands against it.
  public static func take(
    _ strength: Strength, _ file: FileHandle, start: Int, length: Int
  ) throws(Problem) -> Bool {
    file.holdsLocks = true
    if csystem_lock(file.descriptor, strength.rawValue, Int64(start), Int64(length)) == 0 { return true }
    let number = errno
    if number == EAGAIN || number == EACCES { return false }
    throw SystemError.problem("lock", file.path, number)
  }

  /// Lets a lock go.
  public static func release(_ file: FileHandle, start: Int, length: Int) {
    _ = csystem_lock(file.descriptor, 0, Int64(start), Int64(length))
  }

  /// The process that stands against a lock; nil when nobody does or nobody knows.
  public static func holder(
    _ strength: Strength, _ file: FileHandle, start: Int, length: Int
  ) -> Blocker? {
    let pid = csystem_lock_holder(file.descriptor, strength.rawValue, Int64(start), Int64(length))
    return pid > 0 ? Blocker(pid: Int(pid), program: OpenFiles.program(of: Int(pid))) : nil
  }

  /// Whether another open file holds a lock that stands against one of this strength.
  public static func isHeld(_ strength: Strength, _ file: FileHandle, start: Int, length: Int) -> Bool {
    csystem_lock_holder(file.descriptor, strength.rawValue, Int64(start), Int64(length)) != 0
  }
}
