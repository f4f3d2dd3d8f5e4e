import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Cells of damaged pages of tables without rowid")
struct KeyedCellTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder("dbmend-keyed-cells")
    path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(name TEXT PRIMARY KEY, n INT, b TEXT) WITHOUT ROWID;
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 900)
      INSERT INTO t SELECT 'Name ' || (i * 7919 % 3001), i, printf('%.*c', i % 40 + i / 890 * 1500, 'x') FROM c;
      """)
  }

  private func image() throws -> DatabaseImage { try #require(DatabaseImage(try folder.read("a.db"))) }

  private func rows() throws -> [[String?]] { try SQLiteFile.rows(path, "SELECT * FROM t ORDER BY name") }

  /// Where the cells of a page begin in the file.
  private func cells(_ image: DatabaseImage, _ page: Int) -> [Int] {
    let start = image.start(page)
    let isLeaf = image.byte(start) == 10
    return (0..<image.word(start + 3)).map { start + image.word(start + (isLeaf ? 8 : 12) + 2 * $0) }
  }

  private func flip(_ image: DatabaseImage, _ places: [Int], _ bits: UInt8) throws {
    for at in places { try FileHandle.update(path).write([UInt8(image.byte(at)) ^ bits], at: at) }
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("whose size was changed come back as they were", arguments: [1, 4, 64, 128] as [UInt8])
  func leaves(_ bits: UInt8) throws {
    let before = try rows()
    let image = try image()
    let leaves = image.pages(.leafIndex)
    let last = try #require(cells(image, leaves[2]).max())
    let first = try #require(cells(image, leaves[5]).min())
    try flip(image, [last, first, cells(image, leaves[8])[3]], bits)
    let after = try rows()
    #expect(Set(after) == Set(before))
  }

  @Test("above the leaves, whose size was changed, come back as they were", arguments: [1, 4, 64, 128] as [UInt8])
  func interior(_ bits: UInt8) throws {
    let before = try rows()
    let image = try image()
    let page = try #require(image.pages(.interiorIndex).max { cells(image, $0).count < cells(image, $1).count })
    try flip(image, [cells(image, page)[1] + 4], bits)
    let after = try rows()
    #expect(Set(after) == Set(before))
  }

  @Test("whose record goes on in overflow pages keep these where their size was changed")
  func overflow() throws {
    let before = try rows()
    let image = try image()
    let found = try #require(
      image.pages(.leafIndex).lazy.flatMap { cells(image, $0) }.first { image.varint($0).value > 1000 })
    try flip(image, [found], 1)
    let after = try rows()
    #expect(Set(after) == Set(before))
  }
}
