/// What a `CREATE TABLE` says, where it is of the plain sort that most are. The library was asked to read the schema before,
/// so the text is known to be valid; what is not known for certain to be understood as the library does is not taken up,
/// and the library is asked for it.
struct TableDefinition {
  struct Column {
    let name: String
    /// The declared type as the library gives it back.
    let type: String
    var isNotNull = false
    /// The default's expression as it was written, without brackets around it.
    var defaultSQL: String?
    var collation = "BINARY"
  }

  /// A column in the key of an index.
  struct Term: Hashable {
    let column: Int
    let isDescending: Bool
  }

  /// A PRIMARY KEY or UNIQUE for which the library makes an index.
  struct Constraint {
    let terms: [Term]
    let isPrimaryKey: Bool
  }

  private(set) var name = ""
  private(set) var columns: [Column] = []
  /// The numbers of the primary key's columns, in key order.
  private(set) var primaryKey: [Int] = []
  /// Whether the primary key is the rowid itself.
  private(set) var isRowidAlias = false
  private(set) var isAutoincrement = false
  /// In the order in which the library makes their indexes.
  private(set) var constraints: [Constraint] = []

  /// Whether every version of the library takes it as it is: it has no expression, nothing that one version may know and
  /// another not, and no column twice.
  private(set) var isAccepted = true

  private var tokens: DefinitionTokens
  /// Columns, and columns in keys, that a definition may have to be read here; SQLite takes as many columns by default.
  private static let most = 2000
  private var termCount = 0

  /// Reads a definition; nil where it is of another sort.
  init?(_ sql: String) {
    tokens = DefinitionTokens(sql)
    guard read() else { return nil }
    if tokens.hasDoubtfulName || hasColumnTwice { isAccepted = false }
  }

  private mutating func read() -> Bool {
    guard tokens.take("CREATE"), tokens.take("TABLE"), let name = tokens.takeName(), tokens.take(symbol: "(") else {
      return false
    }
    self.name = name
    var isBehindColumns = false
    repeat {
      let isConstraint = isTableConstraint()
      if isBehindColumns, !isConstraint { isAccepted = false }
      isBehindColumns = isConstraint
      guard isConstraint ? readTableConstraint() : readColumn() else { return false }
    } while tokens.take(symbol: ",")
    guard tokens.take(symbol: ")"), tokens.isAtEnd else { return false }
    // The library makes one index for two constraints on the same columns.
    guard constraints.count > 1 else { return true }
    let lists = Set(constraints.map { $0.terms.map(\.column) })
    return lists.count == constraints.count
  }

  private var hasColumnTwice: Bool {
    // Of few columns each is held against each.
    guard columns.count > 16 else {
      return columns.indices.contains { place in
        columns[..<place].contains { ASCII.areSame($0.name, columns[place].name) }
      }
    }
    return Set(columns.map { $0.name.utf8.map(ASCII.lowered) }).count < columns.count
  }

  private func isTableConstraint() -> Bool {
    tokens.isNext("CONSTRAINT") || tokens.isNext("PRIMARY") || tokens.isNext("UNIQUE") || tokens.isNext("CHECK")
      || tokens.isNext("FOREIGN")
  }

  // MARK: - Columns

  private mutating func readColumn() -> Bool {
    guard let name = tokens.takeName(), let type = readType(), columns.count < Self.most else { return false }
    columns.append(Column(name: name, type: type))
    while !tokens.isNext(symbol: ","), !tokens.isNext(symbol: ")") {
      guard readColumnConstraint() else { return false }
    }
    return true
  }

  private mutating func readType() -> String? {
    let start = tokens.start
    let standard = standardType()
    var words = 0
    while tokens.isNext(.word), !isColumnConstraint() {
      if tokens.isNext("GENERATED") || tokens.isNext("AS") { return nil }
      tokens.takeWordOfName()
      words += 1
    }
    if tokens.isNext(symbol: "(") { return words > 0 && readSizes() ? tokens.written(start..<tokens.end) : nil }
    if words == 1, let standard { return standard }
    return words == 0 ? "" : tokens.written(start..<tokens.end)
  }

  /// The types that the library knows by number, and gives back in these letters.
  private func standardType() -> String? {
    if tokens.isNext("INTEGER") { return "INTEGER" }
    if tokens.isNext("TEXT") { return "TEXT" }
    if tokens.isNext("REAL") { return "REAL" }
    if tokens.isNext("BLOB") { return "BLOB" }
    if tokens.isNext("INT") { return "INT" }
    return tokens.isNext("ANY") ? "ANY" : nil
  }

  /// `(10)` or `(10, 2)`.
  private mutating func readSizes() -> Bool {
    guard tokens.take(symbol: "(") else { return false }
    repeat {
      _ = tokens.take(symbol: "-") || tokens.take(symbol: "+")
      guard takeNumber() else { return false }
    } while tokens.take(symbol: ",")
    return tokens.take(symbol: ")")
  }

  private func isColumnConstraint() -> Bool {
    tokens.isNext("CONSTRAINT") || tokens.isNext("PRIMARY") || tokens.isNext("NOT") || tokens.isNext("NULL")
      || tokens.isNext("UNIQUE") || tokens.isNext("CHECK") || tokens.isNext("DEFAULT") || tokens.isNext("COLLATE")
      || tokens.isNext("REFERENCES")
  }

  private mutating func readColumnConstraint() -> Bool {
    let column = columns.count - 1
    if tokens.take("CONSTRAINT") { return tokens.takeName() != nil }
    if tokens.take("NULL") { return true }
    if tokens.take("CHECK") { return takeExpression() }
    if tokens.take("DEFAULT") { return readDefault(of: column) }
    if tokens.take("REFERENCES") { return readReference() }
    if tokens.take("COLLATE") {
      guard let collation = tokens.takeName() else { return false }
      columns[column].collation = collation
      if Collation(collation) == .custom { isAccepted = false }
      return true
    }
    if tokens.take("UNIQUE") {
      constraints.append(Constraint(terms: [Term(column: column, isDescending: false)], isPrimaryKey: false))
      return true
    }
    if tokens.take("NOT") {
      // NOT DEFERRABLE belongs to a reference, and is read there.
      columns[column].isNotNull = true
      return tokens.take("NULL")
    }
    guard tokens.take("PRIMARY"), tokens.take("KEY") else { return false }
    // Unlike everywhere else, DESC makes another thing of it.
    if tokens.isNext("DESC") { return false }
    _ = tokens.take("ASC")
    return setPrimaryKey(
      [Term(column: column, isDescending: false)], isAutoincrement: tokens.take("AUTOINCREMENT"))
  }

  private mutating func readDefault(of column: Int) -> Bool {
    let start = tokens.start
    if tokens.isNext(symbol: "(") {
      guard takeExpression() else { return false }
      columns[column].defaultSQL = tokens.written(start + 1..<tokens.end - 1, trimmed: true)
      return true
    }
    if tokens.take(symbol: "-") || tokens.take(symbol: "+") {
      guard takeNumber() else { return false }
      columns[column].defaultSQL = tokens.written(start..<tokens.end)
      return true
    }
    if tokens.isNext(.quotedName) || tokens.isKeyword && !isConstant() { isAccepted = false }
    guard takeNumber() || tokens.take(.string) || tokens.take(.word) || tokens.take(.quotedName) else { return false }
    columns[column].defaultSQL = tokens.written(start..<tokens.end)
    return true
  }

  private func isConstant() -> Bool {
    tokens.isNext("NULL") || tokens.isNext("CURRENT_TIMESTAMP") || tokens.isNext("CURRENT_DATE")
      || tokens.isNext("CURRENT_TIME")
  }

  private mutating func takeNumber() -> Bool {
    guard tokens.isNext(.number) else { return false }
    if !tokens.isPlainNumber { isAccepted = false }
    tokens.skip()
    return true
  }

  private mutating func takeExpression() -> Bool {
    isAccepted = false
    return tokens.takeBrackets()
  }

  private mutating func readReference() -> Bool {
    isAccepted = false
    guard tokens.takeName() != nil else { return false }
    if tokens.isNext(symbol: "("), !tokens.takeBrackets() { return false }
    while true {
      if tokens.take("ON") {
        guard tokens.take("DELETE") || tokens.take("UPDATE") else { return false }
        let isAction =
          tokens.take("CASCADE") || tokens.take("RESTRICT") || (tokens.take("NO") && tokens.take("ACTION"))
          || (tokens.take("SET") && (tokens.take("NULL") || tokens.take("DEFAULT")))
        if !isAction { return false }
      } else if tokens.take("DEFERRABLE") {
        guard !tokens.take("INITIALLY") || tokens.take("DEFERRED") || tokens.take("IMMEDIATE") else { return false }
      } else {
        return true
      }
    }
  }

  // MARK: - Constraints of the table

  private mutating func readTableConstraint() -> Bool {
    if tokens.take("CONSTRAINT"), tokens.takeName() == nil { return false }
    if tokens.take("CHECK") { return takeExpression() }
    if tokens.take("FOREIGN") {
      return tokens.take("KEY") && tokens.takeBrackets() && tokens.take("REFERENCES") && readReference()
    }
    if tokens.take("UNIQUE") {
      guard let terms = readTerms(), tokens.take(symbol: ")") else { return false }
      constraints.append(Constraint(terms: terms, isPrimaryKey: false))
      return true
    }
    guard tokens.take("PRIMARY"), tokens.take("KEY"), let terms = readTerms() else { return false }
    let isAutoincrement = tokens.take("AUTOINCREMENT")
    return tokens.take(symbol: ")") && setPrimaryKey(terms, isAutoincrement: isAutoincrement)
  }

  /// `(one, two DESC`, up to what closes it.
  private mutating func readTerms() -> [Term]? {
    guard tokens.take(symbol: "(") else { return nil }
    var terms: [Term] = []
    repeat {
      termCount += 1
      guard termCount <= Self.most, let name = tokens.takeName(), let column = column(name) else { return nil }
      let isDescending = tokens.take("DESC")
      if !isDescending { _ = tokens.take("ASC") }
      terms.append(Term(column: column, isDescending: isDescending))
    } while tokens.take(symbol: ",")
    return terms.count == 1 || Set(terms.map(\.column)).count == terms.count ? terms : nil
  }

  private mutating func setPrimaryKey(_ terms: [Term], isAutoincrement: Bool) -> Bool {
    guard primaryKey.isEmpty else { return false }
    primaryKey = terms.map(\.column)
    self.isAutoincrement = isAutoincrement
    isRowidAlias = terms.count == 1 && columns[terms[0].column].type == "INTEGER"
    if !isRowidAlias { constraints.append(Constraint(terms: terms, isPrimaryKey: true)) }
    return isRowidAlias || !isAutoincrement
  }

  /// The number of the column of a name, ASCII case not counting; nil also where the name has other letters, of which the
  /// library and Swift may think differently.
  func column(_ name: String) -> Int? {
    if let exact = columns.firstIndex(where: { ASCII.areIdentical($0.name, name) }) { return exact }
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let lower = name.lowercased()
    return columns.firstIndex { $0.name.utf8.allSatisfy { $0 < 0x80 } && $0.name.lowercased() == lower }
  }
}
