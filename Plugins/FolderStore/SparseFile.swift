import MendKit

/// A file that is read front to back. Its holes are not read: to the system they are pages like any other, which take as long and
/// push others out of its cache.
final class SparseFile {
  let handle: FileHandle
  private let hasHoles: Bool
  private let size: Int
  /// The piece at hand, as far as it is known: a hole, or content.
  private var piece = 0..<0
  private var isHole = false

  init(_ handle: FileHandle, _ status: FileStatus) {
    self.handle = handle
    size = status.size
    hasHoles = status.allocated < status.size
  }

  /// Reads up to the buffer's count of bytes from an offset; the count, 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Problem) -> Int {
    guard hasHoles, offset < size else { return try handle.read(into: buffer, at: offset) }
    if !piece.contains(offset) {
      let found = handle.piece(at: offset, of: size)
      (isHole, piece) = (found.isHole, offset..<found.end)
    }
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, piece.upperBound - offset)])
    guard isHole else { return try handle.read(into: part, at: offset) }
    part.initializeMemory(as: UInt8.self, repeating: 0)
    return part.count
  }
}
