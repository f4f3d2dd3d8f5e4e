import CSQLite
import MendKit
import Testing

@testable import SQLiteStore

@Suite("A schema that the library need not read")
struct AcceptedSchemaTests {
  private let folder: Folder
  private let path: String

  init() throws {
    folder = try Folder()
    path = folder("a.db")
  }

  private static let plain = """
    create table t(id integer primary key, a text not null unique, b varchar(10) default 'x', c real collate nocase);
    create table u(a int, b int default -5, c numeric default null, constraint k primary key(a, b), unique(c));
    create index i on t(b, c); create unique index j on u(b collate nocase, a);
    create table s(id integer primary key autoincrement, "a b" blob default 2.5);
    """

  private func isAccepted(_ path: String) throws -> Bool {
    SchemaAhead(try StoreView(path, locking: .none), known: KnownSchemas())?.isAccepted ?? false
  }

  private func libraryReads(_ path: String) throws -> Bool {
    let connection = try Connection.open(try StoreView(path, locking: .none))
    return (try? connection.integer("SELECT count(*) FROM sqlite_schema")) != nil
  }

  @Test("is one of plain tables and indexes")
  func plain() throws {
    try script(path, Self.plain)
    #expect(try isAccepted(path))
  }

  @Test("is not read by it for a check, and is where SQL is asked")
  func unread() throws {
    try script(path, Self.plain + "insert into t(a) values('Ada')")
    let session = try SQLiteSession.open(try StoreView(path, locking: .none), patience: 1)
    defer { session.end() }
    let before = Self.schemaBytes(session.connection)
    #expect(try session.verifyIntegrity(IntegrityRequest()) == [])
    #expect(try session.foreignKeyViolations(limit: 1).isEmpty)
    #expect(try session.catalog().tables.map(\.name) == ["t", "u", "s"])
    #expect(Self.schemaBytes(session.connection) == before)
    #expect(try session.query("SELECT a FROM t", limit: 1) == [[.text("Ada")]])
    #expect(Self.schemaBytes(session.connection) > before)
  }

  /// Bytes that the library holds for the schema.
  private static func schemaBytes(_ connection: Connection) -> Int32 {
    var current: Int32 = 0
    var highest: Int32 = 0
    sqlite3_db_status(connection.handle, SQLITE_DBSTATUS_SCHEMA_USED, &current, &highest, 0)
    return current
  }

  @Test(
    "has nothing that only some versions take",
    arguments: [
      "create table x(a check(a > 0))", "create table x(a default (1 + 1))",
      "create table x(a, b as (a))", "create table x(a int) strict", "create table x(a primary key) without rowid",
      "create view x as select 1", "create index x on t(a) where a > 0", "create index x on t(lower(a))",
      "create table x(a references t)", "create table x(\"\")",
      "create trigger x after insert on t begin select 1; end", "create table größe(a)",
    ])
  func doubtful(_ sql: String) throws {
    try script(path, Self.plain + sql)
    #expect(try !isAccepted(path))
  }

  @Test(
    "has nothing that the library refuses",
    arguments: [
      "sql = 'create table t(id, a, A)' where name = 't'", "sql = 'create table t(select, b)' where name = 't'",
      "sql = 'create table t(a order, b)' where name = 't'", "sql = 'create table t(a default 1x)' where name = 't'",
      "sql = 'create table u(a, b, unique(a), c, unique(b))' where name = 'u'",
      "sql = 'create index i on t(nothing)' where name = 'i'", "sql = 'create index i on t(b' where name = 'i'",
      "rootpage = 9999 where name = 'i'", "rootpage = 1 where name = 'i'", "rootpage = 0 where name = 't'",
      "rootpage = (select rootpage from sqlite_schema where name = 'j') where name = 'i'",
      "name = 'j', sql = 'create index j on t(b)' where name = 'i'", "tbl_name = 'u' where name = 'i'",
      "name = 'U', tbl_name = 'U', sql = 'create table U(a)' where name = 's'", "type = 'TABLE' where name = 's'",
      "rowid = -1 where name = 'i'", "name = 'sqlite_mine', tbl_name = 'sqlite_mine' where name = 's'",
      "sql = sql || char(0) where name = 's'", "sql = sql || x'ff' where name = 's'",
      "sql = 'create table s(id, a collate mine)' where name = 's'", "sql = null where name = 's'",
      "sql = '' where name = 'i'",
    ])
  func refused(_ change: String) throws {
    try script(path, Self.plain)
    try script(path, "pragma writable_schema = on; update sqlite_schema set " + change)
    #expect(try !isAccepted(path))
  }

  @Test("is one that the library reads, whatever bytes the schema table has", arguments: 0..<4)
  func damaged(_ seed: UInt64) throws {
    try script(path, "pragma page_size = 2048;" + Self.plain)
    let sound = try bytes(of: path)
    var state = seed
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(truncatingIfNeeded: state >> 33) % bound
    }
    var accepted = 0
    for number in 0..<300 {
      var content = sound
      // The last part of page one has the definitions.
      let at = random(10) == 0 ? 100 + random(1948) : 1000 + random(1048)
      content[at] = random(2) == 0 ? UInt8(32 + random(95)) : content[1000 + random(1048)]
      let copy = folder("\(number).db")
      try MendKit.FileHandle.create(copy, mode: 0o600).write(content, at: 0)
      guard try isAccepted(copy) else { continue }
      accepted += 1
      #expect(try libraryReads(copy), "\(seed) \(number) at \(at): \(sound[at]) to \(content[at])")
    }
    #expect(accepted > 10)
  }
}
