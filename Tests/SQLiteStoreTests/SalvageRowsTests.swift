import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Rows of damaged files")
struct SalvageRowsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-salvage-rows") }

  @Test("rows that the damage changed to what their table refuses leave it, with and without rowids")
  func refusedRows() throws {
    let path = try SQLiteFile.make(
      folder.file("c.db"),
      """
      PRAGMA page_size = 1024; CREATE TABLE a(id INTEGER PRIMARY KEY, kind TEXT CHECK(kind IN ('buy', 'rent')), note TEXT);
      CREATE TABLE b(name TEXT PRIMARY KEY, size INT NOT NULL CHECK(size > 9)) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO a SELECT i, iif(i % 2, 'buy', 'rent'), 'note ' || i FROM n;
      INSERT INTO b SELECT 'name ' || id, 10 + id FROM a;
      """)
    let bytes = try folder.read("c.db")
    for (found, changed) in [("rentnote 200", "rantnote 200"), ("name 7\u{11}", "name 7\u{01}")] {
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: Array(found.utf8)) })
      try FileHandle.update(path).write(Array(changed.utf8), at: place)
    }
    let outcome = try Salvager.run(path, SalvageAid(setsAsideRefused: true))
    #expect(outcome.rows.mapValues(\.setAside) == ["a": 1, "b": 1])
    #expect(try SQLiteFile.rows(path, "SELECT dbmend_rowid, kind FROM dbmend_set_aside_a") == [["200", "rant"]])
    #expect(try SQLiteFile.rows(path, "SELECT * FROM dbmend_set_aside_b") == [["name 7", "1"]])
    try SQLiteFile.make(path, "REINDEX")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM a") == "299")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test(
    "a row that its table refuses gets back what an index has of it",
    arguments: ["kind", "kind, note) WHERE id > (9"], ["UTF-8", "UTF-16le"])
  func refusedInIndex(_ key: String, _ encoding: String) throws {
    let path = try SQLiteFile.make(
      folder.file("x.db"),
      """
      PRAGMA page_size = 1024; PRAGMA encoding = '\(encoding)'; CREATE TABLE log(what);
      CREATE TABLE a(id INTEGER PRIMARY KEY, kind TEXT CHECK(kind IN ('buy', 'rent')), note TEXT, size INT NOT NULL DEFAULT 7);
      CREATE INDEX a_kind ON a(\(key)); CREATE INDEX a_size ON a(size);
      CREATE TRIGGER a_changed AFTER UPDATE ON a BEGIN INSERT INTO log VALUES(new.id); END;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO a(id, kind, note) SELECT i, iif(i % 2, 'buy', 'rent'), 'note ' || i FROM n;
      """)
    let before = try SQLiteFile.rows(path, "SELECT * FROM a")
    let bytes = try folder.read("x.db")
    let found = TextEncoding(rawValue: encoding == "UTF-8" ? 1 : 2)?.bytes("rentnote 200") ?? []
    let place = try #require(bytes.indices.last { bytes[$0...].starts(with: found) && bytes[$0 / 1024 * 1024] == 13 })
    try FileHandle.update(path).write(Array("a".utf8), at: place + (encoding == "UTF-8" ? 1 : 2))
    let outcome = try Salvager.run(path, SalvageAid(setsAsideRefused: true))
    #expect(outcome.rows["a"]?.fromIndex == 1 && outcome.rows["a"]?.setAside == 0)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM a NOT INDEXED") == before)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM log") == "0")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("a row that breaks a constraint that the library does not name leaves its table")
  func refusedWithoutName() throws {
    let path = try SQLiteFile.make(
      folder.file("u.db"),
      """
      PRAGMA page_size = 1024; PRAGMA encoding = 'UTF-16le';
      CREATE TABLE a(id INTEGER PRIMARY KEY, kind TEXT CHECK(kind IN ('buy', 'rent')), note TEXT, CHECK(length(note) < 99));
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO a SELECT i, iif(i % 2, 'buy', 'rent'), 'note ' || i FROM n;
      """)
    let bytes = try folder.read("u.db")
    let found = TextEncoding.utf16le.bytes("rentnote 200")
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: found) })
    try FileHandle.update(path).write(Array("a".utf8), at: place + 2)
    let outcome = try Salvager.run(path, SalvageAid(setsAsideRefused: true))
    #expect(outcome.rows["a"]?.setAside == 1)
    #expect(try SQLiteFile.rows(path, "SELECT id, kind FROM dbmend_set_aside_a") == [["200", "rant"]])
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("leaves of tables that hold the same rows come back to each of them, and to the tables of modules")
  func sameRows() throws {
    let path = try SQLiteFile.make(
      folder.file("v.db"),
      """
      PRAGMA page_size = 1024; CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT);
      CREATE VIRTUAL TABLE words USING fts5(text); CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
      INSERT INTO notes SELECT i, 'note ' || i || ' of subject ' || (i % 97) FROM n;
      INSERT INTO words(rowid, text) SELECT id, text FROM notes; INSERT INTO boxes SELECT id, id % 100, id % 100 + 1 FROM notes;
      """)
    let tables = ["notes", "words_content", "words_docsize", "boxes_rowid"]
    let before = try tables.map { try SQLiteFile.rows(path, "SELECT * FROM \($0)") }
    for table in tables {
      let root = try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'")
      try FileHandle.update(path).write(
        [UInt8](repeating: 0, count: 1024), at: (try #require(Int(root ?? "")) - 1) * 1024)
    }
    _ = try Salvager.run(path)
    #expect(try tables.map { try SQLiteFile.rows(path, "SELECT * FROM \($0)") } == before)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("a root that counts more cells than a page has room for is read no further than the page")
  func cellCount() throws {
    let path = try SQLiteFile.make(
      folder.file("n.db"), "PRAGMA page_size = 512; CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1), (2), (3);")
    try FileHandle.update(path).write([0xFF, 0xFF], at: 512 + 3)
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM t NOT INDEXED") == "3")
  }

  @Test("a full-text index that contradicts its contents is built anew from them")
  func fullText() throws {
    let path = try SQLiteFile.make(
      folder.file("f.db"),
      """
      CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES('one word'), ('and another');
      DELETE FROM words_data WHERE id > 10;
      """)
    let outcome = try Salvager.run(path, SalvageAid(virtualTables: ["words"]))
    #expect(outcome.notes == ["the full-text index words was built anew from its contents"])
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM words WHERE words MATCH 'another'") == "1")
  }

  @Test("a key whose bytes were changed costs no other row of a table without rowid")
  func changedKey() throws {
    let path = try SQLiteFile.make(
      folder.file("k.db"),
      """
      PRAGMA page_size = 512; CREATE TABLE towns(name TEXT PRIMARY KEY, people INT) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (VALUES(1000) UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO towns SELECT 'town ' || i, i FROM n;
      """)
    var bytes = try folder.read("k.db")
    // In a leaf and in an interior page.
    for (kind, name) in [(10, "town 11"), (2, "town 12")] as [(UInt8, String)] {
      let place = try #require(
        bytes.indices.first { bytes[$0...].starts(with: Array(name.utf8)) && bytes[$0 / 512 * 512] == kind })
      bytes[place + 5] = UInt8(ascii: "9")
    }
    try FileHandle.update(path).write(bytes, at: 0)
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM towns") == "501")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM towns WHERE name = 'town ' || people") == "499")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("entries of an index that is lost do not become rows of a table without rowid that could hold them")
  func lostIndex() throws {
    let path = try SQLiteFile.make(
      folder.file("i.db"),
      """
      PRAGMA page_size = 512; CREATE TABLE towns(name TEXT PRIMARY KEY, people INT) WITHOUT ROWID;
      CREATE INDEX towns_people ON towns(people);
      CREATE TABLE edges(a INT, b REAL, PRIMARY KEY(a)) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO towns SELECT 'town ' || i, i FROM n;
      INSERT INTO edges SELECT 2 * people, people / 3.0 FROM towns;
      """)
    let before = try SQLiteFile.rows(path, "SELECT * FROM edges")
    for name in ["edges", "towns_people"] {
      let root = try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'")
      try FileHandle.update(path).write(
        [UInt8](repeating: 0, count: 512), at: (try #require(Int(root ?? "")) - 1) * 512)
    }
    _ = try Salvager.run(path)
    let after = try SQLiteFile.rows(path, "SELECT * FROM edges")
    #expect(Set(after).isSubset(of: before))
    #expect(after.count > 480)
  }
}
