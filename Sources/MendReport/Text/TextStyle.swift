/// What a stream can show: colours or none, all of Unicode or ASCII alone.
public struct TextStyle: Sendable, Hashable {
  /// Whether colours are wanted and understood.
  public var isColoured: Bool
  /// Whether the stream's locale is UTF-8.
  public var isUnicode: Bool

  /// A style.
  public init(isColoured: Bool, isUnicode: Bool) {
    self.isColoured = isColoured
    self.isUnicode = isUnicode
  }

  /// No colours, all of Unicode.
  public static let plain = TextStyle(isColoured: false, isUnicode: true)

  /// What a piece of text is, for colours to show.
  public enum Role: Sendable { case good, bad, warning, strong, dim }

  /// The text in the colour of its role. `text` must have been made harmless before.
  public func paint(_ text: String, _ role: Role) -> String {
    guard isColoured, !text.isEmpty else { return text }
    let code =
      switch role {
      case .good: "32"
      case .bad: "1;31"
      case .warning: "33"
      case .strong: "1"
      case .dim: "2"
      }
    return "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }

  /// The marks of the report.
  public enum Mark: Sendable { case good, bad, warning, info, arrow, more }

  /// A mark as the stream can show it. Every mark but `more` is one column wide in Unicode.
  public func mark(_ mark: Mark) -> String {
    switch mark {
    case .good: isUnicode ? "✓" : "ok"
    case .bad: isUnicode ? "✗" : "X"
    case .warning: "!"
    case .info: isUnicode ? "·" : "-"
    case .arrow: isUnicode ? "→" : "->"
    case .more: isUnicode ? "…" : "..."
    }
  }

  /// Text from outside made harmless for a terminal: what would move the cursor, colour, hide or turn text around is written
  /// as an escape, and without Unicode everything beyond ASCII too.
  public func harmless(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if HarmlessText.mustEscape(scalar) || (!isUnicode && !scalar.isASCII) {
        result += HarmlessText.escape(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

enum HarmlessText {
  /// Control characters (C0, DEL, C1), line and paragraph separators, and the format characters that reorder or hide text
  /// (Unicode Technical Report 36, section 2.5; bidirectional overrides, zero-width spaces, tags).
  static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
      0xE0000...0xE007F:
      true
    default: false
    }
  }

  static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }
  }
}
