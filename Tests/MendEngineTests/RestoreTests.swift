import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Backup and restore")
struct RestoreTests {
  @Test("the newest good archive is put in place, and what was there is archived first")
  func latest() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    try site.sql("insert into orders(sku) values('new'); delete from users where id = 2")
    let report = site.engine.restore(archive: "latest", target: "data")
    #expect(report.code == .healthy)
    #expect(try site.value("select count(*) from orders") == "4")
    #expect(try site.value("select count(*) from users") == "4")
    #expect(report.stores.first?.rows["orders"]?.lost == 1)
    let records = try site.repository.records()
    #expect(records.map { $0.manifest?.reason } == ["backup", "restore"])
    #expect(records.last?.path == report.stores.first?.archive)
    #expect(try site.leftovers() == [])
  }

  @Test("what a restore replaced is not what the next one brings back, and comes back by its name")
  func again() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    try site.sql("delete from orders")
    for _ in 0..<3 {
      #expect(site.engine.restore(archive: "latest", target: "data").code == .healthy)
      #expect(try site.value("select count(*) from orders") == "4")
    }
    // What was restored is in the backup: only the first of them had something to keep.
    let records = try site.repository.records()
    #expect(records.map { $0.manifest?.reason } == ["backup", "restore"])
    #expect(records.map { $0.manifest?.isGood } == [true, false])
    #expect(site.engine.restore(archive: Paths.name(of: records[1].path)).code == .healthy)
    #expect(try site.value("select count(*) from orders") == "0")
  }

  @Test("a restore that died before the exchange leaves 'latest' at the backup, and the next archives nothing twice")
  func died() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    try site.sql("delete from orders")
    // The hook comes before what is there is archived; the archive itself is what a run that died behind it leaves.
    let check = site.engine.runChecks(try #require(site.engine.select(["data"]).stores.first), counting: .always)
    let left = try site.engine.archive(check, reason: Manifest.reasonOfRestore)
    #expect(left.isNew)
    #expect(site.engine.restore(archive: "latest", target: "data").code == .healthy)
    #expect(try site.value("select count(*) from orders") == "4")
    #expect(try site.repository.records().map { $0.manifest?.reason } == ["backup", "restore"])
    #expect(try site.engine.status(["data"]).first?.newestGood?.manifest?.reason == "backup")
  }

  @Test("content that is only in a copy of what was replaced is archived by the next backup")
  func backupAfterwards() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    try site.sql("delete from orders where id = 1")
    _ = site.engine.restore(archive: "latest", target: "data")
    let copy = try #require(try site.repository.records().last)
    _ = site.engine.restore(archive: copy.path)
    #expect(site.engine.backup([]).code == .healthy)
    let records = try site.repository.records()
    #expect(records.map { $0.manifest?.reason } == ["backup", "restore", "backup"])
    #expect(records.last?.manifest?.rows["orders"] == 3)
  }

  @Test("where nothing but a copy of what was replaced is left, 'latest' names it and takes nothing")
  func onlyCopy() throws {
    let site = try Deployment()
    let backup = try #require(site.engine.backup([]).stores.first?.archive)
    let away = site.folder.file("away.tar.zst")
    try Durable.rename(backup, to: away)
    try Paths.removeFile(backup.dropLast(".tar.zst".count) + ".manifest.json")
    try site.sql("delete from orders")
    #expect(site.engine.restore(archive: away).code == .healthy)
    let report = site.engine.restore(archive: "latest", target: "data")
    #expect(report.code == .damaged)
    let copy = try #require(try site.repository.records().last)
    #expect(report.text.contains(Paths.name(of: copy.path)))
  }

  @Test("a missing store comes back with owner and mode; a log that was left beside it is not replayed")
  func missing() throws {
    let site = try Deployment()
    #expect(chmod(site.path, 0o600) == 0)
    #expect(chown(site.path, 1234, 2345) == 0)
    _ = site.engine.backup([])
    try Paths.removeFile(site.path)
    try site.folder.write([UInt8](repeating: 7, count: 4000), to: "data.db-wal")
    let report = site.engine.restore(archive: "latest", target: "data")
    #expect(report.code == .healthy)
    #expect(report.verdict == .repaired)
    let status = try FileStatus.of(site.path)
    #expect(status.user == 1234 && status.group == 2345 && status.mode == 0o600)
    #expect(!FileStatus.exists(site.path + "-wal"))
    #expect(try site.folder.names().contains { $0.hasPrefix("data.db-wal.orphan") })
    #expect(try site.value("select count(*) from orders") == "4")
  }

  @Test("an archive is named by its path or its name, and knows its own store")
  func named() throws {
    let site = try Deployment()
    let archive = try #require(site.engine.backup([]).stores.first?.archive)
    for name in [archive, Paths.name(of: archive), String(Paths.name(of: archive).dropLast(".tar.zst".count))] {
      try site.sql("delete from orders")
      #expect(site.engine.restore(archive: name).code == .healthy)
      #expect(try site.value("select count(*) from orders") == "4")
    }
  }

  @Test("into a file: the store is untouched, no lock is taken, and a file that is there stays")
  func output() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    let before = try FileStatus.of(site.path)
    let lock = try RunLock.take(site.folder.file("backups"))
    defer { lock.release() }
    let file = site.folder.file("out.db")
    #expect(site.engine.restore(archive: "latest", target: "data", output: file).code == .healthy)
    #expect(try site.value("select count(*) from orders", in: "out") == "4")
    #expect(site.engine.restore(archive: "latest", target: "data", output: file).code == .damaged)
    #expect(try FileStatus.of(site.path) == before)
    #expect(try site.folder.names() == ["backups", "data.db", "out.db"])
  }

  @Test("a truncated archive is refused, and the store stays")
  func truncated() throws {
    let site = try Deployment()
    let archive = try #require(site.engine.backup([]).stores.first?.archive)
    try FileHandle.update(archive).truncate(to: 200)
    try site.sql("delete from orders")
    let before = try site.bytes()
    #expect(site.engine.restore(archive: archive).code == .damaged)
    #expect(site.engine.restore(archive: "latest", target: "data").code == .damaged)
    #expect(try site.bytes() == before)
    #expect(try site.engine.verify().map { $0.problem?.kind } == [.archive])
    #expect(try site.leftovers() == [])
  }

  @Test("an archive of a damaged store is not put in place, but can be written to a file")
  func damagedArchive() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    let backup = site.engine.backup([])
    #expect(backup.code == .damaged)
    let archive = try #require(backup.stores.first?.archive)
    let before = try site.bytes()
    let report = site.engine.restore(archive: archive)
    #expect(report.code == .damaged)
    #expect(report.text.contains("--output"))
    #expect(try site.bytes() == before)
    let file = site.folder.file("out.db")
    #expect(site.engine.restore(archive: archive, output: file).code == .damaged)
    #expect(try site.folder.read("out.db") == before)
  }

  @Test("names that mean no archive, or several stores, are answered with what to do")
  func wrongNames() throws {
    let site = try Deployment(more: ["logs": "create table t(a)"])
    #expect(site.engine.restore(archive: "latest").code == .usage)
    #expect(site.engine.restore(archive: "latest", target: "production").code == .usage)
    #expect(site.engine.restore(archive: "latest", target: "data").text.contains("dbmend list"))
    #expect(site.engine.restore(archive: "nothing").code == .damaged)
    #expect(site.engine.restore(archive: site.folder.file("nothing.tar.zst")).code == .damaged)
  }

  @Test("hooks stand around a restore, and one that fails stops it")
  func hooks() throws {
    let site = try Deployment()
    _ = site.engine.backup([])
    try site.sql("delete from orders")
    site.configuration.hooks = [.beforeRestore: "exit 1", .afterRestore: "echo started >> log"]
    #expect(site.engine.restore(archive: "latest", target: "data").code == .unchecked)
    #expect(try site.value("select count(*) from orders") == "0")
    #expect(!FileStatus.exists(site.folder.file("log")))
    site.configuration.hooks[.beforeRestore] = "true"
    #expect(site.engine.restore(archive: "latest", target: "data").code == .healthy)
    #expect(String(decoding: try site.folder.read("log"), as: UTF8.self) == "started\n")
  }

  @Test("unchanged content is archived once, changed content again, and retention removes the oldest")
  func backups() throws {
    let site = try Deployment()
    site.configuration.retention.keepLast = 2
    _ = site.engine.backup([])
    #expect(site.engine.backup([]).text.contains("Unchanged since its last archive"))
    #expect(try site.repository.records().count == 1)
    for _ in 0..<3 {
      try site.sql("insert into orders(sku) values('more')")
      #expect(site.engine.backup([]).code == .healthy)
    }
    #expect(try site.repository.records().map { $0.manifest?.rows["orders"] } == [6, 7])
    #expect(try site.engine.archives(["data"]).count == 2)
    site.configuration.retention.keepLast = 1
    #expect(try site.engine.prune(dryRun: true).flatMap(\.removed).count == 1)
    #expect(try site.engine.archives().count == 2)
    #expect(try site.engine.prune(dryRun: false).flatMap(\.removed).count == 1)
    #expect(try site.engine.archives().count == 1)
  }

  @Test("a hook that fails before the backup stops it")
  func backupHook() throws {
    let site = try Deployment()
    site.configuration.hooks = [.beforeBackup: "exit 3", .onFailure: "echo $DBMEND_STORE >> log"]
    let report = site.engine.backup([])
    #expect(report.code == .unchecked)
    #expect(try site.repository.records().isEmpty)
    #expect(String(decoding: try site.folder.read("log"), as: UTF8.self) == "production/data\n")
  }

  @Test("a writer that commits during the backup is not kept waiting, and what is archived is one state")
  func busyWriter() throws {
    let site = try Deployment(
      Deployment.shop + "create table log(id integer primary key, at text); create table total(n integer);"
        + "insert into total values(0)")
    site.add(
      MadeCheck("slow") { [path = site.path] context in
        // The writer comes exactly while the checks of the live store are at work.
        guard context.path == path, let session = try? context.sqlSession() else { return [] }
        _ = try? session.query("select count(*) from total", limit: 1)
        let writer = try? run(
          "python3", "-c",
          "import sqlite3; c = sqlite3.connect('\(path)', timeout=0.1); c.execute('update total set n = n + 1'); c.commit()"
        )
        return writer?.exit == 0 ? [] : [Finding("writer.kept-waiting", .error, "the writer could not commit")]
      })
    let report = site.engine.backup([])
    #expect(report.code == .healthy, "\(report.text)")
    let record = try #require(try site.repository.records().first)
    let members = try site.repository.extract(record, into: site.folder.file("extracted"))
    #expect(try SQLiteFile.value(members[0].path, "select n from total") == "1")
    #expect(Set(report.stores[0].checks.map(\.check)).count == report.stores[0].checks.count)
    #expect(try site.leftovers() == [])
  }

  @Test("a file without a configuration is backed up beside itself and restored from there")
  func adhoc() throws {
    let site = try Deployment()
    site.configuration = .standard
    #expect(site.engine.backup([site.path]).code == .healthy)
    #expect(try site.folder.names() == ["data.db", "dbmend-archives"])
    try site.sql("delete from orders")
    #expect(site.engine.restore(archive: "latest", target: site.path).code == .healthy)
    #expect(try site.value("select count(*) from orders") == "4")
  }
}
