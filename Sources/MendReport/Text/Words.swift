import MendKit

/// Numbers and words of a shell, as the text of reports has them.
public enum Words {
  /// A count with its noun: `1 store`, `70,265 rows`.
  public static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? singular : plural ?? singular + "s")"
  }

  /// A whole number with a comma between thousands.
  public static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// A length of time: `0.04 s`, `12.3 s`, `3 min 20 s`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "? s" }
    if seconds >= 120 {
      let whole = Int(seconds.rounded())
      return "\(whole / 60) min \(whole % 60) s"
    }
    if seconds >= 10 { return "\(fixed(seconds, 1)) s" }
    return seconds < 0.01 ? "\(fixed(seconds * 1000, 1)) ms" : "\(fixed(seconds, 2)) s"
  }

  /// A number that is not negative with so many digits behind the point.
  static func fixed(_ number: Double, _ digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    guard number.isFinite, number >= 0, number * Double(scale) < 9e18 else { return "0" }
    let scaled = Int((number * Double(scale)).rounded())
    let rest = String(scaled % scale)
    return "\(scaled / scale).\(String(repeating: "0", count: digits - rest.count))\(rest)"
  }

  /// A command line that a POSIX shell reads back as these words.
  public static func commandLine(_ words: [String]) -> String { words.map(shell).joined(separator: " ") }

  /// One word as a POSIX shell reads it back. Control characters come in the form `$'…'` (POSIX.1-2024), so that the line
  /// stays one line.
  public static func shell(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "%"),
        UInt8(ascii: ","), UInt8(ascii: "="), 0x80...:
        true
      default: false
      }
    }
    let mustEscape = word.unicodeScalars.contains(where: HarmlessText.mustEscape)
    if isPlain, !mustEscape, !word.isEmpty { return word }
    guard mustEscape else {
      return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
    var text = "$'"
    for scalar in word.unicodeScalars {
      switch scalar {
      case "'": text += "\\'"
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      case _ where HarmlessText.mustEscape(scalar):
        // Octal, three digits, byte by byte: a hexadecimal escape would swallow the digits behind it.
        for byte in Array(String(Character(scalar)).utf8) {
          let digits = String(byte, radix: 8)
          text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "'"
  }

  /// A path as an argument that no option parser takes for an option.
  static func argument(_ path: String) -> String { path.hasPrefix("-") ? "./" + path : path }
}
