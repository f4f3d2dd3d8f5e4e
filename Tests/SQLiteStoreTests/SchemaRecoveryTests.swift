import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Schema rows recognised by their shape")
struct SchemaRecoveryTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-schema") }

  private static let objects = """
    CREATE TABLE t(a UNIQUE, b); CREATE VIEW v AS SELECT * FROM t; CREATE INDEX i ON t(b);
    CREATE TRIGGER t AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TABLE "größe"(x);
    CREATE VIRTUAL TABLE f USING fts5(y); INSERT INTO t VALUES ('table', 'CREATE TABLE x(y)');
    """

  private func recover(
    _ bytes: [UInt8], pageSize: Int, _ encoding: TextEncoding = .utf8, isTrusted: (UInt32) -> Bool = { _ in false }
  ) -> SchemaRecovery.Result {
    bytes.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return SchemaRecovery.Result() }
      let count = UInt32(bytes.count / pageSize)
      let pages = SalvagePages(pageCount: count, usableSize: pageSize) { number in
        number > 0 && number <= count ? start + (Int(number) - 1) * pageSize : nil
      }
      return SchemaRecovery.recover(pages, encoding: encoding, isTrusted: isTrusted)
    }
  }

  private func words(_ rows: [SchemaRecovery.Row]) -> Set<[String]> {
    Set(rows.map { ["\($0.rowid)", $0.type, $0.name, $0.table, "\($0.root)", $0.sql ?? "NULL"] })
  }

  private func asked(_ path: String) throws -> Set<[String]> {
    let query = "SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema"
    return Set(try SQLiteFile.rows(path, query).map { $0.map { $0 ?? "NULL" } })
  }

  @Test(
    "are those of the schema, in every encoding and page size, sound or without headers",
    arguments: [("UTF-8", TextEncoding.utf8), ("UTF-16le", .utf16le), ("UTF-16be", .utf16be)], [512, 4096, 65536])
  func all(_ encoding: (String, TextEncoding), _ pageSize: Int) throws {
    let path = folder.file("a.db")
    let long = String(repeating: "x", count: 2 * pageSize)
    let many = (0..<60).map { "CREATE TABLE t\($0)(a UNIQUE, b);" }.joined()
    try SQLiteFile.make(
      path,
      """
      PRAGMA encoding = '\(encoding.0)'; PRAGMA page_size = \(pageSize); BEGIN; \(Self.objects)
      CREATE TABLE l(a /* \(long) */); \(many) COMMIT
      """)
    let expected = try asked(path)
    var bytes = try folder.read("a.db")
    let sound = recover(bytes, pageSize: pageSize, encoding.1)
    #expect(words(sound.rows) == expected && sound.alternatives.isEmpty && !sound.isCutShort)
    #expect(!sound.rows.contains { $0.isUnnamed || $0.record.isEmpty })

    // The file's header and the first page's, which of larger pages is a leaf.
    bytes.replaceSubrange(0..<108, with: Array(repeating: 0, count: 108))
    let lost = recover(bytes, pageSize: pageSize, encoding.1)
    #expect(words(lost.rows) == expected)
  }

  @Test("of older copies give way to those on trusted pages, then to higher rowids, and are kept beside them")
  func copies() throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(path, "PRAGMA page_size = 1024; CREATE TABLE t(a, b); CREATE INDEX i ON t(a)")
    var bytes = try folder.read("a.db")
    // A copy of page one that stands where an old leaf may: the cells are where the pointers say.
    var copy = Array(bytes[..<1024])
    copy.replaceSubrange(0..<108, with: Array(bytes[100..<108]) + Array(repeating: 0, count: 100))
    copy.replaceSubrange(8..<12, with: bytes[108..<112])
    bytes += copy
    let trusted = recover(bytes, pageSize: 1024) { $0 == 4 }
    #expect(trusted.rows.map(\.page) == [4, 4] && trusted.alternatives.map(\.page) == [1, 1])
    let first = recover(bytes, pageSize: 1024) { $0 == 1 }
    #expect(first.rows.map(\.page) == [1, 1] && first.rows.map(\.name) == ["t", "i"])
    // The newer row of a name has the higher rowid: the copy's first row now claims one.
    let cell = try #require(trusted.rows.first { $0.name == "t" }).cell
    bytes[3 * 1024 + cell + 1] = 99
    #expect(recover(bytes, pageSize: 1024).rows.contains { $0.name == "t" && $0.rowid == 99 && $0.page == 4 })
  }

  @Test("that a dropped table left on the schema's page do not come back")
  func dropped() throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(
      path, "PRAGMA secure_delete = 0; CREATE TABLE t(a); CREATE TABLE u(a); DROP TABLE u; CREATE VIEW v AS SELECT 1")
    #expect(recover(try folder.read("a.db"), pageSize: 4096).rows.map(\.name) == ["t", "v"])
  }

  @Test("with a broken overflow chain lose their definition alone")
  func brokenChain() throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(path, "CREATE TABLE l(a /* \(String(repeating: "x", count: 9000)) */); CREATE TABLE s(a)")
    let sound = try #require(DatabaseImage(try folder.read("a.db")))
    #expect(recover(sound.bytes, pageSize: 4096).rows.map(\.name) == ["l", "s"])
    for page in sound.pages(.overflow) {
      var image = sound
      image.setLong(image.start(page), image.long(image.start(page)) == 0 ? 2 : 0)
      let rows = recover(image.bytes, pageSize: 4096).rows
      #expect(rows.map(\.name) == ["l", "s"])
      #expect(rows.first?.sql == nil && rows.first?.root == 2)
    }
  }

  @Test("are not seen in rows that only look alike, nor in noise")
  func others() throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(
      path,
      """
      CREATE TABLE t(type, name, tbl_name, rootpage, sql);
      INSERT INTO t VALUES ('table', 'a', 'b', 2, 'CREATE TABLE a(x)'), ('table', 'a', 'a', 900, 'CREATE TABLE a(x)'),
        ('table', 'a', 'a', 2, NULL), ('view', 'a', 'a', 2, 'CREATE VIEW a'), ('index', 'a', 'a', 0, 'CREATE INDEX a'),
        ('table', 'a', 'a', 2, 'SELECT 1'), ('table', 'a', 'a', 'b', 'CREATE TABLE a(x)'), ('tablet', 'a', 'a', 2, 'CREATE');
      """)
    #expect(recover(try folder.read("a.db"), pageSize: 4096).rows.map(\.name) == ["t"])
    var random = SeededRandom(5, "noise")
    #expect(recover(random.bytes(1 << 20), pageSize: 4096).rows.isEmpty)
  }

  @Test("take no more memory than a schema may, and that some were left out is said")
  func memory() throws {
    let path = folder.file("a.db")
    try SQLiteFile.make(path, "CREATE TABLE l(a /* \(String(repeating: "x", count: 9_000_000)) */); CREATE TABLE s(a)")
    var bytes = try folder.read("a.db")
    #expect(recover(bytes, pageSize: 4096).rows.map(\.name) == ["l", "s"])
    // The row again and again, all over one chain.
    let page = Array(bytes[100..<112]) + Array(repeating: 0, count: 100) + bytes[112..<4096]
    for _ in 0..<5 { bytes += page.prefix(4096) }
    let found = recover(bytes, pageSize: 4096)
    #expect(found.isCutShort && found.alternatives.filter { $0.name == "l" }.count == 2)
    #expect(found.rows.map(\.name) == ["l", "s"] && found.alternatives.filter { $0.name == "s" }.count == 5)
  }

  @Test("are read from any bytes without harm", arguments: 0..<4)
  func hostile(_ batch: Int) throws {
    let path = folder.file("a.db")
    let many = (0..<20).map { "CREATE TABLE t\($0)(a /* \(String(repeating: "y", count: $0 * 60)) */, b);" }.joined()
    try SQLiteFile.make(path, "PRAGMA page_size = 512; \(Self.objects) \(many)")
    let sound = try folder.read("a.db")
    var random = SeededRandom(UInt64(batch), "hostile")
    for _ in 0..<60 {
      var bytes = sound
      for _ in 0..<random.int(1...300) { bytes[random.int(0...bytes.count - 1)] = UInt8(random.int(0...255)) }
      for row in recover(bytes, pageSize: 512).rows { #expect(row.root <= UInt32(bytes.count / 512)) }
    }
  }
}
