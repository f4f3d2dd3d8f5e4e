import Testing

@testable import SQLiteStore

@Suite("Expressions where a schema has them")
struct ExpressionsSchemaTests {
  let oracle = Oracle()
  let scratch = ExpressionScratch()
  let scope: ExpressionScope
  let stored: [[PlainValue]]
  let rows: StoredRows
  var writer: ExpressionWriter

  init() throws {
    var numbers = SeededNumbers(seed: 77)
    try ExpressionsTable.fill(oracle, &numbers)
    scope = try ExpressionsTable.scope()
    stored = try ExpressionsTable.rows(oracle)
    rows = StoredRows(stored, reals: [ExpressionsTable.realColumn])
    writer = ExpressionWriter(numbers: numbers, columns: scope.columns.map(\.name))
  }

  private func truths(_ expression: Expression) -> [Expression.Truth] {
    rows.rows.map { row in expression.truth(scratch) { $0 < 0 ? row[0] : row[$0] } }
  }

  @Test("a partial index has exactly the rows for which its condition holds")
  mutating func partialIndexes() throws {
    var compared = 0
    for _ in 0..<300 {
      let condition = writer.expression()
      guard oracle.run("DROP INDEX IF EXISTS p"),
        oracle.run("CREATE INDEX p ON t(id) WHERE \(condition)"),
        case .rows(let sql) = oracle.rows("SELECT sql FROM sqlite_schema WHERE name = 'p'"),
        case .text(let bytes) = sql.first?.first,
        let index = IndexExpressions(sql: String(decoding: bytes, as: UTF8.self)), let tokens = index.condition,
        let expression = Expression.compile(tokens, in: scope),
        case .rows(let found) = oracle.rows("SELECT id FROM t INDEXED BY p WHERE \(condition)")
      else { continue }
      let inIndex = Set(found.map { $0[0] })
      for (row, truth) in zip(stored, truths(expression)) where truth != .unsure {
        compared += 1
        #expect((truth == .yes) == inIndex.contains(row[0]), "\(condition): \(row)")
      }
    }
    #expect(compared > 1000)
  }

  @Test("a CHECK constraint is broken by exactly the rows that SQLite's integrity check counts")
  mutating func checks() throws {
    var compared = 0
    for _ in 0..<300 {
      let condition = writer.expression()
      let definition = "CREATE TABLE u(\(ExpressionsTable.columns), CONSTRAINT c CHECK (\(condition)))"
      guard oracle.run("DROP TABLE IF EXISTS u"), oracle.run(definition) else { continue }
      let table = try #require(TableExpressions(sql: definition), "\(definition)")
      #expect(table.allChecks.map(\.name) == ["c"] && table.allChecks.map(\.text) == [condition])
      let scope = ExpressionScope(table: "u", columns: scope.columns)
      guard let expression = Expression.compile(table.checks[0].tokens, in: scope) else { continue }
      #expect(
        oracle.run("PRAGMA ignore_check_constraints = ON; INSERT INTO u SELECT * FROM t")
          && oracle.run("PRAGMA ignore_check_constraints = OFF"))
      guard case .rows(let found) = oracle.rows("PRAGMA integrity_check(1000)") else { continue }
      let broken = found.count { $0[0] == .text(Array("CHECK constraint failed in u".utf8)) }
      let truths = truths(expression)
      guard !truths.contains(.unsure) else { continue }
      compared += 1
      #expect(truths.count { $0 == .no } == broken, "\(condition)")
    }
    #expect(compared > 30)
  }

  @Test("a generated column holds the value of its expression with its own affinity")
  mutating func generatedColumns() throws {
    var compared = 0
    for place in 0..<250 {
      let type = ["TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB"][place % 5]
      let text = writer.expression()
      let definition = "CREATE TABLE g(\(ExpressionsTable.columns), y \(type) GENERATED ALWAYS AS (\(text)) VIRTUAL)"
      let names = scope.columns.map(\.name).joined(separator: ", ")
      guard oracle.run("DROP TABLE IF EXISTS g"), oracle.run(definition) else { continue }
      let table = try #require(TableExpressions(sql: definition), "\(definition)")
      let column = try #require(table.columns.last)
      let generated = try #require(column.generated)
      #expect(column.type == type && generated.storage == .virtual)
      let scope = ExpressionScope(table: "g", columns: scope.columns)
      guard
        let expression = Expression.compile(generated.tokens, in: scope, storedAs: table.affinity(of: column)),
        oracle.run("INSERT INTO g(\(names)) SELECT * FROM t"),
        case .rows(let values) = oracle.rows("SELECT y FROM g ORDER BY id")
      else { continue }
      for (row, value) in zip(rows.rows, values) {
        guard let native = expression.value(scratch, { row[$0] }) else { continue }
        compared += 1
        #expect(PlainValue(native) == value[0], "\(type): \(text)")
      }
    }
    #expect(compared > 1000)
  }

  @Test("where texts are UTF-16, what needs their bytes is not sure, and the rest is right")
  mutating func utf16() throws {
    let oracle = Oracle()
    var numbers = SeededNumbers(seed: 16)
    #expect(oracle.run("PRAGMA encoding = 'UTF-16le'"))
    try ExpressionsTable.fill(oracle, &numbers)
    let rows = StoredRows(try ExpressionsTable.rows(oracle), reals: [ExpressionsTable.realColumn])
    var scope = scope
    scope.isUTF8 = false
    var compared = 0
    for _ in 0..<300 {
      let text = writer.expression()
      guard let tokens = SchemaTokenizer.tokens(text), let expression = Expression.compile(tokens, in: scope),
        case .rows(let values) = oracle.rows("SELECT (\(text)) FROM t ORDER BY id")
      else { continue }
      for (row, value) in zip(rows.rows, values) {
        guard let native = expression.value(scratch, { $0 < 0 ? row[0] : row[$0] }) else { continue }
        compared += 1
        #expect(PlainValue(native) == value[0], "\(text)")
      }
    }
    #expect(compared > 1000)
  }
}
