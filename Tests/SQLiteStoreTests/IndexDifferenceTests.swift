import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What indexes and their table disagree on is read past the library")
struct IndexDifferenceTests {
  static let trials = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 16
  private static let batches = 4

  /// What becomes of a table behind its indexes' backs.
  private struct Changes {
    var deletes = true
    var inserts = true
    var updates = true
  }

  /// Does something with a table while the schema does not have its indexes.
  private func behindIndexes(_ path: String, _ sql: [String]) throws -> [String] {
    let rows = try sqlite(
      path,
      "SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    try script(
      path,
      "PRAGMA synchronous = OFF; PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE type = 'index'")
    try script(path, (["PRAGMA synchronous = OFF"] + sql).joined(separator: "; "))
    let back = rows.map {
      "INSERT INTO sqlite_schema(rowid, type, name, tbl_name, rootpage, sql) VALUES("
        + $0.map(\.literal).joined(separator: ", ") + ");"
    }
    try script(path, "PRAGMA synchronous = OFF; PRAGMA writable_schema = ON; " + back.joined())
    return rows.compactMap { $0[2].text }
  }

  /// A table whose rowids stand close together or far apart, and its indexes, of which some know nothing of changes.
  private func make(_ path: String, _ random: inout SeededRandom, _ changes: Changes) throws -> [String] {
    let rows = random.int(0...400)
    let rowid = random.pick(["i", "i * 3 - 500", "i * 7919000000001 - 4000000000000000", "i * i * i * 1000", "-i"])
    let values = [
      "i % 7", "i", "NULL", "0.5 * i", "'text ' || i % 13", "printf('%.*c', 700 + i % 9, 'x') || i", "zeroblob(i % 5)",
    ]
    let second = random.pick(["b, a DESC", "b", "b, c, a"])
    try script(
      path,
      """
      PRAGMA synchronous = OFF; PRAGMA page_size = \(random.pick([512, 1024, 4096]));
      CREATE TABLE t(\(random.chance(50) ? "id INTEGER PRIMARY KEY" : "id"), a, b, c);
      CREATE INDEX ta ON t(a); CREATE INDEX tb ON t(\(second)); CREATE \(random.chance(50) ? "UNIQUE" : "") INDEX tc ON t(c, a, b);
      CREATE INDEX te ON t(a + 1); CREATE INDEX tp ON t(b) WHERE a > 2;
      WITH RECURSIVE n(i) AS (SELECT 1 WHERE \(rows) > 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
      INSERT INTO t(rowid, a, b, c)
      SELECT \(rowid), \(random.pick(values)), \(random.pick(values)), 'c ' || i FROM n;
      """)
    let part = random.pick(["a % 5 = 0", "c > 'c 3'", "c < 'c 20'", "c LIKE '%7%'", "1"])
    var sql: [String] = []
    if changes.updates { sql.append("UPDATE t SET a = a || 'x' WHERE c LIKE '%\(random.int(0...9))'") }
    if changes.deletes, random.chance(70) { sql.append("DELETE FROM t WHERE \(part)") }
    if changes.inserts, random.chance(70) {
      sql.append("INSERT OR IGNORE INTO t(rowid, a, b, c) VALUES(-77, 1, 2, 'new'), (9000, NULL, NULL, 'newer')")
      if random.chance(30) {
        sql.append("INSERT OR IGNORE INTO t(rowid, a, b, c) SELECT rowid + 1, a, b, c || 'y' FROM t")
      }
    }
    return try behindIndexes(path, sql)
  }

  @Test("it is what the library says, whether little or much is listed", arguments: 0..<batches)
  func asLibrary(_ batch: Int) throws {
    let folder = try Folder()
    var byRowids = 0
    var byHashes = 0
    var notListed = 0
    for seed in stride(from: batch, to: Self.trials, by: Self.batches) {
      var random = SeededRandom(UInt64(seed), "differences")
      let path = folder("\(seed).db")
      let names = try make(path, &random, Changes(updates: seed / Self.batches % 2 == 0))
      let copy = try SQLiteWorkingCopy(path)
      copy.mostDifferences = random.pick([0, 12, 200, IndexesInPlace.most])
      let table = try #require(try copy.catalog().tables.first { $0.name == "t" })
      let comparison = try #require(IndexComparison(copy.connection, table))
      let inPlace = try #require(try copy.readInPlace(names))
      let read = try #require(inPlace.differences(of: "t"))
      let rowids = Set(try sqlite(path, "SELECT rowid FROM t NOT INDEXED").compactMap { $0[0].integer })
      var lacked: Set<Int64>?
      let comparable = ["ta", "tb", "tc"]
      for index in table.indexes where comparable.contains(index.name) {
        let name: Comment = "seed \(seed), \(index.name), at most \(copy.mostDifferences)"
        let dangling = try comparison.entriesWithoutRow(in: index, limit: .max)?.compactMap(\.rowid) ?? []
        let missing = Set(try comparison.rowsMissing(from: index, limit: .max)?.compactMap(\.rowid) ?? [])
        lacked = lacked?.intersection(missing) ?? missing
        let difference = try #require(read.indexes[index.name], name)
        if difference.isOfAbsentRows { byRowids += 1 } else if !difference.extra.isEmpty { byHashes += 1 }
        if !difference.listsMissing || !difference.listsExtra { notListed += 1 }
        if difference.listsExtra {
          let extra = difference.extra.map(\.rowid)
          #expect(extra.filter { !rowids.contains($0) }.sorted() == dangling.sorted(), name)
          #expect(!difference.isOfAbsentRows || rowids.isDisjoint(with: extra), name)
        }
        if difference.listsMissing { #expect(Set(difference.missing.map(\.rowid)) == missing, name) }
      }
      if let told = read.rowsLacked(byAll: comparable), comparable.allSatisfy({ read.indexes[$0]?.entries ?? 0 > 0 }) {
        #expect(Set(told) == lacked, "seed \(seed), at most \(copy.mostDifferences)")
      }
      try copy.close()
    }
    #expect(byRowids + byHashes > 0 && notListed > 0, "\(byRowids), \(byHashes), \(notListed)")
  }

  @Test("what is set aside is the same, however much is listed", arguments: 0..<batches)
  func setAside(_ batch: Int) throws {
    let folder = try Folder()
    for seed in stride(from: batch, to: Self.trials, by: Self.batches) {
      var random = SeededRandom(UInt64(seed), "set aside")
      let path = folder("\(seed).db")
      let names = try make(path, &random, Changes(updates: random.chance(50)))
      let damaged = try bytes(of: path)
      var before: [String]?
      for most in [IndexesInPlace.most, 30, 0] {
        let path = folder("\(seed) \(most).db")
        try MendKit.FileHandle.create(path, mode: 0o600).write(damaged, at: 0)
        let copy = try SQLiteWorkingCopy(path)
        copy.mostDifferences = most
        let failed = problem { _ = try copy.rebuildIndexes(names) }
        try copy.close()
        guard failed == nil else { continue }
        #expect(Opinion.ofEngine(path).verdict == .sound, "seed \(seed), at most \(most)")
        let tables = try sqlite(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").compactMap {
          $0[0].text
        }
        let contents = try tables.flatMap { table in
          try sqlite(path, "SELECT * FROM \(Connection.quoted(table))").map {
            table + ": " + $0.map(\.literal).joined(separator: ", ")
          }.sorted()
        }
        let differing = Set(contents).symmetricDifference(before ?? contents).sorted()
        #expect(before == nil || contents == before, "seed \(seed), at most \(most): \(differing)")
        before = contents
      }
    }
  }
}
