import CSQLite
import MendKit
import Testing

@testable import SQLiteStore

@Suite("The schema table read from its pages")
struct SchemaRowsTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func native(_ path: String, workers: Int = 1) throws -> [SchemaReading.Object]? {
    let view = try StoreView(path, locking: .none)
    return SchemaRows.read(try PageMap(view, header: try #require(view.header)), workers: workers)?.objects
  }

  /// What the library reads, past definitions that it does not understand.
  private func library(_ path: String) throws -> [SchemaReading.Object] {
    let connection = try Connection.open(try StoreView(path, locking: .none))
    csqlite_allow_schema_writes(connection.handle, 1)
    return try SchemaReading(connection, asksLibrary: true).objects
  }

  private func words(_ objects: [SchemaReading.Object]?) -> [[String]]? {
    objects?.map { [$0.type, $0.name, $0.table, String($0.root), $0.sql ?? "NULL"] }
  }

  private static let objects = """
    create table t(a unique, b); create view v as select * from t; create index i on t(b);
    create trigger r after insert on t begin select 1; end; create table "größe"(x); create virtual table f using fts5(y);
    """

  @Test("gives what the library reads, on pages of every size", arguments: [512, 1024, 4096, 65536])
  func same(_ pageSize: Int) throws {
    let path = folder("a.db")
    let long = String(repeating: "x", count: 3 * pageSize)
    let many = (0..<200).map { "create table t\($0)(a unique, b);" }.joined()
    try script(
      path, "pragma page_size = \(pageSize); begin; \(Self.objects) create table l(a /* \(long) */); \(many) commit")
    let found = try #require(try native(path))
    #expect(found.count > 400)
    #expect(words(found) == words(try library(path)))
    for workers in 2...4 { #expect(words(try native(path, workers: workers)) == words(found)) }
  }

  @Test("gives nothing, or what the library reads, whatever bytes its pages have", arguments: 0..<8)
  func damaged(_ seed: Int) throws {
    let path = folder("a.db")
    let long = String(repeating: "x", count: 2000)
    let many = (0..<20).map { "create table t\($0)(a unique, b);" }.joined()
    try script(path, "pragma page_size = 512; \(Self.objects) create table l(a /* \(long) */); \(many)")
    let sound = try bytes(of: path)
    var generator = SplitMix(state: UInt64(seed))
    var read = 0
    for number in 0..<100 {
      var content = sound
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        // Behind the file's header, which has more to say than where the schema stands.
        content[Int.random(in: 100..<content.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      let copy = folder("\(number).db")
      try MendKit.FileHandle.create(copy, mode: 0o600).write(content, at: 0)
      guard let found = try native(copy), let asked = try? library(copy) else { continue }
      read += 1
      #expect(words(found) == words(asked), "\(seed) \(number)")
    }
    #expect(read > 10)
  }

  private static let filling = "create table filling(x); insert into filling values(zeroblob(1200000));"

  @Test("of a large file comes to the same catalog as when the library is asked")
  func large() throws {
    let path = folder("a.db")
    try script(path, Self.filling + Self.objects + "create table s(id integer primary key autoincrement)")
    let session = try SQLiteSession.open(try StoreView(path, locking: .none), patience: 1)
    defer { session.end() }
    let asked = try CatalogReader(
      connection: session.connection, schema: SchemaReading(session.connection, asksLibrary: true)
    ).read()
    let catalog = try session.catalog()
    #expect(catalog.tables == asked.tables && catalog.views == asked.views && catalog.schema == asked.schema)
    #expect(try session.verifyIntegrity(IntegrityRequest()) == [])
  }

  @Test("of a large file is held against its definitions too")
  func mismatch() throws {
    let path = folder("a.db")
    try script(path, Self.filling + "create table t(a unique); create table u(b); create index i on u(b)")
    try script(path, "pragma writable_schema = on; update sqlite_schema set tbl_name = 'u' where sql is null")
    let session = try SQLiteSession.open(try StoreView(path, locking: .none), patience: 1)
    defer { session.end() }
    let found = try session.verifyIntegrity(IntegrityRequest()).filter { $0.code == "schema.mismatch" }
    #expect(found.map(\.evidence) == ["tbl_name is 'u', and the name of the index says 't'"])
  }

  @Test("is made ahead where texts are UTF-8, and nowhere else")
  func ahead() throws {
    try script(folder("utf-16.db"), "pragma encoding = 'UTF-16'; " + Self.filling)
    try script(folder("large.db"), Self.filling)
    #expect(SchemaAhead(try StoreView(folder("utf-16.db"), locking: .none)) == nil)
    #expect(SchemaAhead(try StoreView(folder("large.db"), locking: .none))?.schema != nil)
  }

  @Test("that only the library can read is left to it")
  func leftToTheLibrary() throws {
    let path = folder("a.db")
    try script(path, Self.filling)
    try script(path, "pragma writable_schema = on; update sqlite_schema set name = 5, tbl_name = 5")
    #expect(try native(path)?.map(\.name) == ["5"])
    try script(path, "pragma writable_schema = on; update sqlite_schema set name = x'61'")
    #expect(try native(path) == nil)
    #expect(SchemaAhead(try StoreView(path, locking: .none))?.schema == nil)
  }
}

/// SplitMix64, so that a seed gives the same bytes everywhere.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
