import MendKit

extension H2Session {
  private var comparableKeys: [H2Catalog.ForeignKey] {
    structure.foreignKeys.filter { !$0.columns.isEmpty && $0.columns.count == $0.parentColumns.count }
  }

  /// What is asked of each foreign key.
  var foreignKeyQueries: [String] {
    comparableKeys.map { key in
      let present = key.columns.map { "C.\($0.asIdentifier) IS NOT NULL" }.joined(separator: " AND ")
      let same = zip(key.columns, key.parentColumns)
        .map { "P.\($1.asIdentifier) = C.\($0.asIdentifier)" }.joined(separator: " AND ")
      return "SELECT COUNT(*), MIN(C._ROWID_) FROM \(sqlName(key.table)) C WHERE \(present) "
        + "AND NOT EXISTS (SELECT 1 FROM \(sqlName(key.parent)) P WHERE \(same))"
    }
  }

  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)] {
    let keys = comparableKeys
    let answers = try ask(foreignKeyQueries.map { .query($0) })
    var found: [(violation: ForeignKeyViolation, count: Int)] = []
    for (key, answer) in zip(keys, answers) {
      if let words = answer.failure { throw problem(words) }
      guard let row = answer.rows.first, let count = row.first.flatMap({ $0 }).flatMap({ Int($0) }), count > 0 else {
        continue
      }
      let first = row.last.flatMap { $0 }.flatMap { Int64($0) }
      found.append((ForeignKeyViolation(table: key.table, parent: key.parent, row: first), count))
    }
    return Array(found.prefix(limit))
  }

  /// What is asked of a table's primary key: rows with a NULL in it, the number of keys that stand twice, and some of these.
  func keyQueries(of table: Table, limit: Int) -> [String] {
    guard !table.primaryKey.isEmpty else { return [] }
    let isNull = table.primaryKey.map { "\($0.asIdentifier) IS NULL" }.joined(separator: " OR ")
    let columns = table.primaryKey.map(\.asIdentifier).joined(separator: ", ")
    let duplicates =
      "SELECT \(columns), COUNT(*) AS DBMEND_N FROM \(sqlName(table.name)) GROUP BY \(columns) HAVING COUNT(*) > 1"
    return [
      "SELECT COUNT(*), MIN(_ROWID_) FROM \(sqlName(table.name)) WHERE \(isNull)",
      "SELECT COUNT(*) FROM (\(duplicates)) D", "\(duplicates) FETCH FIRST \(max(1, limit)) ROWS ONLY",
    ]
  }

  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int) {
    guard let query = keyQueries(of: table, limit: limit).first else { return ([], 0) }
    let row = try rows(query).first
    let count = row?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    return (row?.last.flatMap { $0 }.flatMap { Int64($0) }.map { [$0] } ?? [], count)
  }

  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    let queries = keyQueries(of: table, limit: limit).dropFirst()
    guard !queries.isEmpty else { return ([], 0) }
    let answers = try ask(queries.map { .query($0) })
    if let words = answers.compactMap(\.failure).first { throw problem(words) }
    let count = answers[0].rows.first?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    let keys = answers[1].rows.map { row in row.dropLast().map { SQLValue.text($0 ?? "NULL") } }
    return (Array(keys.prefix(limit)), count)
  }
}
