import MendKit

/// Text as XML 1.0 can hold it.
enum XMLText {
  /// For an attribute in double quotes: line feeds and tabs as references, since a parser would make them spaces.
  static func attribute(_ text: String) -> String { escaped(text, isAttribute: true) }

  /// For the content of an element.
  static func content(_ text: String) -> String { escaped(text, isAttribute: false) }

  private static func escaped(_ text: String, isAttribute: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      // Always, so that "]]>" never stands in content.
      case ">": result += "&gt;"
      case "\"" where isAttribute: result += "&quot;"
      case "\n" where isAttribute: result += "&#10;"
      case "\t" where isAttribute: result += "&#9;"
      case "\r": result += "&#13;"
      // Allowed as they are, but who looks at the file in a terminal would have it steered.
      case _ where isAllowed(scalar) && HarmlessText.mustEscape(scalar) && scalar.value > 0x20:
        result += "&#\(scalar.value);"
      case _ where isAllowed(scalar): result.unicodeScalars.append(scalar)
      default: result += HarmlessText.escape(scalar)
      }
    }
    return result
  }

  /// The production Char of XML 1.0, section 2.2. What it leaves out cannot be written even as a reference.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }
}
