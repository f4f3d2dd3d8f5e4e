import MendKit

/// A whole file in memory.
///
/// Unchecked, since its bytes are written before anybody else knows it, and only read afterwards.
final class FileContent: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  /// Reads a file; nil when it is empty, or shorter than this meanwhile.
  init?(_ file: FileHandle, size: Int) throws(Problem) {
    guard size > 0 else { return nil }
    let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: size + PageMap.slack, alignment: 16)
    let buffer = UnsafeMutableRawBufferPointer(rebasing: whole[..<size])
    bytes = UnsafeRawBufferPointer(buffer)
    guard try file.read(into: buffer, at: 0) == size else { return nil }
  }

  deinit { bytes.deallocate() }
}
