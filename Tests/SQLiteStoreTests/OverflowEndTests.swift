import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Overflow chains of which only the end was damaged")
struct OverflowEndTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder("dbmend-overflow-end")
    path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);
      CREATE TABLE k(name TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60)
      INSERT INTO t SELECT i, printf('%.*c', i * 97, 'x') || 'end of ' || i FROM c;
      INSERT INTO k SELECT 'name ' || id, body FROM t;
      """)
  }

  private func rows(_ table: String) throws -> [[String?]] {
    try SQLiteFile.rows(path, "SELECT * FROM \(table) ORDER BY 1")
  }

  /// The last overflow pages of two rows of a table.
  private func ends(_ kind: BTreePage.Kind) throws -> [Int] {
    let file = try FileHandle.read(path)
    let bytes = try file.readAll(limit: 1 << 30)
    let geometry = PayloadGeometry(usableSize: 1024)
    var ends: [Int] = []
    for number in 1...(bytes.count / 1024) {
      bytes.withUnsafeBytes { buffer in
        guard let start = buffer.baseAddress, number > 1,
          let header = BTreePage(start + (number - 1) * 1024, number: 2),
          header.kind == kind, header.cellCount > 0
        else { return }
        let page = start + (number - 1) * 1024
        guard let cell = FoundCell.read(page, at: page.big16(header.cellPointers), kind: kind, geometry: geometry),
          cell.isSpilled
        else { return }
        var link = Int(cell.overflowPage)
        while link > 0, link <= bytes.count / 1024, case let next = Int((start + (link - 1) * 1024).big32(0)), next > 0
        {
          link = next
        }
        ends.append(link)
      }
    }
    return [try #require(ends.first), try #require(ends.last)]
  }

  @Test(
    "cost no row: the pointer after the last page is taken away",
    arguments: [BTreePage.Kind.tableLeaf, .indexLeaf], [1 << 30, 1, 2, 3] as [UInt32])
  func ends(_ kind: BTreePage.Kind, pointer: UInt32) throws {
    let before = [try rows("t"), try rows("k")]
    for page in try ends(kind) {
      let digits = withUnsafeBytes(of: pointer.bigEndian) { Array($0) }
      try FileHandle.update(path).write(digits, at: (page - 1) * 1024)
    }
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") != "ok")
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try [rows("t"), rows("k")] == before)
  }
}
