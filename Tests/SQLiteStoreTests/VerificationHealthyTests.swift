import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Databases that are sound are called sound")
struct VerificationHealthyTests {
  /// The number of databases that are made; $DBMEND_TRIALS sets another one.
  static let trials = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 300
  private static let batches = 12

  @Test("random definitions and changes never make a database that is called damaged", arguments: 0..<batches)
  func randomDatabases(_ batch: Int) throws {
    let folder = try TemporaryFolder("dbmend-sound")
    var unsound = 0
    for seed in stride(from: batch, to: Self.trials, by: Self.batches) {
      let path = folder.file("\(seed).db")
      let made = try RandomDatabase(seed: UInt64(seed), size: .small).make(at: path)
      let names = try folder.names()
      let bytes = try folder.read("\(seed).db")
      let native = Opinion.of(SQLiteDriver(), path)
      #expect(
        try folder.names() == names && folder.read("\(seed).db") == bytes, "seed \(seed): verification left traces")
      // Seldom SQLite calls damaged what it has just made (an index on lower() of a blob, in UTF-16).
      guard Opinion.ofEngine(path).verdict == .sound else {
        unsound += 1
        continue
      }
      #expect(native.verdict == .sound, "seed \(seed), \(made.features.joined(separator: ", ")): \(native)")
      for name in names { try Paths.removeFile(folder.file(name)) }
    }
    #expect(unsound * 10 <= Self.trials / Self.batches + 10)
  }

  @Test("the random databases have everything in them that they are there for")
  func variety() throws {
    let folder = try TemporaryFolder("dbmend-variety")
    var seen: [String: Int] = [:]
    var statements = 0
    var refused = 0
    for seed in 0..<250 {
      let made = try RandomDatabase(seed: UInt64(seed), size: .tiny).make(at: folder.file("a.db"))
      for feature in made.features { seen[feature, default: 0] += 1 }
      statements += made.script.count
      refused += made.refused
      try Paths.removeFile(folder.file("a.db-wal"))
    }
    let wanted = [
      "UTF-16le", "UTF-16be", "auto_vacuum 1", "auto_vacuum 2", "reserved bytes", "write-ahead log", "WITHOUT ROWID",
      "STRICT",
      "rowid alias", "AUTOINCREMENT", "INTEGER PRIMARY KEY DESC", "stored columns", "virtual columns", "UNIQUE",
      "NOCASE",
      "RTRIM", "expression index", "partial index", "DESC index", "added column", "dropped column", "renamed table",
      "renamed column", "dropped table", "trigger", "view", "view first", "many objects", "FTS5", "FTS4", "R-Tree",
      "VACUUM",
      "ANALYZE", "incremental vacuum", "REINDEX", "free pages", "schema format 1", "no content",
    ]
    #expect(wanted.filter { seen[$0] == nil } == [])
    #expect(refused * 4 < statements, "\(refused) of \(statements + refused) statements were refused")
  }
}
