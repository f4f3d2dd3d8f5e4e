import Foundation
import MendKit
import Testing

@testable import SQLiteStore

@Suite("What integrity verification finds, and what is mended of it")
struct IntegrityTests {
  let folder: Folder
  let driver = SQLiteDriver()

  init() throws { folder = try Folder() }

  private static let people = """
    CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INTEGER); CREATE INDEX people_born ON people(born);
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)
    INSERT INTO people SELECT i, 'name ' || i, 1900 + i % 100 FROM c;
    """

  private func findings(_ path: String) throws -> [Finding] {
    let session = try driver.open(path, patience: 1)
    defer { session.end() }
    return try session.verifyIntegrity(IntegrityRequest())
  }

  /// Takes rows out of the index behind the engine's back.
  private func dropFromIndex(_ path: String, _ name: String, rows: String) throws {
    // A second schema over the same tree: an ordinary table without rowid has the form of an index.
    let root = try #require(
      try sqlite(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'").first?.first?.integer)
    try script(
      path,
      """
      PRAGMA writable_schema=ON;
      INSERT INTO sqlite_schema VALUES ('table', 'ghost', 'ghost', \(root), 'CREATE TABLE ghost(k, id, PRIMARY KEY(k, id)) WITHOUT ROWID')
      """)
    try script(path, "DELETE FROM ghost WHERE id IN (\(rows))")
    try script(path, "DELETE FROM sqlite_schema WHERE name = 'ghost'")
  }

  @Test("rows that an index lacks are named by their rowids, and rebuilding the index brings them back")
  func missingEntries() throws {
    let path = folder("a.db")
    try script(path, Self.people)
    try dropFromIndex(path, "people_born", rows: "7, 1999")
    let found = try findings(path)
    #expect(found.map(\.code) == ["index.entry-missing", "index.entry-missing"])
    #expect(found.map(\.location.row) == [7, 1999])
    #expect(found.map(\.location.index) == ["people_born", "people_born"])
    let copy = try driver.openCopy(path)
    let outcome = try copy.rebuildIndexes(["people_born"])
    try copy.close()
    #expect(outcome.rows == ["people": RowTally(kept: 2000)])
    #expect(try findings(path) == [])
  }

  @Test("a row that no index knows is not brought back by rebuilding them, but kept aside")
  func refutedRow() throws {
    let path = folder("a.db")
    try script(path, Self.people)
    try dropFromIndex(path, "people_born", rows: "8")
    try dropFromIndex(path, "sqlite_autoindex_people_1", rows: "8")
    #expect(try Set(findings(path).map(\.code)) == ["index.entry-missing", "row.refuted", "page.stale"])
    let copy = try driver.openCopy(path)
    let outcome = try copy.rebuildIndexes(["people_born", "sqlite_autoindex_people_1"])
    try copy.close()
    #expect(outcome.rows == ["people": RowTally(kept: 1999, setAside: 1)])
    #expect(
      try sqlite(path, "SELECT dbmend_rowid, name FROM dbmend_set_aside_people") == [[.integer(8), .text("name 8")]])
    #expect(try findings(path) == [])
  }

  @Test("entries that no row stands behind are found, and kept aside when the index is rebuilt")
  func danglingEntries() throws {
    let path = folder("a.db")
    try script(path, Self.people)
    let other = folder("b.db")
    try FileManager.default.copyItem(atPath: path, toPath: other)
    // The table's leaf comes back from before the row was inserted: the index page does not.
    try script(path, "INSERT INTO people VALUES (2001, 'late', 1950)")
    let pages = try (bytes(of: path), bytes(of: other))
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    let leaf = try session.query(
      "SELECT pageno FROM dbstat WHERE name = 'people' AND pagetype = 'leaf' ORDER BY path DESC", limit: 1)
    let page = Int(try #require(leaf.first?.first?.integer))
    session.end()
    try FileHandle.update(path).write(Array(pages.1[(page - 1) * 4096..<page * 4096]), at: (page - 1) * 4096)
    #expect(try Set(findings(path).map(\.code)) == ["index.entry-extra"])
    let copy = try driver.openCopy(path)
    let outcome = try copy.rebuildIndexes(["people_born", "sqlite_autoindex_people_1"])
    try copy.close()
    #expect(outcome.rows == ["people": RowTally(kept: 2000, setAside: 2)])
    #expect(try sqlite(path, "SELECT name FROM dbmend_set_aside_sqlite_autoindex_people_1") == [[.text("late")]])
    #expect(try findings(path) == [])
  }

  @Test(
    "a malformed page is laid at the door of its index, and the index is rebuilt although its tree cannot be walked",
    arguments: ["people_born", "sqlite_autoindex_people_1"])
  func malformedIndex(_ name: String) throws {
    let path = folder("a.db")
    try script(path, Self.people)
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    let pages = try session.query("SELECT pageno FROM dbstat WHERE name = '\(name)' ORDER BY pageno", limit: 100)
    session.end()
    let file = try FileHandle.update(path)
    for page in pages.compactMap({ $0.first?.integer }) {
      try file.write([UInt8](repeating: 0xEE, count: 4096), at: (Int(page) - 1) * 4096)
    }
    let found = try findings(path)
    #expect(found.contains { $0.code == "index.malformed" && $0.location.index == name })
    #expect(!found.contains { $0.code == "table.malformed" })
    let copy = try driver.openCopy(path)
    _ = try copy.rebuildIndexes([name])
    try copy.close()
    #expect(try findings(path) == [])
    #expect(try sqlite(path, "SELECT count(*) FROM people") == [[.integer(2000)]])
  }

  @Test("a NULL in a primary key is found although the declaration excludes it, and its row is set aside")
  func nullKey() throws {
    let path = folder("a.db")
    try script(
      path,
      "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('b', 2);")
    try script(
      path,
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(k TEXT PRIMARY KEY, v)' WHERE name = 't'"
    )
    try script(path, "INSERT INTO t VALUES (NULL, 3)")
    try script(
      path,
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v)' WHERE name = 't'"
    )
    #expect(try findings(path).map(\.code) == ["key.null"])
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    let table = try #require(try session.catalog().table("t"))
    #expect(try session.nullKeys(of: table, limit: 5).rows == [3])
    session.end()
    let copy = try driver.openCopy(path)
    #expect(try copy.setAsideNullKeys(of: table, into: "aside") == 1)
    try copy.close()
    #expect(try findings(path) == [])
    #expect(try sqlite(path, "SELECT dbmend_rowid, k, v FROM aside") == [[.integer(3), .null, .integer(3)]])
  }

  @Test("sequences that are missing or behind are set to the largest key")
  func sequences() throws {
    let path = folder("a.db")
    try script(
      path,
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO t VALUES (41, 1); DELETE FROM sqlite_sequence;"
    )
    let states = try driver.open(path, patience: 1).sequences()
    #expect(states == [SequenceState(table: "t", last: nil, largestKey: 41, engineRecovers: true)])
    let copy = try driver.openCopy(path)
    try copy.resetSequences(["t"])
    try copy.close()
    #expect(try driver.open(path, patience: 1).sequences().map(\.last) == [41])
  }

  @Test("the catalog tells keys, sequences, indexes and definitions")
  func catalog() throws {
    let path = folder("a.db")
    try script(
      path,
      """
      CREATE TABLE alias(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);
      CREATE TABLE composite(a TEXT, b INT NOT NULL, PRIMARY KEY(b, a)); CREATE TABLE bare(x); CREATE TABLE tree(k PRIMARY KEY) WITHOUT ROWID;
      CREATE INDEX some ON alias(v, id) WHERE v > 'a'; CREATE VIEW seen AS SELECT 1; CREATE VIRTUAL TABLE words USING fts5(w);
      """)
    let catalog = try driver.open(path, patience: 1).catalog()
    #expect(catalog.tables.map(\.name) == ["alias", "composite", "bare", "tree", "words"])
    #expect(catalog.tables.map(\.primaryKey) == [["id"], ["b", "a"], [], ["k"], []])
    #expect(catalog.tables.map(\.keyIsStructural) == [true, false, false, true, false])
    #expect(catalog.tables.map(\.hasSequence) == [true, false, false, false, false])
    #expect(catalog.tables.map(\.isVirtual) == [false, false, false, false, true])
    #expect(catalog.tables[0].indexes.map(\.isPartial) == [true])
    #expect(catalog.tables[1].indexes.map(\.isImplicit) == [true])
    #expect(catalog.views == ["seen"])
    try script(folder("new.db"), try #require(catalog.schema))
    #expect(try driver.open(folder("new.db"), patience: 1).catalog().tables == catalog.tables)
  }

  @Test("every file that a fuzzer made is answered, and none is changed")
  func fuzzedFiles() throws {
    let corpus = ProcessInfo.processInfo.environment["DBMEND_CORPUS"] ?? "../shared/corpus"
    guard let names = try? Paths.names(in: corpus + "/sqlite-fuzz") else {
      print("note: no corpus at \(corpus); the fuzzed files were not tried. Set DBMEND_CORPUS to have them.")
      return
    }
    for name in names where name.hasSuffix(".db") {
      let path = folder(name)
      try FileManager.default.copyItem(atPath: "\(corpus)/sqlite-fuzz/\(name)", toPath: path)
      let before = try bytes(of: path)
      let found = problem {
        let session = try driver.open(path, patience: 1)
        _ = try session.verifyIntegrity(IntegrityRequest())
        for table in try session.catalog().tables { _ = try? session.rowCount(of: table) }
      }
      #expect(
        found.map { [.damaged, .unsupported, .system].contains($0.kind) } ?? true,
        "\(name): \(String(describing: found))")
      #expect(try bytes(of: path) == before)
    }
    #expect(try Paths.names(in: folder.path).count == names.count)
  }
}
