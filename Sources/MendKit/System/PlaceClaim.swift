import CSystem

/// Holds other runs off from a name in a folder, without a file: by marks on the folder itself, which the system keeps for as long
/// as this process has the folder open. They need no right to write there, cannot be deleted or replaced by anybody, are the same
/// whichever path, link, mount or container leads to the folder, and are gone with the process, however it ends.
///
/// A mark is an OFD lock for reading, since a folder cannot be opened for writing. Such locks do not exclude each other, so who
/// claims a name first marks that it wants it and then looks for the marks of others: of two at once, at least one sees the other.
/// A mark is as many bytes long as the number of its process, which is how others know whom to name.
public final class PlaceClaim {
  /// What came of trying to claim a name.
  public enum Attempt {
    /// It is claimed until the claim is let go of.
    case claimed(PlaceClaim)
    /// The process of this number, as it is called where it runs, has it.
    case taken(by: Int)
    /// The folder cannot be read, or its file system has no locks: nobody can be held off here.
    case impossible
  }

  private let folder: FileHandle
  private let wanted: Int
  private let held: Int

  /// What stands between the marks: longer than the highest number that a process can have.
  private static let room = 1 << 23

  private init(_ folder: FileHandle, _ name: String) {
    self.folder = folder
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    wanted = Int(hash >> 26) * 2 * Self.room
    held = wanted + Self.room
  }

  deinit { release() }

  /// Tries to claim a name in a folder, whether or not something bears it. Of runs that try at the same moment, one gets it.
  public static func take(_ name: String, in folder: String) -> Attempt {
    guard let file = try? FileHandle.open(folder, O_RDONLY | O_DIRECTORY, tried: "open the folder") else {
      return .impossible
    }
    let claim = PlaceClaim(file, name)
    let start = Clock.system.steady()
    while true {
      if let pid = claim.other(at: claim.held) { return .taken(by: pid) }
      guard claim.mark(claim.wanted) else { return .impossible }
      guard let rival = claim.other(at: claim.held) ?? claim.other(at: claim.wanted) else {
        guard claim.mark(claim.held) else { return .impossible }
        claim.unmark(claim.wanted)
        return .claimed(claim)
      }
      claim.unmark(claim.wanted)
      // Two that began together do not look again together.
      guard Clock.system.steady() - start < 1 else { return .taken(by: rival) }
      usleep(UInt32.random(in: 200...5_000))
    }
  }

  /// Lets the name go. Safe to call twice.
  public func release() { folder.close() }

  /// Whether a path still leads to the folder in which the name was claimed.
  public func isAt(_ path: String) -> Bool {
    guard let here = try? folder.status(), let there = try? FileStatus.of(path) else { return false }
    return here.device == there.device && here.inode == there.inode
  }

  private func mark(_ start: Int) -> Bool {
    (try? FileLock.take(.shared, folder, start: start, length: Int(getpid()))) == true
  }

  private func unmark(_ start: Int) { FileLock.release(folder, start: start, length: Self.room) }

  private func other(at start: Int) -> Int? {
    let length = csystem_lock_length(folder.descriptor, Int64(start), Int64(Self.room))
    return length > 0 ? Int(length) : nil
  }
}
