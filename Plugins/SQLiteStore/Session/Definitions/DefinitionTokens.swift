import CSQLite

/// The tokens of a definition in the schema table, by the rules of SQLite's tokenizer, read one after the other.
struct DefinitionTokens {
  /// What a token is.
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
    /// No token: the text is at its end.
    case end
    /// Something that is not closed, or of no kind above. No token follows.
    case unknown
  }

  private let text: [UInt8]
  /// The next token: its kind, and the bytes of the text that it stands in.
  private var kind = Kind.end
  private var range = 0..<0
  /// Its first letter as a capital, where it is a word: most words differ in it.
  private var initial: UInt8 = 0
  /// Where the last token that was taken ends.
  private(set) var end = 0
  /// Whether a name that was taken is a word of the language too, or empty: not every version of the library may take it.
  private(set) var hasDoubtfulName = false

  /// Begins to read a definition.
  init(_ sql: String) {
    text = Array(sql.utf8)
    read()
  }

  /// Begins to read a definition; nil where something in it is not closed or is of no kind above.
  init?(whole sql: String) {
    self.init(sql)
    var rest = self
    guard rest.takeRest() else { return nil }
  }

  /// Whether every token was taken.
  var isAtEnd: Bool { kind == .end }

  /// Where the next token begins; the end of the text behind the last one.
  var start: Int { range.lowerBound }

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
  @inline(__always) func isNext(_ word: StaticString) -> Bool {
    guard initial == word.utf8Start[0], range.count == word.utf8CodeUnitCount else { return false }
    return isNext(all: word)
  }

  private func isNext(all word: StaticString) -> Bool {
    var at = 1
    while at < range.count {
      guard text[range.lowerBound + at] & 0xDF == word.utf8Start[at] else { return false }
      at += 1
    }
    return true
  }

  /// Whether the next token is this symbol.
  func isNext(symbol: Unicode.Scalar) -> Bool {
    kind == .symbol && text[range.lowerBound] == UInt8(ascii: symbol)
  }

  /// Whether the next token is of a kind.
  func isNext(_ kind: Kind) -> Bool { self.kind == kind }

  /// Takes the next token if it is this word.
  mutating func take(_ word: StaticString) -> Bool {
    guard isNext(word) else { return false }
    skip()
    return true
  }

  /// Takes the next token if it is this symbol.
  mutating func take(symbol: Unicode.Scalar) -> Bool {
    guard isNext(symbol: symbol) else { return false }
    skip()
    return true
  }

  /// Takes the next token if it is of a kind.
  mutating func take(_ kind: Kind) -> Bool {
    guard isNext(kind) else { return false }
    skip()
    return true
  }

  /// Takes the next token, whatever it is.
  mutating func skip() {
    end = range.upperBound
    read()
  }

  /// Takes all that is left; false where no token is what comes.
  mutating func takeRest() -> Bool {
    while kind != .end {
      guard kind != .unknown else { return false }
      skip()
    }
    return true
  }

  /// Takes a name, its quotes taken off; nil where none stands next.
  mutating func takeName() -> String? {
    let name = range
    switch kind {
    case .word:
      noteKeyword()
      skip()
      return written(name)
    case .quotedName:
      if name.count == 2 { hasDoubtfulName = true }
      skip()
      return unquoted(name)
    case .string, .number, .symbol, .end, .unknown: return nil
    }
  }

  /// Takes a word that is part of a name of several, as those of types are.
  mutating func takeWordOfName() {
    noteKeyword()
    skip()
  }

  /// Whether the next token is a word of the language.
  var isKeyword: Bool {
    guard kind == .word else { return false }
    return text.withUnsafeBytes { text in
      guard let start = text.baseAddress?.assumingMemoryBound(to: CChar.self) else { return false }
      return sqlite3_keyword_check(start + range.lowerBound, Int32(clamping: range.count)) != 0
    }
  }

  private mutating func noteKeyword() { if isKeyword { hasDoubtfulName = true } }

  /// Whether the next token is a number of digits alone, perhaps with a point among them.
  var isPlainNumber: Bool {
    guard kind == .number else { return false }
    var points = 0
    for byte in text[range] {
      if byte == UInt8(ascii: ".") { points += 1 } else if !ASCII.isDigit(byte) { return false }
    }
    return points <= 1
  }

  /// Takes the name of a table, an index, a view or a trigger, which may stand in single quotes, too.
  mutating func takeObjectName() -> String? {
    guard isNext(.string) else { return takeName() }
    let name = range
    skip()
    return unquoted(name)
  }

  /// Takes everything from an opening bracket to the one that closes it; false where none opens or closes.
  mutating func takeBrackets() -> Bool {
    guard take(symbol: "(") else { return false }
    var depth = 1
    while depth > 0 {
      guard kind != .end, kind != .unknown else { return false }
      if isNext(symbol: "(") { depth += 1 }
      if isNext(symbol: ")") { depth -= 1 }
      skip()
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
  /// Reads the token behind the one that was taken last.
  private mutating func read() {
    initial = 0
    var at = end
    while at < text.count {
      let start = at
      let byte = text[at]
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0C, 0x0D: at += 1
      case UInt8(ascii: "-") where at + 1 < text.count && text[at + 1] == byte:
        while at < text.count, text[at] != 0x0A { at += 1 }
      case UInt8(ascii: "/") where at + 1 < text.count && text[at + 1] == UInt8(ascii: "*"):
        guard let end = Self.endOfComment(text, from: at + 2) else { return set(.unknown, start..<start) }
        at = end
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: "["):
        guard let end = Self.endOfQuotes(text, from: at) else { return set(.unknown, start..<start) }
        return set(byte == UInt8(ascii: "'") ? .string : .quotedName, start..<end)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        while at < text.count, Self.isOfName(text[at]) || text[at] == UInt8(ascii: ".") { at += 1 }
        return set(.number, start..<at)
      case UInt8(ascii: "$"), 0..<0x20, 0x7F: return set(.unknown, start..<start)
      case _ where Self.isOfName(byte):
        while at < text.count, Self.isOfName(text[at]) { at += 1 }
        initial = byte & 0xDF
        return set(.word, start..<at)
      default: return set(.symbol, start..<at + 1)
      }
    }
    set(.end, text.count..<text.count)
  }

  private mutating func set(_ kind: Kind, _ range: Range<Int>) {
    self.kind = kind
    self.range = range
  }

  static func isOfName(_ byte: UInt8) -> Bool {
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
