import MendKit

/// Writes values as YAML that reads the same by version 1.1 and 1.2 of the language.
enum YAMLText {
  /// A text as one scalar: plain where that is safe, else in double quotes.
  static func scalar(_ text: String) -> String {
    isPlain(text) ? text : quoted(text)
  }

  /// A value on one line.
  static func flow(_ value: OptionValue) -> String {
    switch value {
    case .null: "null"
    case .boolean(let value): String(value)
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .string(let text): scalar(text)
    case .list(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
    case .map(let pairs): pairs.isEmpty ? "{}" : "{ " + pairs.map(pair).joined(separator: ", ") + " }"
    }
  }

  /// A list or a map in flow style, wrapped so that no line is longer than about 100 characters. The first line follows
  /// what stands before it; the others are indented by so many spaces.
  static func wrapped(_ value: OptionValue, indent: Int, before: Int) -> String {
    let line = flow(value)
    if before + line.count <= 100 { return line }
    let items: [String]
    let brackets: (String, String)
    switch value {
    case .list(let values): (items, brackets) = (values.map(flow), ("[", "]"))
    case .map(let pairs): (items, brackets) = (pairs.map(pair), ("{", "}"))
    default: return line
    }
    let space = String(repeating: " ", count: indent)
    var text = brackets.0
    var width = Int.max / 2
    for (index, item) in items.enumerated() {
      let part = item + (index + 1 < items.count ? "," : " " + brackets.1)
      if width + part.count + 1 > 100 {
        text += "\n" + space + part
        width = indent + part.count
      } else {
        text += " " + part
        width += part.count + 1
      }
    }
    return text
  }

  private static func pair(_ pair: OptionPair) -> String {
    let key = scalar(pair.key)
    // A key of more than 1024 characters must say that it is one (YAML 1.2.2, section 7.4.2).
    return (key.unicodeScalars.count > 1000 ? "? \(key) : " : "\(key): ") + flow(pair.value)
  }

  /// Whether a text may stand without quotes: a word that no version of YAML takes for anything but a text.
  private static func isPlain(_ text: String) -> Bool {
    if text.hasSuffix("%"), Int(text.dropLast()) != nil { return true }
    guard let first = text.unicodeScalars.first, isLetter(first) || first == "_" || first == "/" else { return false }
    // Words of YAML 1.1 that 1.2 takes for texts, quoted for the sake of other readers.
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
    if words.contains(text.lowercased()) { return false }
    return text.unicodeScalars.allSatisfy {
      isLetter($0) || ("0"..."9").contains($0) || "_-./".unicodeScalars.contains($0)
    }
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case "\u{20}"..."\u{7E}", "\u{A0}"..."\u{2027}", "\u{202A}"..."\u{D7FF}", "\u{E000}"..."\u{FEFE}",
        "\u{FF00}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
        result.unicodeScalars.append(scalar)
      default:
        // Everything else that is no printable character by YAML 1.2.2, section 5.1, fits into four digits.
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return result + "\""
  }
}
