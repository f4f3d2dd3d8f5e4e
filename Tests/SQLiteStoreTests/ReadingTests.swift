import Foundation
import MendKit
import Testing

@testable import SQLiteStore

@Suite("Reading a live database")
struct ReadingTests {
  let folder: Folder
  let driver = SQLiteDriver()

  init() throws { folder = try Folder() }

  private func rows(_ path: String, _ sql: String = "SELECT count(*) FROM t") throws -> Int64? {
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    return try session.query(sql, limit: 1).first?.first?.integer
  }

  @Test("a missing path stays missing")
  func missing() throws {
    let path = folder("none.db")
    #expect(problem { try driver.open(path, patience: 0) }?.kind == .missing)
    #expect(try folder.listing() == [])
  }

  @Test("a folder, a pipe and a socket are refused without waiting", arguments: ["folder", "pipe"])
  func notAFile(_ kind: String) throws {
    let path = folder("thing.db")
    if kind == "folder" { mkdir(path, 0o700) } else { mkfifo(path, 0o600) }
    #expect(problem { try driver.open(path, patience: 0) }?.code == "file.not-a-file")
  }

  @Test("what a connection in WAL mode has committed but not checkpointed is seen, and nothing beside the file changes")
  func liveLog() throws {
    let path = folder("app.db")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma journal_mode=wal'); c.execute('pragma wal_autocheckpoint=0')
      c.execute('create table t(a)')
      for i in range(500): c.execute('insert into t values(?)', ('x' * 300,))
      c.execute('begin'); c.execute('insert into t values(1)')
      """, path)
    let before = try folder.listing()
    #expect(try rows(path) == 500)
    #expect(try driver.open(path, patience: 1).verifyIntegrity(IntegrityRequest()) == [])
    #expect(try folder.listing() == before)
    _ = other.pid
  }

  @Test("a log whose writer was killed is read up to its last commit, without an index being made")
  func leftoverLog() throws {
    let path = folder("app.db")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma journal_mode=wal'); c.execute('create table t(a)')
      for i in range(40): c.execute('insert into t values(?)', (i,))
      """, path)
    other.kill()
    try Paths.removeFile(path + "-shm")
    let before = try folder.listing()
    #expect(try rows(path) == 40)
    #expect(try folder.listing() == before)
  }

  @Test("a log with a damaged frame is read up to the commit before it")
  func damagedLog() throws {
    let path = folder("app.db")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma journal_mode=wal'); c.execute('create table t(a)')
      for i in range(10): c.execute('insert into t values(?)', (i,))
      """, path)
    other.kill()
    let log = try FileHandle.update(path + "-wal")
    let size = try log.status().size
    try log.write([0xFF, 0xFF, 0xFF], at: size - 100)
    #expect(try rows(path) == 9)
  }

  @Test("an interrupted transaction is left out and named, and the journal stays")
  func hotJournal() throws {
    let path = folder("app.db")
    try script(path, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3);")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma cache_size=1'); c.execute('begin')
      for i in range(2000): c.execute('insert into t values(?)', ('y' * 500,))
      """, path)
    other.kill()
    #expect(FileStatus.exists(path + "-journal"))
    let before = try folder.listing()
    let session = try driver.open(path, patience: 1)
    #expect(session.facts.notices.map(\.code) == ["journal.hot"])
    #expect(try rows(path) == 3)
    #expect(try folder.listing() == before)
  }

  @Test("a writer that is about to commit is waited for, and after the wait it is named")
  func locked() throws {
    let path = folder("app.db")
    try script(path, "CREATE TABLE t(a)")
    let other = try OtherProcess(
      "c = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('begin exclusive')", path)
    let found = problem { try driver.open(path, patience: 0.2) }
    #expect(found?.kind == .locked)
    #expect(found?.blockers.map(\.pid) == [other.pid])
  }

  @Test("a snapshot taken while a writer commits is one state", arguments: ["delete", "truncate", "persist", "wal"])
  func snapshotWhileWriting(_ mode: String) throws {
    let path = folder("app.db")
    try script(path, "PRAGMA journal_mode=\(mode)")
    try script(
      path,
      """
      CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE total(n);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) INSERT INTO t SELECT i, hex(randomblob(200)) FROM c;
      INSERT INTO total VALUES (20000);
      """)
    let other = try OtherProcess(
      """
      import threading
      c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20, check_same_thread=False)
      c.execute('pragma journal_mode=' + sys.argv[2]); c.execute('pragma synchronous=off')
      def work():
        while True:
          c.execute('begin immediate'); c.execute("insert into t(b) values(hex(randomblob(200)))")
          c.execute('update total set n = n + 1')
          c.execute('update t set b = hex(randomblob(200)) where a = 1 + abs(random()) % 20000'); c.execute('commit')
      threading.Thread(target=work, daemon=True).start()
      time.sleep(0.2)
      """, path, mode)
    let staging = folder("staging")
    mkdir(staging, 0o700)
    for round in 0..<5 {
      let snapshot = try driver.snapshot(path, form: .consistent, staging: staging, patience: 10)
      let target = folder("copy-\(round).db")
      try snapshot.members[0].write(to: target)
      try snapshot.confirm()
      snapshot.close()
      #expect(try driver.open(target, patience: 1).verifyIntegrity(IntegrityRequest()) == [])
      #expect(try rows(target, "SELECT (SELECT count(*) FROM t) - (SELECT n FROM total)") == 0)
    }
    #expect(try Paths.names(in: staging) == [])
    other.kill()
  }

  @Test("a snapshot that reads the live file gives up when someone writes")
  func directSnapshotNoticesWriters() throws {
    let path = folder("app.db")
    try script(path, "CREATE TABLE t(a); INSERT INTO t VALUES (randomblob(100000))")
    let snapshot = try driver.snapshot(path, form: .consistent, staging: nil, patience: 1)
    try script(path, "INSERT INTO t VALUES (1)")
    try? snapshot.members[0].write(to: folder("copy.db"))
    #expect(problem { try snapshot.confirm() }?.kind == .changing)
  }

  @Test("a copy of all files as they are keeps checkpoints off, so that file and log are of one state")
  func rawCopyOfLog() throws {
    let path = folder("app.db")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma journal_mode=wal'); c.execute('create table t(a)'); c.execute('insert into t values(1)')
      """, path)
    let snapshot = try driver.snapshot(path, form: .raw, staging: nil, patience: 1)
    #expect(try sqlite(path, "PRAGMA wal_checkpoint(truncate)").first?.first?.integer == 1)
    snapshot.close()
    #expect(try sqlite(path, "PRAGMA wal_checkpoint(truncate)").first?.first?.integer == 0)
    other.kill()
  }

  @Test("a reader has its turn beside a writer that is never idle", .timeLimit(.minutes(1)))
  func busyWriter() throws {
    let path = folder("app.db")
    try script(path, "CREATE TABLE t(a)")
    // As a writer with a rollback journal holds it: exclusively, but for a moment between two transactions.
    let other = try OtherProcess(
      """
      import fcntl, threading
      f = open(sys.argv[1], 'r+b')
      def work():
        while True:
          fcntl.lockf(f, fcntl.LOCK_EX, 512, 0x40000000); time.sleep(0.012)
          fcntl.lockf(f, fcntl.LOCK_UN, 512, 0x40000000); time.sleep(0.001)
      threading.Thread(target=work, daemon=True).start()
      time.sleep(0.1)
      """, path)
    let file = try FileHandle.read(path)
    let start = Clock.system.steady()
    for _ in 0..<20 {
      try LockBytes.takeShared(file, patience: 20)
      LockBytes.release(file)
    }
    #expect(Clock.system.steady() - start < 4)
    other.kill()
  }

  @Test("a schema that a newer SQLite wrote is unsupported, not damaged")
  func newerSchema() throws {
    let path = folder("new.db")
    try script(path, "CREATE TABLE t(a)")
    try script(
      path,
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a) STRICT, COMPRESSED(zstd)'")
    let found = problem { try driver.open(path, patience: 1) }
    #expect(found?.kind == .unsupported)
    #expect(found?.code == "schema.unsupported")
  }

  @Test("a schema with a mangled definition is damaged")
  func mangledSchema() throws {
    let path = folder("mangled.db")
    try script(path, "CREATE TABLE t(a)")
    try script(path, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a' || char(1, 2)")
    let found = problem { try driver.open(path, patience: 1) }
    #expect(found?.kind == .damaged)
    #expect(found?.code == "schema.malformed")
  }

  @Test("a file of random bytes looks encrypted; one with a random first page does not")
  func encrypted() throws {
    let path = folder("secret.db")
    var random = SystemRandomNumberGenerator()
    let noise = (0..<16_384).map { _ in UInt8.random(in: 0...255, using: &random) }
    try Durable.write(noise, to: path)
    #expect(problem { try driver.open(path, patience: 1) }?.code == "file.encrypted")
    try Paths.removeFile(path)
    try script(path, "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(20000))")
    try FileHandle.update(path).write(Array(noise[..<4096]), at: 0)
    #expect(problem { try driver.open(path, patience: 1) }?.code == "file.not-a-database")
  }

  @Test("a session that holds no lock lets a writer commit, and says afterwards that the state is gone")
  func unheld() throws {
    let path = folder("app.db")
    try script(path, "CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    let session = try driver.openUnheld(path, patience: 1)
    #expect(try session.verifyIntegrity(IntegrityRequest()) == [])
    try session.confirm()
    try script(path, "INSERT INTO t VALUES (2)")
    #expect(problem { try session.confirm() }?.kind == .changing)
  }
}
