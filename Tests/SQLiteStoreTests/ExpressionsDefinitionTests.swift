import Testing

@testable import SQLiteStore

@Suite("Definitions with expressions")
struct ExpressionsDefinitionTests {
  private static let definitions = [
    "CREATE TABLE t(a)",
    "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b VARCHAR ( 10 ) NOT NULL ON CONFLICT IGNORE, c)",
    "CREATE TABLE \"t\"(\"a b\" long type, [c,d] DECIMAL(10, -2) DEFAULT -1.5, `e``f` text collate nocase)",
    "CREATE TABLE t(a DOUBLE /* an INT */ PRECISION, b UNSIGNED BIG INT -- comment, with comma\n, c BLOB)",
    "CREATE TABLE t(a, b AS (a + 1), c INT GENERATED ALWAYS AS (max(a, ')')) STORED UNIQUE, d TEXT AS (a) VIRTUAL)",
    "CREATE TABLE t(a INT CONSTRAINT one CHECK (a > 0) CHECK (a < 9), CONSTRAINT two CHECK (a <> 5) CHECK (a != 6))",
    "CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID",
    "CREATE TABLE t(a TEXT, b ANY, c INT PRIMARY KEY DESC) STRICT, WITHOUT ROWID",
    "CREATE TABLE t(a ANY, b INTEGER) STRICT",
    """
    CREATE TABLE t(a REFERENCES o(x) ON DELETE SET NULL ON UPDATE NO ACTION DEFERRABLE INITIALLY DEFERRED NOT NULL,
      b DEFAULT (1 + (2)) REFERENCES o MATCH FULL NOT DEFERRABLE, key, action TEXT, "check" INT, c DEFAULT CURRENT_TIME,
      PRIMARY KEY (a, b DESC) ON CONFLICT REPLACE UNIQUE (key), FOREIGN KEY (c, a) REFERENCES o(x, y)
      ON DELETE CASCADE DEFERRABLE, CHECK (a), CONSTRAINT n UNIQUE(c))
    """,
    "CREATE TABLE t(a GENERATED ALWAYS, b TEXT NOT NULL DEFAULT x'00' COLLATE \"rtrim\" UNIQUE, c INT DEFAULT +5)",
    "CREATE TABLE t(a DATETIME DEFAULT 'now' NULL CONSTRAINT x NOT NULL, b FLOAT(2), c clob, d floating point)",
    "CREATE TABLE t AS SELECT 1 AS a, 'x' AS \"b c\", 2.5",
  ]

  @Test("what is read of a table's definition is what SQLite reads", arguments: definitions)
  func tables(definition: String) throws {
    let oracle = Oracle()
    try #require(oracle.run(definition), "\(oracle.message)")
    guard case .rows(let sql) = oracle.rows("SELECT sql FROM sqlite_schema WHERE name = 't'"),
      case .text(let bytes) = sql.first?.first, case .rows(let columns) = oracle.rows("PRAGMA table_xinfo(t)"),
      case .rows(let kind) = oracle.rows("SELECT wr, strict FROM pragma_table_list WHERE name = 't'")
    else {
      Issue.record("SQLite does not tell")
      return
    }
    let table = try #require(TableExpressions(sql: String(decoding: bytes, as: UTF8.self)))
    #expect(table.name == "t")
    #expect(table.columns.map(\.name) == columns.map { Self.text($0[1]) })
    #expect(table.columns.map { $0.type.uppercased() } == columns.map { Self.text($0[2]).uppercased() })
    let hidden = table.columns.map { $0.generated.map { $0.storage == .virtual ? 2 : 3 } ?? 0 }
    #expect(hidden == columns.map { $0[6] == .integer(2) ? 2 : $0[6] == .integer(3) ? 3 : 0 })
    #expect([table.isWithoutRowid, table.isStrict] == kind[0].map { $0 == .integer(1) })
  }

  private static func text(_ value: PlainValue) -> String {
    if case .text(let bytes) = value { String(decoding: bytes, as: UTF8.self) } else { "" }
  }

  @Test("CHECK constraints have their names and texts")
  func checks() throws {
    let table = try #require(TableExpressions(sql: Self.definitions[5]))
    #expect(table.allChecks.map(\.name) == ["one", "one", "two", "two"])
    #expect(table.allChecks.map(\.text) == ["a > 0", "a < 9", "a <> 5", "a != 6"])
    #expect(table.columns[0].checks.count == 2)
  }

  @Test("collating sequences, generated values and the type ANY are told")
  func columns() throws {
    #expect(TableExpressions(sql: Self.definitions[2])?.columns[2].collation == "nocase")
    let strict = try #require(TableExpressions(sql: Self.definitions[8]))
    #expect(strict.columns.map { strict.affinity(of: $0) } == [.blob, .integer])
    let generated = TableExpressions(sql: Self.definitions[4])?.columns[2].generated
    #expect(generated?.tokens.map(\.text) == ["max", "(", "a", ",", ")", ")"])
    #expect(generated?.storage == .stored)
  }

  @Test("affinities follow the five rules in their order")
  func affinities() {
    let types: [(String, Affinity)] = [
      ("", .blob), ("INT", .integer), ("CHARINT", .integer), ("VARCHAR(5)", .text), ("clob", .text),
      ("TEXT BLOB", .text),
      ("blob", .blob), ("REAL", .real), ("DOUBLE", .real), ("FLOATING POINT", .integer), ("FLOAT", .real),
      ("DECIMAL", .numeric), ("STRING", .numeric), ("BOOLEAN", .numeric),
    ]
    for (type, affinity) in types { #expect(Affinity(declaredType: type) == affinity, "\(type)") }
  }

  @Test("an index has its terms and its condition")
  func indexes() throws {
    let index = try #require(
      IndexExpressions(
        sql: "CREATE UNIQUE INDEX \"i\" ON t(a COLLATE nocase DESC, coalesce(b, ','), \"c\" ASC NULLS LAST) "
          + "WHERE a > 5 -- and nothing else\n"))
    #expect(index.name == "i" && index.table == "t" && index.isUnique)
    #expect(
      index.terms.map { $0.tokens.map(\.text) } == [
        ["a", "COLLATE", "nocase"], ["coalesce", "(", "b", ",", ",", ")"], ["c"],
      ])
    #expect(index.terms.map(\.isDescending) == [true, false, false])
    #expect(index.condition?.map(\.text) == ["a", ">", "5"])
    #expect(IndexExpressions(sql: "CREATE INDEX i ON t(a)")?.condition == nil)
  }

  @Test(
    "what is no definition, or not wholly understood, is none",
    arguments: [
      "", ";", "CREATE", "CREATE TABLE", "CREATE TABLE t", "CREATE TABLE t(", "CREATE TABLE t()", "CREATE TABLE t(a",
      "CREATE TABLE t(a,)", "CREATE TABLE t(a))", "CREATE TABLE t(a) x", "CREATE TABLE t(a CHECK)",
      "CREATE TABLE t(a 5)",
      "CREATE TABLE t(a CHECK (a > 0)", "CREATE TABLE t(a CHECK ())", "CREATE VIEW t(a) AS SELECT 1",
      "CREATE TABLE t(a 'b)",
      "CREATE VIRTUAL TABLE t USING fts5(a)", "CREATE TABLE t(a AS (1) AS (2))", "CREATE TABLE t(a) WITHOUT",
      "CREATE TABLE t(a, CHECK (a), b)", "CREATE TABLE t(a DEFAULT)", "CREATE TABLE t(a \u{0} b)",
      "CREATE TABLE t(a ?1)",
      "CREATE TABLE t(PRIMARY KEY (a))", "CREATE TABLE t(a 'int')", "CREATE TABLE t(a generated /**/ always)",
      "CREATE TABLE t(a x'5')", "CREATE INDEX", "CREATE INDEX i ON t",
      "CREATE INDEX i ON t()", "CREATE INDEX i ON t(a,)", "CREATE INDEX i ON t(a) WHERE", "CREATE INDEX i ON t(a) b",
      "CREATE INDEX i t(a)",
    ])
  func nonsense(sql: String) {
    #expect(TableExpressions(sql: sql) == nil)
    #expect(IndexExpressions(sql: sql) == nil)
  }

  @Test("no text makes the readers fail, whatever stands in it", arguments: [1, 2, 3] as [UInt64])
  func soup(seed: UInt64) {
    var numbers = SeededNumbers(seed: seed)
    let words = [
      "CREATE", "TABLE", "INDEX", "ON", "t", "a", "(", ")", "(", ")", ",", "CHECK", "NOT", "NULL", "AND", "OR", "IN",
      "IS",
      "BETWEEN", "LIKE", "'x'", "\"y\"", "5", "1.5", "x'00'", "-", "+", "*", "||", "=", "<", "CASE", "WHEN", "THEN",
      "END",
      "CAST", "AS", "INTEGER", "COLLATE", "nocase", "PRIMARY", "KEY", "DEFAULT", "WHERE", "WITHOUT", "ROWID", "abs(",
      ".",
      "ESCAPE", "'", "[", "/*", "--", "GLOB", "'[a-'", "TRUE", "~", "substr(", "REFERENCES", "GENERATED", "ALWAYS", "é",
    ]
    let scope = ExpressionScope(table: "t", columns: [ColumnMeaning(name: "a", affinity: .text)])
    for _ in 0..<3000 {
      var text =
        numbers.chance(50) ? numbers.pick(["CREATE TABLE t(", "CREATE INDEX i ON t(", "CREATE TABLE t(a CHECK("]) : ""
      for _ in 0..<numbers.below(14) { text += numbers.pick(words) + (numbers.chance(80) ? " " : "") }
      _ = TableExpressions(sql: text)?.allChecks.map { Expression.compile($0.tokens, in: scope)?.columns }
      _ = IndexExpressions(sql: text)?.condition.map { Expression.compile($0, in: scope)?.columns }
      if let tokens = SchemaTokenizer.tokens(text), let expression = Expression.compile(tokens, in: scope) {
        _ = expression.value(ExpressionScratch()) { _ in .text("5") }
      }
    }
    for definition in Self.definitions {
      for _ in 0..<100 {
        var bytes = Array(definition.utf8)
        for _ in 0...numbers.below(4) { bytes[numbers.below(bytes.count)] = UInt8(numbers.below(256)) }
        _ = TableExpressions(sql: String(decoding: bytes.prefix(numbers.below(bytes.count) + 1), as: UTF8.self))
      }
    }
  }

  @Test("nesting without end is refused, not followed")
  func depth() {
    let scope = ExpressionScope(table: "t", columns: [ColumnMeaning(name: "a", affinity: .text)])
    for (open, close) in [
      ("(", ")"), ("- ", ""), ("NOT ", ""), ("CASE WHEN ", " THEN 1 END"), ("abs(", ")"), ("+", ""),
    ] {
      let text = String(repeating: open, count: 50_000) + "a" + String(repeating: close, count: 50_000)
      #expect(SchemaTokenizer.tokens(text).flatMap { Expression.compile($0, in: scope) } == nil)
    }
    let chain = "a" + String(repeating: " || a", count: 50_000)
    #expect(SchemaTokenizer.tokens(chain).flatMap { Expression.compile($0, in: scope) } == nil)
    let nested = "CREATE TABLE t(a CHECK " + String(repeating: "(", count: 50_000)
    #expect(TableExpressions(sql: nested) == nil)
  }
}
