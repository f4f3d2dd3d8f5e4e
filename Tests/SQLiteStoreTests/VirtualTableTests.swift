import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Virtual tables whose modules refuse them")
struct VirtualTableTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.db")
  }

  private func verify() throws -> (findings: [Finding], account: VerificationAccount) {
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    return (try session.verifyIntegrity(IntegrityRequest()), try #require(session.verificationAccount))
  }

  @Test(
    "a module that cannot read its own tables hides nothing else of the file",
    arguments: [
      ("fts5(x)", "v_config"), ("fts5(x)", "v_data"), ("fts4(x)", "v_segdir"), ("rtree(x, a, b)", "v_node"),
    ])
  func refused(_ module: String, _ shadow: String) throws {
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(a UNIQUE, b); INSERT INTO t VALUES (1, 2), (3, 4); CREATE INDEX i ON t(b) WHERE a < 3;
      CREATE VIRTUAL TABLE v USING \(module); INSERT INTO v(x) VALUES (1);
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i';
      """)
    let root = try #require(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(shadow)'"))
    let page = try #require(Int(root))
    try FileHandle.update(path).write([UInt8](repeating: 0, count: 1024), at: (page - 1) * 1024)
    let (findings, account) = try verify()
    let places = findings.map { "\($0.code) \($0.location.index ?? $0.location.table ?? "")" }
    #expect(Set(places) == ["table.malformed \(shadow)", "virtual-table.malformed v", "index.entry-missing i"])
    #expect(account.byEngine["v"] != nil)
  }

  @Test(
    "a module without a table that it cannot do without finds its content damaged",
    arguments: [
      ("fts5(x)", "v_config"), ("fts5(x)", "v_content"), ("fts5(x)", "v_docsize"), ("fts5(x, content='')", "v_idx"),
      ("fts4(x)", "v_segdir"), ("rtree(x, a, b)", "v_rowid"),
    ])
  func missing(_ module: String, _ shadow: String) throws {
    try SQLiteFile.make(
      path,
      """
      CREATE VIRTUAL TABLE v USING \(module); INSERT INTO v(x) VALUES (1);
      PRAGMA writable_schema = ON; DROP TABLE \(shadow);
      """)
    let findings = try verify().findings
    #expect(findings.map(\.code) == ["virtual-table.malformed"] && findings[0].location.table == "v")
  }
}
