import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Gaps filled from indexes and a backup")
struct GapFillTests {
  private let folder: TemporaryFolder
  private let path: String
  private let backup: String

  private static let script = """
    PRAGMA secure_delete = off; PRAGMA page_size = 1024; BEGIN;
    CREATE TABLE parts(id INTEGER PRIMARY KEY, sku TEXT NOT NULL, weight REAL);
    CREATE INDEX parts_sku ON parts(sku COLLATE NOCASE);
    CREATE INDEX parts_weight ON parts(weight DESC, id);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, note TEXT);
    CREATE INDEX orders_customer ON orders(customer);
    CREATE TABLE logs(id INTEGER PRIMARY KEY, note TEXT);
    WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO parts SELECT i, 'Sku ' || (i * 7919 % 3001), i / 4.0 FROM n;
    INSERT INTO orders SELECT id, 'customer ' || (id % 400), 'what was said about order ' || id FROM parts;
    INSERT INTO logs SELECT id, 'what happened at ' || id FROM parts;
    COMMIT;
    """

  /// What is committed after the backup: rows go, change, and come.
  private static let changes = """
    PRAGMA secure_delete = off;
    DELETE FROM parts WHERE id % 10 = 3; DELETE FROM orders WHERE id % 10 = 3; DELETE FROM logs WHERE id % 10 = 3;
    UPDATE orders SET customer = 'another' WHERE id % 10 = 5;
    INSERT INTO orders VALUES(9001, 'customer 1', 'new');
    """

  init() throws {
    folder = try TemporaryFolder("dbmend-gaps")
    path = try SQLiteFile.make(folder.file("a.db"), Self.script)
    backup = try folder.write(try folder.read("a.db"), to: "backup.db")
  }

  /// The leaves of a table, from its root and what is below that.
  private func leaves(_ table: String) throws -> [Int] {
    let root = try #require(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'"))
    let bytes = try folder.read("a.db")
    func below(_ page: Int) -> [Int] {
      let start = (page - 1) * 1024
      guard bytes[start] == 5 else { return [page] }
      func big(_ at: Int, _ count: Int) -> Int { bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) } }
      let children = (0..<big(start + 3, 2)).map { big(start + big(start + 12 + 2 * $0, 2), 4) } + [big(start + 8, 4)]
      return children.flatMap(below)
    }
    return below(try #require(Int(root)))
  }

  /// Makes noise of some leaves of a table.
  private func damage(_ table: String, _ numbers: [Int] = [2, 3, 7, 30]) throws {
    let leaves = try leaves(table)
    for number in numbers {
      try FileHandle.update(path).write([UInt8](repeating: 0xA5, count: 1024), at: (leaves[number] - 1) * 1024)
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
    try SQLiteFile.rows(path, "SELECT * FROM \(table) NOT INDEXED ORDER BY id")
  }

  @Test("rows whose pages are gone are rebuilt where the sound indexes hold all of their columns")
  func indexes() throws {
    let before = try rows("parts")
    try damage("parts")
    let outcome = try salvage(hasBackup: false)
    #expect(try rows("parts") == before)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect((outcome.rows["parts"]?.fromIndex ?? 0) > 50 && outcome.rows["parts"]?.lost == 0)
    #expect(outcome.notes.contains { $0.hasPrefix("parts: rows ") })
  }

  @Test("a row of which an index holds a part only is not written, and is counted as lost")
  func parts() throws {
    let before = try rows("orders")
    try damage("orders")
    let outcome = try salvage(hasBackup: false)
    let after = try rows("orders")
    #expect(Set(after).isSubset(of: Set(before)))
    #expect(outcome.rows["orders"]?.lost == before.count - after.count && after.count < before.count)
  }

  @Test("what every sound index still holds comes from the backup with the indexes' values; what is refuted does not")
  func proved() throws {
    try SQLiteFile.make(path, Self.changes)
    let before = try (orders: rows("orders"), parts: rows("parts"))
    try damage("orders")
    try damage("parts")
    let outcome = try salvage()
    #expect(try rows("parts") == before.parts)
    #expect(try rows("orders") == before.orders)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect((outcome.rows["orders"]?.fromBackup ?? 0) > 20 && outcome.rows["orders"]?.lost == 0)
  }

  @Test("where no index tells, rows of a backup are set aside, and taken only where changes may be lost")
  func unproved() throws {
    try SQLiteFile.make(path, Self.changes)
    let before = Set(try rows("logs"))
    try damage("logs")
    let damaged = try folder.read("a.db")
    let outcome = try salvage()
    let after = try rows("logs")
    let aside = try SQLiteFile.rows(path, "SELECT id, note FROM dbmend_set_aside_logs WHERE id = dbmend_rowid")
    #expect(Set(after).isSubset(of: before) && after.count < before.count)
    #expect(Set(after).isDisjoint(with: Set(aside)))
    #expect(before.isSubset(of: Set(after + aside)))
    #expect(outcome.rows["logs"]?.setAside == aside.count && outcome.rows["logs"]?.lost == nil)

    try folder.write(damaged, to: "a.db")
    let taken = try salvage(takesUnproved: true)
    #expect(Set(try rows("logs")) == Set(after + aside))
    #expect(taken.rows["logs"]?.fromBackup == aside.count && taken.rows["logs"]?.setAside == 0)
  }

  @Test("a deleted row of a page that can be read does not come back from the backup")
  func readable() throws {
    try SQLiteFile.make(path, Self.changes)
    try damage("logs", [5])
    _ = try salvage(takesUnproved: true)
    let last = try #require(try leaves("logs").last)
    #expect(last > 0)
    let present = Set(try rows("logs").compactMap { $0[0] })
    // Page five holds some fifty rows at most; of all others, those that were deleted stay so.
    #expect((1...3000).filter { $0 % 10 == 3 && present.contains(String($0)) }.count < 10)
  }

  @Test("an index that holds a page of another index is no evidence")
  func strayPage() throws {
    try SQLiteFile.make(
      path,
      "CREATE TABLE other(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX other_b ON other(b);"
        + "INSERT INTO other SELECT id + 100000, 'sku ' || id FROM parts;")
    try SQLiteFile.make(
      path,
      "CREATE TABLE names(id INTEGER PRIMARY KEY, b TEXT); CREATE INDEX names_b ON names(b);"
        + "INSERT INTO names SELECT id, 'name ' || id FROM parts;")
    let before = Set(try rows("names"))
    let bytes = try folder.read("a.db")
    func leaf(_ text: String) throws -> Int {
      let wanted = Array(text.utf8)
      return try #require(
        (1..<bytes.count / 1024).first { page in
          let content = bytes[page * 1024..<(page + 1) * 1024]
          return content.first == 10
            && content.indices.contains {
              $0 + wanted.count <= content.endIndex
                && content[$0..<$0 + wanted.count].elementsEqual(wanted)
            }
        })
    }
    let source = try leaf("sku 1500")
    let target = try leaf("name 1500")
    try FileHandle.update(path).write(Array(bytes[source * 1024..<(source + 1) * 1024]), at: target * 1024)
    try damage("names", [20, 40])
    _ = try salvage(hasBackup: false)
    #expect(Set(try rows("names")).isSubset(of: before))
  }

  @Test("where each rebuilt row came from stands in a table of the result, when that is asked for")
  func provenance() throws {
    try damage("parts", [4])
    try damage("orders", [4])
    let outcome = try salvage(tellsProvenance: true)
    let told = try SQLiteFile.rows(
      path, "SELECT table_name, source, count(*), min(page) > 1 FROM dbmend_provenance GROUP BY 1, 2 ORDER BY 1")
    #expect(
      told == [
        ["orders", "backup", String(outcome.rows["orders"]?.fromBackup ?? 0), "1"],
        ["parts", "index", String(outcome.rows["parts"]?.fromIndex ?? 0), "1"],
      ])
  }

  @Test("a backup that is no database, or stores texts in another way, is not used")
  func otherBackup() throws {
    try damage("logs")
    let damaged = try folder.read("a.db")
    try folder.write([UInt8](repeating: 9, count: 4096), to: "backup.db")
    #expect(try salvage(takesUnproved: true).notes.contains { $0.contains("it was not used") })
    try folder.write(damaged, to: "a.db")
    try Paths.removeFile(backup)
    try SQLiteFile.make(backup, "PRAGMA encoding = 'UTF-16le';" + Self.script)
    #expect(try salvage(takesUnproved: true).rows["logs"]?.fromBackup == 0)
  }
}
