/// Texts that SQLite turns into numbers in a column of numeric affinity (datatype3.html, section 3).
enum NumericText {
  /// Whether the whole text is a decimal number, with white space around it or not.
  static func isNumber(_ text: [UInt8]) -> Bool {
    var at = text.firstIndex { !isSpace($0) } ?? text.count
    let end = (text.lastIndex { !isSpace($0) } ?? -1) + 1
    func digits() -> Int {
      let start = at
      while at < end, text[at] >= 48, text[at] <= 57 { at += 1 }
      return at - start
    }
    if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
    var mantissa = digits()
    if at < end, text[at] == UInt8(ascii: ".") {
      at += 1
      mantissa += digits()
    }
    guard mantissa > 0 else { return false }
    if at < end, text[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
      guard digits() > 0 else { return false }
    }
    return at == end
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
}
