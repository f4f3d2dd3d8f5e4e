import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Pages that stand where another tree's page was")
struct MisplacedTests {
  private let folder: TemporaryFolder
  private let path: String

  /// Tables of one shape whose rowids are the same: only texts and what their indexes hold tell them apart.
  init() throws {
    folder = try TemporaryFolder("dbmend-misplaced")
    path = try SQLiteFile.make(
      folder.file("a.db"),
      "PRAGMA page_size = 1024;"
        + ["a": 20, "b": 20, "c": 200].sorted { $0.key < $1.key }.map { name, count in
          """
          CREATE TABLE \(name)(id INTEGER PRIMARY KEY, code TEXT UNIQUE, amount REAL, remark TEXT);
          CREATE INDEX \(name)_amount ON \(name)(amount);
          WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
            INSERT INTO \(name) SELECT i, '\(name) ' || i, i / 7.0, 'of \(name)' FROM n;
          """
        }.joined())
  }

  private func rows() throws -> [String: [[String?]]] {
    try Dictionary(
      uniqueKeysWithValues: ["a", "b", "c"].map { ($0, try SQLiteFile.rows(path, "SELECT * FROM \($0) NOT INDEXED")) })
  }

  private func page(_ name: String) throws -> Int {
    try #require(Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'") ?? ""))
  }

  private func write(_ pages: [Int: Int]) throws {
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    for (target, source) in pages { try FileHandle.update(path).write(image.page(source), at: image.start(target)) }
  }

  private func salvage() throws -> RepairOutcome {
    let outcome = try Salvager.run(path)
    #expect(try SQLiteFile.value(path, "PRAGMA quick_check") == "ok")
    return outcome
  }

  @Test("a copy of another table's page is let go of, and its rows are invented nowhere")
  func copy() throws {
    let before = try rows()
    try write([page("a"): page("b")])
    let outcome = try salvage()
    let after = try rows()
    #expect(after["a"] == [] && after["b"] == before["b"] && after["c"] == before["c"])
    #expect(outcome.rows["a"]?.lost == 20)
    #expect(outcome.rows.keys.allSatisfy { !$0.hasPrefix("lost_and_found") })
  }

  @Test("leaves of two tables that changed places go back where their indexes prove them")
  func exchange() throws {
    let before = try rows()
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    // The first leaf of the largest table has the rowids of a whole small one.
    let root = try page("c")
    let leaf = image.long(image.start(root) + image.word(image.start(root) + 12))
    try write([leaf: page("a"), page("a"): leaf])
    _ = try salvage()
    #expect(try rows() == before)
  }

  @Test("a table whose indexes contradict each other keeps its rows, though another one looks alike")
  func contradiction() throws {
    let before = try rows()
    try write([page("c_amount"): page("b_amount")])
    // What is left of the indexes of this table is the one whose values tables have in common.
    let image = try #require(DatabaseImage(try folder.read("a.db")))
    try FileHandle.update(path).write(
      [UInt8](repeating: 0, count: 1024), at: image.start(try page("sqlite_autoindex_a_1")))
    _ = try salvage()
    #expect(try rows() == before)
  }

  @Test("an index that became a copy of another table's is built anew, and no row leaves its table")
  func index() throws {
    let before = try rows()
    try write([
      page("a_amount"): page("b_amount"), page("sqlite_autoindex_a_1"): page("sqlite_autoindex_b_1"),
    ])
    _ = try salvage()
    #expect(try rows() == before)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }
}
