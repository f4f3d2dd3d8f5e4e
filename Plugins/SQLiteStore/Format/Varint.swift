/// Variable-length integers (SQLite's file format, section 1.6): seven bits a byte, most significant first; the ninth byte
/// holds eight.
enum Varint {
  /// The number at an offset and the offset after it; nil where it would reach `end`.
  static func read(_ bytes: UnsafeRawPointer, at start: Int, end: Int) -> (value: UInt64, next: Int)? {
    var value: UInt64 = 0
    var at = start
    while at < end {
      let byte = bytes.load(fromByteOffset: at, as: UInt8.self)
      at += 1
      if at - start == 9 { return (value << 8 | UInt64(byte), at) }
      value = value << 7 | UInt64(byte & 0x7F)
      if byte < 0x80 { return (value, at) }
    }
    return nil
  }

  /// The number at an offset of an array.
  static func read(_ bytes: [UInt8], at start: Int) -> (value: UInt64, next: Int)? {
    bytes.withUnsafeBytes { buffer in buffer.baseAddress.flatMap { read($0, at: start, end: buffer.count) } }
  }

  /// The bytes of a number.
  static func bytes(_ value: UInt64) -> [UInt8] {
    if value >> 56 != 0 {
      // The ninth byte holds eight bits.
      return (0..<8).map { UInt8(truncatingIfNeeded: value >> (57 - 7 * $0) & 0x7F | 0x80) } + [UInt8(value & 0xFF)]
    }
    let count = size(value)
    return (1...count).map { place in
      UInt8(truncatingIfNeeded: value >> (7 * (count - place)) & 0x7F | (place < count ? 0x80 : 0))
    }
  }

  /// How many bytes a number takes.
  static func size(_ value: UInt64) -> Int {
    value >> 56 != 0 ? 9 : max(1, (70 - value.leadingZeroBitCount) / 7)
  }
}

extension UnsafeRawPointer {
  /// One byte at an offset.
  @inline(__always) func byte(_ offset: Int) -> Int { Int(load(fromByteOffset: offset, as: UInt8.self)) }
  /// Two big-endian bytes at an offset.
  @inline(__always) func big16(_ offset: Int) -> Int {
    Int(UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }
  /// Four big-endian bytes at an offset.
  @inline(__always) func big32(_ offset: Int) -> UInt32 {
    UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
