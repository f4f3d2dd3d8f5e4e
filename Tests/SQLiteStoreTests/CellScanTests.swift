import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("The cells of a damaged table leaf page")
struct CellScanTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-cells") }

  private static let expected = ExpectedRecord(
    counts: 3...4,
    columns: [
      .init(allowed: SerialType.integerBit, isRowidAlias: true),
      .init(allowed: SerialType.textBit),
      .init(allowed: SerialType.integerBit | SerialType.nullBit),
      .init(allowed: SerialType.blobBit | SerialType.nullBit),
    ], encoding: .utf8)

  private func image(_ more: String = "", rows: Int = 500, pageSize: Int = 4096) throws -> DatabaseImage {
    let path = folder.file("a.db")
    try Paths.removeFile(path)
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = \(pageSize); PRAGMA secure_delete = 0; BEGIN;
      CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT, b BLOB);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < \(rows))
      INSERT INTO t SELECT i, 'Name ' || (i * 7919 % 3001), nullif(i % 300, 7), zeroblob(i % 5) FROM c;
      COMMIT; \(more)
      """)
    return try #require(DatabaseImage(try folder.read("a.db")))
  }

  /// A leaf of the table, with its rowids and where their cells are on the page.
  private func leaf(_ image: DatabaseImage, _ index: Int = 2) -> (number: Int, cells: [Int64: Int]) {
    let pages = image.pages(.leafTable).filter { $0 > 1 }
    let number = pages[index % pages.count]
    let cells = image.cells(number).compactMap { cell in
      cell.rowidAt.map { (Int64(image.varint($0).value), cell.at - image.start(number)) }
    }
    return (number, Dictionary(uniqueKeysWithValues: cells))
  }

  private func scan(
    _ page: [UInt8], above: Int64? = nil, through: Int64? = nil, expected: ExpectedRecord = expected,
    pages: UInt32 = 1000
  ) -> CellScan.Result {
    let scan = CellScan(
      geometry: PayloadGeometry(usableSize: page.count), pageCount: pages,
      bounds: .init(above: above, through: through), expected: expected)
    return page.withUnsafeBytes { bytes in bytes.baseAddress.map { scan.scan($0, number: 2) } ?? .init() }
  }

  private func places(_ cells: [CellScan.Cell]) -> [Int64: Int] {
    Dictionary(uniqueKeysWithValues: cells.map { ($0.place.rowid, $0.place.offset) })
  }

  private func bounds(_ cells: [Int64: Int]) -> (above: Int64, through: Int64) {
    ((cells.keys.min() ?? 0) - 1, cells.keys.max() ?? 0)
  }

  @Test("of a sound page are all named, and nothing else is looked for")
  func sound() throws {
    let image = try image()
    let (number, cells) = leaf(image)
    let found = scan(image.page(number))
    #expect(cells.count > 50 && places(found.cells) == cells)
    #expect(found.isHeaderTrustworthy && found.lostPointers == 0 && !found.cells.contains { $0.isUnnamed })
  }

  @Test("whose size was changed are found by their record, whatever it says now", arguments: [1, 4, 64, 128])
  func damagedSize(_ flip: UInt8) throws {
    let image = try image()
    let (number, cells) = leaf(image)
    // The row that stands last on the page, and one that another follows.
    for offset in [try #require(cells.values.max()), try #require(cells.values.sorted().first)] {
      var page = image.page(number)
      page[offset] ^= flip
      let found = scan(page)
      #expect(places(found.cells) == cells)
      let cell = try #require(found.cells.first { $0.place.offset == offset }).place
      let sound = try #require(scan(image.page(number)).cells.first { $0.place.offset == offset }).place
      #expect(cell.hasDamagedSize && !sound.hasDamagedSize)
      #expect(
        cell.payloadOffset == sound.payloadOffset && cell.payloadSize == sound.payloadSize && cell.end == sound.end)
    }
  }

  @Test(
    "that were deleted stay so where the header is lost, by what free blocks tell of themselves",
    arguments: [1024, 4096, 65536])
  func freed(_ pageSize: Int) throws {
    // Blocks of one cell, and of three, of which two look as they did.
    let image = try image(
      (["id % 17 = 3", "id % 23 = 6", "id % 23 = 5", "id % 23 = 4"].map { "DELETE FROM t WHERE \($0);" }).joined(),
      rows: 6000, pageSize: pageSize)
    for index in 0..<3 {
      let (number, cells) = leaf(image, index)
      var page = image.page(number)
      // What stood before the first cell, which may have been deleted, cannot be told.
      let first = try #require(cells.values.min())
      for at in 0..<first { page[at] = 0 }
      let found = places(scan(page).cells)
      #expect(cells.filter { found[$0.key] != $0.value }.isEmpty && found.filter { cells[$0.key] == nil }.isEmpty)
    }
  }

  @Test("whose record has a changed header are not taken for others")
  func damagedHeader() throws {
    let image = try image()
    let (number, cells) = leaf(image)
    let offset = try #require(cells.values.sorted().first)
    let sound = try #require(scan(image.page(number)).cells.first { $0.place.offset == offset }).place
    for bit in 1..<6 {
      var page = image.page(number)
      // The type of the second value, which is a text.
      page[sound.payloadOffset + 2] ^= 1 << UInt8(bit)
      #expect(!scan(page).cells.contains { $0.place.offset == offset })
    }
  }

  @Test("whose size was changed come back as they were")
  func sizeMended() throws {
    let path = folder.file("a.db")
    let image = try image()
    let rows = try SQLiteFile.rows(path, "SELECT * FROM t")
    for index in 0..<3 {
      let (number, cells) = leaf(image, index)
      try FileHandle.update(path).write([0x7F], at: image.start(number) + (try #require(cells.values.min())))
    }
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM t") == rows)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("are all found when the header is zeros or noise, or only its first byte", arguments: [512, 1024, 4096, 65536])
  func lostHeader(_ pageSize: Int) throws {
    let image = try image(rows: pageSize / 3 + 200, pageSize: pageSize)
    var random = SeededRandom(UInt64(pageSize), "header")
    let (number, cells) = leaf(image, 1)
    let (above, through) = bounds(cells)
    for lost in [Array(repeating: 0, count: 8), random.bytes(8), Array(repeating: 0, count: 8 + 2 * cells.count)] {
      var page = image.page(number)
      page.replaceSubrange(0..<lost.count, with: lost)
      let found = scan(page, above: above, through: through)
      #expect(places(found.cells) == cells && found.cells.allSatisfy { $0.isUnnamed })
      #expect(!found.isHeaderTrustworthy && found.superseded.isEmpty)
    }
    var page = image.page(number)
    page[0] = 0xA5
    let found = scan(page, above: above, through: through)
    #expect(places(found.cells) == cells && !found.cells.contains { $0.isUnnamed })
  }

  @Test("outside of a lost sector are all found, and deleted ones do not come back", arguments: 1...7)
  func lostSector(_ sector: Int) throws {
    let image = try image("DELETE FROM t WHERE id % 3 = 1 OR id IN (SELECT max(id) FROM t GROUP BY id / 20)")
    var random = SeededRandom(UInt64(sector), "sector")
    for index in 0..<4 {
      let (number, cells) = leaf(image, index)
      let (above, through) = bounds(cells)
      for noise in [random.bytes(512), Array(repeating: 0, count: 512)] {
        var page = image.page(number)
        let lost = sector * 512..<sector * 512 + 512
        page.replaceSubrange(lost, with: noise)
        let found = scan(page, above: above, through: through)
        for (rowid, offset) in cells where offset >= lost.upperBound || offset < lost.lowerBound - 64 {
          #expect(places(found.cells)[rowid] == offset)
        }
        for cell in found.cells {
          #expect(cells[cell.place.rowid] == cell.place.offset, "rowid \(cell.place.rowid) was deleted")
        }
      }
    }
  }

  @Test("whose pointers are damaged are found by trying every offset, as cells without a name")
  func lostPointer() throws {
    let image = try image()
    let (number, cells) = leaf(image)
    let (above, through) = bounds(cells)
    var page = image.page(number)
    let offset = Int(page[18]) << 8 | Int(page[19])
    page[19] ^= 2
    let found = scan(page, above: above, through: through)
    #expect(places(found.cells) == cells && found.lostPointers == 1)
    #expect(found.cells.filter { $0.isUnnamed }.map(\.place.offset) == [offset])
  }

  @Test("that go on in overflow pages are found with the page that they go on in")
  func overflow() throws {
    let image = try image("UPDATE t SET name = printf('%.*c', 5000 + id, 'x') WHERE id % 40 = 5", rows: 300)
    let number = try #require(
      image.pages(.leafTable).first { page in page > 1 && image.cells(page).contains { $0.overflowAt != nil } })
    let sound = image.cells(number)
    var page = image.page(number)
    page.replaceSubrange(0..<8 + 2 * sound.count, with: Array(repeating: 0, count: 8 + 2 * sound.count))
    let rowids = sound.compactMap { $0.rowidAt.map { Int64(image.varint($0).value) } }
    let found = scan(
      page, above: rowids.first.map { $0 - 1 }, through: rowids.last, pages: UInt32(image.pageCount))
    for cell in sound {
      guard let at = cell.overflowAt else { continue }
      let place = found.cells.first { $0.place.offset == cell.at - image.start(number) }?.place
      #expect(place.map { Int($0.overflowPage) } == image.long(at) && place?.localSize == cell.local)
    }
    #expect(Set(found.cells.map(\.place.rowid)).isSuperset(of: rowids))
  }

  @Test("that have the same rowid are told apart: a name wins, else the higher offset")
  func superseded() throws {
    let image = try image(rows: 40)
    let (number, cells) = leaf(image, 0)
    var page = image.page(number)
    let low = try #require(cells.values.min())
    let cell = try #require(image.cells(number).first { $0.at - image.start(number) == low })
    let length = try #require(cell.recordAt) + cell.local - cell.at
    // A second copy, right before the content.
    page.replaceSubrange(low - length..<low, with: page[low..<low + length])
    page.replaceSubrange(0..<8, with: Array(repeating: 0, count: 8))
    let found = scan(page, above: 0, through: 40)
    #expect(places(found.cells) == cells && found.superseded.map(\.place.offset) == [low - length])
    // A header that counts too few cells names the lower copy.
    page = image.page(number)
    page.replaceSubrange(low - length..<low, with: page[low..<low + length])
    page.replaceSubrange(
      0..<10, with: [13, 0, 0, 0, 1, 0, 200, 0, UInt8((low - length) >> 8), UInt8((low - length) & 255)])
    let other = scan(page, above: 0, through: 40)
    #expect(other.superseded.map(\.place.offset) == [low] && other.cells.count == cells.count)
    #expect(other.cells.filter { !$0.isUnnamed }.map(\.place.offset) == [low - length])
  }

  private static let share = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 300

  @Test("are almost never seen in noise", arguments: [(512, 7000), (1024, 2000), (4096, 800), (16384, 200)])
  func noise(_ pageSize: Int, _ usual: Int) {
    var random = SeededRandom(UInt64(pageSize), "noise")
    let pages = usual * Self.share / 300
    var yields = 0
    for _ in 0..<pages {
      let page = (0..<pageSize / 8).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
      if !scan(page, above: 1000, through: 1200).cells.isEmpty { yields += 1 }
    }
    #expect(yields == 0 || yields * 1000 < pages, "\(yields) of \(pages)")
  }

  @Test("that were deleted do not come back when the pointer to the first cell of the content is damaged")
  func firstPointer() throws {
    // From the last row on, so that each leaves its bytes before the content as they were.
    let image = try image(
      stride(from: 420, to: 404, by: -1).map { "DELETE FROM t WHERE id = \($0);" }.joined(), rows: 420)
    let number = try #require(image.pages(.leafTable).filter { $0 > 1 }.max())
    let cells = image.cells(number)
    var page = image.page(number)
    let first = try #require(cells.min { $0.at < $1.at }).pointerAt - image.start(number)
    page[first] = UInt8((page.count - 5) >> 8)
    page[first + 1] = UInt8((page.count - 5) & 255)
    let found = scan(page, above: 0, through: 1000)
    #expect(found.isHeaderTrustworthy && found.lostPointers == 1 && found.cells.count == cells.count)
    #expect(found.cells.map(\.place.offset).sorted() == cells.map { $0.at - image.start(number) }.sorted())
  }

  @Test("never overlap and are within their page, whatever its bytes are", arguments: [512, 1024, 4096])
  func hostile(_ pageSize: Int) throws {
    let image = try image("DELETE FROM t WHERE id % 3 = 1", rows: 400, pageSize: pageSize)
    var random = SeededRandom(UInt64(pageSize), "hostile")
    let anything = ExpectedRecord(counts: 1...32767, columns: [])
    for turn in 0..<120 {
      var page = image.page(leaf(image, turn).number)
      for _ in 0..<random.int(1...60) { page[random.int(0...pageSize - 1)] = UInt8(random.int(0...255)) }
      let found = scan(page, expected: turn % 2 == 0 ? anything : Self.expected)
      #expect(Set(found.cells.map(\.place.rowid)).count == found.cells.count)
      let all = (found.cells + found.superseded).sorted { $0.place.offset < $1.place.offset }
      for (cell, next) in zip(all, all.dropFirst()) { #expect(cell.place.end <= next.place.offset) }
      #expect(all.allSatisfy { $0.place.offset >= 0 && $0.place.end <= pageSize })
    }
    for byte: UInt8 in [0, 1, 2, 13, 0x7F, 0x80, 0xFF] {
      _ = scan(Array(repeating: byte, count: pageSize), expected: anything)
    }
  }
}
