import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Rows that lost sectors cut through")
struct TornRowTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder("dbmend-torn")
    path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE letters(id INTEGER PRIMARY KEY, body);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 40)
      INSERT INTO letters SELECT i, printf('letter %d %.*c', i, 2500, 'x') FROM n;
      INSERT INTO letters SELECT id + 100, CAST(body AS BLOB) FROM letters;
      INSERT INTO letters SELECT 300, 'null' || zeroblob(2500) || 'null';
      """)
  }

  /// Makes zeros of all overflow pages that end a chain and hold a letter's end.
  private func zeroEnds() throws {
    let bytes = try folder.read("a.db")
    for page in 1..<bytes.count / 1024 {
      let content = bytes[page * 1024..<(page + 1) * 1024]
      guard content.prefix(4).allSatisfy({ $0 == 0 }), content.dropFirst(4).first == UInt8(ascii: "x") else { continue }
      try FileHandle.update(path).write([UInt8](repeating: 0, count: 1024), at: page * 1024)
    }
  }

  @Test(
    "a text that ends in a page of zeros is kept apart, a blob stays, and so does a text that holds zeros elsewhere")
  func overflow() throws {
    try zeroEnds()
    let outcome = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM letters WHERE id <= 40") == "0")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM letters WHERE id > 100") == "41")
    #expect(
      try SQLiteFile.value(
        path,
        "SELECT count(*) FROM lost_and_found_1 WHERE of_table = 'letters' AND why LIKE '%zeros%' AND c1 LIKE 'letter%'")
        == "40")
    #expect(outcome.rows["letters"]?.setAside == 40)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("a row whose first overflow page's number was lost is not taken for whole")
  func cutOff() throws {
    let bytes = try folder.read("a.db")
    let leaf = try #require((1..<bytes.count / 1024).first { bytes[$0 * 1024] == 13 })
    let image = try #require(DatabaseImage(bytes))
    let content = Array(bytes[leaf * 1024..<(leaf + 1) * 1024])
    let cell = try #require(
      content.withUnsafeBytes { bytes in
        bytes.baseAddress.flatMap {
          FoundCell.read(
            $0, at: image.word(leaf * 1024 + 8), kind: .tableLeaf, geometry: PayloadGeometry(usableSize: 1024))
        }
      })
    #expect(cell.isSpilled && cell.overflowPage > 0)
    try FileHandle.update(path).write([0, 0, 0, 0], at: leaf * 1024 + cell.end - 4)
    let before = try SQLiteFile.rows(path, "SELECT id FROM letters")
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try SQLiteFile.rows(path, "SELECT id FROM letters").count == before.count - 1)
  }

  @Test("on leaves of a table without rowid that nothing points to any more")
  func orphans() throws {
    let path = try SQLiteFile.make(
      folder.file("k.db"),
      """
      PRAGMA page_size = 512;
      CREATE TABLE t(name TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)
      INSERT INTO t SELECT printf('name %05d', i), printf('%.*c', 370, 'x') FROM n;
      """)
    let bytes = try folder.read("k.db")
    let file = try FileHandle.update(path)
    let content = { (page: Int) in bytes[page * 512..<(page + 1) * 512] }
    let ends = (1..<bytes.count / 512).filter {
      content($0).prefix(4).allSatisfy { $0 == 0 } && content($0).dropFirst(4).first == UInt8(ascii: "x")
    }
    #expect(ends.count > 500)
    for page in ends.enumerated().filter({ $0.offset % 2 == 0 }).map(\.element) + [1] {
      try file.write([UInt8](repeating: 0, count: 512), at: page * 512)
    }
    let outcome = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM t WHERE length(CAST(body AS BLOB)) = 370") != "0")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM t WHERE body <> printf('%.*c', 370, 'x')") == "0")
    #expect((outcome.rows["t"]?.setAside ?? 0) > 100)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test(
    "whole numbers that are zero in more bytes than the library writes are lost with the sector, whatever texts hold",
    arguments: [5, 500, 70_000])
  func numbers(_ number: Int) throws {
    let path = try SQLiteFile.make(
      folder.file("n.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE papers(id INTEGER PRIMARY KEY, body BLOB, pages INT);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20)
      INSERT INTO papers SELECT i, zeroblob(3000) || 'end', CASE WHEN i % 2 THEN \(number) ELSE 0 END FROM n;
      """)
    let bytes = try folder.read("n.db")
    for page in 1..<bytes.count / 1024 {
      let content = bytes[page * 1024..<(page + 1) * 1024]
      guard content.prefix(4).allSatisfy({ $0 == 0 }), Array(content).firstRange(of: Array("end".utf8)) != nil else {
        continue
      }
      try FileHandle.update(path).write([UInt8](repeating: 0, count: 1024), at: page * 1024)
    }
    _ = try Salvager.run(path)
    // What the number 0 says is in the record's header; that the text is another one, nobody can tell.
    #expect(try SQLiteFile.value(path, "SELECT group_concat(id) FROM papers") == "2,4,6,8,10,12,14,16,18,20")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM lost_and_found_1 WHERE of_table = 'papers'") == "10")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }
}
