import CSystem

/// The room on the volume of a path.
public struct Volume: Sendable, Hashable {
  /// Size in bytes.
  public var size: Int
  /// Bytes that this user may still write.
  public var available: Int

  /// The volume of a path, or of the nearest folder above it that exists.
  public static func of(_ path: String) throws(Problem) -> Volume {
    var buffer = statvfs()
    var path = Paths.absolute(path)
    while statvfs(path, &buffer) != 0 {
      guard errno == ENOENT, path != "/" else { throw SystemError.problem("measure the volume of", path) }
      path = Paths.folder(of: path)
    }
    let block = Int(buffer.f_frsize)
    return Volume(size: Int(buffer.f_blocks) * block, available: Int(buffer.f_bavail) * block)
  }

  /// The part of the volume that is used, from 0 to 1, as `df` counts it.
  public var usedShare: Double { size == 0 ? 0 : 1 - Double(available) / Double(size) }
}
