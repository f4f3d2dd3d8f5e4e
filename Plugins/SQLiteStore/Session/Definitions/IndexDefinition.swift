import MendKit

/// What a `CREATE INDEX` says.
struct IndexDefinition {
  /// The table that it names.
  let table: String
  let isUnique: Bool
  /// Whether it covers only the rows of a condition.
  let isPartial: Bool
  /// The columns as the definition names them, in key order; nil where it is of another sort than on columns alone, and the
  /// library has to be asked.
  let columns: [String]?

  /// Reads a definition; nil where not even its table is certain.
  init?(_ sql: String) {
    guard var tokens = DefinitionTokens(sql), tokens.take("CREATE") else { return nil }
    isUnique = tokens.take("UNIQUE")
    guard tokens.take("INDEX"), tokens.takeName() != nil, tokens.take("ON"), let table = tokens.takeName() else {
      return nil
    }
    self.table = table
    let columns = Self.columns(&tokens)
    isPartial = columns != nil && tokens.take("WHERE")
    self.columns = isPartial || tokens.isAtEnd ? columns : nil
  }

  private static func columns(_ tokens: inout DefinitionTokens) -> [String]? {
    guard tokens.take(symbol: "(") else { return nil }
    var columns: [String] = []
    repeat {
      guard let name = tokens.takeName() else { return nil }
      columns.append(name)
      if tokens.take("COLLATE"), tokens.takeName() == nil { return nil }
      _ = tokens.take("ASC") || tokens.take("DESC")
    } while tokens.take(symbol: ",")
    return tokens.take(symbol: ")") ? columns : nil
  }
}
