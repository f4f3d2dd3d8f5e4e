import MendKit
import Testing

@testable import SQLiteStore

@Suite("Rows of the schema table and their definitions")
struct SchemaReviewTests {
  let folder: Folder

  init() throws { folder = try Folder() }

  private func findings(_ path: String) throws -> [Finding] {
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    return try session.verifyIntegrity(IntegrityRequest())
  }

  @Test(
    "a sound schema is never called a mismatch, however it is written",
    arguments: [
      "CREATE TABLE main.t(a UNIQUE, b); CREATE INDEX main.i ON T(b); CREATE VIEW main.v AS SELECT * FROM t;",
      "CREATE TABLE /* x ( */ \"a \"\"quoted\"\" [name]\" -- y\n (a UNIQUE, b); CREATE INDEX [i;i] ON \"A \"\"QUOTED\"\" [NAME]\"(b);",
      "CREATE TABLE IF NOT EXISTS \"if\"(a PRIMARY KEY); CREATE INDEX IF NOT EXISTS 'in dex' ON 'if'(a);",
      "CREATE TABLE temp(a); CREATE TABLE view(a); CREATE UNIQUE INDEX trigger ON view(a); CREATE TABLE \"on\"(\"on\");"
        + "CREATE TRIGGER before BEFORE UPDATE OF \"on\" ON \"on\" BEGIN SELECT 1; END;",
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE, b); INSERT INTO t(a) VALUES (1); CREATE INDEX i ON t(b);"
        + "CREATE TRIGGER r AFTER INSERT ON main.t BEGIN DELETE FROM t; END; ALTER TABLE t RENAME TO \"New T_1\";",
      "CREATE TABLE t(a UNIQUE); ALTER TABLE t RENAME TO t_2; CREATE TABLE x_1(a UNIQUE, b PRIMARY KEY) WITHOUT ROWID; ANALYZE;",
      "CREATE VIEW v(a, b) AS SELECT 1, 2; CREATE TRIGGER r INSTEAD OF DELETE ON V BEGIN SELECT 1; END;",
      "CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE \"g 2\" USING rtree(id, x, y); ALTER TABLE f RENAME TO h;",
      "CREATE TABLE größe(a UNIQUE); CREATE INDEX ix ON größe(a); CREATE TABLE t$x(a); CREATE INDEX i$ ON t$x(a);",
      "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE ab(x); CREATE INDEX a_ON ON ab(x); CREATE UNIQUE INDEX \"a ON\" ON a(x);",
      "PRAGMA encoding = 'UTF-16le'; CREATE TABLE \"日本\"(a UNIQUE); CREATE INDEX \"é\" ON \"日本\"(a);",
      "CREATE TABLE t(a); ALTER TABLE t ADD COLUMN b DEFAULT 'CREATE TABLE u('; ALTER TABLE t RENAME COLUMN a TO \"x y\";",
    ])
  func sound(_ script: String) throws {
    let path = folder("a.db")
    try SQLiteStoreTests.script(path, script)
    #expect(try findings(path).filter { $0.code == "schema.mismatch" } == [])
  }

  private static let objects = """
    CREATE TABLE t(a UNIQUE, b); CREATE INDEX i ON t(b); CREATE VIEW v AS SELECT a FROM t;
    CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TABLE other(a); CREATE VIEW "v 2" AS SELECT 1;
    """

  private static let rows = [
    ("i", "tbl_name = 'other'", "tbl_name is 'other', and the definition says 't'"),
    ("i", "name = 'j'", "name is 'j', and the definition says 'i'"),
    ("r", "tbl_name = 'other'", "tbl_name is 'other', and the definition says 't'"),
    ("v", "name = 'w'", "name is 'w', and the definition says 'v'"),
    ("v 2", "type = 'table'", "type is 'table', and the definition says 'view'"),
    ("t", "tbl_name = 'other'", "tbl_name is 'other', and the definition says 't'"),
    ("other", "sql = 'CREATE TABLE oth2r(a)'", "name is 'other', and the definition says 'oth2r'"),
  ]

  @Test("a row that contradicts its own definition is named when SQLite refuses the schema for it", arguments: rows)
  func mismatch(_ name: String, _ change: String, _ evidence: String) throws {
    let path = folder("a.db")
    try script(path, Self.objects)
    try script(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET \(change) WHERE name = '\(name)'")
    let found = try #require(problem { try findings(path) })
    #expect(found.kind == .damaged)
    #expect(found.code == "schema.mismatch")
    #expect(found.said.hasSuffix(evidence), "\(found.said)")
  }

  @Test("what SQLite does not see, the table of an index that it made for a constraint, is found by the verification")
  func automaticIndex() throws {
    let path = folder("a.db")
    try script(path, Self.objects)
    try script(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET tbl_name = 'other' WHERE sql IS NULL")
    #expect(try sqlite(path, "PRAGMA integrity_check") == [[.text("ok")]])
    let found = try findings(path).filter { $0.code == "schema.mismatch" }
    #expect(found.map(\.evidence) == ["tbl_name is 'other', and the name of the index says 't'"])
    #expect(found.map(\.severity) == [.error])
  }

  @Test("a view or a trigger with a root page is no row that SQLite writes, whether it reads past it or not")
  func rootOfView() throws {
    let path = folder("a.db")
    try script(path, Self.objects)
    try script(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'r'")
    let found = try findings(path)
    #expect(found.map(\.code) == ["schema.mismatch"])
    #expect(found.first?.evidence == "rootpage is 2, and a trigger has no pages")
    try script(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'v'")
    #expect(problem { try findings(path) }?.code == "schema.mismatch")
  }

  @Test("a virtual table with a root page is a mismatch, also where its module cannot be asked")
  func rootOfVirtualTable() throws {
    let path = folder("a.db")
    try script(path, "CREATE TABLE t(a); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE f USING fts5(a);")
    try script(
      path,
      "UPDATE f_config SET v = 99; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'f'")
    let found = try findings(path)
    #expect(found.first { $0.code == "schema.mismatch" }?.evidence == "rootpage is 2, and a virtual table has no pages")
  }

  @Test(
    "a constraint without its index is a mismatch",
    arguments: [
      "CREATE TABLE t(a UNIQUE, b)", "CREATE TABLE t(a INT PRIMARY KEY, b)",
      "CREATE TABLE t(a UNIQUE, b, PRIMARY KEY(b)) WITHOUT ROWID",
    ])
  func constraintWithoutIndex(_ definition: String) throws {
    let path = folder("a.db")
    let isTree = definition.hasSuffix("ROWID")
    try script(
      path,
      "CREATE TABLE t(a, b\(isTree ? ", PRIMARY KEY(b)) WITHOUT ROWID" : ")"); INSERT INTO t VALUES (1, 2);"
        + "CREATE INDEX i ON t(b);")
    try script(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '\(definition)' WHERE name = 't'")
    let engine = try? sqlite(path, "PRAGMA integrity_check")
    #expect(engine != [[.text("ok")]])
    let found = try findings(path)
    #expect(found.map(\.code) == ["schema.mismatch"], "\(found)")
    #expect(found.first?.location.table == "t")
    #expect(found.first?.location.index?.hasPrefix("sqlite_autoindex_t_") == true)
  }

  @Test(
    "what no version of SQLite would take is damage, not a schema of a newer one",
    arguments: [
      ("CREATE TABLE t(a)", "INSERT INTO sqlite_schema VALUES ('table', 't', 't', 2, 'CREATE TABLE t(a)')"),
      ("CREATE TABLE t(a, b)", "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a, a)'"),
    ])
  func impossible(_ definition: String, _ change: String) throws {
    let path = folder("a.db")
    try script(path, definition)
    try script(path, "PRAGMA writable_schema = ON; " + change)
    let found = try #require(problem { try findings(path) })
    #expect(found.kind == .damaged)
    #expect(found.code == "schema.malformed")
  }

  @Test(
    "what is of no known form is left alone",
    arguments: [
      "", "CREATE", "CREATE TABLE", "CREATE SEQUENCE s", "CREATE INDEX i", "CREATE INDEX i FOR t(a)",
      "CREATE TRIGGER r",
      "CREATE TRIGGER r AFTER INSERT", "CREATE TRIGGER r (ON t)", "CREATE TABLE 'a", "DROP TABLE t",
      "CREATE TABLE 5(a)",
    ])
  func unknown(_ sql: String) { #expect(ObjectDefinition(sql) == nil) }

  @Test("definitions are read up to the table that they are on")
  func definitions() throws {
    let trigger = try #require(
      ObjectDefinition("CREATE TEMP TRIGGER a.[r 1] UPDATE OF x, \"on\" ON main.'t' BEGIN END"))
    #expect(trigger.type == "trigger" && trigger.name == "r 1" && trigger.table == "t")
    let index = try #require(ObjectDefinition("create unique index if not exists i on 'it''s'(a)"))
    #expect(index.type == "index" && index.name == "i" && index.table == "it's")
  }
}
