import MendKit

/// The outline of a zstd frame (RFC 8878, section 3.1.1): enough to tell where it ends without decompressing it. The
/// tar format ends before the compressed stream does, so that only this shows what is missing or added at the end.
enum ZstdFrame {
  /// How a file that should hold one frame ends.
  enum Ending: Hashable {
    /// With the frame.
    case whole
    /// Before the frame does.
    case truncated
    /// So many bytes behind the frame.
    case trailing(Int)
    /// It is no zstd frame, or becomes none on the way.
    case malformed
  }

  /// Looks at every block's header.
  static func ending(of file: FileHandle) throws(Problem) -> Ending {
    let size = try file.status().size
    let head = try file.read(5, at: 0)
    let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    guard Array(head.prefix(4)) == Array(magic.prefix(head.count)) else { return .malformed }
    guard head.count == 5 else { return .truncated }
    let descriptor = head[4]
    let isSingleSegment = descriptor & 0x20 != 0
    let contentSizeField = [isSingleSegment ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
    let dictionaryField = [0, 1, 2, 4][Int(descriptor & 3)]
    var offset = 5 + (isSingleSegment ? 0 : 1) + dictionaryField + contentSizeField
    while true {
      let bytes = try file.read(3, at: offset)
      guard bytes.count == 3 else { return .truncated }
      let header = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
      let isRunLength = header >> 1 & 3 == 1
      guard header >> 1 & 3 != 3 else { return .malformed }
      offset += 3 + (isRunLength ? 1 : header >> 3)
      guard offset <= size else { return .truncated }
      if header & 1 == 1 { break }
    }
    if descriptor & 4 != 0 { offset += 4 }
    if offset == size { return .whole }
    return offset > size ? .truncated : .trailing(size - offset)
  }
}
