import Foundation
import MendKit
import Testing

@testable import SQLiteStore

@Suite("Putting a copy in the place of a database")
struct InstallingTests {
  let folder: Folder
  let driver = SQLiteDriver()

  init() throws { folder = try Folder() }

  private func make(_ name: String, rows: Int, mode: String = "delete") throws -> String {
    let path = folder(name)
    try script(path, "PRAGMA journal_mode=\(mode)")
    try script(path, "CREATE TABLE t(a);" + (0..<rows).map { "INSERT INTO t VALUES (\($0));" }.joined())
    return path
  }

  private func count(_ path: String) throws -> Int64? {
    try sqlite(path, "SELECT count(*) FROM t").first?.first?.integer
  }

  @Test("owner, group, mode, access control list and extended attributes stay")
  func attributes() throws {
    let path = try make("app.db", rows: 1)
    let copy = try make("copy.db", rows: 2)
    chmod(path, 0o640)
    chown(path, 1234, 4321)
    #expect(ChildProcess.run(["setfattr", "-n", "user.note", "-v", "kept", path]) == .exited(0))
    #expect(ChildProcess.run(["setfacl", "-m", "u:777:rw", path]) == .exited(0))
    let before = try FileAttributes(of: FileHandle.read(path))
    try driver.install(copy, over: path, expected: try driver.stamp(path), patience: 1)
    #expect(try FileAttributes(of: FileHandle.read(path)) == before)
    #expect(before.extended.keys.contains("system.posix_acl_access"))
    #expect(try count(path) == 2)
    #expect(!FileStatus.exists(copy))
  }

  @Test("a link stays a link, and what it leads to is replaced")
  func link() throws {
    let path = try make("real.db", rows: 1)
    symlink(path, folder("link.db"))
    try driver.install(try make("copy.db", rows: 2), over: folder("link.db"), expected: nil, patience: 1)
    #expect(try FileStatus.of(folder("link.db"), followLinks: false).kind == .link)
    #expect(try count(path) == 2)
  }

  @Test("a file with two names is refused")
  func hardLink() throws {
    let path = try make("app.db", rows: 1)
    Foundation.link(path, folder("other.db"))
    #expect(driver.installObstacle(path)?.code == "file.hard-link")
    let copy = try make("copy.db", rows: 2)
    #expect(problem { try driver.install(copy, over: path, expected: nil, patience: 1) }?.kind == .refused)
    #expect(try count(path) == 1)
  }

  @Test("a store that another process has open is not swapped, and the process is named", arguments: ["delete", "wal"])
  func open(_ mode: String) throws {
    let path = try make("app.db", rows: 1, mode: mode)
    let other = try OtherProcess("c = sqlite3.connect(sys.argv[1]); c.execute('select * from t').fetchall()", path)
    let copy = try make("copy.db", rows: 2)
    let found = problem { try driver.install(copy, over: path, expected: nil, patience: 0.2) }
    #expect(found?.kind == .refused)
    #expect(found?.blockers.map(\.pid) == [other.pid])
    #expect(FileStatus.exists(copy))
  }

  @Test("a store that was written to since the copy was made is not swapped")
  func changed() throws {
    let path = try make("app.db", rows: 1)
    let stamp = try driver.stamp(path)
    try script(path, "INSERT INTO t VALUES (9)")
    let copy = try make("copy.db", rows: 2)
    #expect(problem { try driver.install(copy, over: path, expected: stamp, patience: 1) }?.kind == .changing)
    #expect(try count(path) == 2)
  }

  @Test("a stale log is never replayed into the file that takes the place")
  func staleLog() throws {
    let path = try make("app.db", rows: 1, mode: "wal")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      for i in range(20): c.execute('insert into t values(?)', (i,))
      """, path)
    other.kill()
    #expect(FileStatus.exists(path + "-wal"))
    try driver.install(try make("copy.db", rows: 2), over: path, expected: try driver.stamp(path), patience: 1)
    #expect(!FileStatus.exists(path + "-wal"))
    #expect(try count(path) == 2)
  }

  @Test("a log is folded in whole before it is removed, so that dying in between loses nothing")
  func settlement() throws {
    let path = try make("app.db", rows: 1, mode: "wal")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      for i in range(20): c.execute('insert into t values(?)', (i,))
      """, path)
    other.kill()
    try Settlement.settle(FileHandle.update(path), Sidecars(of: path))
    #expect(!FileStatus.exists(path + "-wal"))
    #expect(try count(path) == 21)
    #expect(try sqlite(path, "PRAGMA integrity_check") == [[.text("ok")]])
  }

  @Test("a bind-mounted file keeps its place, and its content changes as one transaction")
  func bindMount() throws {
    let path = try make("app.db", rows: 1)
    let source = try make("source.db", rows: 3)
    #expect(ChildProcess.run(["mount", "--bind", source, path]) == .exited(0))
    defer { _ = ChildProcess.run(["umount", path]) }
    try driver.install(try make("copy.db", rows: 2), over: path, expected: nil, patience: 1)
    #expect(try count(path) == 2)
    #expect(try count(source) == 2)
    #expect(!FileStatus.exists(path + "-journal"))
  }

  @Test("SQLite itself puts the old content back after a run died while it overwrote a file")
  func overwriteDies() throws {
    let path = try make("app.db", rows: 50)
    let old = try bytes(of: path)
    let file = try FileHandle.update(path)
    try JournaledOverwrite.writeJournal(of: file, size: old.count, pageSize: 4096, at: path + "-journal")
    try file.write([UInt8](repeating: 0xAA, count: 6000), at: 0)
    try file.truncate(to: 4096 * 9)
    file.close()
    #expect(FileStatus.exists(path + "-journal"))
    #expect(try count(path) == 50)
    #expect(try bytes(of: path) == old)
  }

  @Test("leftovers of a database that is gone are kept, but not under its name")
  func orphans() throws {
    let copy = try make("copy.db", rows: 2)
    try Durable.write([1, 2, 3], to: folder("app.db-wal"))
    try driver.install(copy, over: folder("app.db"), expected: nil, patience: 1)
    #expect(!FileStatus.exists(folder("app.db-wal")))
    #expect(try Paths.names(in: folder.path).contains { $0.hasPrefix("app.db-wal.orphan-") })
    #expect(try count(folder("app.db")) == 2)
  }

  @Test("who was opening the old file at the moment of the exchange gets an error, and never commits into nothing")
  func lateOpener() throws {
    for mode in ["delete", "wal"] {
      let path = try make("\(mode).db", rows: 1, mode: mode)
      let copy = try make("\(mode)-copy.db", rows: 2)
      // Of this process's own files the installer knows nothing, as of one that is only being opened.
      let old = try FileHandle.update(path)
      try driver.install(copy, over: path, expected: try driver.stamp(path), patience: 1)
      #expect(try count(path) == 2)
      let opened = "/proc/self/fd/\(old.descriptor)"
      #expect(throws: (any Error).self) { try script(opened, "INSERT INTO t VALUES (3)") }
      #expect(try FileHandle.read(opened).read(2, at: 18) == [0xFF, 0xFF])
    }
  }
}
