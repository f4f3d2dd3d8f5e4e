import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Gaps of tables without rowid filled from indexes and a backup")
struct KeyedFillTests {
  private let folder: TemporaryFolder
  private let path: String
  private let backup: String

  private static let script = """
    PRAGMA secure_delete = off; PRAGMA page_size = 1024; BEGIN;
    CREATE TABLE parts(sku TEXT PRIMARY KEY, weight REAL, maker TEXT) WITHOUT ROWID;
    CREATE INDEX parts_weight ON parts(weight DESC); CREATE INDEX parts_maker ON parts(maker COLLATE NOCASE, weight);
    CREATE TABLE orders(shop TEXT, number INTEGER, note TEXT, PRIMARY KEY(number DESC, shop)) WITHOUT ROWID;
    CREATE INDEX orders_shop ON orders(shop);
    CREATE TABLE logs(at INTEGER PRIMARY KEY, note TEXT) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO parts SELECT 'sku ' || (i * 7919 % 2003), i / 4.0, 'Maker ' || (i % 90) FROM n;
    INSERT INTO orders SELECT 'shop ' || (CAST(weight AS INTEGER) % 7), CAST(weight * 4 AS INTEGER), 'what was said about ' || sku FROM parts;
    INSERT INTO logs SELECT CAST(weight * 4 AS INTEGER), 'what happened to ' || sku FROM parts;
    COMMIT;
    """

  /// What is committed after the backup: rows go, change, and come.
  private static let changes = """
    PRAGMA secure_delete = off;
    DELETE FROM orders WHERE number % 10 = 3; DELETE FROM logs WHERE at % 10 = 3;
    INSERT INTO orders VALUES('shop 1', 9001, 'new');
    """

  init() throws {
    folder = try TemporaryFolder("dbmend-keyed")
    path = try SQLiteFile.make(folder.file("a.db"), Self.script)
    backup = try folder.write(try folder.read("a.db"), to: "backup.db")
  }

  /// Makes noise of some leaves of a table.
  private func damage(_ table: String) throws {
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    let root = try #require(
      Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'") ?? ""))
    func below(_ page: Int) -> [Int] {
      let start = image.start(page)
      guard image.byte(start) == 2 else { return [page] }
      let children = (0..<image.word(start + 3)).map { image.long(start + image.word(start + 12 + 2 * $0)) }
      return (children + [image.long(start + 8)]).flatMap(below)
    }
    let leaves = below(root)
    for number in [2, 3, 9, leaves.count - 1] {
      try FileHandle.update(path).write([UInt8](repeating: 0xA5, count: 1024), at: image.start(leaves[number]))
    }
  }

  private func salvage(takesUnproved: Bool = false, tellsProvenance: Bool = false, hasBackup: Bool = true) throws
    -> RepairOutcome
  {
    let backup = hasBackup ? backup : nil
    let aid = SalvageAid(
      takesUnproved: takesUnproved, tellsProvenance: tellsProvenance, backup: { () throws(Problem) in backup })
    let outcome = try Salvager.run(path, aid)
    #expect(try SQLiteFile.value(path, "PRAGMA quick_check") == "ok")
    return outcome
  }

  private func rows(_ table: String) throws -> [[String?]] {
    try SQLiteFile.rows(path, "SELECT * FROM \(table) NOT INDEXED ORDER BY 1, 2")
  }

  @Test("rows whose pages are gone are put together of several indexes that hold all of their columns")
  func indexes() throws {
    let before = try rows("parts")
    try damage("parts")
    let outcome = try salvage(tellsProvenance: true, hasBackup: false)
    #expect(try rows("parts") == before)
    let rebuilt = outcome.rows["parts"]?.fromIndex ?? 0
    #expect(rebuilt > 50 && outcome.rows["parts"]?.lost == 0 && outcome.rows["parts"]?.lostRanges == [])
    #expect(
      try SQLiteFile.rows(
        path, "SELECT count(*), source, row_id, min(row_key) LIKE '''sku %''' FROM dbmend_provenance GROUP BY 2")
        == [[String(rebuilt), "index", nil, "1"]])
  }

  @Test("a row of which the indexes hold a part only is not written, is counted as lost, and its range is told")
  func parts() throws {
    let before = try rows("orders")
    try damage("orders")
    let outcome = try salvage(hasBackup: false)
    let after = try rows("orders")
    #expect(Set(after).isSubset(of: Set(before)) && after.count < before.count)
    #expect(outcome.rows["orders"]?.lost == before.count - after.count)
    let ranges = try #require(outcome.rows["orders"]?.lostRanges)
    // A row stands on the page above between any two leaves.
    try #require(ranges.count == 4)
    // The key's first column descends; behind the last leaf nothing bounds the range.
    guard case .keys(let above, let below) = ranges[0], case .keys(_, let last) = ranges[3] else {
      Issue.record("\(ranges)")
      return
    }
    let numbers = (above?.first?.integer, below?.first?.integer)
    #expect((numbers.0 ?? 0) > (numbers.1 ?? .max) && last == nil)
    let lost = before.filter { !after.contains($0) }.compactMap { Int64($0[1] ?? "") }
    #expect(lost.contains { $0 < numbers.0 ?? 0 && $0 > numbers.1 ?? .max })
  }

  @Test("what every sound index still holds comes from the backup; what was deleted does not")
  func proved() throws {
    try SQLiteFile.make(path, Self.changes)
    let before = try rows("orders")
    try damage("orders")
    let outcome = try salvage()
    #expect(Set(try rows("orders")).isSubset(of: Set(before)))
    // The one row that came after the backup stood on a lost page, and nobody else has its note.
    #expect(try rows("orders").count >= before.count - 1)
    #expect((outcome.rows["orders"]?.fromBackup ?? 0) > 50)
    #expect((outcome.rows["orders"]?.lost ?? 9) <= 1)
  }

  @Test("where no index tells, rows of a backup are set aside, and taken only where changes may be lost")
  func unproved() throws {
    try SQLiteFile.make(path, Self.changes)
    let before = Set(try rows("logs"))
    try damage("logs")
    let damaged = try folder.read("a.db")
    let outcome = try salvage()
    let after = try rows("logs")
    let aside = try SQLiteFile.rows(path, "SELECT at, note FROM dbmend_set_aside_logs")
    #expect(Set(after).isSubset(of: before) && after.count < before.count)
    #expect(Set(after).isDisjoint(with: Set(aside)))
    #expect(before.isSubset(of: Set(after + aside)))
    #expect(outcome.rows["logs"]?.setAside == aside.count && outcome.rows["logs"]?.lost == nil)

    try folder.write(damaged, to: "a.db")
    let taken = try salvage(takesUnproved: true)
    #expect(Set(try rows("logs")) == Set(after + aside))
    #expect(taken.rows["logs"]?.fromBackup == aside.count && taken.rows["logs"]?.setAside == 0)
  }
}
