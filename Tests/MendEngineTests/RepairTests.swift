import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Repair in place")
struct RepairTests {
  func damagedShop() throws -> Deployment {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    return site
  }

  @Test(
    "an index that lacks entries is rebuilt, verified and in place; the old file is in the archive; nothing is left")
  func reindexed() throws {
    let site = try damagedShop()
    #expect(chmod(site.path, 0o640) == 0)
    #expect(try run("setfattr", "-n", "user.note", "-v", "kept", site.path).exit == 0)
    let before = try site.bytes()
    let attributes = try FileAttributes(of: FileHandle.read(site.path))
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .healthy)
    #expect(report.verdict == .repaired)
    let store = try #require(report.stores.first)
    #expect(store.plan.map(\.repair) == ["reindex"])
    #expect(store.plan.map(\.outcome) == [.mended])
    #expect(store.findings.allSatisfy(\.mended) && !store.findings.isEmpty)
    #expect(try site.value("select count(*) from orders indexed by orders_sku where sku > ''") == "4")
    #expect(try FileAttributes(of: FileHandle.read(site.path)) == attributes)
    #expect(site.engine.check([]).code == .healthy)
    #expect(try site.leftovers() == [])

    let record = try #require(try site.repository.records().first)
    #expect(record.path == store.archive)
    #expect(record.manifest?.verdict == .damaged)
    let members = try site.repository.extract(record, into: site.folder.file("extracted"))
    #expect(try FileHandle.read(members[0].path).readAll(limit: 1 << 20) == before)
  }

  @Test("a plan says what would be done and why, and touches nothing")
  func plan() throws {
    let site = try damagedShop()
    let before = try site.bytes()
    let report = site.engine.repair("data", mode: .plan)
    #expect(report.code == .damaged)
    #expect(report.stores.first?.plan.map(\.repair) == ["reindex"])
    #expect(report.stores.first?.plan.first?.outcome == nil)
    #expect(report.stores.first?.plan.first?.because == ["index.entry-missing"])
    #expect(report.stores.first?.notes.first == "Tried on a copy: the checks pass on the result, with rows as listed.")
    #expect(try site.bytes() == before)
    #expect(try site.folder.names() == ["data.db"])
  }

  @Test("a plan tells the rows that its repair comes to, table by table, and leaves nothing behind")
  func forecast() throws {
    let site = try Deployment()
    try site.sql(
      """
      create table parts(id integer primary key, name text);
      with recursive n(i) as (values(1) union all select i + 1 from n where i < 2000)
      insert into parts select i, 'part number ' || i from n;
      """)
    let root = try #require(Int(try site.value("select rootpage from sqlite_schema where name = 'parts'") ?? ""))
    try FileHandle.update(site.path).write([UInt8](repeating: 0, count: 4096), at: (root - 1) * 4096)
    let before = try site.bytes()
    let trials = site.folder.file("trials")
    try Paths.makeFolder(trials)
    site.settings.temporaryFolder = trials
    let plan = try #require(site.engine.repair("data", mode: .plan).stores.first)
    #expect(plan.plan.map(\.repair) == ["salvage"])
    #expect(plan.rows["parts"]?.kept == 2000)
    #expect(plan.notes.first == "Tried on a copy: the checks pass on the result, with rows as listed.")
    #expect(try site.bytes() == before)
    #expect(try Paths.names(in: trials) == [])
    let done = try #require(site.engine.repair("data", mode: .inPlace).stores.first)
    #expect(done.rows == plan.rows)
    #expect(done.plan.map(\.repair) == plan.plan.map(\.repair))

    try FileHandle.update(site.path).write([UInt8](repeating: 0, count: 4096), at: (root - 1) * 4096)
    site.settings.temporaryFolder = site.folder.file("nowhere")
    let untried = try #require(site.engine.repair("data", mode: .plan).stores.first)
    #expect(untried.plan.map(\.repair) == ["salvage"])
    #expect(untried.notes.contains { $0.contains("was not tried on a copy") && $0.contains("nowhere") })
  }

  @Test("a healthy store is left alone")
  func healthy() throws {
    let site = try Deployment()
    let before = try FileStatus.of(site.path)
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .healthy)
    #expect(report.stores.first?.plan == [])
    #expect(try FileStatus.of(site.path) == before)
    #expect(try site.leftovers() == [])
  }

  @Test("a hopeless file is not replaced by a backup unless that loss is allowed; then it is")
  func restoredFromBackup() throws {
    let site = try Deployment()
    #expect(site.engine.backup([]).code == .healthy)
    try site.sql("insert into orders(sku, user_id) values('late', 1)")
    try FileHandle.update(site.path).write([UInt8](repeating: 7, count: try site.bytes().count), at: 0)
    let before = try site.bytes()
    let refused = site.engine.repair("data", mode: .inPlace)
    #expect(refused.code == .damaged)
    #expect(refused.text.contains("restore-backup would mend it but may cost changes; allowed: rows"))
    #expect(refused.text.contains("--max-loss changes"))
    #expect(try site.bytes() == before)
    #expect(try site.repository.records().count == 1)

    site.settings.maxLoss = .changes
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .healthy)
    #expect(report.verdict == .repaired)
    #expect(report.stores.first?.plan.map(\.repair) == ["restore-backup"])
    #expect(report.stores.first?.rows["orders"]?.fromBackup == 4)
    #expect(report.stores.first?.rows["orders"]?.lost == nil)
    #expect(try site.value("select count(*) from orders") == "4")
    #expect(try site.repository.records().map { $0.manifest?.verdict } == [.healthy, .damaged])
  }

  @Test("a repair that returns without mending is followed by the next one")
  func escalation() throws {
    let site = try damagedShop()
    site.prefer(MadeRepair("idle", mends: ["index.*"]) { _ in RepairOutcome() })
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired, "\(report.text)")
    #expect(report.stores.first?.plan.map(\.repair) == ["idle", "reindex"])
    #expect(report.stores.first?.plan.map(\.outcome) == [.insufficient, .mended])
  }

  @Test("a repair that broke off is tried again on what another one mended, and only then")
  func triedAgain() {
    var tried = TriedRepairs()
    tried.add(failed: "reindex")
    #expect(!tried.allows("reindex"))
    tried.add(done: "salvage")
    #expect(tried.allows("reindex"))
    tried.add(failed: "reindex")
    #expect(!tried.allows("reindex"))
    tried.startOver()
    #expect(!tried.allows("reindex") && tried.allows("salvage"))
  }

  @Test("what a repair left behind that broke off is not built upon")
  func freshCopy() throws {
    let site = try damagedShop()
    site.prefer(
      MadeRepair("clumsy", mends: ["index.*"]) { context throws(Problem) in
        let copy = try context.sqlDriver().openCopy(context.path)
        try copy.execute("delete from orders")
        try copy.close()
        throw Problem(.system, tried: "mend", on: context.path, said: "it broke off")
      })
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired)
    #expect(report.stores.first?.plan.map(\.outcome) == [.failed, .mended])
    #expect(report.text.contains("it broke off"))
    #expect(try site.value("select count(*) from orders") == "4")
  }

  @Test("when nothing mends it, nothing is changed, and the report says what was tried")
  func nothingHelps() throws {
    let site = try damagedShop()
    site.registry = PluginRegistry(
      drivers: site.registry.drivers, checks: site.registry.checks,
      repairs: [MadeRepair("idle", mends: ["*"]) { _ in RepairOutcome() }])
    let before = try FileStatus.of(site.path)
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .damaged)
    #expect(report.stores.first?.plan.map(\.outcome) == [.insufficient])
    #expect(report.text.contains("Nothing was changed"))
    #expect(try FileStatus.of(site.path) == before)
    #expect(try site.leftovers() == [])
  }

  @Test("a repair that creates new damage is not put in place")
  func newDamage() throws {
    let site = try damagedShop()
    site.check("row-counts", [.init("minimum", .map([.init("users", .integer(4))]))])
    site.registry = PluginRegistry(
      drivers: site.registry.drivers, checks: site.registry.checks,
      repairs: [
        MadeRepair("butcher", mends: ["index.*"]) { context throws(Problem) in
          let copy = try context.sqlDriver().openCopy(context.path)
          try copy.execute("drop index orders_sku; delete from users")
          try copy.close()
          return RepairOutcome()
        }
      ])
    let before = try site.bytes()
    #expect(site.engine.repair("data", mode: .inPlace).code == .damaged)
    #expect(try site.bytes() == before)
  }

  @Test("when the checks fail at the place after all, the old content is put back")
  func undone() throws {
    let site = try damagedShop()
    let before = try site.bytes()
    let inode = try FileStatus.of(site.path).inode
    let place = site.path
    site.add(
      MadeCheck("placed") { context in
        guard context.path == place, (try? FileStatus.of(place).inode) != inode else { return [] }
        return [Finding("file.moved", .error, "the file is another one")]
      })
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .damaged)
    #expect(report.text.contains("the old content was put back"))
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
  }

  @Test("a store that another process has open is not swapped, and the process is named")
  func open() throws {
    let site = try damagedShop()
    let before = try site.bytes()
    let other = try LockingProcess(site.path, "select count(*) from users")
    let report = site.engine.repair("data", mode: .inPlace)
    other.stop()
    #expect(report.code == .damaged)
    #expect(report.stores.first?.blockedBy.map(\.pid) == [other.pid])
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
  }

  @Test("an application that writes once more while the hook stops it loses nothing")
  func writesInHook() throws {
    let site = try damagedShop()
    try site.folder.write(
      """
      import sqlite3
      sqlite3.connect("data.db").executescript("insert into users(name) values('Late'); ")
      """, to: "stop.py")
    site.configuration.hooks = [.beforeRepair: "python3 stop.py; echo stop >> log", .afterRepair: "echo start >> log"]
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired)
    #expect(try site.value("select count(*) from users") == "5")
    #expect(String(decoding: try site.folder.read("log"), as: UTF8.self) == "stop\nstart\n")
    #expect(try site.leftovers() == [])
  }

  @Test("a link to the store is followed, and stays a link")
  func link() throws {
    let site = try damagedShop()
    try Durable.rename(site.path, to: site.folder.file("real.db"))
    #expect(symlink("real.db", site.path) == 0)
    #expect(site.engine.repair("data", mode: .inPlace).verdict == .repaired)
    #expect(try FileStatus.of(site.path, followLinks: false).kind == .link)
    #expect(site.engine.check([]).code == .healthy)
  }

  @Test("a hard link is refused before anything is done")
  func hardLink() throws {
    let site = try damagedShop()
    #expect(MendKit.link(site.path, site.folder.file("second.db")) == 0)
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .damaged)
    #expect(report.text.contains("hard links"))
    #expect(try site.repository.records().isEmpty)
  }

  @Test("a full repository stops the repair before anything is changed")
  func fullDisk() throws {
    let site = try damagedShop()
    try site.sql("create table ballast(a); insert into ballast select randomblob(400000)")
    let before = try site.bytes()
    let volume = try site.mountSmall("backups", bytes: 128 << 10)
    let report = withExtendedLifetime(volume) { site.engine.repair("data", mode: .inPlace) }
    #expect(report.code == .unchecked)
    #expect(report.stores.first?.problems.contains { $0.kind == .noSpace } == true)
    #expect(try site.bytes() == before)
  }

  @Test("a volume without room for the working copy stops the repair, and nothing is left on it")
  func fullVolume() throws {
    let site = try Deployment()
    let volume = try site.mountSmall("small", bytes: 1 << 20)
    let path = site.folder.file("small/data.db")
    try SQLiteFile.make(
      path,
      Deployment.shop + Deployment.dropIndexEntries
        + "create table ballast(a); insert into ballast select randomblob(600000)")
    site.configuration.environments[0].stores[0].path = path
    let before = try site.folder.read("small/data.db")
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .unchecked)
    #expect(report.stores.first?.archive != nil)
    #expect(try site.folder.read("small/data.db") == before)
    #expect(try Paths.names(in: site.folder.file("small")) == ["data.db"])
    withExtendedLifetime(volume) {}
  }

  @Test("several stores are not repaired at once")
  func several() throws {
    let site = try Deployment(more: ["logs": "create table t(a)"])
    #expect(site.engine.repair("production", mode: .inPlace).code == .usage)
  }

  @Test("a rule has a warning mended, by the repair that it names")
  func ruled() throws {
    let site = try damagedShop()
    site.configuration.rules = [.init(code: "index.*", severity: .warning, repair: "reindex", origin: "dbmend.yaml:31")]
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired)
    #expect(report.stores.first?.plan.first?.reason.contains("dbmend.yaml:31") == true)
  }

  @Test("what an earlier run left is said and cleaned up before the repair")
  func afterCrash() throws {
    let site = try damagedShop()
    let work = site.folder.file(".dbmend-work-aB3dE6")
    try Paths.makeFolder(work, mode: 0o700)
    try Paths.makeFolder(site.folder.file("backups"))
    let journal = Journal(repository: site.folder.file("backups"), action: "repair", started: 1)
    try journal.put(
      Journal.Entry(store: try site.store().identity, phase: .working, work: work, old: Journal.FileMark(of: site.path))
    )
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired)
    #expect(report.notes.contains { $0.contains("An earlier run") && $0.contains("the old content is in place") })
    #expect(try site.leftovers() == [])
  }
}
