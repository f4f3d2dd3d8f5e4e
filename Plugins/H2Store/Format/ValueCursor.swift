/// Reads the keys and values of a page from front to back. Every read is checked against the end, and what H2 would never have
/// written that way is refused: a length beyond the page, a character in more bytes than it needs.
struct ValueCursor {
  private let bytes: UnsafeRawBufferPointer
  /// The next byte.
  private(set) var offset = 0

  /// The bytes must stay where they are for as long as this is used.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Bytes that are left.
  var left: Int { bytes.count - offset }

  /// One byte; nil at the end.
  mutating func byte() -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// The bytes from here up to another place.
  func slice(to end: ValueCursor) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[offset..<max(offset, end.offset)])
  }

  /// Passes over so many bytes; false where there are not as many.
  mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= left else { return false }
    offset += count
    return true
  }

  /// A number of 64 bits, seven of them in each byte, the lowest first.
  mutating func long() -> Int64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return byte == 0 && shift > 0 ? nil : Int64(bitPattern: value) }
      shift += 7
      guard shift < 64 else { return nil }
    }
    return nil
  }

  /// A number of 32 bits, seven of them in each byte, the lowest first; those below zero take five bytes.
  mutating func int() -> Int32? {
    guard let value = long(), value >= 0, value <= Int64(UInt32.max) else { return nil }
    return Int32(truncatingIfNeeded: value)
  }

  /// A number as `int` reads it, of at most what is left.
  mutating func count() -> Int? {
    guard let value = int(), value >= 0, value <= left else { return nil }
    return Int(value)
  }

  /// Passes over bytes with their number before them.
  mutating func bytesOfLength() -> Bool { count().map { skip($0) } ?? false }

  /// Passes over a text of so many characters of 16 bits, each in one to three bytes (`DataUtils.writeStringData`).
  mutating func text(_ characters: Int) -> Bool {
    guard characters <= left else { return false }
    for _ in 0..<characters {
      guard offset < bytes.count else { return false }
      let first = bytes[offset]
      offset += 1
      if first < 0x80 { continue }
      // What follows has six bits, and no mark as in UTF-8.
      if first >= 0xE0 {
        guard first < 0xF0, left >= 2, bytes[offset] < 0x40, bytes[offset + 1] < 0x40,
          first > 0xE0 || bytes[offset] >= 0x20
        else { return false }
        offset += 2
      } else {
        guard first >= 0xC2, left >= 1, bytes[offset] < 0x40 else { return false }
        offset += 1
      }
    }
    return true
  }

  /// A text of so many characters of 16 bits, in UTF-8.
  mutating func characters(_ count: Int) -> [UInt8]? {
    let start = offset
    guard text(count) else { return nil }
    var units: [UInt16] = []
    units.reserveCapacity(count)
    var index = start
    while index < offset {
      let first = UInt16(bytes[index])
      if first < 0x80 {
        units.append(first)
        index += 1
      } else if first >= 0xE0 {
        units.append((first & 0xF) << 12 | UInt16(bytes[index + 1]) << 6 | UInt16(bytes[index + 2]))
        index += 3
      } else {
        units.append((first & 0x1F) << 6 | UInt16(bytes[index + 1]))
        index += 2
      }
    }
    return Array(String(decoding: units, as: UTF16.self).utf8)
  }

  /// Passes over a text with the number of its characters before it.
  mutating func textOfLength() -> Bool { count().map { text($0) } ?? false }
}
