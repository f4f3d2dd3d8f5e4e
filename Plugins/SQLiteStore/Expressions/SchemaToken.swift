/// One word, name, literal or sign of the SQL of a schema. Comments and white space are none.
struct SchemaToken: Equatable {
  /// What it is.
  enum Kind: Equatable {
    /// A keyword or a name without quotes.
    case word
    /// A name in double quotes, which SQLite takes for a text where no such name is known.
    case quoted
    /// A name in brackets or backticks.
    case name
    /// A text in single quotes.
    case string
    /// A blob, by its hexadecimal digits.
    case blob
    /// A whole number, in decimal or, with `0x`, hexadecimal digits.
    case integer
    /// A number with a point or an exponent.
    case real
    /// An operator or a mark of punctuation.
    case sign
  }

  let kind: Kind
  /// Its text without quotes and with doubled quotes halved.
  let text: String
  /// Where it stands, in bytes of UTF-8 from the start of the text that it was read from.
  let range: Range<Int>

  /// Whether it is this keyword; keywords are given in capitals.
  func isKeyword(_ keyword: String) -> Bool {
    kind == .word && text.utf8.count == keyword.utf8.count
      && zip(text.utf8, keyword.utf8).allSatisfy { ASCII.raised($0) == $1 }
  }

  /// Whether it is one of these keywords.
  func isKeyword(among keywords: [String]) -> Bool { keywords.contains { isKeyword($0) } }

  /// Whether it is this sign.
  func isSign(_ sign: String) -> Bool { kind == .sign && text == sign }

  /// Whether it can be a name where the grammar wants one: SQLite takes a text for one too.
  var isName: Bool {
    switch kind {
    case .word, .quoted, .name, .string: true
    case .blob, .integer, .real, .sign: false
    }
  }
}

/// Reads SQL as SQLite's own tokenizer does. What that one does not accept in a schema, or what has a meaning only in a
/// statement (a variable), makes the whole text unreadable.
struct SchemaTokenizer {
  private let bytes: [UInt8]
  private var at = 0
  /// Texts longer than this are not read; SQLite's own default limit is a thousand times higher.
  private static let most = 1_000_000

  private init(_ text: String) { bytes = Array(text.utf8) }

  /// The tokens of a text; nil when it is no SQL.
  static func tokens(_ text: String) -> [SchemaToken]? {
    guard text.utf8.count <= most else { return nil }
    var tokenizer = SchemaTokenizer(text)
    var tokens: [SchemaToken] = []
    while tokenizer.skipBlanks() {
      guard let token = tokenizer.next() else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  private func byte(_ ahead: Int = 0) -> UInt8 { at + ahead < bytes.count ? bytes[at + ahead] : 0 }

  /// Goes to the next token; whether there is one.
  private mutating func skipBlanks() -> Bool {
    while at < bytes.count {
      if ASCII.isSpace(bytes[at]), bytes[at] != 11 {
        at += 1
      } else if bytes[at] == UInt8(ascii: "-"), byte(1) == UInt8(ascii: "-") {
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
      } else if bytes[at] == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*"), at + 2 < bytes.count {
        at += 3
        while at < bytes.count, !(bytes[at - 1] == UInt8(ascii: "*") && bytes[at] == UInt8(ascii: "/")) { at += 1 }
        at = min(at + 1, bytes.count)
      } else {
        return true
      }
    }
    return false
  }

  private mutating func next() -> SchemaToken? {
    let start = at
    switch bytes[at] {
    case UInt8(ascii: "'"): return quoted(until: UInt8(ascii: "'"), .string)
    case UInt8(ascii: "\""): return quoted(until: UInt8(ascii: "\""), .quoted)
    case UInt8(ascii: "`"): return quoted(until: UInt8(ascii: "`"), .name)
    case UInt8(ascii: "["): return quoted(until: UInt8(ascii: "]"), .name)
    case UInt8(ascii: "x") where byte(1) == UInt8(ascii: "'"), UInt8(ascii: "X") where byte(1) == UInt8(ascii: "'"):
      return blob()
    case let first where ASCII.isDigit(first) || first == UInt8(ascii: ".") && ASCII.isDigit(byte(1)):
      return number()
    case let first where Self.isNameByte(first) && first != UInt8(ascii: "$"):
      // A byte order mark is white space to SQLite.
      if first == 0xEF, byte(1) == 0xBB, byte(2) == 0xBF { return nil }
      while at < bytes.count, Self.isNameByte(bytes[at]) { at += 1 }
      return token(.word, from: start)
    default:
      return sign()
    }
  }

  private func token(_ kind: SchemaToken.Kind, from start: Int) -> SchemaToken {
    SchemaToken(kind: kind, text: String(decoding: bytes[start..<at], as: UTF8.self), range: start..<at)
  }

  private mutating func quoted(until close: UInt8, _ kind: SchemaToken.Kind) -> SchemaToken? {
    let start = at
    var text: [UInt8] = []
    at += 1
    while at < bytes.count, bytes[at] != 0 {
      if bytes[at] != close {
        text.append(bytes[at])
        at += 1
      } else if byte(1) == close, close != UInt8(ascii: "]") {
        text.append(close)
        at += 2
      } else {
        at += 1
        return SchemaToken(kind: kind, text: String(decoding: text, as: UTF8.self), range: start..<at)
      }
    }
    return nil
  }

  private mutating func blob() -> SchemaToken? {
    let start = at
    at += 2
    while ASCII.isHexDigit(byte()) { at += 1 }
    guard byte() == UInt8(ascii: "'"), (at - start) % 2 == 0 else { return nil }
    let digits = String(decoding: bytes[start + 2..<at], as: UTF8.self)
    at += 1
    return SchemaToken(kind: .blob, text: digits, range: start..<at)
  }

  private mutating func number() -> SchemaToken? {
    let start = at
    var kind = SchemaToken.Kind.integer
    if byte() == UInt8(ascii: "0"), ASCII.lowered(byte(1)) == UInt8(ascii: "x"), ASCII.isHexDigit(byte(2)) {
      at += 2
      while ASCII.isHexDigit(byte()) { at += 1 }
    } else {
      while ASCII.isDigit(byte()) { at += 1 }
      if byte() == UInt8(ascii: ".") {
        kind = .real
        at += 1
        while ASCII.isDigit(byte()) { at += 1 }
      }
      let sign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
      if ASCII.lowered(byte()) == UInt8(ascii: "e"), ASCII.isDigit(byte(sign ? 2 : 1)) {
        kind = .real
        at += sign ? 2 : 1
        while ASCII.isDigit(byte()) { at += 1 }
      }
    }
    // "12ab" is no number with something behind it, but nothing at all.
    guard !Self.isNameByte(byte()) else { return nil }
    return token(kind, from: start)
  }

  private static let longSigns = ["||", "<=", "<>", "<<", ">=", ">>", "==", "!="]
  private static let shortSigns = Array("(),;.+-*/%&|~<>=".utf8)

  private mutating func sign() -> SchemaToken? {
    let start = at
    let two = String(decoding: [byte(), byte(1)], as: UTF8.self)
    if two == "->" { return nil }
    if Self.longSigns.contains(two) {
      at += 2
    } else {
      guard Self.shortSigns.contains(byte()) else { return nil }
      at += 1
    }
    return token(.sign, from: start)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...: true
    default: false
    }
  }
}
