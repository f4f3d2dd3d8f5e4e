import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("R-Trees that lost parts of their own tables")
struct RTreeTests {
  private let folder: TemporaryFolder
  private let path: String

  private static let boxes = "SELECT * FROM boxes ORDER BY id"
  private static let nodes = "SELECT nodeno, hex(data) FROM boxes_node ORDER BY nodeno"

  init() throws {
    folder = try TemporaryFolder("dbmend-rtree")
    path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      BEGIN;
      CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label, +size INTEGER);
      CREATE VIRTUAL TABLE grid USING rtree_i32(id, a0, a1);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO boxes SELECT i, i % 100 - 50.5, i % 100 - 49.25, i % 77, i % 77 + 0.1, 'box ' || i, i * i FROM n;
      INSERT INTO grid SELECT id, -id, id * 500003 FROM boxes;
      COMMIT;
      """)
  }

  private func mend(_ name: String) throws -> RepairOutcome {
    var outcome = RepairOutcome()
    try VirtualRebuild(path: path).run([name], &outcome)
    #expect(try SQLiteFile.value(path, "SELECT rtreecheck('\(name)')") == "ok")
    return outcome
  }

  /// Nodes above the leaves, but for the root.
  private let inner = "nodeno IN (SELECT parentnode FROM boxes_parent) AND nodeno > 1"

  @Test("what the leaves tell is written anew, and every node stays as it was")
  func above() throws {
    let before = try (SQLiteFile.rows(path, Self.boxes), SQLiteFile.rows(path, Self.nodes))
    let parents = try SQLiteFile.rows(path, "SELECT * FROM boxes_parent ORDER BY 1")
    try SQLiteFile.make(path, "DELETE FROM boxes_parent WHERE nodeno % 3 = 0")
    let outcome = try mend("boxes")
    #expect(outcome.rows["boxes"]?.lost == 0 && outcome.rows["boxes"]?.kept == 4000)
    #expect(try SQLiteFile.rows(path, Self.boxes) == before.0)
    #expect(try SQLiteFile.rows(path, Self.nodes) == before.1)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM boxes_parent ORDER BY 1") == parents)
  }

  @Test("a lost root and other lost nodes above the leaves cost no entry")
  func inside() throws {
    let before = try SQLiteFile.rows(path, Self.boxes)
    let kept = "SELECT nodeno, hex(data) FROM boxes_node WHERE nodeno NOT IN (SELECT parentnode FROM boxes_parent)"
    let leaves = try SQLiteFile.rows(path, kept)
    try SQLiteFile.make(path, "DELETE FROM boxes_node WHERE nodeno = 1 OR \(inner)")
    _ = try mend("boxes")
    #expect(try SQLiteFile.rows(path, Self.boxes) == before)
    #expect(try SQLiteFile.rows(path, kept) == leaves)
  }

  @Test("the entries of a lost leaf are lost, counted, and what stood beside them is kept apart")
  func leaf() throws {
    let before = try SQLiteFile.rows(path, Self.boxes)
    let leaf = try #require(try SQLiteFile.value(path, "SELECT nodeno FROM boxes_rowid WHERE rowid = 1234"))
    let entries = try SQLiteFile.rows(path, "SELECT rowid, a0, a1 FROM boxes_rowid WHERE nodeno = \(leaf) ORDER BY 1")
    try SQLiteFile.make(path, "DELETE FROM boxes_node WHERE nodeno = \(leaf)")
    let outcome = try mend("boxes")
    #expect(outcome.rows["boxes"]?.setAside == entries.count && outcome.rows["boxes"]?.lost == 0)
    let gone = Set(entries.map { $0[0] })
    #expect(try SQLiteFile.rows(path, Self.boxes) == before.filter { !gone.contains($0[0]) })
    #expect(try SQLiteFile.rows(path, "SELECT rowid, a0, a1 FROM dbmend_set_aside_boxes ORDER BY 1") == entries)
  }

  @Test("where the nodes make no tree any more, their entries are put in again")
  func scattered() throws {
    let before = try SQLiteFile.rows(path, Self.boxes)
    try SQLiteFile.make(path, "DELETE FROM boxes_node WHERE nodeno = 1 OR \(inner); DELETE FROM boxes_parent")
    _ = try mend("boxes")
    #expect(try SQLiteFile.rows(path, Self.boxes) == before)
  }

  @Test("entries of whole numbers come back from the nodes alone")
  func integers() throws {
    let before = try SQLiteFile.rows(path, "SELECT * FROM grid ORDER BY id")
    try SQLiteFile.make(
      path,
      "DELETE FROM grid_rowid WHERE rowid % 2 = 0; DELETE FROM grid_parent; DELETE FROM grid_node WHERE nodeno = 1")
    _ = try mend("grid")
    #expect(try SQLiteFile.rows(path, "SELECT * FROM grid ORDER BY id") == before)
  }

  @Test("bytes that are no node, and bounds that are none, cost their entries alone")
  func noise() throws {
    let before = Set(try SQLiteFile.rows(path, "SELECT id FROM grid").map { $0[0] ?? "" })
    try SQLiteFile.make(
      path,
      """
      UPDATE grid_node SET data = x'FFFF' WHERE nodeno = (SELECT nodeno FROM grid_rowid WHERE rowid = 77);
      UPDATE grid_node SET data = CAST(substr(data, 1, 12) || x'7FFFFFFF80000000' || substr(data, 21) AS BLOB)
      WHERE nodeno = (SELECT nodeno FROM grid_rowid WHERE rowid = 3000);
      """)
    let outcome = try mend("grid")
    let after = Set(try SQLiteFile.rows(path, "SELECT id FROM grid").map { $0[0] ?? "" })
    #expect(after.isSubset(of: before) && !after.contains("77"))
    #expect(outcome.rows["grid"]?.lost == before.count - after.count && after.count > 3800)
  }

  @Test("leaves of nodes and of documents' sizes go each to their own table")
  func nodesAndSizes() throws {
    try SQLiteFile.make(
      path, "CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words(rowid, text) SELECT id, label FROM boxes;")
    let tables = ["boxes_node", "words_docsize"]
    let before = try tables.map { try SQLiteFile.rows(path, "SELECT * FROM \($0)") }
    for table in tables {
      let root = try #require(
        Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(table)'") ?? ""))
      try FileHandle.update(path).write([UInt8](repeating: 0, count: 4096), at: (root - 1) * 4096)
    }
    _ = try Salvager.run(path)
    #expect(try tables.map { try SQLiteFile.rows(path, "SELECT * FROM \($0)") } == before)
  }

  @Test(
    "without a node that can be read the tree is empty, and takes entries again",
    arguments: [
      "DELETE FROM grid_node", "UPDATE grid_node SET data = x'00'",
      "PRAGMA writable_schema = ON; DROP TABLE grid_node; DROP TABLE grid_parent;",
    ])
  func nothing(_ damage: String) throws {
    try SQLiteFile.make(path, damage)
    let outcome = try mend("grid")
    #expect(outcome.rows["grid"]?.lost == 4000 && outcome.rows["grid"]?.kept == 0)
    try SQLiteFile.make(path, "INSERT INTO grid VALUES(1, 2, 3)")
    #expect(try SQLiteFile.rows(path, "SELECT * FROM grid") == [["1", "2", "3"]])
  }

  @Test("a table of the module that is not there is made, and what the nodes tell is written into it")
  func missingTable() throws {
    let before = try SQLiteFile.rows(path, "SELECT * FROM grid ORDER BY id")
    try SQLiteFile.make(path, "PRAGMA writable_schema = ON; DROP TABLE grid_parent; DROP TABLE grid_rowid;")
    _ = try mend("grid")
    #expect(try SQLiteFile.rows(path, "SELECT * FROM grid ORDER BY id") == before)
  }

  @Test("zeros in the place of entries, and an entry that left the bounds of its node, do not come back as entries")
  func invented() throws {
    let before = Set(try SQLiteFile.rows(path, "SELECT * FROM grid"))
    let least = try #require(
      Int(
        try SQLiteFile.value(
          path, "SELECT min(rowid) FROM grid_rowid WHERE nodeno IN (SELECT max(nodeno) FROM grid_rowid)") ?? ""))
    let number =
      "x'" + String(repeating: "0", count: 16 - String(least, radix: 16).count) + String(least, radix: 16) + "'"
    try SQLiteFile.make(
      path,
      """
      UPDATE grid_node SET data = CAST(substr(data, 1, instr(data, \(number)) + 11) || x'7FFFFFF0'
        || substr(data, instr(data, \(number)) + 16) AS BLOB)
      WHERE nodeno = (SELECT nodeno FROM grid_rowid WHERE rowid = \(least));
      UPDATE grid_node SET data = CAST(substr(data, 1, 200) || zeroblob(length(data) - 200) AS BLOB)
      WHERE nodeno = (SELECT min(nodeno) FROM grid_rowid);
      """)
    let outcome = try mend("grid")
    let after = Set(try SQLiteFile.rows(path, "SELECT * FROM grid"))
    #expect(after.isSubset(of: before) && !after.contains { $0[0] == String(least) })
    #expect(outcome.rows["grid"]?.lost == before.count - after.count && after.count > 3900)
  }

  @Test("the bounds of entries of which what stood beside them is lost are kept apart")
  func unnamed() throws {
    let before = try SQLiteFile.rows(path, Self.boxes)
    let lost = try SQLiteFile.rows(path, "SELECT id, x0, x1, y0, y1 FROM boxes WHERE id BETWEEN 70 AND 79 ORDER BY id")
    try SQLiteFile.make(path, "DELETE FROM boxes_rowid WHERE rowid BETWEEN 70 AND 79")
    var outcome = RepairOutcome(rows: ["boxes_rowid": RowTally(lost: nil)])
    try VirtualRebuild(path: path).run([], &outcome)
    #expect(outcome.rows["boxes"]?.setAside == 10)
    #expect(try SQLiteFile.rows(path, "SELECT * FROM dbmend_set_aside_boxes ORDER BY id") == lost)
    #expect(try SQLiteFile.rows(path, Self.boxes) == before.filter { !lost.map { $0[0] }.contains($0[0]) })
    #expect(try SQLiteFile.value(path, "SELECT rtreecheck('boxes')") == "ok")
  }
}
