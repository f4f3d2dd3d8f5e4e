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

  /// Whether a path is in one of the file systems in which the system shows its own state, such as `/proc`: what looks like a file there
  /// holds nobody's data, and there are very many of them.
  public static func isKernelView(_ path: String) -> Bool { csystem_is_kernel_view(path) }

  /// The part of the volume that is used, from 0 to 1, as `df` counts it.
  public var usedShare: Double { size == 0 ? 0 : 1 - Double(available) / Double(size) }
}
