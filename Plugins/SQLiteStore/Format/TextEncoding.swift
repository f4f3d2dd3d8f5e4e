/// How a database stores text (SQLite's file format, section 1.3.13).
enum TextEncoding: UInt32 {
  case utf8 = 1
  case utf16le = 2
  case utf16be = 3

  /// Whether bytes are valid text of this encoding.
  func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
    switch self {
    case .utf8: Self.isUTF8(text)
    case .utf16le, .utf16be: isUTF16(text)
    }
  }

  /// A text's bytes as UTF-8, converted as SQLite does.
  func utf8(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    guard self != .utf8 else { return Array(text) }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var at = 0
    while at + 2 <= text.count {
      var code = unit(text, at)
      at += 2
      if code >= 0xD800, code < 0xE000, at + 2 <= text.count {
        // SQLite pairs any surrogate with what follows it, whatever that is.
        let low = unit(text, at)
        at += 2
        code = (low & 0x3FF) + ((code & 0x3F) << 10) + (((code & 0x3C0) + 0x40) << 10)
      }
      Self.append(code, to: &result)
    }
    return result
  }

  private func unit(_ text: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
    let first = UInt32(text[at])
    let second = UInt32(text[at + 1])
    return self == .utf16le ? first | second << 8 : first << 8 | second
  }

  private static func append(_ code: UInt32, to bytes: inout [UInt8]) {
    func byte(_ value: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: value) }
    switch code {
    case ..<0x80: bytes.append(byte(code))
    case ..<0x800: bytes += [byte(0xC0 | code >> 6), byte(0x80 | code & 0x3F)]
    case ..<0x10000: bytes += [byte(0xE0 | code >> 12), byte(0x80 | code >> 6 & 0x3F), byte(0x80 | code & 0x3F)]
    default:
      bytes += [
        byte(0xF0 | code >> 18), byte(0x80 | code >> 12 & 0x3F), byte(0x80 | code >> 6 & 0x3F),
        byte(0x80 | code & 0x3F),
      ]
    }
  }

  private static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < text.count {
      let lead = text[at]
      if lead < 0x80 {
        at += 1
        continue
      }
      let length =
        lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0
      guard length > 0, at + length <= text.count else { return false }
      for follower in text[(at + 1)..<(at + length)] where follower & 0xC0 != 0x80 { return false }
      let second = text[at + 1]
      // No overlong forms, no surrogates, nothing beyond U+10FFFF.
      if lead == 0xE0 && second < 0xA0 || lead == 0xED && second > 0x9F || lead == 0xF0 && second < 0x90
        || lead == 0xF4 && second > 0x8F
      {
        return false
      }
      at += length
    }
    return true
  }

  private func isUTF16(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count % 2 == 0 else { return false }
    var at = 0
    while at < text.count {
      let code = unit(text, at)
      at += 2
      guard code >= 0xD800, code < 0xE000 else { continue }
      guard code < 0xDC00, at + 2 <= text.count else { return false }
      let low = unit(text, at)
      guard low >= 0xDC00, low < 0xE000 else { return false }
      at += 2
    }
    return true
  }
}
