import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What is salvaged of a database with auto-vacuum can be written to")
struct AutoVacuumRootTests {
  @Test("though roots of tables stand where those of lost indexes stood before them", arguments: [1, 2])
  func roots(_ mode: Int) throws {
    let folder = try TemporaryFolder("dbmend-roots")
    let indexes = (0..<40).map { "CREATE INDEX i\($0) ON a(y, \($0));" }.joined(separator: "\n")
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA auto_vacuum = \(mode);
      CREATE TABLE a(x INTEGER PRIMARY KEY, y TEXT); \(indexes)
      CREATE TABLE b(x INTEGER PRIMARY KEY, y REAL, z TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO a SELECT i, 'text ' || i FROM n;
      INSERT INTO b SELECT x, x + 0.5, 'more ' || y FROM a;
      """)
    try FileHandle.update(path).write([UInt8](repeating: 0, count: 4096), at: 0)
    _ = try Salvager.run(path)
    let tables = try SQLiteFile.rows(path, "SELECT name FROM sqlite_schema WHERE name LIKE 'lost_table_%' ORDER BY 1")
      .compactMap(\.first).compactMap { $0 }
    #expect(tables.count == 2)
    // The library looks at a root's place when it makes or drops a table, and when it gives back free pages.
    try script(path, "CREATE TABLE c(v); INSERT INTO c VALUES(7); DROP TABLE \(tables[1]); CREATE INDEX ci ON c(v);")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM \(tables[0])") == "600")
    let opinion = Opinion.of(SQLiteDriver(), path)
    #expect(opinion.verdict == .sound, "\(opinion)")
  }
}
