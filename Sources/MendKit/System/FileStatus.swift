import CSystem

/// What the system says of a file.
public struct FileStatus: Sendable, Hashable {
  /// What sort of thing stands under the name.
  public enum Kind: String, Sendable { case file, folder, link, socket, pipe, device }

  /// What it is.
  public var kind: Kind
  /// Size in bytes.
  public var size: Int
  /// What it takes on its volume, in bytes: less than its size where it has holes.
  public var allocated: Int
  /// The lower twelve mode bits.
  public var mode: Int
  /// Owner.
  public var user: UInt32
  /// Group.
  public var group: UInt32
  /// The volume's number.
  public var device: UInt64
  /// The file's number on its volume.
  public var inode: UInt64
  /// How many names the file has.
  public var links: Int
  /// Last change of the content, in nanoseconds since 1970.
  public var modified: Int64
  /// Last change of the content, the owner or the mode, in nanoseconds since 1970; nobody can set it.
  public var changed: Int64

  init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFDIR: kind = .folder
    case S_IFLNK: kind = .link
    case S_IFSOCK: kind = .socket
    case S_IFIFO: kind = .pipe
    case S_IFREG: kind = .file
    default: kind = .device
    }
    size = Int(status.st_size)
    allocated = Int(status.st_blocks) * 512
    mode = Int(status.st_mode & 0o7777)
    user = status.st_uid
    group = status.st_gid
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(status.st_ino)
    links = Int(status.st_nlink)
    #if canImport(Darwin)
      modified = Int64(status.st_mtimespec.tv_sec) * 1_000_000_000 + Int64(status.st_mtimespec.tv_nsec)
      changed = Int64(status.st_ctimespec.tv_sec) * 1_000_000_000 + Int64(status.st_ctimespec.tv_nsec)
    #else
      modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
      changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    #endif
  }

  /// Whether somebody wrote to the file just now, and may not have finished: a program that writes its file anew empties it first.
  public var isJustWritten: Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let age = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - modified
    return age >= 0 && age < 200_000_000
  }

  /// The status of what a path leads to, links followed unless told otherwise.
  public static func of(_ path: String, followLinks: Bool = true) throws(Problem) -> FileStatus {
    var buffer = stat()
    let result = followLinks ? stat(path, &buffer) : lstat(path, &buffer)
    guard result == 0 else { throw SystemError.problem("look at", path) }
    return FileStatus(buffer)
  }

  /// The status of a name in an open folder; of a link, of the link itself.
  public static func of(_ name: String, in folder: FileHandle) throws(Problem) -> FileStatus {
    var buffer = stat()
    guard fstatat(folder.descriptor, name, &buffer, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw SystemError.problem("look at", Paths.join(folder.path, name))
    }
    return FileStatus(buffer)
  }

  /// Whether two paths lead to one and the same thing, links followed; false where one of them leads nowhere.
  public static func isSame(_ one: String, _ other: String) -> Bool {
    guard let one = try? of(one), let other = try? of(other) else { return false }
    return one.device == other.device && one.inode == other.inode
  }

  /// Whether anything stands under a path.
  public static func exists(_ path: String) -> Bool {
    var buffer = stat()
    return lstat(path, &buffer) == 0
  }
}
