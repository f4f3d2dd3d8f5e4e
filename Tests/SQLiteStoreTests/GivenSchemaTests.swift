import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

/// Files whose schema is lost wholly, since it stood on the page that is lost.
@Suite("Salvage of files without a schema") struct GivenSchemaTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("a.db") }

  private static let definitions = """
    CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, mail TEXT UNIQUE, age INT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, sku TEXT, amount REAL);
    CREATE INDEX orders_user ON orders(user);
    CREATE TABLE log(at TEXT, level INT, line TEXT);
    CREATE TABLE pairs(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
    CREATE TABLE hollow(a, b);
    CREATE TABLE tags(id INTEGER PRIMARY KEY, tag TEXT);
    CREATE TABLE labels(id INTEGER PRIMARY KEY, label TEXT);
    CREATE VIEW dear AS SELECT * FROM orders WHERE amount > 10;
    """

  private static let contents = [
    "SELECT * FROM users", "SELECT * FROM orders", "SELECT rowid, * FROM log", "SELECT * FROM pairs",
    "SELECT * FROM hollow", "SELECT * FROM tags", "SELECT * FROM labels", "SELECT count(*) FROM dear",
    "SELECT * FROM sqlite_sequence",
  ]

  init() throws {
    folder = try TemporaryFolder("dbmend-lost-schema")
    func numbers(_ count: Int) -> String {
      "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < \(count)) INSERT INTO"
    }
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 4096; PRAGMA secure_delete = OFF; BEGIN;
      \(Self.definitions)
      \(numbers(700)) users SELECT i, 'user ' || i, 'u' || i || '@x.org', i % 90 FROM n;
      \(numbers(3000)) orders SELECT i, i % 700, 'sku ' || i % 97, i / 7.0 FROM n;
      \(numbers(400)) log SELECT 'day ' || i, i % 5, 'line ' || i FROM n;
      \(numbers(300)) pairs SELECT 'key ' || i, zeroblob(i % 50) FROM n;
      \(numbers(50)) tags SELECT i, 'tag ' || i FROM n;
      \(numbers(70)) labels SELECT i, 'label ' || i FROM n;
      CREATE TABLE gone(a, b, c); \(numbers(500)) gone SELECT i, 'deleted ' || i, i FROM n; DROP TABLE gone;
      COMMIT;
      """)
  }

  private func contents() throws -> [[[String?]]] { try Self.contents.map { try SQLiteFile.rows(path, $0) } }

  private func losePageOne() throws { try FileHandle.update(path).write([UInt8](repeating: 0xA7, count: 4096), at: 0) }

  private func salvage(with text: String?) throws -> RepairOutcome {
    let schema = text.map { SchemaText(path: "schema.sql", text: $0) }
    return try Salvager.run(path, SalvageAid(schema: { () throws(Problem) in schema }))
  }

  @Test("definitions from outside find their trees, and what defines nothing is passed over")
  func given() throws {
    let before = try contents()
    try losePageOne()
    let text = "PRAGMA user_version = 9; CREATE TABLE sqlite_sequence(name,seq); " + Self.definitions
    let outcome = try salvage(with: text)
    #expect(outcome.notes.contains { $0.hasPrefix("definitions of schema.sql were given to what was found of: ") })
    try SQLiteFile.make(path, "REINDEX")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try contents() == before)
    #expect(try SQLiteFile.value(path, "PRAGMA user_version") == "0")
  }

  @Test("where the order of the definitions is another, shapes that no other table has decide")
  func otherOrder() throws {
    let before = try contents()
    try losePageOne()
    let orders = "CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, sku TEXT, amount REAL);"
    let users = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT UNIQUE, age INT);"
    let log = "CREATE TABLE log(at TEXT, level INT, line TEXT);"
    _ = try salvage(with: log + orders + users)
    try SQLiteFile.make(path, "REINDEX")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    for place in 0..<3 { #expect(try SQLiteFile.rows(path, Self.contents[place]) == before[place]) }
  }

  @Test(
    "without definitions every tree is a table of its own, every other row is in a table, and what was deleted in none")
  func nothingGiven() throws {
    try losePageOne()
    let outcome = try salvage(with: nil)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    let tables = try SQLiteFile.rows(path, "SELECT name FROM sqlite_schema ORDER BY name").compactMap { $0[0] }
    #expect(tables.count { $0.hasPrefix("lost_table_") } == 3, "\(tables)")
    #expect(tables.allSatisfy { $0.hasPrefix("lost_table_") || $0.hasPrefix("lost_and_found_") }, "\(tables)")
    var rows = 0
    for table in tables {
      rows += Int(try SQLiteFile.value(path, "SELECT count(*) FROM \(table)") ?? "") ?? 0
      let found = try SQLiteFile.rows(path, "SELECT * FROM \(table)").joined().compactMap { $0 }
      #expect(!found.contains { $0.hasPrefix("deleted ") })
    }
    // Those of sqlite_sequence are among them.
    #expect(rows == 4521)
    #expect(outcome.notes.contains("no row of the schema is left in the file"))
  }

  @Test("one wrong number on a page of the freelist brings back nothing that was deleted")
  func tornFreelist() throws {
    let bytes = try FileHandle.read(path).read(100, at: 0)
    let trunk = bytes[32..<36].reduce(0) { $0 << 8 | Int($1) }
    try #require(trunk > 1)
    try FileHandle.update(path).write([0xFF, 0xFF, 0xFF, 0xFF], at: (trunk - 1) * 4096 + 8)
    _ = try salvage(with: nil)
    let tables = try SQLiteFile.rows(path, "SELECT name FROM sqlite_schema WHERE name LIKE 'lost%'").compactMap {
      $0[0]
    }
    for table in tables {
      let found = try SQLiteFile.rows(path, "SELECT * FROM \(table)").joined().compactMap { $0 }
      // The page whose number is gone is the only one that nothing says is free.
      #expect(found.count { $0.hasPrefix("deleted ") } < 200, "\(table)")
    }
  }

  @Test(
    "a text that defines no table is refused",
    arguments: ["", "SELECT 1;", "CREATE TABLE broken(", "DROP TABLE users;"])
  func refused(_ text: String) throws {
    try losePageOne()
    let found = try #require(problem { try salvage(with: text) })
    #expect(found.subject == "schema.sql")
    #expect(found.advice?.contains(".schema") == true)
  }
}
