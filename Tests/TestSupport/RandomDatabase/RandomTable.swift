/// A table's definition, made at random. Names are kept as SQL writes them, quoted where they must be.
struct RandomTable {
  /// A column's definition.
  struct Column {
    var name: String
    var type: String
    var collation: String?
    var rest = ""
    /// The expression of a generated column.
    var expression: String?
    var isStored = false

    var sql: String {
      var words = [name]
      if !type.isEmpty { words.append(type) }
      if let collation { words.append("COLLATE \(collation)") }
      if let expression { words.append("GENERATED ALWAYS AS (\(expression)) \(isStored ? "STORED" : "VIRTUAL")") }
      if !rest.isEmpty { words.append(rest) }
      return words.joined(separator: " ")
    }
  }

  var name: String
  var columns: [Column] = []
  /// Constraints of the table, and what stands behind the brackets.
  var constraints: [String] = []
  var isStrict = false
  var isWithoutRowid = false
  /// The name of the column that is the rowid, if one is.
  var alias: String?
  /// Names of indexes on it.
  var indexes: [String] = []

  /// Columns that a statement can give values to.
  var writable: [Column] { columns.filter { $0.expression == nil } }

  static let types = [
    "INTEGER", "INT", "TEXT", "BLOB", "REAL", "NUMERIC", "", "VARCHAR(20)", "DECIMAL(10, 2)", "FLOATING POINT",
    "CHARINT",
    "STRING", "DATETIME", "BOOLEAN", "DOUBLE PRECISION", "BIGINT", "CLOB", "ANY", "\"odd type\"", "UNSIGNED BIG INT",
  ]
  static let strictTypes = ["INT", "INTEGER", "TEXT", "BLOB", "REAL", "ANY"]
  private static let comments = ["/* one, two) */", "-- 'three', \"four\"\n", "/* PRIMARY KEY (b) */", " \t\n"]

  /// A name, mostly plain, seldom one that has to be quoted.
  static func identifier(_ word: String, _ random: inout SeededRandom) -> String {
    switch random.int(0...15) {
    case 0: "\"\(word) with space\""
    case 1: "\"\(word)\"\"quote\""
    case 2: "[\(word) in brackets]"
    case 3: "`\(word), (select`"
    case 4: "Größe_\(word)"
    case 5: "\"primary \(word)\""
    default: word
    }
  }

  /// A table of a number that its names carry.
  init(number: Int, hasGenerated: Bool, _ random: inout SeededRandom) {
    name = Self.identifier("t\(number)", &random)
    isStrict = random.chance(10)
    isWithoutRowid = random.chance(25)
    let count = random.chance(5) ? random.int(20...70) : random.int(1...7)
    for position in 0..<count { columns.append(column(position, &random)) }
    addKey(&random)
    for _ in 0..<random.pick([0, 0, 0, 1, 1, 2]) { constraints.append(unique(&random)) }
    if random.chance(15), let column = random.pickAny(columns) {
      constraints.append("CHECK (\(column.name) IS NULL OR length(\(column.name)) < 1000000)")
    }
    if random.chance(10) {
      constraints.append("FOREIGN KEY (\(columns[0].name)) REFERENCES \(name)(\(columns[0].name))")
    }
    if hasGenerated, random.chance(35) {
      for position in 0..<random.int(1...2) { columns.append(generated("g\(position)", canStore: true, &random)) }
    }
  }

  /// The statement that makes the table.
  func sql(_ random: inout SeededRandom) -> String {
    var parts = columns.map(\.sql) + constraints
    if random.chance(15) { parts[0] = random.pick(Self.comments) + parts[0] }
    if random.chance(10) { parts[parts.count - 1] += " " + random.pick(Self.comments) }
    let options = (isWithoutRowid ? ["WITHOUT ROWID"] : []) + (isStrict ? ["STRICT"] : [])
    let words = random.chance(80) ? "CREATE TABLE" : "create  table IF NOT EXISTS"
    let list = parts.joined(separator: random.pick([", ", ",", ",\n  "]))
    return "\(words) \(name)(\(list)) \(options.joined(separator: ", "))"
  }

  /// A generated column over those that there are.
  func generated(_ name: String, canStore: Bool, _ random: inout SeededRandom) -> Column {
    let source = random.pick(writable).name
    let other = random.pick(writable).name
    let expression = random.pick([
      "\(source)", "\(source) || 'x'", "length(\(source))", "coalesce(\(source), \(other))", "typeof(\(source))",
      "\(source) + 1", "\(source) IS NULL", "CASE WHEN \(source) > \(other) THEN 1 ELSE 'two' END", "hex(\(source))",
      "\(source) = \(other)", "lower(\(source))", "nullif(\(source), \(other))",
    ])
    var column = Column(name: name, type: isStrict ? "ANY" : random.pick(Self.types))
    column.expression = expression
    column.isStored = canStore && random.chance(50)
    if random.chance(20) { column.collation = random.pick(["NOCASE", "RTRIM", "BINARY"]) }
    return column
  }

  /// A column that can be added to a table with rows.
  func added(_ number: Int, hasGenerated: Bool, _ random: inout SeededRandom) -> Column {
    if hasGenerated, random.chance(20) { return generated("v\(number)", canStore: false, &random) }
    var column = column(number, &random)
    column.name = Self.identifier("added\(number)", &random)
    var text = random.pick([
      "", "DEFAULT NULL", "DEFAULT 5", "DEFAULT -5", "DEFAULT +3", "DEFAULT 5.0", "DEFAULT 2.5", "DEFAULT 'text'",
      "DEFAULT ''", "DEFAULT '12'", "DEFAULT '7.0'", "DEFAULT x'00ff'", "DEFAULT (1+1)", "DEFAULT ('a' || 'b')",
      "DEFAULT \"quoted\"", "DEFAULT 9223372036854775807", "DEFAULT 1e3", "DEFAULT bare",
      "NOT NULL DEFAULT 7", "NOT NULL DEFAULT 'x'", "DEFAULT 0", "DEFAULT 1", "DEFAULT - 0.0", "DEFAULT (-5)",
    ])
    if isStrict { text = random.pick(["", "DEFAULT NULL"]) }
    column.rest = text
    return column
  }

  private func column(_ position: Int, _ random: inout SeededRandom) -> Column {
    var column = Column(
      name: Self.identifier("c\(position)", &random), type: random.pick(isStrict ? Self.strictTypes : Self.types))
    if random.chance(20) { column.collation = random.pick(["NOCASE", "RTRIM", "BINARY", "nocase"]) }
    if random.chance(10) {
      column.rest = "NOT NULL"
    } else if !isStrict, random.chance(10) {
      column.rest = random.pick(["DEFAULT 3", "DEFAULT 'd'", "DEFAULT (2*3)", "NULL"])
    }
    if random.chance(4) { column.rest += " UNIQUE" }
    return column
  }

  private mutating func addKey(_ random: inout SeededRandom) {
    switch random.int(isWithoutRowid ? 3...8 : 0...8) {
    case 0: break
    case 1...2:
      let (key, isAlias) = random.pick([
        ("PRIMARY KEY", true), ("PRIMARY KEY", true), ("PRIMARY KEY ASC", true), ("PRIMARY KEY AUTOINCREMENT", true),
        ("PRIMARY KEY DESC", false), ("PRIMARY KEY NOT NULL", true),
      ])
      let isInteger = random.chance(90)
      columns.insert(
        Column(name: "id", type: isInteger ? "INTEGER" : "INT", rest: key), at: random.int(0...columns.count))
      if !isInteger, key.contains("AUTO") { columns.removeAll { $0.name == "id" } }
      alias = isInteger && isAlias ? "id" : nil
    case 3:
      columns.insert(Column(name: "id", type: "INTEGER"), at: 0)
      constraints.append("PRIMARY KEY (id \(random.pick(["", "ASC", "DESC"])))")
      alias = isWithoutRowid ? nil : "id"
    case 4...5:
      columns.insert(
        Column(name: "k", type: "TEXT", collation: random.pick([nil, "NOCASE", "RTRIM"]), rest: "PRIMARY KEY"), at: 0)
    default:
      constraints.append(
        "PRIMARY KEY (\(keyList(random.some(random.int(1...3), of: columns.map(\.name)), repeats: true, &random)))")
    }
  }

  private func unique(_ random: inout SeededRandom) -> String {
    "UNIQUE (\(keyList(random.some(random.int(1...3), of: columns.map(\.name)), repeats: false, &random)))"
  }

  /// Columns of a key with collations and directions of their own; seldom a column twice, which a definition may do.
  func keyList(_ names: [String], repeats: Bool, _ random: inout SeededRandom) -> String {
    var names = names
    if repeats, random.chance(10), let first = names.first { names.append(first) }
    return names.map { name in
      var words = [name]
      if random.chance(15) { words.append("COLLATE \(random.pick(["NOCASE", "RTRIM", "BINARY"]))") }
      if random.chance(25) { words.append(random.pick(["DESC", "ASC"])) }
      return words.joined(separator: " ")
    }.joined(separator: ", ")
  }
}
