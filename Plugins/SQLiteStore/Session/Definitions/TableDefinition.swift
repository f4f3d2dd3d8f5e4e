import MendKit

/// What a `CREATE TABLE` says, where it is of the plain sort that most are. The library was asked to read the schema before,
/// so the text is known to be valid; what is not known for certain to be understood as the library does is not taken up,
/// and the library is asked for it.
struct TableDefinition {
  private(set) var name = ""
  private(set) var columns: [Column] = []
  /// The columns of the primary key, in key order.
  private(set) var primaryKey: [String] = []
  /// Whether the primary key is the rowid itself.
  private(set) var isRowidAlias = false
  private(set) var isAutoincrement = false
  /// The indexes that the library makes for PRIMARY KEY and UNIQUE, in the order in which it makes them.
  private(set) var constraints: [(columns: [String], isPrimaryKey: Bool)] = []

  /// The types that the library knows by number, and gives back in these letters.
  private static let standardTypes = ["ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT"]

  private var tokens: DefinitionTokens

  /// Reads a definition; nil where it is of another sort.
  init?(_ sql: String) {
    guard let tokens = DefinitionTokens(sql) else { return nil }
    self.tokens = tokens
    guard read() else { return nil }
  }

  private mutating func read() -> Bool {
    guard tokens.take("CREATE"), tokens.take("TABLE"), let name = tokens.takeName(), tokens.take(symbol: "(") else {
      return false
    }
    self.name = name
    repeat {
      guard isTableConstraint() ? readTableConstraint() : readColumn() else { return false }
    } while tokens.take(symbol: ",")
    guard tokens.take(symbol: ")"), tokens.isAtEnd else { return false }
    // The library makes one index for two constraints on the same columns.
    let lists = constraints.map { $0.columns.map { $0.lowercased() } }
    return Set(lists).count == lists.count
  }

  private func isTableConstraint() -> Bool {
    tokens.isNext("CONSTRAINT") || tokens.isNext("PRIMARY") || tokens.isNext("UNIQUE") || tokens.isNext("CHECK")
      || tokens.isNext("FOREIGN")
  }

  // MARK: - Columns

  private mutating func readColumn() -> Bool {
    guard let name = tokens.takeName(), let type = readType() else { return false }
    columns.append(Column(name: name, type: type, isNotNull: false))
    while !tokens.isNext(symbol: ","), !tokens.isNext(symbol: ")") {
      guard readColumnConstraint() else { return false }
    }
    return true
  }

  private mutating func readType() -> String? {
    let start = tokens.start
    var isNamed = false
    while tokens.isNext(.word), !isColumnConstraint() {
      if tokens.isNext("GENERATED") || tokens.isNext("AS") { return nil }
      _ = tokens.takeName()
      isNamed = true
    }
    guard isNamed else { return "" }
    if tokens.isNext(symbol: "("), !readSizes() { return nil }
    let type = tokens.written(start..<tokens.end)
    guard type.utf8.count <= 7 else { return type }
    return Self.standardTypes.first { $0 == type.uppercased() } ?? type
  }

  /// `(10)` or `(10, 2)`.
  private mutating func readSizes() -> Bool {
    guard tokens.take(symbol: "(") else { return false }
    repeat {
      _ = tokens.take(symbol: "-") || tokens.take(symbol: "+")
      guard tokens.take(.number) else { return false }
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
    if tokens.take("CHECK") { return tokens.takeBrackets() }
    if tokens.take("COLLATE") { return tokens.takeName() != nil }
    if tokens.take("DEFAULT") { return readDefault() }
    if tokens.take("REFERENCES") { return readReference() }
    if tokens.take("UNIQUE") {
      constraints.append(([columns[column].name], false))
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
    return setPrimaryKey([columns[column].name], isAutoincrement: tokens.take("AUTOINCREMENT"))
  }

  private mutating func readDefault() -> Bool {
    if tokens.isNext(symbol: "(") { return tokens.takeBrackets() }
    if tokens.take(symbol: "-") || tokens.take(symbol: "+") { return tokens.take(.number) }
    return tokens.take(.number) || tokens.take(.string) || tokens.take(.word) || tokens.take(.quotedName)
  }

  private mutating func readReference() -> Bool {
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
    if tokens.take("CHECK") { return tokens.takeBrackets() }
    if tokens.take("FOREIGN") {
      return tokens.take("KEY") && tokens.takeBrackets() && tokens.take("REFERENCES") && readReference()
    }
    if tokens.take("UNIQUE") {
      guard let names = readNames(), tokens.take(symbol: ")") else { return false }
      constraints.append((names, false))
      return true
    }
    guard tokens.take("PRIMARY"), tokens.take("KEY"), let names = readNames() else { return false }
    let isAutoincrement = tokens.take("AUTOINCREMENT")
    return tokens.take(symbol: ")") && setPrimaryKey(names, isAutoincrement: isAutoincrement)
  }

  /// `(one, two DESC`, up to what closes it; the names as the columns have them.
  private mutating func readNames() -> [String]? {
    guard tokens.take(symbol: "(") else { return nil }
    var names: [String] = []
    repeat {
      guard let name = tokens.takeName(), let column = column(name) else { return nil }
      names.append(column.name)
      _ = tokens.take("ASC") || tokens.take("DESC")
    } while tokens.take(symbol: ",")
    return Set(names).count == names.count ? names : nil
  }

  private mutating func setPrimaryKey(_ names: [String], isAutoincrement: Bool) -> Bool {
    guard primaryKey.isEmpty else { return false }
    primaryKey = names
    self.isAutoincrement = isAutoincrement
    isRowidAlias = names.count == 1 && column(names[0])?.type == "INTEGER"
    if !isRowidAlias { constraints.append((names, true)) }
    return isRowidAlias || !isAutoincrement
  }

  /// The column of a name, ASCII case not counting; nil also where the name has other letters, of which the library and
  /// Swift may think differently.
  func column(_ name: String) -> Column? {
    if let exact = columns.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) { return exact }
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let lower = name.lowercased()
    return columns.first { $0.name.utf8.allSatisfy { $0 < 0x80 } && $0.name.lowercased() == lower }
  }
}
