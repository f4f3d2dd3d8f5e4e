import MendKit

/// What the engine says of a database's structure.
struct H2Catalog {
  /// The engine's version.
  private(set) var version = ""
  /// The catalog in common terms.
  private(set) var catalog = Catalog()
  /// Tables in the engine's SQL, by their names in the catalog.
  private(set) var paths: [String: String] = [:]
  /// Columns that draw their values from a sequence.
  private(set) var identities: [Identity] = []
  /// The foreign keys.
  private(set) var foreignKeys: [ForeignKey] = []

  /// A column that draws its values from a sequence of its own.
  struct Identity {
    var table: String
    var column: String
    /// The value that is given out next.
    var next: Int64
    var increment: Int64
  }

  /// A foreign key of a table.
  struct ForeignKey {
    var table: String
    var columns: [String]
    var parent: String
    var parentColumns: [String]
  }

  private static let own = "TABLE_SCHEMA <> 'INFORMATION_SCHEMA'"

  /// The statements whose answers make a catalog.
  static let statements: [Statement] = [
    .query("SELECT H2VERSION()"),
    .query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES WHERE \(own) ORDER BY 1, 2"),
    .query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, IS_IDENTITY, IDENTITY_BASE, IDENTITY_INCREMENT "
        + "FROM INFORMATION_SCHEMA.COLUMNS WHERE \(own) ORDER BY 1, 2, ORDINAL_POSITION"),
    .query(
      "SELECT K.TABLE_SCHEMA, K.TABLE_NAME, T.CONSTRAINT_TYPE, K.CONSTRAINT_SCHEMA, K.CONSTRAINT_NAME, K.COLUMN_NAME "
        + "FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE K JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS T "
        + "ON T.CONSTRAINT_SCHEMA = K.CONSTRAINT_SCHEMA AND T.CONSTRAINT_NAME = K.CONSTRAINT_NAME "
        + "ORDER BY 4, 5, K.ORDINAL_POSITION"),
    .query(
      "SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_NAME "
        + "FROM INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS"),
    .query(
      "SELECT I.TABLE_SCHEMA, I.TABLE_NAME, I.INDEX_NAME, I.INDEX_TYPE_NAME, I.INDEX_CLASS, I.IS_GENERATED, C.COLUMN_NAME "
        + "FROM INFORMATION_SCHEMA.INDEXES I JOIN INFORMATION_SCHEMA.INDEX_COLUMNS C "
        + "ON C.INDEX_SCHEMA = I.INDEX_SCHEMA AND C.INDEX_NAME = I.INDEX_NAME AND C.TABLE_NAME = I.TABLE_NAME "
        + "WHERE I.TABLE_SCHEMA <> 'INFORMATION_SCHEMA' ORDER BY 1, 2, 3, C.ORDINAL_POSITION"),
    .query("SCRIPT NODATA NOPASSWORDS NOSETTINGS"),
  ]

  /// The catalog of the answers to the statements. Throws what the engine said of one that failed.
  init(_ answers: [Answer], of path: String) throws(Problem) {
    for answer in answers.prefix(6) {
      if let words = answer.failure { throw EngineWords.problem(words, on: path) }
    }
    guard answers.count == Self.statements.count else {
      throw EngineWords.problem("the engine gave no answer", on: path)
    }
    version = answers[0].rows.first?.first.flatMap { $0 } ?? ""
    let columns = readColumns(answers[2].rows)
    let keys = readKeys(answers[3].rows, answers[4].rows)
    let indexes = readIndexes(answers[5].rows)
    var tables: [Table] = []
    var views: [String] = []
    for row in answers[1].rows where row.count >= 3 {
      let name = Self.name(row)
      paths[name] = (row[0] ?? "").asIdentifier + "." + (row[1] ?? "").asIdentifier
      guard row[2] == "BASE TABLE" else {
        views.append(name)
        continue
      }
      let key = keys[name] ?? []
      tables.append(
        Table(
          name: name, columns: columns[name] ?? [], primaryKey: key,
          keyIsStructural: indexes.structural.contains(name), hasSequence: identities.contains { $0.table == name },
          indexes: indexes.all[name] ?? []))
    }
    let statements = answers[6].rows.compactMap { $0.first ?? nil }
      .filter { !$0.hasPrefix("--") && !$0.hasPrefix("CREATE USER") }
    let schema = statements.isEmpty ? nil : statements.joined(separator: "\n") + "\n"
    catalog = Catalog(tables: tables, views: views, schema: schema)
  }

  /// The name of a table of a schema in the catalog.
  static func name(_ row: [String?]) -> String {
    guard row.count >= 2, let schema = row[0], let table = row[1] else { return "" }
    return schema == "PUBLIC" ? table : schema + "." + table
  }

  private mutating func readColumns(_ rows: [[String?]]) -> [String: [Column]] {
    var columns: [String: [Column]] = [:]
    for row in rows where row.count >= 8 {
      let name = Self.name(row)
      columns[name, default: []].append(Column(name: row[2] ?? "", type: row[3] ?? "", isNotNull: row[4] == "NO"))
      if row[5] == "YES", let next = row[6].flatMap({ Int64($0) }) {
        identities.append(
          Identity(
            table: name, column: row[2] ?? "", next: next, increment: row[7].flatMap { Int64($0) } ?? 1))
      }
    }
    return columns
  }

  private mutating func readKeys(_ rows: [[String?]], _ references: [[String?]]) -> [String: [String]] {
    var keys: [String: [String]] = [:]
    var constraints: [String: (table: String, type: String, columns: [String])] = [:]
    for row in rows where row.count >= 6 {
      let id = "\(row[3] ?? "").\(row[4] ?? "")"
      constraints[id, default: (Self.name(row), row[2] ?? "", [])].columns.append(row[5] ?? "")
    }
    for constraint in constraints.values where constraint.type == "PRIMARY KEY" {
      keys[constraint.table] = constraint.columns
    }
    for row in references where row.count >= 4 {
      guard let child = constraints["\(row[0] ?? "").\(row[1] ?? "")"],
        let parent = constraints["\(row[2] ?? "").\(row[3] ?? "")"]
      else { continue }
      foreignKeys.append(
        ForeignKey(
          table: child.table, columns: child.columns, parent: parent.table, parentColumns: parent.columns))
    }
    return keys
  }

  private func readIndexes(_ rows: [[String?]]) -> (all: [String: [Index]], structural: Set<String>) {
    var all: [String: [Index]] = [:]
    var structural: Set<String> = []
    for row in rows where row.count >= 7 {
      let table = Self.name(row)
      let index = row[2] ?? ""
      // A primary key of one whole number is the key of the table's own tree.
      if row[4]?.hasSuffix("MVDelegateIndex") ?? false {
        structural.insert(table)
        continue
      }
      if let place = all[table]?.lastIndex(where: { $0.name == index }) {
        all[table]?[place].columns.append(row[6])
      } else {
        let type = row[3] ?? ""
        all[table, default: []].append(
          Index(
            name: index, isUnique: type.contains("UNIQUE") || type.contains("PRIMARY"), isPartial: false,
            columns: [row[6]], isImplicit: row[5] == "TRUE"))
      }
    }
    return (all, structural)
  }
}
