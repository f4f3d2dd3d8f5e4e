import MendKit
import StandardRepairs
import TestSupport
import Testing

@Suite("rewrite")
struct RewriteTests {
  private let runner = ExampleRunner(registry)
  private static let orders = """
    create table orders(id integer primary key, sku text);
    insert into orders(sku) values('bolt'), ('nut'), ('screw'), ('washer');
    """

  private func mend(_ script: String, _ damage: Example.Damage...) throws -> ExampleRunner.Mending {
    let example = Example("", script: script, damage: damage)
    return try runner.mend(try runner.make(example), with: RewriteRepair(), example)
  }

  private func expectSound(_ mending: ExampleRunner.Mending) throws {
    #expect(mending.after.isEmpty, "\(mending.after.map(\.message))")
    #expect(try SQLiteFile.value(mending.copy, "pragma integrity_check") == "ok")
    #expect(try SQLiteFile.value(mending.copy, "select group_concat(sku) from orders") == "bolt,nut,screw,washer")
  }

  @Test(
    "a pointer map that is wrong is made anew, and the file goes on shrinking by itself",
    arguments: ["full", "incremental"])
  func pointerMap(_ kind: String) throws {
    let mending = try mend(
      "pragma auto_vacuum = \(kind);" + Self.orders, .overwrite(offset: 4096, bytes: [5, 0, 0, 0, 9]))
    #expect(mending.before.map(\.code) == ["pointer-map.malformed"])
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.outcome?.rows == [:])
    try expectSound(mending)
    #expect(try SQLiteFile.value(mending.copy, "pragma auto_vacuum") == (kind == "full" ? "1" : "2"))
    try SQLiteFile.make(
      mending.copy, "create table more(x); insert into more values(zeroblob(99999)); drop table more;")
    #expect(try SQLiteFile.value(mending.copy, "pragma integrity_check") == "ok")
  }

  @Test(
    "a header whose fields contradict the file is made anew",
    arguments: [("none", 64, [0, 0, 0, 1] as [UInt8]), ("full", 52, [0, 0, 0, 2])])
  func header(_ kind: String, _ offset: Int, _ bytes: [UInt8]) throws {
    let mending = try mend("pragma auto_vacuum = \(kind);" + Self.orders, .overwrite(offset: offset, bytes: bytes))
    #expect(mending.before.map(\.code) == ["header.malformed"])
    #expect(mending.offer?.loss == Loss.none)
    try expectSound(mending)
  }

  @Test("a text encoding that there is not is made the one that SQLite took it for", arguments: ["UTF-8", "UTF-16be"])
  func encoding(_ name: String) throws {
    let mending = try mend("pragma encoding = '\(name)';" + Self.orders, .overwrite(offset: 58, bytes: [8]))
    #expect(mending.before.map(\.code) == ["header.malformed"])
    #expect(mending.offer?.loss == Loss.none)
    try expectSound(mending)
    #expect(try SQLiteFile.value(mending.copy, "pragma encoding") == name)
  }

  @Test("what is only worth a warning gets no offer")
  func warnings() throws {
    let tail = try mend(Self.orders, .overwrite(offset: 8192, bytes: [UInt8](repeating: 0, count: 4096)))
    #expect(tail.before.map(\.code) == ["file.tail"] && tail.offer == nil)
    let text = try mend(Self.orders + "update orders set sku = cast(x'f6' as text) where id = 1;")
    #expect(text.before.map(\.code) == ["text.invalid"] && text.offer == nil)
  }

  @Test("a page that counts fewer free bytes than a cell takes hides no row: the loss is none, and the report says so")
  func miscount() throws {
    let mending = try mend(Self.orders, .overwrite(offset: 4096 + 7, bytes: [9]))
    #expect(mending.before.map(\.code) == ["table.malformed"])
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.outcome?.rows == ["orders": RowTally(kept: 4)])
    try expectSound(mending)
  }

  /// One row fewer in the header of the page, whose bytes are then unaccounted for.
  private static let lostCell = Example.Damage.overwrite(offset: 4096 + 3, bytes: [0, 3])

  @Test("a page with room for a cell that it does not count may hide a row, and the loss is rows")
  func hiddenRow() throws {
    let mending = try mend(Self.orders, Self.lostCell)
    #expect(mending.before.map(\.code) == ["table.malformed"])
    #expect(mending.offer?.loss == .rows)
    #expect(mending.outcome?.rows == ["orders": RowTally(kept: 3, lost: nil)])
  }

  @Test("nor does an index vouch for a table that lacks one of its rows")
  func contradicted() throws {
    let mending = try mend(Self.orders + "create index orders_sku on orders(sku);", Self.lostCell)
    #expect(Set(mending.before.map(\.code)) == ["table.malformed", "index.entry-extra"])
    #expect(mending.offer?.loss == .rows)
  }

  /// The chain of free blocks leads out of the page: what lies between the cells is unaccounted for.
  private static let freeblock = Example.Damage.overwrite(offset: 4096 + 1, bytes: [0x0F, 0xFE])

  @Test("where free space goes astray, an index that has exactly the rows that were read proves that none is hidden")
  func vouched() throws {
    let mending = try mend(Self.orders + "create index orders_sku on orders(sku);", Self.freeblock)
    #expect(mending.before.map(\.code) == ["table.malformed"])
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.offer?.reason.contains("every row is read") == true)
    #expect(mending.outcome?.rows == ["orders": RowTally(kept: 4)])
    try expectSound(mending)
  }

  @Test("without an index, nobody knows")
  func unvouched() throws {
    let mending = try mend(Self.orders, Self.freeblock)
    #expect(mending.offer?.loss == .rows)
    let partial = try mend(Self.orders + "create index orders_sku on orders(sku) where id < 9;", Self.freeblock)
    #expect(partial.offer?.loss == .rows)
  }
}
