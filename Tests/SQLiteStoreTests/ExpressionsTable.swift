import Testing

@testable import SQLiteStore

/// A table with columns of all affinities and collating sequences, and rows of all kinds of values.
enum ExpressionsTable {
  static let columns = """
    id INTEGER PRIMARY KEY, b BLOB, tx TEXT, nu NUMERIC, it INTEGER, re REAL, tn TEXT COLLATE NOCASE,
    tr TEXT COLLATE RTRIM, x, xn COLLATE NOCASE, xr COLLATE RTRIM, nn NUMERIC COLLATE NOCASE
    """
  static let definition = "CREATE TABLE t(\(columns))"

  static func scope() throws -> ExpressionScope {
    let table = try #require(TableExpressions(sql: definition))
    return ExpressionScope(
      table: table.name,
      columns: table.columns.map { column in
        ColumnMeaning(
          name: column.name, affinity: table.affinity(of: column), collation: Collation(column.collation ?? "BINARY"),
          isRowid: column.isPrimaryKey)
      })
  }

  private static func randomValue(_ numbers: inout SeededNumbers) -> PlainValue {
    switch numbers.below(10) {
    case 0: .null
    case 1: .integer(numbers.pick([.min, .max, .min + 1, 1 << 53, (1 << 53) + 1, -1, 0, 1 << 62]))
    case 2: .integer(Int64(numbers.below(20)) - 5)
    case 3: .real(numbers.pick([0.5, -0.5, 1e300, -1e300, 9.3e18, 0.1, 1e-10, 2.5, .infinity, -0.0]).bitPattern)
    case 4: .real(Double(numbers.below(20) - 5).bitPattern)
    case 5: .blob(numbers.pick([[], [0x35], [0x61, 0x62, 0x63], [0xFF, 0x00], [0x31, 0x32, 0x2E, 0x35]]))
    case 6:
      .text(numbers.pick([[0x61, 0x00, 0x62], [0xC3], [0x80, 0x61], [0xE2, 0x82], [0xEF, 0xBF, 0xBF], [0x00]]))
    default: .text(Array(numbers.pick(ExpressionWriter.texts).utf8))
    }
  }

  /// Makes the table and its rows.
  static func fill(_ oracle: Oracle, _ numbers: inout SeededNumbers) throws {
    try #require(oracle.run(definition))
    for row in 0..<40 {
      let values = (0..<11).map { _ in randomValue(&numbers) }
      let id = numbers.chance(90) ? Int64(row + 1) : Int64.max - Int64(row)
      try #require(
        oracle.run("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [.integer(id)] + values))
    }
  }

  /// The rows as SQLite gives them back, in the order of their rowids.
  static func rows(_ oracle: Oracle) throws -> [[PlainValue]] {
    guard case .rows(let rows) = oracle.rows("SELECT * FROM t ORDER BY id") else { throw Unready() }
    return rows
  }

  /// The number of the column that is REAL.
  static let realColumn = 5

  private struct Unready: Error {}
}
