/// What a CREATE INDEX statement says (lang_createindex.html).
struct IndexExpressions {
  /// One term of the index's key.
  struct Term {
    /// What computes it: a column's name or an expression, with its COLLATE if it has one.
    let tokens: [SchemaToken]
    let isDescending: Bool
  }

  let name: String
  let table: String
  let isUnique: Bool
  private(set) var terms: [Term] = []
  /// The condition of a partial index; nil for an index on all rows.
  private(set) var condition: [SchemaToken]?

  /// Reads a definition; nil when it is not the definition of an index, or not understood to its last word.
  init?(sql: String) {
    guard var reader = DefinitionReader(sql), reader.take(keyword: "CREATE") else { return nil }
    isUnique = reader.take(keyword: "UNIQUE")
    guard reader.take(keyword: "INDEX") else { return nil }
    _ = reader.take(keywords: "IF", "NOT", "EXISTS")
    guard let name = reader.takeQualifiedName(), reader.take(keyword: "ON"), let table = reader.takeName(),
      let list = reader.takeParenthesised()
    else { return nil }
    self.name = name
    self.table = table
    for part in Self.parts(of: list) {
      guard let term = Self.term(part) else { return nil }
      terms.append(term)
    }
    if reader.take(keyword: "WHERE") {
      let rest = reader.takeRest()
      guard !rest.isEmpty else { return nil }
      condition = rest
    } else if !reader.isAtEnd {
      return nil
    }
  }

  /// The parts of a list, cut at the commas that stand in no parentheses.
  private static func parts(of list: [SchemaToken]) -> [ArraySlice<SchemaToken>] {
    var parts: [ArraySlice<SchemaToken>] = []
    var depth = 0
    var start = 0
    for (place, token) in list.enumerated() {
      if token.isSign("(") { depth += 1 }
      if token.isSign(")") { depth -= 1 }
      if depth == 0, token.isSign(",") {
        parts.append(list[start..<place])
        start = place + 1
      }
    }
    return parts + [list[start...]]
  }

  private static func term(_ tokens: ArraySlice<SchemaToken>) -> Term? {
    var rest = tokens
    if rest.count > 2, rest[rest.endIndex - 2].isKeyword("NULLS"),
      rest[rest.endIndex - 1].isKeyword(among: ["FIRST", "LAST"])
    {
      rest = rest.dropLast(2)
    }
    let isDescending = rest.count > 1 && rest.last?.isKeyword("DESC") == true
    if rest.count > 1, rest.last?.isKeyword(among: ["ASC", "DESC"]) == true { rest = rest.dropLast() }
    return rest.isEmpty ? nil : Term(tokens: Array(rest), isDescending: isDescending)
  }
}
