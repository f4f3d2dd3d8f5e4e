import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Defaults of added columns, and columns that a key holds twice")
struct ColumnTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.db")
  }

  private func findings() throws -> [Finding] {
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    return try session.verifyIntegrity(IntegrityRequest())
  }

  @Test("a column added with a default of another type is told of as such, as SQLite has it", arguments: [true, false])
  func defaultOfAnotherType(_ isIndexed: Bool) throws {
    try SQLiteFile.make(
      path,
      """
      CREATE TABLE t(a); INSERT INTO t VALUES (1), (2); ALTER TABLE t ADD COLUMN d VARCHAR(20) DEFAULT true;
      INSERT INTO t(a) VALUES (3); \(isIndexed ? "CREATE INDEX i ON t(d);" : "")
      """)
    #expect(Opinion.ofEngine(path).verdict == .damaged)
    let found = try findings()
    #expect(found.map(\.code) == ["column.type", "column.type"])
    #expect(found.map(\.location.row) == [1, 2])
    #expect(found.first?.message.hasPrefix("the default of t.d") == true)
    #expect(found.first?.evidence == "DEFAULT true is an integer, and the column is declared VARCHAR(20)")
  }

  @Test("a column that a key holds twice, under two collations, has one value")
  func keyCopies() throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(a TEXT, b, PRIMARY KEY(a COLLATE NOCASE, b, a)) WITHOUT ROWID;
      INSERT INTO t VALUES ('Abcd', 1), ('xyz', 2); CREATE INDEX i ON t(b);
      """)
    #expect(try findings() == [])
    let sound = try folder.read("a.db")
    let word = Array("Abcd".utf8)
    let places = sound.indices.dropLast(3).filter { Array(sound[$0..<$0 + 4]) == word }
    #expect(places.count == 4)
    for (number, place) in places.enumerated() {
      var bytes = sound
      bytes.replaceSubrange(place..<place + 4, with: Array("aBCD".utf8))
      try folder.write(bytes, to: "a.db")
      let codes = try Set(findings().map(\.code))
      // The table's own record comes first; SQLite reads the first copy, and holds the index against that.
      if number < 2 { #expect(codes.contains("table.malformed")) }
      #expect(codes.contains("index.entry-missing") == (number != 1), "\(number): \(codes)")
      let native = Opinion.of(SQLiteDriver(), path)
      #expect(native.verdict == .damaged && !native.misses(Opinion.ofEngine(path)))
    }
  }
}
