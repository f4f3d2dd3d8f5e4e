import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("An entry that changed places with the next one is found, whatever the entries hold")
struct EntryOrderTests {
  private static let tables = [
    "whole numbers of both signs and every length": (
      "CREATE INDEX i ON t(a)",
      "SELECT ((1 << n % 62) + n * 31) * CASE WHEN n % 3 = 0 THEN -1 ELSE 1 END, 0 FROM n"
    ),
    "reals of both signs, among whole numbers": (
      "CREATE INDEX i ON t(a, b)",
      """
      SELECT CASE n % 4 WHEN 0 THEN n WHEN 1 THEN n / 7.0 WHEN 2 THEN -n / 3.0 ELSE (n % 50 - 25) * 1e300 END, n % 300
      FROM n
      """
    ),
    "texts that begin alike": (
      "CREATE INDEX i ON t(a)",
      "SELECT substr('the same beginning, longer than two blocks of bytes ', 1 + n % 40) || n * 7919 % 1000, 0 FROM n"
    ),
    "texts of several lengths, before numbers of several lengths": (
      "CREATE INDEX i ON t(a, b)",
      "SELECT CASE n % 3 WHEN 0 THEN 'kind' WHEN 1 THEN 'kinds' ELSE 'kine' END, (n * 7919 % 100000) - 300 FROM n"
    ),
    "bytes beyond a hundred": (
      "CREATE INDEX i ON t(a)",
      "SELECT CAST(printf('%.*c%06d', 40 + n % 3 * 60, 'x', n * 7919 % 65536) AS BLOB), 0 FROM n"
    ),
    "descending numbers before texts": (
      "CREATE INDEX i ON t(a DESC, b)", "SELECT n % 7 - 3, printf('%x', n * 7919) FROM n"
    ),
    "texts without regard to case": (
      "CREATE INDEX i ON t(a COLLATE NOCASE)",
      "SELECT CASE n % 2 WHEN 0 THEN 'Row ' ELSE 'rOW ' END || n * 7919 % 10000, 0 FROM n"
    ),
    "NULL, numbers, texts and bytes in one column": (
      "CREATE INDEX i ON t(a, b)",
      """
      SELECT CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN n WHEN 2 THEN n / 3.0 WHEN 3 THEN 'text ' || n ELSE CAST(n AS BLOB) END,
      n % 2 FROM n
      """
    ),
    "unique pairs, some of them NULL": (
      "CREATE UNIQUE INDEX i ON t(a, b)", "SELECT CASE WHEN n % 9 = 0 THEN NULL ELSE n / 30 END, n FROM n"
    ),
  ]

  @Test("each one on each leaf", arguments: tables.keys.sorted())
  func neighbours(_ name: String) throws {
    let (index, rows) = try #require(Self.tables[name])
    let folder = try TemporaryFolder("dbmend-order")
    let path = folder.file("a.db")
    try script(
      path,
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);
      \(index);
      WITH RECURSIVE n(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM n WHERE n < 1500) INSERT INTO t(a, b) \(rows);
      """)
    let whole = try walk(path, perCause: 1)
    #expect(whole.result.troubles.entries.isEmpty)
    let bytes = try FileHandle.read(path).readAll(limit: 1 << 24)
    let leaves = (0..<bytes.count / 1024).filter { bytes[$0 * 1024] == 10 }
    let most = try #require(leaves.map { Self.cells(bytes, $0) }.max())
    #expect(leaves.count > 10 && most > 4)
    for cell in 0..<most - 1 {
      var swapped = bytes
      var expected: Set<[Int]> = []
      for leaf in leaves where cell + 1 < Self.cells(bytes, leaf) {
        let pointer = leaf * 1024 + 8 + 2 * cell
        let pointers = bytes[pointer..<pointer + 4]
        swapped.replaceSubrange(pointer..<pointer + 4, with: pointers.suffix(2) + pointers.prefix(2))
        expected.insert([leaf + 1, Int(bytes[pointer]) << 8 | Int(bytes[pointer + 1])])
      }
      try Durable.write(swapped, to: path)
      let found = try walk(path, perCause: 1 << 20).result.troubles.entries.values.flatMap(\.kept)
        .filter { $0.kind == .keyOrder }
      #expect(Set(found.map { [Int($0.page), $0.offset] }) == expected, "cells \(cell) and \(cell + 1)")
    }
  }

  /// The last entry that was whole stays what the next whole one is held against, however many broken ones stand in between.
  @Test("an entry whose overflow chain is broken does not stand in the way of its neighbours", arguments: [1, 2, 3])
  func brokenChains(_ broken: Int) throws {
    let folder = try TemporaryFolder("dbmend-order")
    let path = folder.file("a.db")
    try script(
      path,
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(id INTEGER PRIMARY KEY, a);
      CREATE INDEX i ON t(a);
      WITH RECURSIVE n(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM n WHERE n < 40)
      INSERT INTO t(a) SELECT printf('%03d', n) || printf('%.*c', 2000 + n * 40, 'x') FROM n;
      """)
    var bytes = try FileHandle.read(path).readAll(limit: 1 << 24)
    let leaf = try #require(
      (0..<bytes.count / 1024).filter { bytes[$0 * 1024] == 10 }.max { Self.cells(bytes, $0) < Self.cells(bytes, $1) })
    try #require(Self.cells(bytes, leaf) >= broken + 2)
    for cell in 1...broken {
      let pointer = leaf * 1024 + 8 + 2 * cell
      let at = leaf * 1024 + (Int(bytes[pointer]) << 8 | Int(bytes[pointer + 1]))
      let size = try #require(Varint.read(bytes, at: at))
      // The chain's first page stands behind what the leaf itself holds of the payload: by the format's own sum.
      let local = 103 + (Int(size.value) - 103) % 1020
      let place = size.next + (local <= 230 ? local : 103)
      bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0, 0])
    }
    try Durable.write(bytes, to: path)
    let found = try walk(path, perCause: 1 << 20).result.troubles.entries.values.flatMap(\.kept)
    #expect(found.filter { $0.kind == .overflowEnds }.count == broken)
    #expect(found.filter { $0.kind == .keyOrder }.isEmpty)
  }

  private static func cells(_ bytes: [UInt8], _ leaf: Int) -> Int {
    Int(bytes[leaf * 1024 + 3]) << 8 | Int(bytes[leaf * 1024 + 4])
  }
}
