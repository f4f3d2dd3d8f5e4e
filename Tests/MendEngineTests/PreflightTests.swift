import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

/// One after the other: while a command runs, the signals of the whole process are held off.
@Suite("Pre-flight", .serialized)
struct PreflightTests {
  /// A command that runs Python with the shop's database in `db`.
  func python(_ site: Deployment, _ script: String) throws -> [String] {
    let prelude = "import sqlite3, os, sys\nos.chdir('\(site.folder.path)')\ndb = sqlite3.connect('data.db')\n"
    return ["python3", try site.folder.write(prelude + script, to: "update.py")]
  }

  @Test("around a command that succeeds: archived before it, healthy after it")
  func healthy() throws {
    let site = try Deployment()
    let command = try python(site, "db.executescript(\"insert into users(name) values('New');\")")
    let report = site.engine.preflight([], command: command)
    #expect(report.code == .healthy)
    #expect(report.command == .init(exit: 0, words: command))
    #expect(try site.value("select count(*) from users") == "5")
    let record = try #require(try site.repository.records().first)
    #expect(record.path == report.stores.first?.archive)
    #expect(record.manifest?.rows == ["users": 4, "orders": 4])
    #expect(record.manifest?.reason == "preflight")
    #expect(report.stores.first?.tables["users"] == 5)
    #expect(try site.leftovers() == [])
  }

  @Test("without a command it ends with the archives, and unchanged content is not archived twice")
  func noCommand() throws {
    let site = try Deployment()
    let first = site.engine.preflight([])
    let second = site.engine.preflight([])
    #expect(first.code == .healthy && second.code == .healthy)
    #expect(first.stores.first?.archive == second.stores.first?.archive)
    #expect(try site.repository.records().count == 1)
  }

  @Test("a command that fails is undone: what it wrote is dropped, told and archived")
  func undone() throws {
    let site = try Deployment()
    #expect(chmod(site.path, 0o640) == 0)
    let report = site.engine.preflight(
      [],
      command: try python(
        site,
        """
        db.executescript("insert into orders(sku) values('a'), ('b'); delete from users where id = 1;")
        sys.exit(3)
        """))
    #expect(report.code == .commandFailed)
    #expect(report.command?.exit == 3)
    let store = try #require(report.stores.first)
    #expect(store.wasPutBack && store.verdict == .healthy)
    #expect(store.rows["orders"]?.lost == 2)
    #expect(store.rows["users"]?.fromBackup == 1)
    #expect(report.text.contains("Drops 2 rows of orders."))
    #expect(try site.value("select count(*) from orders") == "4")
    #expect(try site.value("select count(*) from users") == "4")
    #expect(try FileStatus.of(site.path).mode == 0o640)
    let records = try site.repository.records()
    #expect(records.map { $0.manifest?.reason } == ["preflight", "put-back"])
    #expect(records.last?.manifest?.rows["orders"] == 6)
    #expect(try site.leftovers() == [])
  }

  @Test("a command that leaves a store damaged is undone, whatever its exit code")
  func leftDamaged() throws {
    let site = try Deployment()
    let report = site.engine.preflight(
      [], command: try python(site, "open('data.db', 'r+b').write(b'ruined' * 2000)"))
    #expect(report.code == .commandFailed)
    #expect(report.command?.exit == 0)
    #expect(report.stores.first?.wasPutBack == true)
    #expect(report.text.contains("left a store damaged"))
    #expect(report.stores.first?.findings.allSatisfy(\.mended) == true)
    #expect(try site.value("select count(*) from orders") == "4")
    #expect(try site.repository.records().map { $0.manifest?.verdict } == [.healthy, .damaged])
  }

  @Test("a store that the command removes comes back, with owner and mode")
  func removed() throws {
    let site = try Deployment()
    #expect(chmod(site.path, 0o604) == 0)
    #expect(chown(site.path, 1234, 2345) == 0)
    let report = site.engine.preflight([], command: ["rm", site.path])
    #expect(report.code == .commandFailed)
    #expect(report.stores.first?.wasPutBack == true)
    let status = try FileStatus.of(site.path)
    #expect(status.mode == 0o604 && status.user == 1234 && status.group == 2345)
    #expect(try site.value("select count(*) from orders") == "4")
  }

  @Test("a store that the command replaced by another file comes back")
  func replaced() throws {
    let site = try Deployment()
    let report = site.engine.preflight(
      [],
      command: try python(
        site,
        """
        other = sqlite3.connect('other.db'); other.executescript('create table t(a)'); other.close()
        os.rename('other.db', 'data.db'); sys.exit(1)
        """))
    #expect(report.code == .commandFailed)
    #expect(try site.value("select count(*) from orders") == "4")
  }

  @Test("only stores that changed are touched")
  func onlyChanged() throws {
    let site = try Deployment(more: ["logs": "create table t(a); insert into t values(1)"])
    let before = try FileStatus.of(site.folder.file("logs.db"))
    let report = site.engine.preflight(
      [], command: try python(site, "db.executescript('delete from orders'); sys.exit(1)"))
    #expect(report.code == .commandFailed)
    #expect(report.stores.map(\.wasPutBack) == [true, false])
    #expect(try FileStatus.of(site.folder.file("logs.db")) == before)
  }

  @Test(
    "a command that is not there, may not be run, or is killed has the code that a shell gives it",
    arguments: [
      (["./no-such-command"], 127), (["/etc/passwd"], 126), (["sh", "-c", "kill -9 $$"], 137),
    ])
  func notStarted(_ command: [String], _ exit: Int) throws {
    let site = try Deployment()
    let before = try FileStatus.of(site.path)
    let report = site.engine.preflight([], command: command)
    #expect(report.code == .commandFailed)
    #expect(report.command?.exit == exit)
    #expect(report.stores.first?.wasPutBack == false)
    #expect(report.stores.first?.verdict == .healthy)
    #expect(try FileStatus.of(site.path) == before)
  }

  @Test("a damaged store is repaired before the command, and archived as it was and as it is")
  func repairedFirst() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    let report = site.engine.preflight([], command: ["true"])
    #expect(report.code == .healthy)
    #expect(report.verdict == .repaired)
    #expect(report.stores.first?.plan.map(\.outcome) == [.mended])
    #expect(try site.repository.records().map { $0.manifest?.verdict } == [.damaged, .healthy])
  }

  @Test("the command is not started while a store is damaged beyond what may be repaired")
  func hopeless() throws {
    let site = try Deployment(more: ["logs": "create table t(a)"])
    try site.folder.write([UInt8](repeating: 0x2A, count: 8192), to: "data.db")
    let report = site.engine.preflight([], command: ["touch", site.folder.file("ran")])
    #expect(report.code == .damaged)
    #expect(report.command == nil)
    #expect(report.notes.contains { $0.contains("was not started") })
    #expect(!FileStatus.exists(site.folder.file("ran")))
  }

  @Test("the command is not started while a store is locked")
  func locked() throws {
    let site = try Deployment()
    let locker = try LockingProcess(site.path)
    defer { locker.stop() }
    let report = site.engine.preflight([], command: ["touch", site.folder.file("ran")])
    #expect(report.code == .unchecked)
    #expect(!FileStatus.exists(site.folder.file("ran")))
  }

  @Test("what would keep a put-back from working is found before the command is started")
  func obstacle() throws {
    let site = try Deployment()
    #expect(link(site.path, site.folder.file("second.db")) == 0)
    let report = site.engine.preflight([], command: ["touch", site.folder.file("ran")])
    #expect(report.code == .damaged)
    #expect(report.text.contains("hard links"))
    #expect(!FileStatus.exists(site.folder.file("ran")))
    #expect(site.engine.preflight([]).code == .healthy)
  }

  @Test("the command is not started without room for the archive")
  func fullDisk() throws {
    let site = try Deployment()
    try site.sql("create table ballast(a); insert into ballast select randomblob(400000)")
    let volume = try site.mountSmall("backups", bytes: 128 << 10)
    let report = withExtendedLifetime(volume) {
      site.engine.preflight([], command: ["touch", site.folder.file("ran")])
    }
    #expect(report.code == .unchecked)
    #expect(!FileStatus.exists(site.folder.file("ran")))
  }

  @Test("a store that cannot be put back has its archive named, and the next run says so too")
  func notPutBack() throws {
    let site = try Deployment()
    let command = try python(
      site,
      """
      import subprocess
      db.executescript("insert into users(name) values('x')")
      subprocess.Popen([sys.executable, "-c", "import sqlite3, time; c = sqlite3.connect('data.db'); "
        "c.execute('select * from users').fetchone(); print('x', flush=True); time.sleep(30)"],
        stdout=open('ready', 'w'), start_new_session=True)
      import time
      while os.path.getsize('ready') == 0: time.sleep(0.01)
      sys.exit(1)
      """)
    let report = site.engine.preflight([], command: command)
    #expect(report.code == .notPutBack)
    let store = try #require(report.stores.first)
    let archive = try #require(store.archive)
    #expect(store.couldNotBePutBack && !store.wasPutBack)
    #expect(store.notes.contains { $0.contains(archive) })
    let holder = try #require(store.blockedBy.first)
    #expect(kill(pid_t(holder.pid), SIGKILL) == 0)
    usleep(200_000)
    #expect(try site.value("select count(*) from users") == "5")

    let next = site.engine.backup([])
    #expect(next.notes.contains { $0.contains(archive) && $0.contains("dbmend restore") })
    #expect(site.engine.restore(archive: archive).code == .healthy)
    #expect(try site.value("select count(*) from users") == "4")
  }

  @Test("a signal that would end dbmend is passed on to the command, and what it changed is put back")
  func signal() throws {
    let site = try Deployment()
    let command = try python(
      site,
      """
      import signal, time
      db.executescript("delete from orders")
      os.kill(os.getppid(), signal.SIGINT)
      os.kill(os.getppid(), signal.SIGTERM)
      time.sleep(10)
      """)
    let report = site.engine.preflight([], command: command)
    #expect(report.command?.exit == 128 + Int(SIGTERM))
    #expect(report.code == .commandFailed)
    #expect(try site.value("select count(*) from orders") == "4")
  }

  @Test("hooks stand around a put-back, and on_failure is told of it")
  func hooks() throws {
    let site = try Deployment()
    let log = "echo $DBMEND_MOMENT $DBMEND_STORE $DBMEND_ENVIRONMENT $DBMEND_PATH >> log"
    for moment in Hook.Moment.allCases { site.configuration.hooks[moment] = log }
    _ = site.engine.preflight([], command: try python(site, "db.executescript('delete from orders'); sys.exit(1)"))
    let lines = String(decoding: try site.folder.read("log"), as: UTF8.self).split(separator: "\n").map(String.init)
    let rest = " production/data production \(site.path)"
    #expect(lines == ["before_backup", "before_restore", "after_restore", "on_failure"].map { $0 + rest })
  }

  @Test("a hook that fails before the put-back stops it, and the archive is named")
  func hookFails() throws {
    let site = try Deployment()
    site.configuration.hooks = [.beforeRestore: "exit 9"]
    let report = site.engine.preflight(
      [], command: try python(site, "db.executescript('delete from orders'); sys.exit(1)"))
    #expect(report.code == .notPutBack)
    #expect(report.text.contains("exit code 9"))
    #expect(try site.value("select count(*) from orders") == "0")
  }

  @Test("a write-ahead log is no obstacle: what is only in it is archived and comes back")
  func writeAheadLog() throws {
    let site = try Deployment("pragma journal_mode = wal;" + Deployment.shop)
    let writer = try LockingProcess(site.path, "insert into users(name) values('in the log')")
    let archived = site.engine.preflight([])
    #expect(archived.code == .healthy)
    #expect(try site.repository.records().last?.manifest?.rows["users"] == 5)
    writer.stop()
    let report = site.engine.preflight(
      [], command: try python(site, "db.executescript('delete from users'); os._exit(1)"))
    #expect(report.code == .commandFailed)
    #expect(try site.value("select count(*) from users") == "5")
  }
}
