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
    CREATE TABLE nothing(a, b);
    CREATE TABLE tags(id INTEGER PRIMARY KEY, tag TEXT);
    CREATE TABLE labels(id INTEGER PRIMARY KEY, label TEXT);
    CREATE VIEW dear AS SELECT * FROM orders WHERE amount > 10;
    """

  private static let contents = [
    "SELECT * FROM users", "SELECT * FROM orders", "SELECT rowid, * FROM log", "SELECT * FROM pairs",
    "SELECT * FROM nothing", "SELECT * FROM tags", "SELECT * FROM labels", "SELECT count(*) FROM dear",
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

  @Test("definitions from outside find their trees, in any order of the text", arguments: [false, true])
  func given(_ isReversed: Bool) throws {
    let before = try contents()
    try losePageOne()
    var text = Self.definitions
    if isReversed {
      // Two tables of one shape are told apart by the order alone, so they keep theirs.
      let lines = text.split(separator: "\n").map(String.init)
      let order = [5, 6, 4, 3, 0, 1, 2, 7]
      text = order.map { lines[$0] }.joined(separator: "\n")
      text = text.replacing("CREATE VIEW", with: lines[7] + " CREATE VIEW IF NOT EXISTS")
    }
    let outcome = try salvage(
      with: isReversed ? text : "PRAGMA user_version = 9; CREATE TABLE sqlite_sequence(name,seq);" + text)
    #expect(outcome.notes.contains { $0.hasPrefix("definitions of schema.sql were given to what was found of: ") })
    try SQLiteFile.make(path, "REINDEX")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    guard !isReversed else {
      #expect(try SQLiteFile.rows(path, Self.contents[0]) == before[0])
      #expect(try SQLiteFile.rows(path, Self.contents[1]) == before[1])
      return
    }
    #expect(try contents() == before)
    #expect(try SQLiteFile.value(path, "PRAGMA user_version") == "0")
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
    #expect(rows == 700 + 3000 + 400 + 300 + 50 + 70 + 1)
    #expect(outcome.notes.contains("no row of the schema is left in the file"))
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
