import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What salvage gets back")
struct RecallTests {
  /// Damaged files of each kind and database; $DBMEND_TRIALS sets another number.
  private static let trials = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 1

  private static let kinds: [PageDamage] = [
    .zeroPage, .garbagePage, .zeroSector, .zeroInterior, .swappedPages, .duplicatedPage, .truncated, .cellCount,
    .cellPointer, .childPointer, .rightPointer, .freelistTrunk,
  ]

  /// Databases of tables that no two of which have rows of one shape.
  private static let databases = [
    "plain": "PRAGMA page_size = 1024;" + content(900),
    "UTF-16": "PRAGMA page_size = 512; PRAGMA encoding = 'UTF-16le';" + content(300),
    "auto-vacuum": "PRAGMA page_size = 2048; PRAGMA auto_vacuum = FULL;" + content(1200),
    "large pages": "PRAGMA page_size = 8192;" + content(2400),
  ]

  private static func content(_ count: Int) -> String {
    """
    BEGIN;
    CREATE TABLE orders(id INTEGER PRIMARY KEY, sku TEXT NOT NULL, amount INTEGER, note TEXT);
    CREATE INDEX orders_sku ON orders(sku);
    CREATE TABLE papers(title TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE towns(name TEXT PRIMARY KEY, people INTEGER NOT NULL, county TEXT NOT NULL, region TEXT NOT NULL,
      mayor TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE gone(a, b);
    WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
      INSERT INTO orders SELECT i, 'sku ' || (i * 7919 % 1009), i * 31 % 1000, 'a note on order ' || i FROM n;
    INSERT INTO papers SELECT 'paper ' || id, printf('%0*d', id * 37 % 5000, id) FROM orders WHERE id % 20 = 0;
    INSERT INTO towns SELECT 'town ' || id, id, 'county ' || (id % 5), 'region', 'mayor ' || id FROM orders;
    INSERT INTO gone SELECT id, randomblob(200) FROM orders;
    DROP TABLE gone;
    COMMIT;
    """
  }

  private static let queries = [
    "orders": "SELECT id, id, sku, amount, note FROM orders NOT INDEXED",
    "papers": "SELECT rowid, title, body FROM papers",
    "towns": "SELECT name, people, county, region, mayor FROM towns",
  ]

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-recall") }

  /// The rows of all tables, each by the table and what identifies it.
  private func rows(_ path: String) throws -> [String: [String?]] {
    var rows: [String: [String?]] = [:]
    for (table, query) in Self.queries {
      for row in try SQLiteFile.rows(path, query) { rows[table + " " + (row[0] ?? "")] = row }
    }
    return rows
  }

  /// The pages on which each row of a sound file stands.
  private func places(_ path: String) throws -> [String: Set<UInt32>] {
    let header = try SalvageHeader.read(path).header
    let file = try SalvageFile(
      path, pageSize: header.pageSize, reservedBytes: 0, encoding: header.encodingOfTexts, hasPointerMaps: false)
    defer { file.close() }
    let survey = FileSurvey(file)
    var claims = PageClaimTable(pageCount: file.filePages)
    var places: [String: Set<UInt32>] = [:]
    for table in Self.queries.keys {
      let root = try #require(
        UInt32(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'") ?? ""))
      guard table != "towns" else {
        let keyed = KeyedTable(name: table, number: 9, root: root, expected: .any, terms: [KeyPlan.Term()])
        let pages = KeyedPages(file, survey)
        KeyedSurvey(pages: pages).walk(keyed, &claims)
        pages.forEachRow(of: keyed, claims) { entry in
          guard let name = RecordParts.fields(entry)?.first?.value(file.encoding).text else { return }
          places["\(table) \(name)"] = Set(entry.chain + [entry.page])
        }
        continue
      }
      var tree = SalvagedTable(name: table, number: 2, root: root, expected: .any)
      TableSurvey(file: file, survey: survey).walk(&tree, &claims)
      for slot in tree.slots {
        let page = try #require(file.original(slot.page))
        let leaf = try #require(BTreePage(page, number: slot.page))
        for index in 0..<leaf.cellCount {
          let at = page.big16(leaf.cellPointers + 2 * index)
          let cell = try #require(FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry))
          let chain = cell.isSpilled ? try #require(OverflowChain(file, cell).pages(claims)) : []
          places["\(table) \(cell.rowid)"] = Set(chain + [slot.page])
        }
      }
    }
    return places
  }

  @Test(
    "rows whose pages are as they were come back, and no other row than there was, whatever is done to other pages",
    arguments: Self.databases.keys.sorted())
  func recall(_ name: String) throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(path, try #require(Self.databases[name]))
    let sound = try #require(DatabaseImage(try folder.read("a.db")))
    let (before, places) = try (rows(path), places(path))
    #expect(Set(places.keys) == Set(before.keys))
    for kind in Self.kinds {
      for trial in 0..<Self.trials {
        var random = SeededRandom(UInt64(trial), name + kind.rawValue)
        var image = sound
        for _ in 0..<random.int(1...4) where image.pageCount > 4 { _ = kind.apply(to: &image, &random) }
        // Of the first page there are tests of their own.
        guard image.pageCount > 1, image.page(1) == sound.page(1) else { continue }
        try folder.write(image.bytes, to: "a.db")
        let outcome = try Salvager.run(path)
        let after = try rows(path)
        let whole = places.filter { $0.value.allSatisfy { isKept(Int($0), sound, image) } }
        let lost = whole.keys.filter { after[$0] != before[$0] }
        // What another page's bytes in the middle of a chain make of a text, nothing tells.
        let isTold = ![.swappedPages, .duplicatedPage].contains(kind)
        let invented = after.filter { row, values in
          before[row] != values && (isTold || places[row]?.count == 1 || places[row] == nil)
        }
        #expect(lost.isEmpty, "\(kind) \(trial) lost \(lost.sorted().prefix(5)) of \(lost.count); \(outcome.notes)")
        #expect(invented.isEmpty, "\(kind) \(trial) invented \(invented.keys.sorted().prefix(5)); \(outcome.notes)")
        let opinion = try SQLiteFile.value(path, "PRAGMA quick_check")
        #expect(opinion == "ok", "\(kind) \(trial); \(outcome.notes)")
      }
    }
  }

  private func isKept(_ page: Int, _ sound: DatabaseImage, _ image: DatabaseImage) -> Bool {
    page <= image.pageCount && image.page(page) == sound.page(page)
  }
}
