import Foundation
import MendKit
import Testing

@testable import SQLiteStore

@Suite("A log or journal that is of another database")
struct ForeignSidecarTests {
  let folder: Folder
  let driver = SQLiteDriver()

  init() throws { folder = try Folder() }

  /// A sound database of one table with so many rows of 100 bytes.
  private func make(_ name: String, rows: Int, pageSize: Int = 4096, mode: String = "delete") throws -> String {
    let path = folder(name)
    try script(path, "PRAGMA page_size=\(pageSize); PRAGMA journal_mode=\(mode); CREATE TABLE t(a, b);")
    try script(
      path,
      """
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < \(rows))
      INSERT INTO t SELECT i, hex(zeroblob(50)) FROM c;
      """)
    return path
  }

  /// Has a writer change rows and die, so that its log or journal stays.
  private func interrupt(_ path: String, _ statements: String...) throws {
    let body = statements.map { "c.execute(\"\"\"\($0)\"\"\")" }.joined(separator: "\n")
    let other = try OtherProcess("c = sqlite3.connect(sys.argv[1], isolation_level=None)\n" + body, path)
    other.kill()
  }

  private func move(_ kind: String, of one: String, to other: String) throws {
    try FileManager.default.moveItem(atPath: one + kind, toPath: other + kind)
  }

  /// What is noticed on opening; the store has to be sound without what lies beside it, and untouched.
  private func notices(_ path: String, rows: Int) throws -> [Finding] {
    let before = try folder.listing()
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    defer { session.end() }
    #expect(try session.query("SELECT count(*) FROM t", limit: 1) == [[.integer(Int64(rows))]])
    #expect(try session.verifyIntegrity(IntegrityRequest()) == [])
    #expect(try folder.listing() == before)
    #expect(session.facts.notices.allSatisfy { $0.severity == .warning })
    return session.facts.notices
  }

  @Test("a log whose pages have another size is not laid over the file")
  func logOfOtherSize() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    let other = try make("other.db", rows: 5, mode: "wal")
    try interrupt(other, "INSERT INTO t VALUES (1, 2)")
    try move("-wal", of: other, to: path)
    let found = try notices(path, rows: 30)
    #expect(found.map(\.code) == ["wal.foreign"])
    #expect(found.first?.location.file == path + "-wal")
    #expect(found.first?.evidence == "its pages have 4096 bytes, not 1024")
  }

  @Test("a log whose pages are all beyond the database is not laid over the file")
  func logBeyond() throws {
    let path = try make("app.db", rows: 30)
    let other = try make("other.db", rows: 5000, mode: "wal")
    try interrupt(other, "UPDATE t SET b = 'x' WHERE rowid = 4900")
    try move("-wal", of: other, to: path)
    let found = try notices(path, rows: 30)
    #expect(found.map(\.code) == ["wal.foreign"])
    #expect(found.first?.evidence?.hasPrefix("all of its pages are beyond the database's 2") == true)
  }

  /// A valid log of one commit.
  private func log(_ pages: [(UInt32, [UInt8])], pageSize: Int) -> [UInt8] {
    let start = [0x377F_0683, 3_007_000, UInt32(pageSize), 0, 7, 8].flatMap { BigEndian.bytes($0) }
    var sum = WriteAheadLog.Checksum(isBigEndian: true)
    sum.add(start[...])
    var log = start + BigEndian.bytes(sum.first) + BigEndian.bytes(sum.second)
    for (place, (number, content)) in pages.enumerated() {
      let frame = BigEndian.bytes(number) + BigEndian.bytes(place == pages.count - 1 ? 2 : 0)
      sum.add(frame[...])
      sum.add(content[...])
      log += frame + [7, 8, sum.first, sum.second].flatMap { BigEndian.bytes($0) } + content
    }
    return log
  }

  @Test("a log whose page 1 begins no database, or one of other pages, is not laid over the file")
  func logOfNoDatabase() throws {
    let path = try make("app.db", rows: 3)
    let own = Array(try bytes(of: path)[..<4096])
    try Durable.write(log([(1, [UInt8](repeating: 7, count: 4096))], pageSize: 4096), to: path + "-wal")
    #expect(try notices(path, rows: 3).map(\.evidence) == ["what it has for page 1 is no first page of a database"])
    var other = own
    other[16] = 4
    try Durable.write(log([(1, other)], pageSize: 4096), to: path + "-wal")
    #expect(
      try notices(path, rows: 3).map(\.evidence) == [
        "its page 1 is of a database whose pages have 1024 bytes, not 4096"
      ])
    try Durable.write(log([(1, own)], pageSize: 4096), to: path + "-wal")
    #expect(try notices(path, rows: 3) == [])
  }

  @Test("a log of its own is laid over the file, whatever it adds to it", arguments: [1, 400])
  func ownLog(_ rows: Int) throws {
    let path = try make("app.db", rows: 3, mode: "wal")
    try interrupt(
      path, "PRAGMA wal_autocheckpoint=0",
      "WITH c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c WHERE i < \(rows)) INSERT INTO t SELECT i, hex(zeroblob(50)) FROM c"
    )
    #expect(try notices(path, rows: 3 + rows) == [])
  }

  @Test("a journal whose pages have another size is not played back")
  func journalOfOtherSize() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    let other = try make("other.db", rows: 5000)
    try interrupt(
      other, "PRAGMA cache_size=1", "PRAGMA cache_spill=1", "BEGIN", "UPDATE t SET b = 'x' WHERE rowid % 200 = 0")
    try move("-journal", of: other, to: path)
    let found = try notices(path, rows: 30)
    #expect(found.map(\.code) == ["journal.foreign"])
    #expect(found.first?.evidence == "its pages have 4096 bytes, not 1024")
  }

  /// The whole of a database as a journal; the database is then what `after` is.
  private func journal(_ path: String, pageSize: Int, after: [UInt8]) throws {
    let old = try bytes(of: path)
    let file = try FileHandle.update(path)
    try JournaledOverwrite.writeJournal(of: file, size: old.count, pageSize: pageSize, at: path + "-journal")
    try file.write(after, at: 0)
  }

  @Test("a journal that puts back pages which its database never had is not played back")
  func impossibleCount() throws {
    let path = try make("app.db", rows: 300)
    try journal(path, pageSize: 4096, after: [])
    try FileHandle.update(path + "-journal").write([0, 0, 0, 2], at: 16)
    let found = try notices(path, rows: 300)
    #expect(found.map(\.code) == ["journal.foreign"])
    #expect(found.first?.evidence?.hasSuffix("of a database that had 2 pages by its header") == true)
  }

  @Test("a journal whose page 1 is of a database with other pages is not played back")
  func journalOfOtherHeader() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    try journal(path, pageSize: 512, after: [])
    #expect(
      try notices(path, rows: 30).map(\.evidence)
        == ["its page 1 is of a database whose pages have 1024 bytes, not 512"])
  }

  @Test("the journal of a VACUUM that changed the size of pages, or of an overwritten ruin, is played back")
  func ownJournal() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    let other = try make("new.db", rows: 9, pageSize: 4096)
    try journal(path, pageSize: 1024, after: try bytes(of: other))
    #expect(try notices(path, rows: 30).map(\.code) == ["journal.hot"])

    let ruin = folder("ruin.db")
    try Durable.write([UInt8](repeating: 0x5A, count: 9000), to: ruin)
    try journal(ruin, pageSize: 4096, after: try bytes(of: path))
    let view = try StoreView(ruin, locking: .none)
    #expect(view.foreign == [] && view.isInterrupted)
  }

  @Test("when a copy takes the file's place, what is of another database is kept under another name")
  func installing() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    let other = try make("other.db", rows: 5, mode: "wal")
    try interrupt(other, "INSERT INTO t VALUES (1, 2)")
    let log = try bytes(of: other + "-wal")
    try move("-wal", of: other, to: path)
    try driver.install(try make("copy.db", rows: 2), over: path, expected: try driver.stamp(path), patience: 1)
    #expect(!FileStatus.exists(path + "-wal"))
    let kept = try #require(try Paths.names(in: folder.path).first { $0.hasPrefix("app.db-wal.orphan-") })
    #expect(try bytes(of: folder(kept)) == log)
    #expect(try notices(path, rows: 2) == [])
  }

  @Test("a snapshot and its stamp speak of the database without it")
  func snapshot() throws {
    let path = try make("app.db", rows: 30, pageSize: 1024)
    let stamp = try driver.stamp(path)
    let other = try make("other.db", rows: 5, mode: "wal")
    try interrupt(other, "INSERT INTO t VALUES (1, 2)")
    try move("-wal", of: other, to: path)
    #expect(try driver.stamp(path) == stamp)
    let snapshot = try driver.snapshot(path, form: .consistent, staging: nil, patience: 1)
    try snapshot.members[0].write(to: folder("copy.db"))
    try snapshot.confirm()
    #expect(try bytes(of: folder("copy.db")) == bytes(of: path))
  }
}
