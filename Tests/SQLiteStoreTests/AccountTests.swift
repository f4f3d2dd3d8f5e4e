import MendKit
import Testing

@testable import SQLiteStore

@Suite("Which way each part of a database was verified")
struct AccountTests {
  let folder: Folder

  init() throws { folder = try Folder() }

  private func verify(
    _ path: String, _ request: IntegrityRequest = IntegrityRequest()
  ) throws -> (findings: [Finding], account: VerificationAccount) {
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    #expect(session.verificationAccount == nil)
    let findings = try session.verifyIntegrity(request)
    return (findings, try #require(session.verificationAccount))
  }

  /// Puts other words into a definition, as an application has them whose own functions and modules are not here.
  private func redefine(_ path: String, _ name: String, _ old: String, _ new: String) throws {
    try script(
      path,
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '\(old)', '\(new)') WHERE name = '\(name)'"
    )
  }

  @Test("tables and indexes that records alone tell of are counted, and what SQLite was asked about is named")
  func ways() throws {
    let path = folder("a.db")
    try script(
      path,
      """
      CREATE TABLE plain(a, b UNIQUE); CREATE INDEX plain_a ON plain(a); INSERT INTO plain VALUES (1, 2), (3, 4);
      CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance CHECK(printf('%d', balance) >= '0')); INSERT INTO accounts VALUES (1, 5);
      CREATE VIRTUAL TABLE places USING rtree(id, west, east); INSERT INTO places VALUES (1, 2, 3);
      """)
    let (findings, account) = try verify(path)
    #expect(findings == [])
    #expect(
      account
        == VerificationAccount(
          engine: "sqlite", tables: 4, indexes: 2,
          byEngine: ["accounts": "CHECK constraints", "places": "a virtual table of rtree"]))
  }

  @Test("under the quick level no index is held against its table, and SQLite is asked nothing")
  func quick() throws {
    let path = folder("a.db")
    try script(path, "CREATE TABLE t(a CHECK(a > 0)); CREATE INDEX t_a ON t(a); INSERT INTO t VALUES (1);")
    #expect(
      try verify(path, IntegrityRequest(isFull: false)).account == VerificationAccount(engine: "sqlite", tables: 1))
  }

  @Test("where SQLite's own check is asked for, every table is verified by it")
  func engine() throws {
    let path = folder("a.db")
    try script(path, "CREATE TABLE t(a); CREATE TABLE u(a);")
    let account = try verify(path, IntegrityRequest(asksEngine: true)).account
    #expect(account == VerificationAccount(engine: "sqlite", byEngine: ["t": "engine: sqlite", "u": "engine: sqlite"]))
  }

  @Test("a virtual table of a module that is not here is unverified, not damaged, and keeps no check from the rest")
  func unknownModule() throws {
    let path = folder("a.db")
    try script(
      path,
      """
      CREATE TABLE t(a, b); CREATE INDEX t_a ON t(a) WHERE printf('%d', b) > '1'; INSERT INTO t VALUES (1, 2), (2, 1);
      PRAGMA writable_schema=ON;
      INSERT INTO sqlite_schema VALUES ('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo USING spatial(x)');
      """)
    let (findings, account) = try verify(path)
    #expect(findings.map(\.code) == ["table.unverified"])
    #expect(findings.map(\.severity) == [.info])
    #expect(findings.map(\.location.table) == ["geo"])
    #expect(account.unverified == ["geo": "module spatial has no check of its own"])
    #expect(account.byEngine == ["t": "index t_a is partial"])
    let catalog = try SQLiteDriver().open(path, patience: 1).catalog()
    #expect(catalog.tables.map(\.name) == ["t", "geo"])
    #expect(catalog.table("geo")?.isVirtual == true)
  }

  @Test(
    "what rests on a function or a collation of the application is unverified, and the structure is verified all the same"
  )
  func unknownFunction() throws {
    let path = folder("a.db")
    try script(
      path,
      """
      CREATE TABLE f(a CHECK(abs(a) > 0)); INSERT INTO f VALUES (1);
      CREATE TABLE c(a TEXT COLLATE nocase); CREATE INDEX c_a ON c(a); INSERT INTO c VALUES ('x'), ('Y');
      """)
    try redefine(path, "f", "abs", "own")
    try redefine(path, "c", "nocase", "german")
    let (findings, account) = try verify(path)
    #expect(findings.map(\.code) == ["table.unverified", "table.unverified"])
    #expect(account.unverified["f"]?.contains("own()") == true)
    #expect(account.unverified["c"]?.contains("german") == true)
    let handle = try FileHandle.update(path)
    let root = try #require(
      try sqlite(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'f'").first?.first?.integer)
    try handle.write([9, 9, 9], at: (Int(root) - 1) * 4096)
    #expect(try verify(path).findings.contains { $0.code == "table.malformed" && $0.location.table == "f" })
  }

  @Test("a virtual table that only shows another one holds nothing that could be damaged")
  func vocabulary() throws {
    let path = folder("a.db")
    try script(
      path,
      """
      CREATE VIRTUAL TABLE words USING fts5(w); INSERT INTO words VALUES ('bolt');
      CREATE VIRTUAL TABLE seen USING fts5vocab(words, row);
      """)
    let (findings, account) = try verify(path)
    #expect(findings == [])
    #expect(account.byEngine == ["words": "a virtual table of fts5"])
    #expect(account.unverified == [:])
  }

  @Test("a damaged table is in no part of the account")
  func damaged() throws {
    let path = folder("a.db")
    try script(
      path, "CREATE TABLE t(a CHECK(a > 0)); CREATE INDEX t_a ON t(a); INSERT INTO t VALUES (1); CREATE TABLE u(a);")
    try FileHandle.update(path).write([9, 9, 9], at: 4096)
    let (findings, account) = try verify(path)
    #expect(findings.contains { $0.code == "table.malformed" })
    #expect(account == VerificationAccount(engine: "sqlite", tables: 1))
  }
}
