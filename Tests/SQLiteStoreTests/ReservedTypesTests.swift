import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Records that no SQLite writes") struct ReservedTypesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a value of a reserved serial type is malformed, in an index and in a table", arguments: [10, 11] as [UInt8])
  func reserved(_ type: UInt8) throws {
    let sql = "create table t(a, b); create index i on t(a); insert into t values(null, 1), (2, 2);"
    // The header of the first record: a NULL and an integer, or a NULL and the rowid 1.
    for (name, page, code) in [("index", 3, "index.malformed"), ("table", 2, "table.malformed")] {
      let path = try SQLiteFile.make(folder.file(name + ".db"), "pragma page_size = 512;" + sql)
      let bytes = try FileHandle.read(path).readAll(limit: 1 << 20)
      let start = (page - 1) * 512
      let cell = start + Int(bytes[start + 8]) << 8 + Int(bytes[start + 9])
      let header = cell + (name == "index" ? 1 : 2)
      #expect(Array(bytes[header...header + 1]) == [3, 0])
      try FileHandle.update(path).write([type], at: header + 1)
      let session = try SQLiteDriver().open(path, patience: 1)
      let findings = try session.verifyIntegrity(IntegrityRequest())
      #expect(findings.map(\.code.rawValue).contains(code), "\(findings)")
    }
  }

  @Test("an index that no constraint asks for is a schema that contradicts itself")
  func autoindex() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      create table t(a text unique, k int, primary key(k)) without rowid; insert into t values('x', 1);
      pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'unique', '') where name = 't';
      """)
    let session = try SQLiteDriver().open(path, patience: 1)
    #expect(try session.verifyIntegrity(IntegrityRequest()).map(\.code).contains("schema.mismatch"))
  }
}
