/// One word, name, literal or sign of SQL. Comments and white space are none.
struct SQLToken: Hashable {
  /// What it is.
  enum Kind: Hashable {
    /// A keyword or a name without quotes.
    case word
    /// A name in quotes of any engine: "a", `a`, [a].
    case name
    /// A literal in single quotes or between dollar signs.
    case string
    /// A number or any other single character.
    case sign
  }

  /// What it is.
  let kind: Kind
  /// Its text without quotes.
  let text: String
  /// The place behind its last byte, from the start of the text.
  let end: Int
  /// The place of its first byte.
  let start: Int

  /// Whether it is this keyword; keywords are given in lower case.
  func isKeyword(_ word: String) -> Bool { kind == .word && text.lowercased() == word }

  /// Whether it is this sign.
  func isSign(_ sign: Character) -> Bool { kind == .sign && text == String(sign) }

  /// Whether it may be the name of something. SQLite takes a literal for one too.
  var isName: Bool { kind != .sign }
}

/// Reads SQL as tokens. It knows where literals, quoted names and comments of the usual engines begin and end, and
/// nothing of grammar. Text that ends within one of them ends it.
struct SQLTokens {
  private let bytes: [UInt8]
  private var at = 0

  /// The tokens of a text.
  init(_ text: String) { bytes = Array(text.utf8) }

  /// The next token; nil at the end of the text.
  mutating func next() -> SQLToken? {
    skipBlanks()
    guard at < bytes.count else { return nil }
    let start = at
    switch bytes[at] {
    case UInt8(ascii: "'"):
      let text = quoted(until: UInt8(ascii: "'"))
      return token(.string, start, text)
    case UInt8(ascii: "\""), UInt8(ascii: "`"):
      let text = quoted(until: bytes[at])
      return token(.name, start, text)
    case UInt8(ascii: "["):
      // A pair of brackets with nothing in it is the sign of an array, not a name.
      guard byte(1) != UInt8(ascii: "]") else { break }
      let text = quoted(until: UInt8(ascii: "]"))
      return token(.name, start, text)
    case UInt8(ascii: "$"):
      if let text = dollarQuoted() { return token(.string, start, text) }
    case let first where Self.isWordByte(first):
      if first == UInt8(ascii: "E") || first == UInt8(ascii: "e"), byte(1) == UInt8(ascii: "'") {
        at += 1
        let text = quoted(until: UInt8(ascii: "'"), escape: UInt8(ascii: "\\"))
        return token(.string, start, text)
      }
      while at < bytes.count, Self.isWordByte(bytes[at]) { at += 1 }
      let isNumber = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
      return token(isNumber ? .sign : .word, start, Array(bytes[start..<at]))
    default: break
    }
    at += 1
    return token(.sign, start, [bytes[start]])
  }

  /// The token whose text was just read, so that `at` is behind it.
  private func token(_ kind: SQLToken.Kind, _ start: Int, _ text: [UInt8]) -> SQLToken {
    SQLToken(kind: kind, text: String(decoding: text, as: UTF8.self), end: at, start: start)
  }

  private func byte(_ ahead: Int) -> UInt8? { at + ahead < bytes.count ? bytes[at + ahead] : nil }

  private mutating func skipBlanks() {
    while at < bytes.count {
      if bytes[at] <= 32 {
        at += 1
      } else if bytes[at] == UInt8(ascii: "-"), byte(1) == UInt8(ascii: "-") {
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
      } else if bytes[at] == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
        at += 2
        while at < bytes.count, !(bytes[at] == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/")) { at += 1 }
        at = min(at + 2, bytes.count)
      } else {
        return
      }
    }
  }

  /// What stands in quotes; the closing one doubled stands for itself.
  private mutating func quoted(until close: UInt8, escape: UInt8? = nil) -> [UInt8] {
    var text: [UInt8] = []
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      if byte == escape, let escaped = self.byte(1) {
        text.append(escaped)
        at += 2
      } else if byte != close {
        text.append(byte)
        at += 1
      } else if self.byte(1) == close, close != UInt8(ascii: "]") {
        text.append(close)
        at += 2
      } else {
        at += 1
        break
      }
    }
    return text
  }

  /// PostgreSQL's `$tag$ ... $tag$`; nil where the dollar sign begins none.
  private mutating func dollarQuoted() -> [UInt8]? {
    var tagEnd = at + 1
    while tagEnd < bytes.count, Self.isWordByte(bytes[tagEnd]), bytes[tagEnd] != UInt8(ascii: "$") { tagEnd += 1 }
    guard tagEnd < bytes.count, bytes[tagEnd] == UInt8(ascii: "$") else { return nil }
    let tag = bytes[at...tagEnd]
    let start = tagEnd + 1
    var end = start
    while end + tag.count <= bytes.count, !bytes[end..<end + tag.count].elementsEqual(tag) { end += 1 }
    guard end + tag.count <= bytes.count else {
      at = bytes.count
      return Array(bytes[start...])
    }
    at = end + tag.count
    return Array(bytes[start..<end])
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
      true
    default: false
    }
  }
}
