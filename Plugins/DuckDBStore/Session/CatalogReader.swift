import MendKit

/// What the engine says of a database's tables, and how they are named in SQL.
struct DuckDBCatalog {
  /// The catalog in common terms.
  private(set) var catalog = Catalog()
  /// Each table in the engine's SQL, by its name in the catalog.
  private(set) var paths: [String: String] = [:]
  /// Columns that draw their values from a sequence.
  private(set) var feeds: [SequenceFeed] = []
  /// The foreign keys.
  private(set) var foreignKeys: [ForeignKey] = []
  /// About how many rows each table has.
  private(set) var estimates: [String: Int] = [:]
  /// The tables in whose definition a collation stands.
  private(set) var collated: Set<String> = []
  /// The engine's version, as it says it.
  private(set) var version = ""

  /// A column of whole numbers whose default is the next value of a sequence.
  struct SequenceFeed {
    var table: String
    var column: String
    var sequence: String
    /// The sequence in the engine's SQL.
    var path: String
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

  /// The statements whose answers make a catalog.
  static let statements = [
    "SELECT version() AS v",
    "SELECT schema_name AS s, table_name AS t, sql, estimated_size AS z FROM duckdb_tables() WHERE \(own) ORDER BY table_oid",
    "SELECT schema_name AS s, table_name AS t, column_name AS c, data_type AS d, is_nullable AS n, column_default AS f "
      + "FROM duckdb_columns() WHERE \(own) ORDER BY table_oid, column_index",
    "SELECT schema_name AS s, table_name AS t, constraint_type AS k, constraint_column_names AS c, referenced_table AS r, "
      + "referenced_column_names AS p FROM duckdb_constraints() "
      + "WHERE database_name = current_database() ORDER BY table_oid, constraint_index",
    "SELECT schema_name AS s, table_name AS t, index_name AS i, is_unique AS u, expressions AS e, sql FROM duckdb_indexes() "
      + "WHERE database_name = current_database() ORDER BY index_oid",
    "SELECT schema_name AS s, view_name AS v, sql FROM duckdb_views() WHERE \(own) ORDER BY view_oid",
    "SELECT schema_name AS s, sequence_name AS q, increment_by AS i, sql FROM duckdb_sequences() "
      + "WHERE database_name = current_database() ORDER BY sequence_oid",
    "SELECT schema_name AS s FROM duckdb_schemas() WHERE \(own) AND schema_name <> 'main' ORDER BY oid",
    "SELECT schema_name AS s, type_name AS t, labels AS l FROM duckdb_types() "
      + "WHERE \(own) AND labels IS NOT NULL ORDER BY type_oid",
  ]

  private static let own = "database_name = current_database() AND NOT internal"

  /// The catalog of the answers to the statements. Throws what the engine said of one that failed.
  init(_ answers: [Client.Answer], of path: String) throws(Problem) {
    for answer in answers.prefix(7) {
      if let words = answer.failure { throw EngineWords.problem(words, on: path) }
    }
    guard answers.count == Self.statements.count else {
      throw EngineWords.problem("the engine gave no answer", on: path)
    }
    version = answers[0].rows.first?["v"]?.string ?? ""
    readTables(answers)
    readSequences(answers[6].rows, columns: answers[2].rows)
  }

  /// The name of a table of a schema in the catalog.
  static func name(_ schema: String, _ table: String) -> String { schema == "main" ? table : schema + "." + table }

  private static func name(_ row: JSONValue, _ key: String = "t") -> String {
    name(row["s"]?.string ?? "main", row[key]?.string ?? "")
  }

  private static func path(_ row: JSONValue, _ key: String) -> String {
    (row["s"]?.string ?? "main").asIdentifier + "." + (row[key]?.string ?? "").asIdentifier
  }

  private mutating func readTables(_ answers: [Client.Answer]) {
    var columns: [String: [Column]] = [:]
    for row in answers[2].rows {
      columns[Self.name(row), default: []].append(
        Column(
          name: row["c"]?.string ?? "", type: row["d"]?.string ?? "", isNotNull: row["n"] == .boolean(false)))
    }
    var keys: [String: [String]] = [:]
    var indexes: [String: [Index]] = [:]
    for row in answers[3].rows {
      let names = (row["c"]?.array ?? []).compactMap(\.string)
      switch row["k"]?.string {
      case "PRIMARY KEY":
        keys[Self.name(row)] = names
        indexes[Self.name(row), default: []].append(Self.index(of: "primary key", Self.name(row), names))
      case "UNIQUE": indexes[Self.name(row), default: []].append(Self.index(of: "unique", Self.name(row), names))
      case "FOREIGN KEY":
        foreignKeys.append(
          ForeignKey(
            table: Self.name(row), columns: names,
            parent: Self.name(row["s"]?.string ?? "main", row["r"]?.string ?? ""),
            parentColumns: (row["p"]?.array ?? []).compactMap(\.string)))
      default: continue
      }
    }
    for row in answers[4].rows {
      let expressions = Self.list(row["e"]?.string ?? "")
      indexes[Self.name(row), default: []].append(
        Index(
          name: row["i"]?.string ?? "", isUnique: row["u"] == .boolean(true), isPartial: false, columns: expressions,
          isImplicit: false))
    }
    let fed = Set(
      answers[2].rows.filter { ($0["f"]?.string ?? "").lowercased().contains("nextval(") }.map { Self.name($0) })
    var tables: [Table] = []
    for row in answers[1].rows {
      let name = Self.name(row)
      paths[name] = Self.path(row, "t")
      estimates[name] = row["z"]?.integer
      if (row["sql"]?.string ?? "").contains("COLLATE") { collated.insert(name) }
      tables.append(
        Table(
          name: name, columns: columns[name] ?? [], primaryKey: keys[name] ?? [], keyIsStructural: false,
          hasSequence: fed.contains(name), indexes: indexes[name] ?? []))
    }
    let schema = Self.schema(answers)
    catalog = Catalog(tables: tables, views: answers[5].rows.map { Self.name($0, "v") }, schema: schema)
  }

  /// The index that a constraint has; the engine tells no name of it.
  private static func index(of constraint: String, _ table: String, _ columns: [String]) -> Index {
    Index(
      name: "\(table) \(constraint) (\(columns.joined(separator: ", ")))", isUnique: true, isPartial: false,
      columns: columns, isImplicit: true)
  }

  /// `[a, b]` as names; nil for an expression.
  private static func list(_ text: String) -> [String?] {
    text.drop { $0 == "[" }.prefix { $0 != "]" }.split(separator: ",").map { part in
      let word = part.drop { $0 == " " || $0 == "'" || $0 == "\"" }.prefix { $0 != "'" && $0 != "\"" }
      return word.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } ? String(word) : nil
    }
  }

  private static func schema(_ answers: [Client.Answer]) -> String {
    var statements = answers[7].rows.map { "CREATE SCHEMA \(($0["s"]?.string ?? "").asIdentifier);" }
    for row in answers[8].rows {
      let labels = (row["l"]?.array ?? []).compactMap(\.string).map(\.asLiteral).joined(separator: ", ")
      statements.append("CREATE TYPE \(path(row, "t")) AS ENUM (\(labels));")
    }
    for place in [6, 1, 4, 5] { statements += answers[place].rows.compactMap { $0["sql"]?.string } }
    return statements.joined(separator: "\n") + (statements.isEmpty ? "" : "\n")
  }

  private mutating func readSequences(_ sequences: [JSONValue], columns: [JSONValue]) {
    for row in columns {
      guard let type = row["d"]?.string, Self.wholeNumbers.contains(type), let text = row["f"]?.string,
        let named = Self.sequence(in: text)
      else { continue }
      let schema = row["s"]?.string ?? "main"
      let match = sequences.first { sequence in
        guard sequence["q"]?.string == named.last else { return false }
        let home = sequence["s"]?.string ?? "main"
        return named.count > 1 ? named.dropLast().last == home : home == schema || home == "main"
      }
      guard let match, let next = Self.next(match["sql"]?.string ?? ""), let step = match["i"]?.integer else {
        continue
      }
      feeds.append(
        SequenceFeed(
          table: Self.name(row), column: row["c"]?.string ?? "", sequence: Self.name(match, "q"),
          path: Self.path(match, "q"), next: next, increment: Int64(step)))
    }
  }

  private static let wholeNumbers: Set<String> = [
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
  ]

  /// The parts of the name in `nextval('schema.name')`.
  private static func sequence(in text: String) -> [String]? {
    let lowered = text.lowercased()
    guard let call = lowered.range(of: "nextval('") else { return nil }
    let start = text.utf8.index(
      text.startIndex, offsetBy: lowered.utf8.distance(from: lowered.startIndex, to: call.upperBound))
    let name = text[start...].prefix { $0 != "'" }
    return name.split(separator: ".").map { part in String(part.filter { $0 != "\"" }) }
  }

  /// The value that a sequence gives out next: the engine writes it into the definition.
  private static func next(_ sql: String) -> Int64? {
    let words = sql.split { $0 == " " || $0 == ";" }
    guard let place = words.lastIndex(of: "START"), place + 1 < words.count else { return nil }
    return Int64(words[place + 1])
  }
}

extension String {
  /// Where a text stands in this one; nil where it does not.
  func range(of text: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
