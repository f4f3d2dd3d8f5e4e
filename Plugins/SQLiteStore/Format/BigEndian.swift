/// Reads the big-endian numbers of the file format out of bytes that nobody vouches for: every access is checked.
struct BigEndian {
  let bytes: [UInt8]

  /// Two bytes at an offset; nil beyond the end.
  func uint16(_ offset: Int) -> Int? {
    guard offset >= 0, offset + 2 <= bytes.count else { return nil }
    return Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  /// Four bytes at an offset; nil beyond the end.
  func uint32(_ offset: Int) -> UInt32? {
    guard offset >= 0, offset + 4 <= bytes.count else { return nil }
    return bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A number as four big-endian bytes.
  static func bytes(_ number: UInt32) -> [UInt8] {
    [UInt8(number >> 24), UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)]
  }
}
