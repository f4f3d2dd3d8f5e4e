import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What is left of indexes that lost pages")
struct IndexFragmentTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-fragments") }

  private func make() throws -> String {
    try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 512; BEGIN;
      CREATE TABLE orders(id INTEGER PRIMARY KEY, sku TEXT NOT NULL, amount INTEGER, note TEXT);
      CREATE INDEX orders_sku ON orders(sku, amount);
      CREATE INDEX orders_amount ON orders(amount DESC);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO orders SELECT i, 'sku ' || (i * 7919 % 997), i * 31 % 6007, 'a note on ' || i FROM n;
      COMMIT;
      """)
  }

  /// The pages of an index: interior ones from the root on, and leaves.
  private func tree(_ path: String, _ name: String) throws -> TreePages {
    let view = try StoreView(path, locking: .none)
    let header = try #require(view.header)
    let root = try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'")
    let pages = try PageMap(view, header: header)
    let number = try #require(root.flatMap { UInt32($0) })
    return try #require(TreePages(pages, root: number))
  }

  private func page(_ number: UInt32, of bytes: [UInt8]) -> ArraySlice<UInt8> {
    bytes[(Int(number) - 1) * 512..<Int(number) * 512]
  }

  @Test(
    "leaves of indexes whose interior pages are lost are found again", arguments: ["root", "below the root", "all"])
  func interior(_ lost: String) throws {
    let path = try make()
    let names = ["orders_sku", "orders_amount"]
    let trees = try names.map { try tree(path, $0) }
    #expect(trees.allSatisfy { $0.interior.count > 4 && $0.leaves.count > 100 })
    var noise = SeededRandom(5, "fragments")
    for tree in trees {
      let pages = lost == "root" ? tree.interior.prefix(1) : lost == "all" ? tree.interior[...] : tree.interior[1...2]
      for page in pages {
        let bytes = (0..<512).map { _ in UInt8(noise.int(0...255)) }
        try FileHandle.update(path).write(bytes, at: (Int(page) - 1) * 512)
      }
    }
    let before = try folder.read("a.db")
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM orders INDEXED BY orders_sku WHERE sku > ''") == "6000")
    let after = try folder.read("a.db")
    for (name, old) in zip(names, trees) {
      let kept = Set(try tree(path, name).leaves).intersection(old.leaves)
      let same = kept.filter { page($0, of: before) == page($0, of: after) }
      #expect(same.count * 5 > old.leaves.count * 2, "\(name): \(same.count) of \(old.leaves.count)")
    }
  }

  @Test("leaves that hold what rows once were, and leaves of other indexes, come into none")
  func stale() throws {
    let path = try make()
    let tree = try tree(path, "orders_sku")
    let before = try folder.read("a.db")
    // Leaves from before the rows got other values stand behind the end of the file, as if the freelist had been lost.
    _ = try SQLiteFile.make(path, "UPDATE orders SET sku = 'other ' || id, amount = -id")
    let size = try folder.read("a.db").count
    let stale = tree.leaves.prefix(20).flatMap { page($0, of: before) }
    try FileHandle.update(path).write(stale, at: size)
    let root = try self.tree(path, "orders_sku").interior[0]
    try FileHandle.update(path).write([UInt8](repeating: 7, count: 512), at: (Int(root) - 1) * 512)
    _ = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    let aside = try SQLiteFile.rows(path, "SELECT name FROM sqlite_schema WHERE name LIKE 'dbmend%'")
    #expect(aside.isEmpty, "\(aside)")
  }

  @Test("an index that lost interior pages still proves its rows, and holds nothing against those that it lost itself")
  func evidence() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 512; BEGIN;
      CREATE TABLE stock(id INTEGER PRIMARY KEY, sku TEXT, amount INTEGER);
      CREATE INDEX stock_sku ON stock(sku, amount);
      CREATE TABLE sales(id INTEGER PRIMARY KEY, sku TEXT, amount INTEGER);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO stock SELECT i, 'sku ' || (i * 7919 % 3989), i * 31 % 6007 FROM n;
      INSERT INTO sales SELECT id, sku, amount FROM stock;
      COMMIT;
      """)
    let rows = try SQLiteFile.rows(path, "SELECT * FROM stock")
    let index = try tree(path, "stock_sku")
    let table = try tree(path, "stock")
    // The root and a leaf of the index, and leaves of the table: rows come back but for the few that only these held.
    let lost = [index.interior[0], index.leaves[40]] + table.leaves[10..<14] + [table.leaves[70]]
    for page in lost {
      try FileHandle.update(path).write([UInt8](repeating: 0xA5, count: 512), at: (Int(page) - 1) * 512)
    }
    let outcome = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    let after = try SQLiteFile.rows(path, "SELECT * FROM stock")
    #expect(after.allSatisfy(rows.contains))
    #expect(rows.count - after.count < 20, "\(after.count)")
    #expect(outcome.rows["stock"]?.fromIndex ?? 0 > 50)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM sales") == rows)
  }
}
