import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Leaves that nothing points to any more")
struct OrphanTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder("dbmend-orphans")
    path = folder.file("a.db")
  }

  private func rows(_ table: String) throws -> Set<[String?]> {
    Set(try SQLiteFile.rows(path, "SELECT rowid, * FROM \(table) NOT INDEXED"))
  }

  private func number(_ sql: String) throws -> Int { try #require(Int(try SQLiteFile.value(path, sql) ?? "")) }

  private func zero(_ pages: [Int]) throws {
    for page in pages { try FileHandle.update(path).write([UInt8](repeating: 0, count: 512), at: (page - 1) * 512) }
  }

  private func zeroRoots(_ tables: String...) throws {
    try zero(tables.map { try number("SELECT rootpage FROM sqlite_schema WHERE name = '\($0)'") })
  }

  private func salvage() throws -> RepairOutcome {
    let outcome = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA quick_check") == "ok")
    return outcome
  }

  @Test("of two tables of one shape, written in turns, are told apart by the pointer maps")
  func pointerMaps() throws {
    let turns = (1...60).map { turn in
      let insert = { (name: String) in
        """
        WITH RECURSIVE n(i) AS (SELECT \(turn * 20) UNION ALL SELECT i + 1 FROM n WHERE i < \(turn * 20 + 19))
        INSERT INTO \(name) SELECT i, '\(name) ' || i, printf('%040d', i) FROM n;
        """
      }
      return insert("a") + insert("b")
    }
    let create =
      "CREATE TABLE a(id INTEGER PRIMARY KEY, t TEXT, u TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, t TEXT, u TEXT);"
    try SQLiteFile.make(
      path, "PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL; BEGIN; \(create) \(turns.joined()) COMMIT;")
    let before = try (rows("a"), rows("b"))
    try zeroRoots("a", "b")
    _ = try salvage()
    let after = try (rows("a"), rows("b"))
    #expect(after.0 == before.0 && after.1 == before.1)
  }

  @Test(
    "hold what was deleted, where a part of the freelist is lost, and fill no gap",
    arguments: ["NONE", "INCREMENTAL"])
  func deleted(_ vacuum: String) throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 512; PRAGMA auto_vacuum = \(vacuum); PRAGMA secure_delete = OFF;
      CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, 'word ' || i FROM n;
      DELETE FROM t WHERE id BETWEEN 700 AND 1400;
      """)
    let before = try rows("t")
    let bytes = try folder.read("a.db")
    let trunk = bytes[32..<36].reduce(0) { $0 << 8 | Int($1) }
    try #require(trunk > 0)
    try zero([trunk])
    try zeroRoots("t")
    _ = try salvage()
    let after = try rows("t")
    #expect(after.isSubset(of: before))
  }

  @Test("are not taken for a table's because of a few values that its index holds, too")
  func coincidence() throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 512;
      CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, word TEXT, more TEXT);
      CREATE TABLE u(id INTEGER PRIMARY KEY, n, x, y);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO t SELECT i, i * 7919 % 97, 'word ' || i, 'more' FROM n;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 44)
        INSERT INTO u SELECT i * i, i * i * 7919 % 97 + (i % 9 > 0), 'u ' || i, 'y' FROM n;
      CREATE INDEX t_n ON t(n);
      """)
    let before = try (rows("t"), rows("u"))
    try zeroRoots("t", "u")
    _ = try salvage()
    let after = try (rows("t"), rows("u"))
    #expect(after.0 == before.0 && after.1.isSubset(of: before.1))
  }

  @Test("and that are copies of what stands in its table fill no other table, unless that had the same rows")
  func copies() throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 512;
      CREATE TABLE a(id INTEGER PRIMARY KEY, n INT, word TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, n INT, word TEXT);
      CREATE TABLE twin(id INTEGER PRIMARY KEY, word TEXT, n INT); CREATE TABLE other(id INTEGER PRIMARY KEY, word TEXT, n INT);
      CREATE TABLE k(word TEXT PRIMARY KEY) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO b SELECT i, i * 7919 % 97, 'word ' || i FROM n;
      INSERT INTO a VALUES(3, 4, 'five'); INSERT INTO k SELECT word FROM b;
      INSERT INTO twin SELECT id, word, n FROM b; INSERT INTO other SELECT * FROM twin;
      """)
    let before = try (rows("b"), rows("twin"))
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    let root = try number("SELECT rootpage FROM sqlite_schema WHERE name = 'b'")
    let leaf = image.long(image.start(root) + image.word(image.start(root) + 12))
    let keyed = try number("SELECT rootpage FROM sqlite_schema WHERE name = 'k'")
    // A leaf of the one table is where a page of something else was, and the root of the other is a page of an index.
    let target = image.long(image.start(keyed) + image.word(image.start(keyed) + 12))
    try FileHandle.update(path).write(image.page(leaf), at: image.start(target))
    let other = try number("SELECT rootpage FROM sqlite_schema WHERE name = 'a'")
    try FileHandle.update(path).write(image.page(keyed), at: image.start(other))
    try zeroRoots("twin")
    _ = try salvage()
    #expect(try rows("a").isEmpty)
    #expect(try rows("b") == before.0)
    #expect(try rows("twin") == before.1)
  }

  @Test("below a page of which a key was changed are read where the others lead to them, damaged ones too")
  func damagedInterior() throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i * 3, 'word ' || i FROM n;
      """)
    let before = try rows("t")
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    func cell(_ page: Int, _ index: Int) -> Int {
      let start = image.start(page)
      return start + image.word(start + (image.byte(start) == 5 ? 12 : 8) + 2 * index)
    }
    let interior = try #require(
      image.pages(.interiorTable).max { image.word(image.start($0) + 3) < image.word(image.start($1) + 3) })
    // The key behind the page's number, and sizes of rows on three of the leaves.
    var flips = [cell(interior, 20) + 4]
    flips += [5, 20, 21].map { cell(image.long(cell(interior, $0)), 2) }
    for at in flips { try FileHandle.update(path).write([UInt8(image.byte(at)) ^ 0x20], at: at) }
    _ = try salvage()
    let after = try rows("t")
    #expect(after == before)
  }

  @Test("and that hold rows from before columns were added are proved by no index on columns that they lack")
  func addedColumns() throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL;
      CREATE TABLE g(id INTEGER PRIMARY KEY, a INT, b TEXT, c INT);
      CREATE TABLE old(id INTEGER PRIMARY KEY, t TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO g SELECT i, i * 7, 'word ' || i, i * 14 FROM n;
      INSERT INTO old SELECT id, 'old ' || id FROM g;
      ALTER TABLE old ADD COLUMN u TEXT DEFAULT 'u'; ALTER TABLE old ADD COLUMN v INT NOT NULL DEFAULT 7;
      CREATE INDEX g_c ON g(c);
      """)
    let before = try (rows("g"), rows("old"))
    try zeroRoots("g", "old")
    _ = try salvage()
    #expect(try rows("g") == before.0)
    #expect(try rows("old") == before.1)
  }
}
