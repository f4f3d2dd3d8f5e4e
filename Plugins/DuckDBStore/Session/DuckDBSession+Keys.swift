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
    let isNull = table.primaryKey.map { "\($0.asIdentifier) IS NULL" }.joined(separator: " OR ")
    guard !isNull.isEmpty else { return ([], 0) }
    let found = try rows("SELECT count(*) AS n, min(rowid) AS r FROM \(sqlName(table.name)) WHERE \(isNull)").first
    let count = found?["n"]?.integer ?? 0
    return (found?["r"]?.integer.map { [Int64($0)] } ?? [], count)
  }

  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    guard !table.primaryKey.isEmpty else { return ([], 0) }
    let columns = table.primaryKey.map(\.asIdentifier).joined(separator: ", ")
    let texts = table.primaryKey.map { "\($0.asIdentifier)::VARCHAR" }.joined(separator: ", ")
    let found = try rows(
      "WITH d AS (SELECT \(columns) FROM \(sqlName(table.name)) GROUP BY \(columns) HAVING count(*) > 1) "
        + "SELECT (SELECT count(*) FROM d) AS n, [\(texts)] AS k FROM d LIMIT \(max(1, limit))")
    let keys = found.map { row in (row["k"]?.array ?? []).map { SQLValue.text($0.string ?? "NULL") } }
    return (Array(keys.prefix(limit)), found.first?["n"]?.integer ?? 0)
  }
}
