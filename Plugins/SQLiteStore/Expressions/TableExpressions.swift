/// What a CREATE TABLE statement says of columns, generated values and constraints, as far as rows can be held against
/// it.
struct TableExpressions {
  /// How a generated column keeps its values.
  enum Storage { case stored, virtual }

  /// A CHECK constraint.
  struct Check {
    /// The name that it was given.
    let name: String?
    let tokens: [SchemaToken]
    /// The condition as it was written.
    let text: String
  }

  /// A column, in the order of the definition.
  struct Column {
    let name: String
    /// The declared type as it was written; empty for none.
    let type: String
    /// The name of its collating sequence; nil for the usual one.
    var collation: String?
    /// What computes its values; nil for an ordinary column.
    var generated: (tokens: [SchemaToken], storage: Storage)?
    /// Whether the column itself is declared as the primary key.
    var isPrimaryKey = false
    var checks: [Check] = []

    fileprivate init(name: String, type: String) {
      self.name = name
      self.type = type
    }
  }

  let name: String
  private(set) var columns: [Column] = []
  /// The constraints on the table as a whole.
  private(set) var checks: [Check] = []
  private(set) var isWithoutRowid = false
  private(set) var isStrict = false

  /// All CHECK constraints, those of the columns first.
  var allChecks: [Check] { columns.flatMap(\.checks) + checks }

  /// The affinity of a column's values.
  func affinity(of column: Column) -> Affinity {
    // The type ANY of a STRICT table keeps values as they are (stricttables.html, section 2).
    isStrict && ASCII.areSame(column.type, "any") ? .blob : Affinity(declaredType: column.type)
  }

  /// Reads a definition; nil when it is not the definition of an ordinary table, or not understood to its last word.
  init?(sql: String) {
    guard let reader = DefinitionReader(sql) else { return nil }
    var parser = TableParser(reader: reader)
    guard let head = parser.head() else { return nil }
    name = head
    guard parser.body(&columns, &checks), parser.options(&isWithoutRowid, &isStrict) else { return nil }
  }
}

/// The grammar of CREATE TABLE (lang_createtable.html).
private struct TableParser {
  var reader: DefinitionReader
  /// The name for the constraints that follow, until the next comma.
  private var constraintName: String?

  init(reader: DefinitionReader) { self.reader = reader }

  mutating func head() -> String? {
    guard reader.take(keyword: "CREATE") else { return nil }
    _ = reader.take(keyword: "TEMP") || reader.take(keyword: "TEMPORARY")
    guard reader.take(keyword: "TABLE") else { return nil }
    _ = reader.take(keywords: "IF", "NOT", "EXISTS")
    return reader.takeQualifiedName()
  }

  mutating func body(_ columns: inout [TableExpressions.Column], _ checks: inout [TableExpressions.Check]) -> Bool {
    guard reader.take(sign: "(") else { return false }
    repeat {
      constraintName = nil
      if startsTableConstraint { break }
      guard let column = column() else { return false }
      columns.append(column)
    } while reader.take(sign: ",")
    guard !columns.isEmpty else { return false }
    // The commas between the constraints of a table may be left out.
    while startsTableConstraint {
      guard tableConstraint(&checks) else { return false }
      if reader.take(sign: ",") {
        constraintName = nil
        guard startsTableConstraint else { return false }
      }
    }
    return reader.take(sign: ")")
  }

  mutating func options(_ isWithoutRowid: inout Bool, _ isStrict: inout Bool) -> Bool {
    if reader.isAtEnd { return true }
    repeat {
      if reader.take(keywords: "WITHOUT", "ROWID") {
        isWithoutRowid = true
      } else if reader.take(keyword: "STRICT") {
        isStrict = true
      } else {
        return false
      }
    } while reader.take(sign: ",")
    return reader.isAtEnd
  }

  // MARK: Columns

  private mutating func column() -> TableExpressions.Column? {
    guard let name = reader.takeName(), let type = type() else { return nil }
    var column = TableExpressions.Column(name: name, type: type)
    while let token = reader.peek, !token.isSign(","), !token.isSign(")") {
      guard columnConstraint(&column) else { return nil }
    }
    return column
  }

  private static let constraintWords = [
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "DEFERRABLE", "AS",
  ]

  /// A declared type: names, and at most two numbers in parentheses behind them. What SQLite takes for the type where
  /// names are quoted is not worth following.
  private mutating func type() -> String? {
    let start = reader.place
    while let token = reader.peek, token.isName, !token.isKeyword(among: Self.constraintWords) {
      guard token.kind == .word else { return nil }
      _ = reader.take()
    }
    var end = reader.place
    guard end > start else { return "" }
    if reader.peek?.isSign("(") == true {
      guard let inner = reader.takeParenthesised(), inner.allSatisfy(Self.isPartOfSize) else { return nil }
      end = reader.place
    } else if reader.tokens[end - 1].isKeyword("ALWAYS") {
      // GENERATED ALWAYS are no keywords here, and SQLite cuts them off the type unless a comment stands between them.
      guard end - start >= 2, reader.tokens[end - 2].isKeyword("GENERATED"),
        reader.tokens[end - 1].range.lowerBound - reader.tokens[end - 2].range.upperBound < 3
      else { return nil }
      end -= 2
    }
    return reader.text(of: reader.tokens[start..<end])
  }

  private static func isPartOfSize(_ token: SchemaToken) -> Bool {
    token.kind == .integer || token.kind == .real || token.isSign(",") || token.isSign("+") || token.isSign("-")
  }

  private mutating func columnConstraint(_ column: inout TableExpressions.Column) -> Bool {
    if reader.take(keyword: "CONSTRAINT") {
      constraintName = reader.takeName()
      return constraintName != nil
    }
    if reader.take(keyword: "DEFAULT") { return defaultValue() }
    if reader.take(keyword: "NULL") || reader.take(keywords: "NOT", "NULL") || reader.take(keyword: "UNIQUE") {
      return conflictClause()
    }
    if reader.take(keywords: "PRIMARY", "KEY") {
      column.isPrimaryKey = true
      _ = reader.take(keyword: "ASC") || reader.take(keyword: "DESC")
      guard conflictClause() else { return false }
      _ = reader.take(keyword: "AUTOINCREMENT")
      return true
    }
    if reader.take(keyword: "CHECK") {
      guard let check = check() else { return false }
      column.checks.append(check)
      return true
    }
    if reader.take(keyword: "COLLATE") {
      column.collation = reader.takeName()
      return column.collation != nil
    }
    if reader.take(keywords: "GENERATED", "ALWAYS", "AS") || reader.take(keyword: "AS") {
      return generated(&column)
    }
    return reference()
  }

  private mutating func generated(_ column: inout TableExpressions.Column) -> Bool {
    guard column.generated == nil, let tokens = reader.takeParenthesised(), !tokens.isEmpty else { return false }
    let isStored = reader.take(keyword: "STORED")
    if !isStored { _ = reader.take(keyword: "VIRTUAL") }
    column.generated = (tokens, isStored ? .stored : .virtual)
    return true
  }

  private mutating func defaultValue() -> Bool {
    if reader.peek?.isSign("(") == true { return reader.takeParenthesised() != nil }
    if reader.take(sign: "+") || reader.take(sign: "-") {
      guard let token = reader.take() else { return false }
      return token.kind != .sign
    }
    guard let token = reader.take() else { return false }
    return token.kind != .sign
  }

  // MARK: Constraints

  private var startsTableConstraint: Bool {
    reader.peek?.isKeyword(among: ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]) == true
  }

  private mutating func tableConstraint(_ checks: inout [TableExpressions.Check]) -> Bool {
    if reader.take(keyword: "CONSTRAINT") {
      constraintName = reader.takeName()
      return constraintName != nil
    }
    if reader.take(keywords: "PRIMARY", "KEY") || reader.take(keyword: "UNIQUE") {
      return reader.takeParenthesised() != nil && conflictClause()
    }
    if reader.take(keyword: "CHECK") {
      guard let check = check() else { return false }
      checks.append(check)
      return conflictClause()
    }
    guard reader.take(keywords: "FOREIGN", "KEY"), reader.takeParenthesised() != nil,
      reader.peek?.isKeyword("REFERENCES") == true, reference()
    else { return false }
    while let token = reader.peek, token.isKeyword(among: ["NOT", "DEFERRABLE"]) {
      guard reference() else { return false }
    }
    return true
  }

  private mutating func check() -> TableExpressions.Check? {
    guard let tokens = reader.takeParenthesised(), !tokens.isEmpty else { return nil }
    return TableExpressions.Check(name: constraintName, tokens: tokens, text: reader.text(of: tokens))
  }

  private mutating func conflictClause() -> Bool {
    guard reader.take(keyword: "ON") else { return true }
    return reader.take(keyword: "CONFLICT") && reader.takeName() != nil
  }

  /// REFERENCES with what belongs to it, or a clause on when it is looked at.
  private mutating func reference() -> Bool {
    if reader.take(keywords: "NOT", "DEFERRABLE") || reader.take(keyword: "DEFERRABLE") {
      if reader.take(keyword: "INITIALLY") {
        return reader.take(keyword: "DEFERRED") || reader.take(keyword: "IMMEDIATE")
      }
      return true
    }
    guard reader.take(keyword: "REFERENCES"), reader.takeName() != nil else { return false }
    if reader.peek?.isSign("(") == true, reader.takeParenthesised() == nil { return false }
    while true {
      if reader.take(keyword: "MATCH") {
        guard reader.takeName() != nil else { return false }
      } else if reader.take(keyword: "ON") {
        guard reader.takeName() != nil else { return false }
        let isAction =
          reader.take(keywords: "SET", "NULL") || reader.take(keywords: "SET", "DEFAULT")
          || reader.take(keywords: "NO", "ACTION") || reader.take(keyword: "CASCADE")
          || reader.take(keyword: "RESTRICT")
        guard isAction else { return false }
      } else {
        return true
      }
    }
  }
}
