/// How a random database's rows come and go.
extension DatabaseBuilder {
  private static let conflicts = ["INSERT", "INSERT OR IGNORE", "INSERT OR IGNORE", "INSERT OR REPLACE"]

  mutating func insertSome() throws {
    guard let table = random.pickAny(tables) else { return }
    for _ in 0..<random.int(1...(size == .tiny ? 6 : 20)) {
      var columns = table.writable.filter { _ in random.chance(90) }
      if columns.isEmpty { columns = [table.writable[0]] }
      var names = columns.map(\.name)
      var row = columns.map { column in
        table.alias == column.name
          ? rowid() : random.chance(20) && !table.isStrict ? values.any(&random) : values.value(column.type, &random)
      }
      if table.alias == nil, !table.isWithoutRowid, random.chance(15) {
        names.append("rowid")
        row.append(rowid())
      }
      try writer.attempt(
        "\(random.pick(Self.conflicts)) INTO \(table.name)(\(names.joined(separator: ", "))) "
          + "VALUES (\(row.joined(separator: ", ")))")
    }
  }

  /// Rowids small and in order, negative, and at the ends of what there is.
  private mutating func rowid() -> String {
    switch random.int(0...9) {
    case 0: random.pick(["9223372036854775807", "-9223372036854775808", "0", "-1", "4294967296", "-140737488355329"])
    case 1...2: String(random.int(-1_000_000...1_000_000))
    case 3...4: "NULL"
    default: String(random.int(1...500))
    }
  }

  mutating func insertMany(_ chosen: Int? = nil) throws {
    guard !tables.isEmpty else { return }
    let table = tables[chosen ?? random.int(0...tables.count - 1)]
    let count: Int
    switch size {
    case .tiny: count = random.int(1...30)
    case .small: count = random.chance(8) ? random.int(200...1500) : random.int(1...100)
    case .large: count = random.int(500...6000)
    }
    let start = random.pick([0, 0, 1000, -5000])
    let row = table.writable.map { column in
      if table.alias == column.name { return random.chance(50) ? "NULL" : "i * \(random.pick([1, 2, 1_000_003]))" }
      return values.byNumber(column.type, &random)
    }
    try writer.attempt(
      """
      WITH RECURSIVE c(i) AS (SELECT \(start) UNION ALL SELECT i + 1 FROM c WHERE i < \(start + count))
      INSERT OR \(random.pick(["IGNORE", "IGNORE", "REPLACE"])) INTO \(table.name)\
      (\(table.writable.map(\.name).joined(separator: ", "))) SELECT \(row.joined(separator: ", ")) FROM c
      """)
  }

  mutating func update() throws {
    guard let table = random.pickAny(tables) else { return }
    let changes = random.some(random.int(1...2), of: table.writable).map { column -> String in
      let value =
        table.alias == column.name
        ? "\(column.name) + \(random.int(1...3))"
        : random.pick([values.value(column.type, &random), column.name, "\(column.name) || 'u'", "NULL"])
      return "\(column.name) = \(value)"
    }
    try writer.attempt(
      "UPDATE OR \(random.pick(["IGNORE", "REPLACE"])) \(table.name) SET \(changes.joined(separator: ", ")) "
        + "WHERE \(someRows(table))")
  }

  mutating func delete() throws {
    guard let table = random.pickAny(tables) else { return }
    try writer.attempt("DELETE FROM \(table.name) WHERE \(someRows(table))")
  }

  private mutating func someRows(_ table: RandomTable) -> String {
    if random.chance(50) { return condition(table) }
    let divisor = random.int(2...12)
    return table.isWithoutRowid
      ? "length(hex(\(random.pick(table.columns).name))) % \(divisor) = 0" : "rowid % \(divisor) = \(random.int(0...1))"
  }
}
