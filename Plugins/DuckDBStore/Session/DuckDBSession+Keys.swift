import MendKit

extension DuckDBSession {
  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)] {
    let keys = structure.foreignKeys.filter { !$0.columns.isEmpty && $0.columns.count == $0.parentColumns.count }
    let answers = try ask(
      keys.map { key in
        let pairs = zip(key.columns, key.parentColumns)
        let present = key.columns.map { "c.\($0.asIdentifier) IS NOT NULL" }.joined(separator: " AND ")
        let same = pairs.map { "p.\($1.asIdentifier) = c.\($0.asIdentifier)" }.joined(separator: " AND ")
        return "SELECT count(*) AS n, min(c.rowid) AS r FROM \(sqlName(key.table)) c WHERE \(present) "
          + "AND NOT EXISTS (SELECT 1 FROM \(sqlName(key.parent)) p WHERE \(same))"
      })
    var found: [(violation: ForeignKeyViolation, count: Int)] = []
    for (key, answer) in zip(keys, answers) {
      if let words = answer.failure { throw problem(words) }
      guard let row = answer.rows.first, let count = row["n"]?.integer, count > 0 else { continue }
      let first = row["r"]?.integer.map { Int64($0) }
      found.append((ForeignKeyViolation(table: key.table, parent: key.parent, row: first), count))
    }
    return Array(found.prefix(limit))
  }

  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int) {
    guard !table.primaryKey.isEmpty else { return ([], 0) }
    let found = try rows(of: keys(of: table, limit: limit).nulls).first
    let count = found?["n"]?.integer ?? 0
    return (found?["r"]?.integer.map { [Int64($0)] } ?? [], count)
  }

  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    guard !table.primaryKey.isEmpty else { return ([], 0) }
    let found = try rows(of: keys(of: table, limit: limit).duplicates)
    let keys = found.map { row in (row["k"]?.array ?? []).map { SQLValue.text($0.string ?? "NULL") } }
    return (Array(keys.prefix(limit)), found.first?["n"]?.integer ?? 0)
  }

  /// What a table's primary key was asked. Whoever asks of one table asks of all, most probably: one process does for them.
  private func keys(of table: Table, limit: Int) throws(Problem) -> KeyAnswers {
    if let known = keyAnswers[table.name], known.limit >= limit { return known }
    var tables = structure.catalog.tables.filter { !$0.primaryKey.isEmpty && $0.name != table.name }
    tables.insert(table, at: 0)
    let answers = try ask(tables.flatMap { [nullKeyQuery($0), duplicateKeyQuery($0, limit)] })
    for (place, table) in tables.enumerated() where 2 * place + 1 < answers.count {
      keyAnswers[table.name] = KeyAnswers(
        limit: limit, nulls: answers[2 * place], duplicates: answers[2 * place + 1])
    }
    guard let answer = keyAnswers[table.name] else { throw problem("the engine gave no answer") }
    return answer
  }

  private func nullKeyQuery(_ table: Table) -> String {
    let isNull = table.primaryKey.map { "\($0.asIdentifier) IS NULL" }.joined(separator: " OR ")
    return "SELECT count(*) AS n, min(rowid) AS r FROM \(sqlName(table.name)) WHERE \(isNull)"
  }

  private func duplicateKeyQuery(_ table: Table, _ limit: Int) -> String {
    let columns = table.primaryKey.map(\.asIdentifier).joined(separator: ", ")
    let texts = table.primaryKey.map { "\($0.asIdentifier)::VARCHAR" }.joined(separator: ", ")
    return "WITH d AS (SELECT \(columns) FROM \(sqlName(table.name)) GROUP BY \(columns) HAVING count(*) > 1) "
      + "SELECT (SELECT count(*) FROM d) AS n, [\(texts)] AS k FROM d LIMIT \(max(1, limit))"
  }
}

/// What became of the questions after a table's primary key.
struct KeyAnswers {
  /// How many duplicate keys were asked for.
  var limit: Int
  var nulls: Client.Answer
  var duplicates: Client.Answer
}
