import Testing

@testable import SQLiteStore

@Suite("Expressions against SQLite itself")
struct ExpressionsPropertyTests {
  @Test("the value of a random expression is SQLite's, type and bits, or not sure", arguments: UInt64(1)...8)
  func values(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let oracle = Oracle()
    try ExpressionsTable.fill(oracle, &numbers)
    let stored = try ExpressionsTable.rows(oracle)
    let rows = StoredRows(stored, reals: [ExpressionsTable.realColumn])
    let scope = try ExpressionsTable.scope()
    let scratch = ExpressionScratch()
    var writer = ExpressionWriter(numbers: numbers, columns: scope.columns.map(\.name) + ["rowid", "oid"])
    var compiled = 0
    var sure = 0
    var wrong = 0
    for _ in 0..<700 {
      let text = writer.expression()
      guard let tokens = SchemaTokenizer.tokens(text) else {
        Issue.record("no tokens: \(text)")
        continue
      }
      let native = Expression.compile(tokens, in: scope)
      guard let native else { continue }
      compiled += 1
      let sql = "SELECT (\(text)), CASE WHEN (\(text)) THEN 1 WHEN NOT (\(text)) THEN 0 END FROM t ORDER BY id"
      let expected: [[PlainValue]]
      switch oracle.rows(sql) {
      case .rows(let all), .failed(let all): expected = all
      case .refused(let message):
        Issue.record("SQLite refuses what was compiled: \(text): \(message)")
        continue
      }
      for (number, row) in rows.rows.enumerated() {
        let get: Expression.Row = { $0 < 0 ? row[0] : row[$0] }
        guard let value = native.value(scratch, get).map(PlainValue.init) else { continue }
        let truth = native.truth(scratch, get)
        // SQLite computes both sides of an AND, and may fail in one that decides nothing.
        guard number < expected.count else { break }
        sure += 1
        let said: Expression.Truth =
          expected[number][1] == .null ? .unknown : expected[number][1] == .integer(1) ? .yes : .no
        if value != expected[number][0] || truth != said && truth != .unsure {
          wrong += 1
          if wrong < 6 {
            Issue.record("\(text)\n  row \(stored[number])\n  \(value) \(truth), not \(expected[number])")
          }
          break
        }
      }
    }
    #expect(compiled > 350)
    #expect(sure > 10_000)
    #expect(wrong == 0)
  }
}
