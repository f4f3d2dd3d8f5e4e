/// Reads bytes of a page from front to back. Every read is checked against the end.
struct ByteReader {
  private let bytes: [UInt8]
  /// The next byte.
  private(set) var offset: Int
  private let end: Int

  /// From an offset on, up to `end`.
  init(_ bytes: [UInt8], from offset: Int = 0, to end: Int? = nil) {
    self.bytes = bytes
    self.offset = offset
    self.end = min(end ?? bytes.count, bytes.count)
  }

  /// Bytes that are left.
  var left: Int { max(0, end - offset) }

  /// One byte; nil at the end.
  mutating func byte() -> UInt8? {
    guard offset < end else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// A number of so many bytes, the highest first.
  mutating func number(_ count: Int) -> UInt64? {
    guard left >= count else { return nil }
    var value: UInt64 = 0
    for _ in 0..<count {
      value = value << 8 | UInt64(bytes[offset])
      offset += 1
    }
    return value
  }

  /// A number of seven bits in each byte, the lowest first; the last byte is below 128.
  mutating func variable() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = byte() {
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 64 else { return value }
    }
    return nil
  }

  /// A number as `variable` reads it, of at most `most`.
  mutating func count(upTo most: Int) -> Int? {
    guard let value = variable(), value <= UInt64(most) else { return nil }
    return Int(value)
  }

  /// The bytes that are left.
  mutating func rest() -> ArraySlice<UInt8> {
    defer { offset = max(offset, end) }
    return offset < end ? bytes[offset..<end] : []
  }

  /// A text as Java writes it: the number of its characters, and one to three bytes of each.
  mutating func text() -> String? {
    guard let length = count(upTo: left) else { return nil }
    var units: [UInt16] = []
    units.reserveCapacity(length)
    for _ in 0..<length {
      guard let first = byte().map(UInt16.init) else { return nil }
      if first < 0x80 {
        units.append(first)
      } else if first >= 0xE0 {
        guard let second = byte().map(UInt16.init), let third = byte().map(UInt16.init) else { return nil }
        units.append((first & 0xF) << 12 | (second & 0x3F) << 6 | third & 0x3F)
      } else {
        guard let second = byte().map(UInt16.init) else { return nil }
        units.append((first & 0x1F) << 6 | second & 0x3F)
      }
    }
    return String(decoding: units, as: UTF16.self)
  }
}
