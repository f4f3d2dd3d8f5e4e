import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Flipped bits of rows that an index proves")
struct FlippedBitTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder("dbmend-bits")
    path = folder.file("a.db")
  }

  private func make(_ settings: String = "") throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 1024; \(settings)
      CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT, price REAL, n INT, note TEXT);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 500)
      INSERT INTO t SELECT i, 'm' || (i * 7919 % 3001) || '@example.org', i / 8.0, i * 4, 'note ' || i || printf('%.*c', i / 400 * 2000, 'x') FROM c;
      CREATE UNIQUE INDEX t_mail ON t(mail); CREATE INDEX t_n ON t(n, price); CREATE INDEX t_note ON t(note);
      """)
  }

  private func rows() throws -> Set<[String?]> { Set(try SQLiteFile.rows(path, "SELECT * FROM t NOT INDEXED")) }

  /// Where the bytes of a text stand in the file, on pages of a kind.
  private func places(_ text: String, _ kind: UInt8) throws -> [Int] {
    let bytes = try folder.read("a.db")
    let wanted = Array(text.utf8)
    return (0..<bytes.count - wanted.count).filter {
      bytes[$0] == wanted[0] && bytes[$0 / 1024 * 1024] == kind && Array(bytes[$0..<$0 + wanted.count]) == wanted
    }
  }

  private func flip(_ at: Int, _ bits: UInt8) throws {
    let byte = try folder.read("a.db")[at]
    try FileHandle.update(path).write([byte ^ bits], at: at)
  }

  private func reindex(_ names: [String] = ["t_mail", "t_n", "t_note"]) throws -> RepairOutcome {
    let copy = try SQLiteWorkingCopy(path)
    let outcome = try copy.rebuildIndexes(names)
    try copy.connection.close()
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    return outcome
  }

  @Test(
    "come back where the index would hold the row's value in another place",
    arguments: ["", "PRAGMA auto_vacuum = FULL;", "PRAGMA encoding = 'UTF-8';"])
  func row(_ settings: String) throws {
    try make(settings)
    let before = try rows()
    let at = try #require(try places("m\(77 * 7919 % 3001)@", 13).first)
    try flip(at, 0x10)
    #expect(try rows() != before)
    let outcome = try reindex()
    #expect(try rows() == before)
    #expect(outcome.notes.contains { $0.contains("1 row of t ") })
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dbmend%'") == "0")
  }

  @Test("in an entry of the index do not come into the row")
  func entry() throws {
    try make()
    let before = try rows()
    let at = try #require(try places("m\(77 * 7919 % 3001)@", 10).first)
    try flip(at, 0x10)
    _ = try reindex()
    #expect(try rows() == before)
  }

  @Test("that leave the value where it was in the index stay, since nothing tells which of the two is right")
  func unproved() throws {
    try make()
    // The last letter of the address, behind a number that no other one has.
    let at = try #require(try places("m\(77 * 7919 % 3001)@example.org", 13).first)
    try flip(at + 10, 0x01)
    let damaged = try rows()
    _ = try reindex()
    #expect(try rows() == damaged)
  }

  @Test("in whole numbers are left alone: a row that was not written last looks the same")
  func number() throws {
    try make()
    // The number stands before the text of the same row.
    let at = try #require(try places("note 90", 13).first)
    try flip(at - 2, 0x40)
    let before = try rows()
    _ = try reindex(["t_n"])
    #expect(try rows() == before)
  }
}
