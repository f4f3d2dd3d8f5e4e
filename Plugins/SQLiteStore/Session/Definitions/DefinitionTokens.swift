/// The tokens of a definition in the schema table, by the rules of SQLite's tokenizer.
struct DefinitionTokens {
  /// One token, as the bytes of the text that it stands in.
  struct Token {
    enum Kind {
      /// A keyword or a name without quotes.
      case word
      /// A name in double quotes, back quotes or square brackets.
      case quotedName
      /// A text in single quotes.
      case string
      case number
      /// A single byte, such as a bracket or a comma.
      case symbol
    }

    let kind: Kind
    let range: Range<Int>
  }

  private let text: [UInt8]
  private let tokens: [Token]
  private var position = 0

  /// Splits a definition; nil where something in it is not closed or is of no kind above.
  init?(_ sql: String) {
    text = Array(sql.utf8)
    guard let tokens = Self.split(text) else { return nil }
    self.tokens = tokens
  }

  /// Whether every token was taken.
  var isAtEnd: Bool { position == tokens.count }

  /// Where the next token begins; the end of the text behind the last one.
  var start: Int { isAtEnd ? text.count : tokens[position].range.lowerBound }

  /// Where the last token that was taken ends.
  var end: Int { position == 0 ? 0 : tokens[position - 1].range.upperBound }

  /// The text between two offsets, as it was written; `trimmed` takes white space off both ends.
  func written(_ range: Range<Int>, trimmed: Bool = false) -> String {
    var part = text[range]
    if trimmed {
      while let first = part.first, Self.isSpace(first) { part.removeFirst() }
      while let last = part.last, Self.isSpace(last) { part.removeLast() }
    }
    return String(decoding: part, as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

  /// Whether the next token is a word, in whatever case. `word` is in capitals and has letters only.
  func isNext(_ word: StaticString) -> Bool {
    guard !isAtEnd, tokens[position].kind == .word else { return false }
    let range = tokens[position].range
    guard range.count == word.utf8CodeUnitCount else { return false }
    // Most words differ in their first letter.
    var at = 0
    while at < range.count {
      guard text[range.lowerBound + at] & 0xDF == word.utf8Start[at] else { return false }
      at += 1
    }
    return true
  }

  /// Whether the next token is this symbol.
  func isNext(symbol: Unicode.Scalar) -> Bool {
    !isAtEnd && tokens[position].kind == .symbol && text[tokens[position].range.lowerBound] == UInt8(ascii: symbol)
  }

  /// Whether the next token is of a kind.
  func isNext(_ kind: Token.Kind) -> Bool { !isAtEnd && tokens[position].kind == kind }

  /// Takes the next token if it is this word.
  mutating func take(_ word: StaticString) -> Bool {
    guard isNext(word) else { return false }
    position += 1
    return true
  }

  /// Takes the next token if it is this symbol.
  mutating func take(symbol: Unicode.Scalar) -> Bool {
    guard isNext(symbol: symbol) else { return false }
    position += 1
    return true
  }

  /// Takes the next token if it is of a kind.
  mutating func take(_ kind: Token.Kind) -> Bool {
    guard isNext(kind) else { return false }
    position += 1
    return true
  }

  /// Takes the next token, whatever it is. There has to be one.
  mutating func skip() { position += 1 }

  /// Takes a name, its quotes taken off; nil where none stands next.
  mutating func takeName() -> String? {
    guard !isAtEnd else { return nil }
    let token = tokens[position]
    switch token.kind {
    case .word:
      position += 1
      return written(token.range)
    case .quotedName:
      position += 1
      return unquoted(token.range)
    case .string, .number, .symbol: return nil
    }
  }

  /// Takes the name of a table, an index, a view or a trigger, which may stand in single quotes, too.
  mutating func takeObjectName() -> String? {
    guard isNext(.string) else { return takeName() }
    position += 1
    return unquoted(tokens[position - 1].range)
  }

  /// Takes everything from an opening bracket to the one that closes it; false where none opens or closes.
  mutating func takeBrackets() -> Bool {
    guard take(symbol: "(") else { return false }
    var depth = 1
    while depth > 0 {
      guard !isAtEnd else { return false }
      if isNext(symbol: "(") { depth += 1 }
      if isNext(symbol: ")") { depth -= 1 }
      position += 1
    }
    return true
  }

  private func unquoted(_ range: Range<Int>) -> String {
    let quote = text[range.lowerBound]
    let inner = text[range.lowerBound + 1..<range.upperBound - 1]
    guard quote != UInt8(ascii: "["), inner.contains(quote) else { return String(decoding: inner, as: UTF8.self) }
    var bytes: [UInt8] = []
    var isSecond = false
    for byte in inner {
      isSecond = byte == quote && !isSecond
      if !isSecond { bytes.append(byte) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension DefinitionTokens {
  private static func split(_ text: [UInt8]) -> [Token]? {
    var tokens: [Token] = []
    tokens.reserveCapacity(text.count / 4)
    var at = 0
    while at < text.count {
      let start = at
      let byte = text[at]
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0C, 0x0D: at += 1
      case UInt8(ascii: "-") where at + 1 < text.count && text[at + 1] == byte:
        while at < text.count, text[at] != 0x0A { at += 1 }
      case UInt8(ascii: "/") where at + 1 < text.count && text[at + 1] == UInt8(ascii: "*"):
        guard let end = endOfComment(text, from: at + 2) else { return nil }
        at = end
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: "["):
        guard let end = endOfQuotes(text, from: at) else { return nil }
        at = end
        tokens.append(Token(kind: byte == UInt8(ascii: "'") ? .string : .quotedName, range: start..<at))
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        while at < text.count, isOfName(text[at]) || text[at] == UInt8(ascii: ".") { at += 1 }
        tokens.append(Token(kind: .number, range: start..<at))
      case UInt8(ascii: "$"), 0..<0x20, 0x7F: return nil
      case _ where isOfName(byte):
        while at < text.count, isOfName(text[at]) { at += 1 }
        tokens.append(Token(kind: .word, range: start..<at))
      default:
        at += 1
        tokens.append(Token(kind: .symbol, range: start..<at))
      }
    }
    return tokens
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
      true
    default: false
    }
  }

  private static func endOfComment(_ text: [UInt8], from start: Int) -> Int? {
    var at = start
    while at + 1 < text.count {
      if text[at] == UInt8(ascii: "*"), text[at + 1] == UInt8(ascii: "/") { return at + 2 }
      at += 1
    }
    return nil
  }

  /// Behind the closing quote; a doubled quote stands for itself, except between square brackets.
  private static func endOfQuotes(_ text: [UInt8], from start: Int) -> Int? {
    let isBracket = text[start] == UInt8(ascii: "[")
    let close = isBracket ? UInt8(ascii: "]") : text[start]
    var at = start + 1
    while at < text.count {
      guard text[at] == close else {
        at += 1
        continue
      }
      guard !isBracket, at + 1 < text.count, text[at + 1] == close else { return at + 1 }
      at += 2
    }
    return nil
  }
}
