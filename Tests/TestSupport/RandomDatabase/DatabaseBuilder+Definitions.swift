/// What a random database defines.
extension DatabaseBuilder {
  /// Schema format 1 ends where generated columns begin.
  private var hasGenerated: Bool { !features.contains("schema format 1") }

  mutating func addTable() throws {
    guard tables.count < (size == .tiny ? 3 : 8) else { return }
    let table = RandomTable(number: next(), hasGenerated: hasGenerated, &random)
    guard try writer.attempt(table.sql(&random), mayBeWrong: false) else { return }
    note(table)
    tables.append(table)
    if random.chance(60) { try insertMany(tables.count - 1) }
    for _ in 0..<random.pick([0, 1, 1, 2, 3]) { try addIndex(tables.count - 1) }
  }

  private mutating func note(_ table: RandomTable) {
    if table.isWithoutRowid { features.insert("WITHOUT ROWID") }
    if table.isStrict { features.insert("STRICT") }
    if table.alias != nil { features.insert("rowid alias") }
    if table.columns.contains(where: { $0.rest.contains("AUTOINCREMENT") }) { features.insert("AUTOINCREMENT") }
    if table.columns.contains(where: { $0.rest.contains("KEY DESC") }) { features.insert("INTEGER PRIMARY KEY DESC") }
    if table.columns.contains(where: { $0.expression != nil && $0.isStored }) { features.insert("stored columns") }
    if table.columns.contains(where: { $0.expression != nil && !$0.isStored }) { features.insert("virtual columns") }
    if table.constraints.contains(where: { $0.hasPrefix("UNIQUE") }) { features.insert("UNIQUE") }
    if table.columns.contains(where: { $0.collation == "NOCASE" }) { features.insert("NOCASE") }
    if table.columns.contains(where: { $0.collation == "RTRIM" }) { features.insert("RTRIM") }
  }

  mutating func addIndex(_ chosen: Int? = nil) throws {
    guard !tables.isEmpty else { return }
    let position = chosen ?? random.int(0...tables.count - 1)
    let table = tables[position]
    let name = RandomTable.identifier("i\(next())", &random)
    var keys = random.some(random.pick([1, 1, 2, 2, 3, 4]), of: table.columns.map(\.name))
    if random.chance(6), let first = keys.first { keys.append(first) }
    var list = table.keyList(keys, repeats: false, &random)
    if random.chance(15) {
      features.insert("expression index")
      list = (random.chance(50) ? list + ", " : "") + expression(table)
    }
    let isUnique = random.chance(12)
    var condition = ""
    if random.chance(18) {
      features.insert("partial index")
      condition = " WHERE " + self.condition(table)
    }
    if list.contains("DESC") { features.insert("DESC index") }
    let sql = "CREATE \(isUnique ? "UNIQUE " : "")INDEX \(name) ON \(table.name)(\(list))\(condition)"
    if try writer.attempt(sql) { tables[position].indexes.append(name) }
  }

  private mutating func expression(_ table: RandomTable) -> String {
    let one = random.pick(table.columns).name
    let other = random.pick(table.columns).name
    return random.pick([
      "lower(\(one))", "\(one) || \(other)", "coalesce(\(one), \(other), 0)", "length(\(one))", "\(one) + \(other)",
      "typeof(\(one))", "substr(\(one), 1, 3) DESC", "hex(\(one))", "\(one) IS NULL",
      "(\(one) = \(other)) COLLATE NOCASE",
      "CAST(\(one) AS TEXT)", "-\(one)",
    ])
  }

  /// A condition over the columns of a table, of the kinds that people write for partial indexes.
  mutating func condition(_ table: RandomTable) -> String {
    let column = random.pick(table.columns)
    let one = column.name
    let value = values.value(column.type, &random)
    let other = random.pick(table.columns).name
    return random.pick([
      "\(one) IS NOT NULL", "\(one) IS NULL", "\(one) > \(value)", "\(one) = \(value)", "\(one) <> \(value)",
      "\(one) <= \(value) AND \(other) IS NOT NULL", "\(one) IN (1, 'abc', 2.5, NULL)", "\(one) BETWEEN -5 AND 50",
      "NOT \(one)", "\(one)", "\(one) > \(other)", "\(one) LIKE 'a%'", "length(\(one)) > 3", "typeof(\(one)) = 'text'",
      "\(one) IS \(value) OR \(other) < 10", "\(one) NOT NULL AND NOT (\(other) = 3)", "\(one) GLOB 'k*'",
      "\(one) COLLATE NOCASE = 'abc'", "\(one) + 1 > 3", "\(one) IS NOT \(value)", "CASE WHEN \(one) THEN 1 ELSE 0 END",
    ])
  }

  mutating func addColumn() throws {
    guard !tables.isEmpty else { return }
    let position = random.int(0...tables.count - 1)
    let column = tables[position].added(next(), hasGenerated: hasGenerated, &random)
    if try writer.attempt("ALTER TABLE \(tables[position].name) ADD COLUMN \(column.sql)", mayBeWrong: true) {
      tables[position].columns.append(column)
      features.insert("added column")
      if random.chance(50) { try addIndex(position) }
    }
  }

  mutating func dropColumn() throws {
    guard !tables.isEmpty else { return }
    let position = random.int(0...tables.count - 1)
    guard tables[position].columns.count > 1, let column = random.pickAny(tables[position].columns) else { return }
    if try writer.attempt("ALTER TABLE \(tables[position].name) DROP COLUMN \(column.name)", mayBeWrong: true) {
      tables[position].columns.removeAll { $0.name == column.name }
      if tables[position].alias == column.name { tables[position].alias = nil }
      features.insert("dropped column")
    }
  }

  mutating func renameSomething() throws {
    guard !tables.isEmpty else { return }
    let position = random.int(0...tables.count - 1)
    let table = tables[position]
    if random.chance(50) {
      let name = RandomTable.identifier("r\(next())", &random)
      if try writer.attempt("ALTER TABLE \(table.name) RENAME TO \(name)", mayBeWrong: true) {
        tables[position].name = name
        features.insert("renamed table")
      }
    } else {
      // What else names the column is rewritten by the library; generated columns keep their own words here.
      let chosen = random.int(0...table.columns.count - 1)
      guard !table.columns.contains(where: { $0.expression != nil }), !table.columns[chosen].rest.contains("KEY") else {
        return
      }
      let name = RandomTable.identifier("r\(next())", &random)
      if try writer.attempt(
        "ALTER TABLE \(table.name) RENAME COLUMN \(table.columns[chosen].name) TO \(name)", mayBeWrong: true)
      {
        if table.alias == table.columns[chosen].name { tables[position].alias = name }
        tables[position].columns[chosen].name = name
        features.insert("renamed column")
      }
    }
  }

  mutating func dropSomething() throws {
    guard tables.count > 1 else { return }
    let position = random.int(0...tables.count - 1)
    if random.chance(50), let index = random.pickAny(tables[position].indexes) {
      try writer.attempt("DROP INDEX \(index)", mayBeWrong: true)
      tables[position].indexes.removeAll { $0 == index }
    } else if try writer.attempt("DROP TABLE \(tables[position].name)", mayBeWrong: true) {
      tables.remove(at: position)
      features.insert("dropped table")
    }
  }

  mutating func addTrigger() throws {
    guard let table = random.pickAny(tables) else { return }
    let number = next()
    try writer.run("CREATE TABLE log\(number)(at INTEGER PRIMARY KEY, what)")
    try writer.run(
      """
      CREATE TRIGGER tr\(number) AFTER \(random.pick(["INSERT", "UPDATE", "DELETE"])) ON \(table.name)
      BEGIN INSERT INTO log\(number)(what) VALUES ('changed'); END
      """)
    features.insert("trigger")
  }

  mutating func addView() throws {
    features.insert(tables.isEmpty ? "view first" : "view")
    let source = random.pickAny(tables)?.name ?? "not_there_yet"
    try writer.run("CREATE VIEW w\(next()) AS SELECT * FROM \(source)")
  }

  /// So many that the schema's own tree gets inner pages.
  mutating func addManyObjects() throws {
    features.insert("many objects")
    try writer.run("BEGIN")
    for object in 0..<(size == .tiny ? random.int(10...30) : random.int(50...300)) {
      try writer.run("CREATE TABLE many\(object)(a, b TEXT)")
      if object % 3 == 0 { try writer.run("CREATE INDEX manyi\(object) ON many\(object)(b, a)") }
      if object % 5 == 0 { try writer.run("INSERT INTO many\(object) VALUES (\(object), 'some text')") }
    }
    try writer.run("COMMIT")
  }

  mutating func addVirtualTable() throws {
    let number = next()
    switch random.int(0...2) {
    case 0:
      features.insert("FTS5")
      let option = random.pick(["", ", content=''", ", prefix='2 3'"])
      try writer.run("CREATE VIRTUAL TABLE f\(number) USING fts5(title, body\(option))")
      for row in 0..<random.int(0...20) {
        try writer.run(
          "INSERT INTO f\(number)(rowid, title, body) VALUES (\(row), 'title \(row)', 'some words of \(row % 7)')")
      }
    case 1:
      features.insert("FTS4")
      try writer.run("CREATE VIRTUAL TABLE f\(number) USING fts4(title, body)")
      for row in 0..<random.int(0...20) {
        try writer.run("INSERT INTO f\(number) VALUES ('title \(row)', 'some words of \(row % 7)')")
      }
    default:
      features.insert("R-Tree")
      try writer.run("CREATE VIRTUAL TABLE f\(number) USING rtree(id, x0, x1, y0, y1)")
      for row in 0..<random.int(0...80) {
        try writer.run("INSERT INTO f\(number) VALUES (\(row), \(row), \(row + 3), \(row % 9), \(row % 9 + 2))")
      }
    }
  }
}
