/// What a `CREATE INDEX` says.
struct IndexDefinition {
  /// A column in the index's key.
  struct Term {
    /// As the definition names it.
    let name: String
    let isDescending: Bool
    /// The collation where the definition gives one.
    let collation: String?
  }

  let name: String
  /// The table that it names.
  let table: String
  let isUnique: Bool
  /// Whether it covers only the rows of a condition.
  let isPartial: Bool
  /// In key order; nil where the key is of another sort than columns alone, and the library has to be asked.
  let terms: [Term]?
  /// Whether every version of the library takes it as it is, where the table has the columns.
  let isAccepted: Bool

  /// Reads a definition; nil where not even its table is certain.
  init?(_ sql: String) {
    var tokens = DefinitionTokens(sql)
    guard tokens.take("CREATE") else { return nil }
    isUnique = tokens.take("UNIQUE")
    guard tokens.take("INDEX"), let name = tokens.takeName(), tokens.take("ON"), let table = tokens.takeName() else {
      return nil
    }
    self.name = name
    self.table = table
    let terms = Self.terms(&tokens)
    isPartial = terms != nil && tokens.take("WHERE")
    let isUnderstood = isPartial || tokens.isAtEnd
    guard tokens.takeRest() else { return nil }
    self.terms = isUnderstood ? terms : nil
    isAccepted =
      tokens.isAtEnd && isUnderstood && !isPartial && !tokens.hasDoubtfulName
      && !(terms ?? []).contains { $0.collation.map { Collation($0) == .custom } ?? false }
  }

  /// Columns that SQLite takes in an index by default.
  private static let most = 2000

  private static func terms(_ tokens: inout DefinitionTokens) -> [Term]? {
    guard tokens.take(symbol: "(") else { return nil }
    var terms: [Term] = []
    repeat {
      guard terms.count < most, let name = tokens.takeName() else { return nil }
      var collation: String?
      if tokens.take("COLLATE") {
        collation = tokens.takeName()
        if collation == nil { return nil }
      }
      let isDescending = tokens.take("DESC")
      if !isDescending { _ = tokens.take("ASC") }
      terms.append(Term(name: name, isDescending: isDescending, collation: collation))
    } while tokens.take(symbol: ",")
    return tokens.take(symbol: ")") ? terms : nil
  }
}
