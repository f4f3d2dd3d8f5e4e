import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Indexes are built on the level of pages")
struct IndexBuildingTests {
  /// Between them, these have each kind of database that the first 48 have, and most kinds twice.
  private static let chosen = [0, 3, 4, 5, 8, 13, 17, 18, 22, 28, 30, 31, 34, 35, 36, 38, 39, 42, 43]
  static let seeds = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) }.map { Array(0..<$0) } ?? chosen
  private static let batches = 4

  /// Takes the indexes that were declared out of the schema, changes the tables behind their backs, and puts them back.
  private func estrange(_ path: String, _ random: inout SeededRandom, all: Bool) throws -> [String] {
    _ = try? sqlite(path, "PRAGMA journal_mode = DELETE")
    let rows = try sqlite(
      path,
      "SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    let triggers = try sqlite(
      path, "SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE type = 'trigger'")
    try script(
      path,
      """
      PRAGMA synchronous = OFF; PRAGMA writable_schema = ON;
      DELETE FROM sqlite_schema WHERE type = 'trigger' OR type = 'index' AND sql IS NOT NULL
      """)
    try change(path, Set(rows.compactMap { $0[3].text }).sorted(), &random, all: all)
    let back = (rows + triggers).map {
      "INSERT INTO sqlite_schema(rowid, type, name, tbl_name, rootpage, sql) VALUES("
        + $0.map(\.literal).joined(separator: ", ") + ");"
    }
    try script(path, "PRAGMA synchronous = OFF; PRAGMA writable_schema = ON; BEGIN; " + back.joined() + " COMMIT;")
    return rows.compactMap { $0[2].text }
  }

  /// Changes tables, as far as they let themselves be changed.
  private func change(_ path: String, _ tables: [String], _ random: inout SeededRandom, all: Bool) throws {
    let connection = try Connection.open(copy: path, create: false)
    defer { try? connection.close() }
    try connection.execute("PRAGMA synchronous = OFF; BEGIN")
    for table in tables {
      let name = Connection.quoted(table)
      let columns = try connection.query(
        "SELECT name FROM pragma_table_info(\(Connection.literal(table))) WHERE pk = 0"
      ).compactMap { $0[0].text.map(Connection.quoted) }
      let part = all ? "1" : "rowid * 31 % 6 = 0"
      for column in columns where random.chance(50) {
        let values = [
          "NULL", "1", "1.0", "'b  '", "'B'", "x'00'", "rowid * 7919 % 1009", "'x' || rowid * 31 % 997",
          "printf('%.*c', 900, 'x') || rowid", "7.5",
        ]
        try? connection.execute("UPDATE OR IGNORE \(name) SET \(column) = \(random.pick(values)) WHERE \(part)")
      }
      if !all { try? connection.execute("DELETE FROM \(name) WHERE rowid * 17 % 9 = 0") }
    }
    try connection.execute("COMMIT")
  }

  /// Whether the library refuses to build one of some indexes.
  private func isRefused(_ path: String, _ names: [String]) throws -> Bool {
    let connection = try Connection.open(copy: path, create: false)
    defer { try? connection.close() }
    try connection.execute("PRAGMA synchronous = OFF")
    return names.contains { name in problem { try connection.execute("REINDEX \(Connection.quoted(name))") } != nil }
  }

  @Test("indexes that tables were changed behind the backs of are what the library would build", arguments: 0..<batches)
  func random(_ batch: Int) throws {
    let folder = try Folder()
    var native = 0
    for (place, seed) in Self.seeds.enumerated() where place % Self.batches == batch {
      var random = SeededRandom(UInt64(seed), "indexes")
      let path = folder("\(seed).db")
      let made = try RandomDatabase(seed: UInt64(seed), size: .small).make(at: path)
      guard Opinion.ofEngine(path).verdict == .sound, !made.features.contains(where: { $0.hasPrefix("FTS") }) else {
        continue
      }
      let names = try estrange(path, &random, all: seed % 3 == 0)
      let bytes = try bytes(of: path)
      let library = folder("library.db")
      try Paths.removeFile(library)
      try MendKit.FileHandle.create(library, mode: 0o600).write(bytes, at: 0)
      let refusal = try isRefused(library, names)
      let copy = try SQLiteWorkingCopy(path)
      if let inPlace = try copy.readInPlace(names) {
        for table in try copy.catalog().tables {
          native += inPlace.differences(of: table.name)?.indexes.count ?? 0
        }
      }
      let failed = problem { _ = try copy.rebuildIndexes(names, incomplete: Set(names)) }
      try copy.close()
      #expect((failed != nil) == refusal, "seed \(seed): \(failed.map { "\($0)" } ?? "no problem")")
      guard failed == nil else { continue }
      let engine = Opinion.ofEngine(path)
      #expect(engine.verdict == .sound, "seed \(seed), \(made.features.joined(separator: ", ")): \(engine)")
      let own = Opinion.of(SQLiteDriver(), path)
      #expect(own.verdict == .sound, "seed \(seed), \(made.features.joined(separator: ", ")): \(own)")
      try Paths.removeFile(path)
    }
    #expect(native > Self.seeds.count / Self.batches, "few indexes were read past the library")
  }
}
