import CSystem

/// Which processes have a file open. Linux tells by `/proc`; of other users' processes only to root.
public enum OpenFiles {
  /// The other processes that have the file of this volume and number open. With nothing to look in, nobody is found.
  public static func processes(device: UInt64, inode: UInt64) -> [Blocker] {
    processes(holding: [FileNumber(device: device, inode: inode)])
  }

  /// Which file it is.
  public struct FileNumber: Sendable, Hashable {
    /// The volume's number.
    public var device: UInt64
    /// The file's number on its volume.
    public var inode: UInt64

    /// A file by its numbers.
    public init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }
  }

  /// The other processes that have one of these files open.
  public static func processes(holding files: Set<FileNumber>) -> [Blocker] {
    guard !files.isEmpty else { return [] }
    guard let entries = try? Paths.names(in: "/proc") else { return [] }
    let own = Int(getpid())
    var found: [Blocker] = []
    for entry in entries {
      guard let pid = Int(entry), pid != own, holds(pid, files) else { continue }
      found.append(Blocker(pid: pid, program: program(of: pid)))
    }
    return found
  }

  /// The name of a process's program; `?` when it is gone.
  public static func program(of pid: Int) -> String {
    guard let file = try? FileHandle.read("/proc/\(pid)/comm"), let bytes = try? file.read(64, at: 0) else {
      return "?"
    }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }

  /// Whether a process may have a file open: true too where this user cannot see what it has open.
  public static func mayHold(_ pid: Int, _ file: FileNumber) -> Bool {
    if pid == Int(getpid()) || holds(pid, [file]) { return true }
    return FileStatus.exists("/proc/\(pid)") && (try? Paths.names(in: "/proc/\(pid)/fd")) == nil
  }

  private static func holds(_ pid: Int, _ files: Set<FileNumber>) -> Bool {
    let folder = "/proc/\(pid)/fd"
    guard let descriptors = try? Paths.names(in: folder) else { return false }
    for descriptor in descriptors {
      guard let status = try? FileStatus.of("\(folder)/\(descriptor)") else { continue }
      if files.contains(FileNumber(device: status.device, inode: status.inode)) { return true }
    }
    return false
  }
}
