import Testing

@testable import SQLiteStore

@Suite("Expressions that only SQLite can evaluate")
struct ExpressionsRefusalTests {
  private let scope = ExpressionScope(
    table: "t",
    columns: [
      ColumnMeaning(name: "id", affinity: .integer, isRowid: true), ColumnMeaning(name: "a", affinity: .text),
      ColumnMeaning(name: "c", affinity: .text, collation: .custom),
      ColumnMeaning(name: "n", affinity: .integer, collation: .custom),
      ColumnMeaning(name: "current_date", affinity: .text),
    ])
  private let scratch = ExpressionScratch()

  private func compile(_ text: String) -> Expression? {
    SchemaTokenizer.tokens(text).flatMap { Expression.compile($0, in: scope) }
  }

  @Test(
    "what is not known for certain is refused when it is compiled",
    arguments: [
      "", "a >", "a b", "b = 1", "\"no column\" = 'x'", "other.a = 1", "main.t.a = 1", "'t'.a = 1", "json_valid(a)",
      "date('now') > a", "random() > 0", "mine(a)", "a IN (SELECT 1)", "a IN (VALUES (1))", "a IN other", "a IN ()",
      "(SELECT 1)", "EXISTS (SELECT 1)", "a LIKE c", "a LIKE 'x' ESCAPE 'ab'", "a LIKE 'x' ESCAPE '%'", "a MATCH 'x'",
      "a REGEXP 'x'", "a -> '$.x'", "like('x', a)", "c = 'x'", "c < a", "n = '5'", "c IN ('a', 'b')", "max(c, a)",
      "a COLLATE mine = 'x'", "(a COLLATE NOCASE || 'x') = 'X'", "(1, 2) = (1, 2)", "CURRENT_DATE = a", "current_date",
      "count(*)", "max(a)", "abs(a) OVER ()", "abs(a) FILTER (WHERE a)", "length(a, a)", "abs()", "CAST(a AS)",
      "CAST(a AS TEXT /* INT */ )", "0x10000000000000000", "-0x8000000000000000", "9223372036854775808", "1e400",
      "0.30000000000000004", "RAISE(IGNORE)", "?1", ":name", "a = '\u{FFFD}'", "CASE END", "CASE a ELSE 1 END",
      "abs(DISTINCT a)",
      "a IS DISTINCT FROM TRUE", "1_000", "a BETWEEN 1 OR 2 AND 3",
    ])
  func refused(text: String) {
    #expect(compile(text) == nil)
  }

  @Test(
    "a collating sequence of an application does not matter where no texts are compared",
    arguments: [
      "n > 5", "n IN (1, 2)", "c IS NULL", "length(c) > 2", "c LIKE 'a%'", "n BETWEEN 1 AND 9",
      "c COLLATE NOCASE = 'a'",
    ])
  func customCollations(text: String) {
    #expect(compile(text) != nil)
  }

  @Test(
    "what depends on the version of SQLite, on how it was built, or fails there, is not sure",
    arguments: [
      "abs(id)", "-0.5 || 'x'", "CAST(1e15 AS TEXT)", "x'41' LIKE 'a'", "lower(x'41')", "substr('é', 1)",
      "substr('a', 1e0)",
      "'0.30000000000000004' + 1", "CAST('1e-5' AS REAL) + '1e-400'", "NOT '1e-400'", "'a' || x'41'", "instr('é', 'a')",
    ])
  func unsure(text: String) throws {
    let expression = try #require(compile(text))
    let row: Expression.Row = { _ in .integer(.min) }
    #expect(expression.value(scratch, row).map(PlainValue.init) == nil)
    #expect(expression.truth(scratch, row) == .unsure)
  }

  @Test("texts that grow without end are left to SQLite")
  func growth() throws {
    let text = "a || a"
    let expression = try #require(compile((0..<4).reduce(text) { sum, _ in "(\(sum)) || (\(sum))" }))
    let large = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 1)
    defer { large.deallocate() }
    large.initializeMemory(as: UInt8.self, repeating: 65)
    #expect(expression.truth(scratch) { _ in .text(UnsafeRawBufferPointer(large)) } == .unsure)
    #expect(expression.truth(scratch) { _ in .text("5") } == .yes)
  }

  @Test("the columns that a value depends on are told, and the rowid apart")
  func columns() throws {
    #expect(compile("a > 5 AND (id IS NULL OR a < 7)")?.columns == [0, 1])
    #expect(compile("rowid > 5")?.columns == [0])
    #expect(compile("rowid > 5")?.usesRowid == false)
    let plain = ExpressionScope(table: "t", columns: [ColumnMeaning(name: "a", affinity: .text)])
    let tokens = try #require(SchemaTokenizer.tokens("_ROWID_ > 5 AND 'rowid' = 'rowid'"))
    let expression = try #require(Expression.compile(tokens, in: plain))
    #expect(expression.columns == [] && expression.usesRowid)
    #expect(expression.truth(scratch) { $0 == Expression.rowid ? .integer(6) : .null } == .yes)
    #expect(Expression.compile(tokens, in: ExpressionScope(table: "t", columns: plain.columns, hasRowid: false)) == nil)
  }

  @Test("a CHECK that is NULL is neither kept nor broken, and a number that is none is NULL")
  func unknown() throws {
    #expect(try #require(compile("a > 5")).truth(scratch) { _ in .null } == .unknown)
    #expect(try #require(compile("id > 5")).truth(scratch) { _ in .real(.nan) } == .unknown)
  }
}
