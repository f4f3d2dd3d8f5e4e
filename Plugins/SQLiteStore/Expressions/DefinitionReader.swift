/// Reads the tokens of a definition one after the other. What the grammar does not foresee ends the reading with nil.
struct DefinitionReader {
  let tokens: [SchemaToken]
  /// The text that the tokens were read from, in bytes of UTF-8.
  private let source: [UInt8]
  private var at = 0

  /// The number of the next token.
  var place: Int { at }

  init?(_ sql: String) {
    guard let tokens = SchemaTokenizer.tokens(sql) else { return nil }
    self.tokens = tokens
    source = Array(sql.utf8)
  }

  /// The next token; nil at the end.
  var peek: SchemaToken? { at < tokens.count ? tokens[at] : nil }

  /// Whether only a semicolon is left, or nothing.
  var isAtEnd: Bool { at == tokens.count || at == tokens.count - 1 && tokens[at].isSign(";") }

  mutating func take() -> SchemaToken? {
    guard let token = peek else { return nil }
    at += 1
    return token
  }

  /// Takes the next token when it is this keyword.
  mutating func take(keyword: String) -> Bool {
    guard peek?.isKeyword(keyword) == true else { return false }
    at += 1
    return true
  }

  /// Takes the next tokens when they are these keywords, all of them.
  mutating func take(keywords: String...) -> Bool {
    guard at + keywords.count <= tokens.count,
      zip(keywords, tokens[at...]).allSatisfy({ $1.isKeyword($0) })
    else { return false }
    at += keywords.count
    return true
  }

  mutating func take(sign: String) -> Bool {
    guard peek?.isSign(sign) == true else { return false }
    at += 1
    return true
  }

  mutating func takeName() -> String? {
    guard let token = peek, token.isName else { return nil }
    at += 1
    return token.text
  }

  /// A name that may have the name of its database before it; the last part counts.
  mutating func takeQualifiedName() -> String? {
    guard let name = takeName() else { return nil }
    return take(sign: ".") ? takeName() : name
  }

  /// What stands between a parenthesis, which is next, and the one that closes it.
  mutating func takeParenthesised() -> [SchemaToken]? {
    guard take(sign: "(") else { return nil }
    let start = at
    var depth = 1
    while let token = take() {
      if token.isSign("(") { depth += 1 }
      if token.isSign(")") { depth -= 1 }
      if depth == 0 { return Array(tokens[start..<at - 1]) }
    }
    return nil
  }

  /// All that is left, without a semicolon at its end.
  mutating func takeRest() -> [SchemaToken] {
    let end = tokens.last?.isSign(";") == true ? tokens.count - 1 : tokens.count
    let rest = Array(tokens[min(at, end)..<end])
    at = tokens.count
    return rest
  }

  /// The text of tokens as it was written, comments between them included.
  func text(of part: some Collection<SchemaToken>) -> String {
    guard let first = part.first else { return "" }
    let end = part.reduce(first.range.upperBound) { max($0, $1.range.upperBound) }
    return String(decoding: source[first.range.lowerBound..<end], as: UTF8.self)
  }
}
