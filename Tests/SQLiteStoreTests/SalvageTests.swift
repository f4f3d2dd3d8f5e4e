import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Salvage of damaged files")
struct SalvageTests {
  private let folder: TemporaryFolder

  /// The number of damaged files; $DBMEND_TRIALS sets another one.
  private static let trials = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 300

  init() throws { folder = try TemporaryFolder("dbmend-salvage") }

  /// A database with deep trees of every kind, and long values.
  private func make(_ settings: String = "") throws -> String {
    try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024; \(settings) BEGIN;
      CREATE TABLE orders(id INTEGER PRIMARY KEY, sku TEXT NOT NULL, amount REAL, note TEXT);
      CREATE INDEX orders_sku ON orders(sku);
      CREATE TABLE towns(name TEXT, county TEXT, people INTEGER NOT NULL, PRIMARY KEY(name, county)) WITHOUT ROWID;
      CREATE TABLE papers(title TEXT, body BLOB);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO orders SELECT i, 'sku ' || (i % 97), i / 7.0, 'a note on order ' || i FROM n;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO towns SELECT 'town ' || (i * 7919 % 3001), 'county ' || (i % 5), i FROM n;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO papers SELECT 'paper ' || i, zeroblob(i * 97) || 'end of ' || i FROM n;
      COMMIT;
      """)
  }

  private static let contents = [
    "SELECT id, sku, amount, note FROM orders ORDER BY id",
    "SELECT name, county, people FROM towns ORDER BY name, county",
    "SELECT title, quote(body) FROM papers ORDER BY title",
  ]

  private func contents(_ path: String) throws -> [[[String?]]] {
    try Self.contents.map { try SQLiteFile.rows(path, $0) }
  }

  /// The pages of a kind that a file has.
  private func pages(_ bytes: [UInt8], _ kind: UInt8) -> [Int] {
    (1..<bytes.count / 1024).filter { bytes[$0 * 1024] == kind }
  }

  private func overwrite(_ path: String, page: Int, with content: [UInt8]) throws {
    try FileHandle.update(path).write(content, at: page * 1024)
  }

  /// What SQLite says of a salvaged file once its indexes are built anew.
  private func opinion(_ path: String) throws -> String? {
    try SQLiteFile.make(path, "REINDEX")
    return try SQLiteFile.value(path, "PRAGMA integrity_check")
  }

  @Test("pages of a table without rowid come back by what its columns hold, whatever affinity their types have")
  func mixedType() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE codes(
        owner TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL, name TEXT, PRIMARY KEY(owner, code)) WITHOUT ROWID;
      CREATE TABLE scans(place TEXT, at INTEGER, result TEXT, PRIMARY KEY(place, at)) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)
      INSERT INTO codes SELECT 'owner ' || i / 200, 'code ' || i, 'name of ' || i FROM n;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)
      INSERT INTO scans SELECT 'place ' || i / 200, i, 'result of ' || i FROM n;
      """)
    let root = try #require(
      Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'codes'") ?? ""))
    let before = try SQLiteFile.rows(path, "SELECT * FROM codes")
    let interior = try FileHandle.read(path).read(1024, at: (root - 1) * 1024)
    #expect(interior[0] == 2)
    try overwrite(path, page: root - 1, with: Array(repeating: 0, count: 1024))
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    // The rows that stood in the lost page itself, between its children, are gone.
    let after = try SQLiteFile.rows(path, "SELECT * FROM codes")
    #expect(after.allSatisfy(before.contains) && after.count > before.count * 9 / 10, "\(after.count)")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM scans") == "600")
  }

  @Test(
    "leaves whose parents are lost come back to their places",
    arguments: ["", "PRAGMA encoding = 'UTF-16le';", "PRAGMA auto_vacuum = full;"])
  func interior(_ settings: String) throws {
    let path = try make(settings)
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    for kind in [5, 2] as [UInt8] {
      for page in pages(bytes, kind) { try overwrite(path, page: page, with: Array(repeating: 0, count: 1024)) }
    }
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    let after = try contents(path)
    #expect(after[0] == before[0])
    #expect(after[2] == before[2])
    // An interior page of a table without rowid holds rows itself: these are gone.
    #expect(after[1].allSatisfy { before[1].contains($0) })
    #expect(after[1].count > before[1].count * 9 / 10)
  }

  @Test(
    "a lost header is told by the pages",
    arguments: ["", "PRAGMA encoding = 'UTF-16be';", "PRAGMA auto_vacuum = full;"])
  func header(_ settings: String) throws {
    let path = try make(settings)
    let before = try contents(path)
    try FileHandle.update(path).write([UInt8](repeating: 0, count: 100), at: 0)
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    #expect(try contents(path) == before)
  }

  @Test("a schema whose first page is noise is put together of its other pages")
  func schema() throws {
    let path = try make((0..<60).map { "CREATE TABLE filler\($0)(a, b, c);" }.joined())
    let before = try contents(path)
    var noise = SeededRandom(5)
    try overwrite(path, page: 0, with: (0..<1024).map { _ in UInt8(truncatingIfNeeded: noise.next()) })
    let outcome = try Salvager.run(path)
    #expect(outcome.notes.contains { $0.contains("put together") })
    #expect(try opinion(path) == "ok")
    #expect(try contents(path) == before)
  }

  @Test("leaves that changed places go back to their own")
  func swapped() throws {
    let path = try make()
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    let leaves = pages(bytes, 13)
    let (one, other) = (leaves[3], leaves[leaves.count / 2])
    try overwrite(path, page: one, with: Array(bytes[other * 1024..<(other + 1) * 1024]))
    try overwrite(path, page: other, with: Array(bytes[one * 1024..<(one + 1) * 1024]))
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    #expect(try contents(path) == before)
  }

  @Test("of a leaf whose first half is gone the rows of the other half are kept, and none is invented")
  func torn() throws {
    let path = try make()
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    let leaf = pages(bytes, 13)[4]
    try overwrite(path, page: leaf, with: Array(repeating: 0, count: 512))
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    let after = try contents(path)[0]
    #expect(after.count >= before[0].count - 12 && after.count < before[0].count)
    #expect(Set(after).isSubset(of: Set(before[0])))
  }

  @Test("a row whose overflow chain is cut is left out and counted")
  func chain() throws {
    let path = try make()
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    // An overflow page that another follows, and that is of zeros otherwise.
    let page = try #require(
      (1..<bytes.count / 1024).first { page in
        let content = bytes[page * 1024..<(page + 1) * 1024]
        return content[page * 1024] == 0 && content.prefix(4).contains { $0 != 0 }
          && content.dropFirst(4).allSatisfy { $0 == 0 }
      })
    try overwrite(path, page: page, with: Array(repeating: 0, count: 4))
    let outcome = try Salvager.run(path)
    #expect(outcome.rows["papers"]?.lost == 1)
    #expect(try opinion(path) == "ok")
    #expect(try contents(path)[2].count == before[2].count - 1)
  }

  @Test("indexes that were lost as a whole do not speak against the rows")
  func emptyIndexes() throws {
    let path = try make("")
    try SQLiteFile.make(path, "CREATE INDEX orders_amount ON orders(amount)")
    let before = try contents(path)
    for name in ["orders_sku", "orders_amount"] {
      let root = try #require(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'"))
      try overwrite(path, page: try #require(Int(root)) - 1, with: Array(repeating: 0, count: 1024))
    }
    _ = try Salvager.run(path)
    let copy = try SQLiteDriver().openCopy(path)
    let outcome = try copy.rebuildIndexes(["orders_sku", "orders_amount"])
    try copy.close()
    #expect(outcome.rows["orders"]?.setAside == 0)
    #expect(try opinion(path) == "ok")
    #expect(try contents(path) == before)
  }

  @Test("a torn definition costs a table its columns' names, and nothing else")
  func tornDefinition() throws {
    let path = try make()
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    let text = Array("TABLE orders(id".utf8)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: text) })
    try FileHandle.update(path).write([0, 0, 0, 0], at: place + text.count)
    let outcome = try Salvager.run(path)
    #expect(outcome.notes.contains { $0.contains("c0") && $0.hasSuffix("orders") })
    #expect(try opinion(path) == "ok")
    #expect(try SQLiteFile.rows(path, "SELECT c0, c1, c2, c3 FROM orders ORDER BY c0") == before[0])
    #expect(try SQLiteFile.rows(path, Self.contents[1]) == before[1])
    #expect(try SQLiteFile.rows(path, Self.contents[2]) == before[2])
  }

  @Test(
    "a definition with one byte changed that no SQL has is damage, and its table is kept", arguments: ["#", "^", "~"])
  func straySign(_ sign: String) throws {
    let path = try make()
    let before = try contents(path)
    let bytes = try folder.read("a.db")
    let text = Array("papers(title TEXT, ".utf8)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: text) })
    try FileHandle.update(path).write(Array(sign.utf8), at: place + text.count + 3)
    #expect {
      let session = try SQLiteDriver().open(path, patience: 1)
      defer { session.end() }
      _ = try session.verifyIntegrity(IntegrityRequest())
    } throws: { error in
      (error as? Problem)?.kind == .damaged
    }
    let outcome = try Salvager.run(path)
    #expect(outcome.notes.contains { $0.contains("c0") && $0.hasSuffix("papers") })
    #expect(try opinion(path) == "ok")
    #expect(try SQLiteFile.rows(path, "SELECT c0, quote(c1) FROM papers ORDER BY c0") == before[2])
    #expect(try SQLiteFile.rows(path, Self.contents[0]) == before[0])
  }

  @Test(
    "a definition with a bit changed in a word of SQL gets the word back",
    arguments: ["AUTOINCREMENT", "REFERENCES", "NULL", "CREATE", "WHERE"])
  func flippedWord(_ word: String) throws {
    let path = try SQLiteFile.make(
      folder.file("w.db"),
      """
      CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT NOT NULL UNIQUE, other REFERENCES t(id));
      CREATE INDEX t_other ON t(other) WHERE other > 2; INSERT INTO t VALUES(1, 'one', NULL), (2, 'two', 1), (5, 'five', 2);
      """)
    let rows = try SQLiteFile.rows(path, "SELECT * FROM t")
    let schema = try SQLiteFile.rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    let bytes = try folder.read("w.db")
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: Array(word.utf8)) })
    try FileHandle.update(path).write([bytes[place + 3] ^ 1], at: place + 3)
    #expect {
      let session = try SQLiteDriver().open(path, patience: 1)
      defer { session.end() }
      _ = try session.verifyIntegrity(IntegrityRequest())
    } throws: { error in
      (error as? Problem)?.kind == .damaged
    }
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM t") == rows)
    #expect(try SQLiteFile.rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY name") == schema)
    #expect(try opinion(path) == "ok")
  }

  @Test("tables that make sequences and indexes of their own keep both")
  func sequences() throws {
    let path = try SQLiteFile.make(
      folder.file("s.db"),
      """
      PRAGMA page_size = 1024; CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT UNIQUE, number);
      CREATE INDEX t_number ON t(number) WHERE number > 10;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO t(word, number) SELECT 'word ' || i, i % 97 FROM n;
      """)
    let schema = try SQLiteFile.rows(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")
    let rows = try SQLiteFile.rows(path, "SELECT * FROM t ORDER BY id")
    let root = try #require(
      Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = 't'") ?? ""))
    try overwrite(path, page: root - 1, with: Array(repeating: 0, count: 1024))
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    #expect(try SQLiteFile.rows(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid") == schema)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM t ORDER BY id") == rows)
    #expect(try SQLiteFile.value(path, "SELECT seq FROM sqlite_sequence") == "3000")
  }

  @Test("leaves of tables that look alike go where an index proves them")
  func alike() throws {
    let path = try SQLiteFile.make(
      folder.file("t.db"),
      """
      PRAGMA page_size = 512; CREATE TABLE a(id INTEGER PRIMARY KEY, word TEXT UNIQUE);
      CREATE TABLE b(id INTEGER PRIMARY KEY, word TEXT UNIQUE);
      """
        + (0..<20).map { part in
          """
          WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)
          INSERT INTO \(part % 2 == 0 ? "a" : "b") SELECT \(part * 50) / 100 * 100 + i, '\(part % 2) ' || (i * \(part + 1)) || ' \(part)' FROM n;
          """
        }.joined())
    let queries = ["SELECT * FROM a ORDER BY id", "SELECT * FROM b ORDER BY id"]
    let before = try queries.map { try SQLiteFile.rows(path, $0) }
    for name in ["a", "b"] {
      let root = try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'")
      let page = try #require(Int(root ?? "")) - 1
      try FileHandle.update(path).write([UInt8](repeating: 0, count: 512), at: page * 512)
    }
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    #expect(try queries.map { try SQLiteFile.rows(path, $0) } == before)
  }

  @Test("rows that have no table are found in a table of their own, with the page that they stood on")
  func lostAndFound() throws {
    let path = try make()
    let before = try contents(path)
    try SQLiteFile.make(
      path, "PRAGMA writable_schema = on; DELETE FROM sqlite_schema WHERE tbl_name = 'papers'")
    let outcome = try Salvager.run(path)
    #expect(outcome.rows["lost_and_found_1"]?.setAside == 60)
    #expect(try opinion(path) == "ok")
    #expect(
      try SQLiteFile.rows(path, "SELECT c0, quote(c1) FROM lost_and_found_1 WHERE page > 1 ORDER BY c0") == before[2])
    #expect(try SQLiteFile.rows(path, Self.contents[0]) == before[0])
  }

  @Test("a file that is cut off keeps what is left of it")
  func truncated() throws {
    let path = try make()
    let before = try contents(path)
    let size = try folder.read("a.db").count
    try FileHandle.update(path).truncate(to: size / 2 + 300)
    _ = try Salvager.run(path)
    #expect(try opinion(path) == "ok")
    for (after, before) in zip(try contents(path), before) { #expect(Set(after).isSubset(of: Set(before))) }
    #expect(try contents(path)[0].count > 1000)
  }

  @Test("what cannot be read at all says so")
  func hopeless() throws {
    let path = try folder.write([UInt8](repeating: 7, count: 8192), to: "b.db")
    #expect {
      try Salvager.run(path)
    } throws: { error in
      (error as? Problem)?.code == "file.not-a-database"
    }
  }

  @Test("whatever is damaged, what salvage leaves behind has sound trees")
  func property() throws {
    let pool = try DatabasePool(size: .small)
    let codes: Set<FindingCode> = [
      "table.malformed", "page.unused", "page.duplicate-reference", "freelist.malformed", "pointer-map.malformed",
      "schema.malformed", "file.malformed",
    ]
    // A name in a row of the schema whose bytes are changed is not put right.
    var unopened: [String] = []
    for number in 0..<Self.trials {
      let path = folder.file("c.db")
      for file in [path, path + "-wal", path + "-shm", path + "-journal"] { try Paths.removeFile(file) }
      guard let done = try DamagedDatabase(number: UInt64(number), bases: 20).write(to: path, from: pool),
        !done.isInLog,
        (try? Salvager.run(path)) != nil
      else { continue }
      let session: any StoreSession
      do throws(Problem) {
        session = try SQLiteDriver().open(path, patience: 1)
      } catch {
        unopened.append("\(number) \(done): \(error)")
        continue
      }
      let found = try session.verifyIntegrity(IntegrityRequest(isFull: false)).filter { codes.contains($0.code) }
      #expect(found.isEmpty, "\(number) \(done): \(found.map { "\($0.code) \($0.message) \($0.evidence ?? "")" })")
      session.end()
    }
    #expect(unopened.count <= Self.trials / 20, "\(unopened.joined(separator: "\n"))")
  }
}
