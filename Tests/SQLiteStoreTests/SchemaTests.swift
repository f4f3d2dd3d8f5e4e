import MendKit
import Testing

@testable import SQLiteStore

@Suite("What is known of a schema")
struct SchemaTests {
  private let folder: Folder

  private let known = KnownSchemas()

  init() throws { folder = try Folder() }

  private func table(_ name: String = "t") -> String { "create table \(name)(a, b text unique)" }

  private func schema(_ name: String, _ sql: String, format: UInt32? = 4) throws -> Schema {
    if !FileStatus.exists(folder(name)) { try script(folder(name), sql) }
    return try Schema.of(try Connection.open(copy: folder(name)), format: format, known: known)
  }

  @Test("is shared by databases of the same definitions, stored on the same pages in the same format")
  func shared() throws {
    let one = try schema("a.db", table())
    #expect(try schema("b.db", table()) === one)
    #expect(try schema("c.db", table("u")) !== one)
    #expect(try schema("d.db", "create table z(a); \(table()); drop table z") !== one)
    #expect(try schema("b.db", "", format: 1) !== one)
    #expect(try schema("b.db", "", format: nil) !== one)
    #expect(try schema("a.db", "") === one)
  }

  @Test("is not shared where a virtual table's module has a word in it, and where there is too much of it")
  func notShared() throws {
    let virtual = table() + "; create virtual table f using fts5(x)"
    #expect(try schema("a.db", virtual) !== schema("b.db", virtual))
    let large = "begin;" + (0..<2000).map { "create table t\($0)(first, second, third);" }.joined() + "commit"
    #expect(try schema("c.db", large) !== schema("d.db", large))
  }

  @Test("is forgotten where others were asked for since, and read anew")
  func forgotten() throws {
    let one = try schema("a.db", table())
    for number in 0..<20 { _ = try schema("\(number).db", table("t\(number)")) }
    let again = try schema("a.db", "")
    #expect(again !== one)
    let connection = try Connection.open(copy: folder("a.db"))
    #expect(try again.catalog(connection).tables == one.catalog(connection).tables)
  }

  @Test("follows a change of a working copy")
  func workingCopy() throws {
    try script(folder("a.db"), table())
    let copy = try SQLiteDriver().openCopy(folder("a.db"))
    #expect(try copy.catalog().tables.map(\.name) == ["t"])
    try copy.execute("create table u(a)")
    #expect(try copy.catalog().tables.map(\.name) == ["t", "u"])
    try copy.close()
  }

  @Test("of two databases that share it, each is verified by its own content")
  func verified() throws {
    for name in ["a.db", "b.db"] {
      try script(
        folder(name), table() + "; create index i on t(a); insert into t(a) values('one'), ('two'), ('three')")
    }
    // An entry of the index is given another value than its row has.
    let file = try FileHandle.update(folder("b.db"))
    let bytes = try file.readAll(limit: 1 << 20)
    let at = try #require((0..<bytes.count - 5).last { Array(bytes[$0..<$0 + 5]) == Array("three".utf8) })
    try file.write(Array("thref".utf8), at: at)
    for _ in 0..<2 {
      for (name, isSound) in [("a.db", true), ("b.db", false)] {
        let session = try SQLiteDriver().open(folder(name), patience: 1)
        #expect(try session.verifyIntegrity(IntegrityRequest(workers: 1)).isEmpty == isSound)
        session.end()
      }
    }
  }
}
