import MendKit
import StandardRepairs
import TestSupport
import Testing

@Suite("restore-pages")
struct RestorePagesTests {
  private let runner = ExampleRunner(registry)
  private static let noise = [UInt8](repeating: 0xA5, count: 4096)

  private static func script(_ settings: String = "") -> String {
    """
    \(settings) create table users(id integer primary key, name text, letter blob);
    with recursive n(i) as (values(1) union all select i + 1 from n where i < 3000)
    insert into users select i, 'user number ' || i, zeroblob(i / 2900 * 20000) from n;
    """
  }

  private func make(_ settings: String = "", afterBackup: String = "") throws -> ExampleRunner.Store {
    try runner.make(Example("", script: Self.script(settings), afterBackup: afterBackup))
  }

  private func overwrite(_ store: ExampleRunner.Store, page: Int, with bytes: [UInt8] = Self.noise, at: Int = 0) throws
  {
    try FileHandle.update(store.path).write(bytes, at: (page - 1) * 4096 + at)
  }

  private func mend(_ store: ExampleRunner.Store) throws -> ExampleRunner.Mending {
    try runner.mend(store, with: RestorePagesRepair(), Example("", script: ""))
  }

  /// That the copy is the archive, byte for byte.
  private func expectArchive(_ mending: ExampleRunner.Mending) throws {
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.after.isEmpty, "\(mending.after.map(\.message))")
    let backup = try #require(try mending.store.backups?.newestGood())
    #expect(
      try FileHandle.read(mending.copy).readAll(limit: 1 << 30)
        == FileHandle.read(backup.path).readAll(limit: 1 << 30))
  }

  @Test("pages of noise, a page of zeros, a flipped bit and lost sectors come from the archive")
  func pages() throws {
    let store = try make()
    try overwrite(store, page: 4)
    try overwrite(store, page: 9, with: [UInt8](repeating: 0, count: 4096))
    try overwrite(store, page: 12, with: [UInt8(ascii: "X")], at: 3000)
    try overwrite(store, page: 15, with: [UInt8](repeating: 0, count: 512), at: 2048)
    let mending = try mend(store)
    try expectArchive(mending)
    #expect(mending.offer?.reason.contains("4 of ") == true)
    #expect((mending.outcome?.rows["users"]?.fromBackup ?? 0) > 100)
  }

  @Test("a first page of noise comes from the archive, since every other page is as it was", arguments: [0, 1])
  func pageOne(_ isHeaderOnly: Int) throws {
    let store = try make()
    try overwrite(store, page: 1, with: isHeaderOnly == 1 ? [UInt8](repeating: 0, count: 100) : Self.noise)
    try expectArchive(try mend(store))
  }

  @Test("pages that were written to each other's places, and what was cut off, come from the archive")
  func astray() throws {
    let store = try make()
    let bytes = try FileHandle.read(store.path).readAll(limit: 1 << 30)
    try overwrite(store, page: 5, with: Array(bytes[5 * 4096..<6 * 4096]))
    try overwrite(store, page: 6, with: Array(bytes[4 * 4096..<5 * 4096]))
    try FileHandle.update(store.path).truncate(to: bytes.count - 5 * 4096 - 100)
    try expectArchive(try mend(store))
  }

  @Test(
    "a commit since the archive is enough for it to have nothing to offer",
    arguments: [
      "delete from users where id = 1500;", "update users set name = 'another' where id = 7;",
      "pragma journal_mode = wal; delete from users where id = 1500;",
    ])
  func committed(_ change: String) throws {
    let settings = change.contains("wal") ? "pragma journal_mode = wal;" : ""
    let store = try make(settings, afterBackup: "pragma secure_delete = off;" + change)
    try overwrite(store, page: 4)
    #expect(try mend(store).offer == nil)
  }

  @Test("a store that went its own way to the same change counter keeps its own rows")
  func diverged() throws {
    let store = try make(afterBackup: "update users set name = 'another' where id = 1500;")
    let backup = try #require(try store.backups?.newestGood()).path
    try FileHandle.update(store.path).write(try FileHandle.read(backup).read(100, at: 0), at: 0)
    try overwrite(store, page: 4)
    #expect(try mend(store).offer == nil)
  }

  @Test("with a log, whose commits need not change the header, all that can be read must be as it was")
  func log() throws {
    let store = try make("pragma journal_mode = wal;")
    try overwrite(store, page: 4)
    try expectArchive(try mend(store))
    // One bit of a page that is in order: a commit could have done it.
    try overwrite(store, page: 12, with: [UInt8(ascii: "X")], at: 3000)
    #expect(try mend(store).offer == nil)
  }

  @Test("a store of which little is left proves nothing")
  func little() throws {
    let store = try make("pragma journal_mode = wal;")
    try FileHandle.update(store.path).truncate(to: 10 * 4096)
    #expect(try mend(store).offer == nil)
  }
}
