import Foundation
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

  @Test(
    "though leaves and overflow pages stand where the roots belong, and roots at the end",
    arguments: [512, 4096], [20, 900, 9000])
  func pages(_ pageSize: Int, _ length: Int) throws {
    let folder = try TemporaryFolder("dbmend-roots")
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = \(pageSize); PRAGMA auto_vacuum = 1;
      CREATE TABLE a(x INTEGER PRIMARY KEY, y TEXT); CREATE INDEX i ON a(y); CREATE TABLE k(x TEXT PRIMARY KEY, y BLOB) WITHOUT ROWID;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(120_000 / length))
      INSERT INTO a SELECT i, printf('%.*c', \(length) + i % 90, char(65 + i % 26)) || i FROM n;
      INSERT INTO k SELECT y || x, zeroblob(x) FROM a;
      """)
    let contents = ["SELECT * FROM a ORDER BY x", "SELECT x, hex(y) FROM k ORDER BY x"]
    let rows = try contents.map { try SQLiteFile.rows(path, $0) }
    try scatterRoots(path, pageSize: pageSize)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    // What the library calls malformed, though its own check does not see it.
    let finding = Opinion.of(SQLiteDriver(), path)
    #expect(finding.codes == ["header.malformed"], "\(finding)")
    let copy = folder.file("copy.db")
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    #expect(throws: (any Error).self) { try script(copy, "DELETE FROM a WHERE x > 3; DELETE FROM k;") }

    _ = try Salvager.run(path)
    let opinion = Opinion.of(SQLiteDriver(), path)
    #expect(opinion.verdict == .sound, "\(opinion)")
    #expect(try contents.map { try SQLiteFile.rows(path, $0) } == rows)
    try script(path, "CREATE TABLE c(v); INSERT INTO c VALUES(7); DROP TABLE k; DELETE FROM a WHERE x > 3;")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .sound)
  }

  /// Exchanges the roots of all tables and indexes with the last pages of the file.
  private func scatterRoots(_ path: String, pageSize: Int) throws {
    let roots = try SQLiteFile.rows(path, "SELECT rootpage FROM sqlite_schema ORDER BY 1").compactMap { $0[0] }
      .compactMap { UInt32($0) }
    let file = try SalvageFile(path, pageSize: pageSize, reservedBytes: 0, encoding: .utf8, hasPointerMaps: true)
    let last = stride(from: file.pageCount, to: roots.max() ?? 0, by: -1).filter { !file.isReserved($0) }
    let exchange = RootExchange(file, exchanging: Array(zip(roots, last)))
    exchange.run(roots: [1] + roots)
    SpaceRebuild(file: file).writePointerMaps(roots: [1] + roots.map(exchange.place), free: [])
    file.edit(1).set32(52, roots.map(exchange.place).max() ?? 0)
    try file.write()
    file.close()
    let places = roots.map { "WHEN \($0) THEN \(exchange.place(of: $0))" }.joined(separator: " ")
    try script(
      path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = CASE rootpage \(places) END;")
  }
}
