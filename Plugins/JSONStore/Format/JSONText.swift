/// What the raw bytes between two quotes stand for.
enum JSONText {
  /// The text's bytes in UTF-8, of a text without a fault. Half of a surrogate pair becomes the replacement character.
  static func decoded(_ raw: UnsafeRawBufferPointer) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(raw.count)
    var at = 0
    func unit(_ start: Int) -> UInt16? {
      guard start + 4 <= raw.count else { return nil }
      return UInt16(String(decoding: raw[start..<start + 4], as: UTF8.self), radix: 16)
    }
    while at < raw.count {
      guard raw[at] == UInt8(ascii: "\\"), at + 1 < raw.count else {
        result.append(raw[at])
        at += 1
        continue
      }
      switch raw[at + 1] {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        var units = [unit(at + 2) ?? 0xFFFD]
        if units[0] & 0xFC00 == 0xD800, at + 7 < raw.count, raw[at + 6] == UInt8(ascii: "\\"),
          raw[at + 7] == UInt8(ascii: "u"), let low = unit(at + 8), low & 0xFC00 == 0xDC00
        {
          units.append(low)
          at += 6
        }
        result += Array(String(decoding: units, as: UTF16.self).utf8)
        at += 4
      default: result.append(raw[at + 1])
      }
      at += 2
    }
    return result
  }

  /// The text as a string; what is not UTF-8 in it is replaced.
  static func string(_ raw: UnsafeRawBufferPointer) -> String { String(decoding: decoded(raw), as: UTF8.self) }
}
