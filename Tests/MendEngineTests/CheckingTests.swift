import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Checking")
struct CheckingTests {
  @Test("a healthy store is healthy, its rows are told, and nothing is created or touched")
  func healthy() throws {
    let site = try Deployment()
    let before = try FileStatus.of(site.path)
    let report = site.engine.check([])
    #expect(report.verdict == .healthy)
    #expect(report.code == .healthy)
    #expect(report.stores.first?.tables == ["users": 4, "orders": 4])
    #expect(report.stores.first?.checks.map(\.check) == Configuration.standardChecks.map(\.id))
    #expect(try FileStatus.of(site.path) == before)
    #expect(try site.folder.names() == ["data.db"])
  }

  @Test("a missing path is one finding, and nothing is created")
  func missing() throws {
    let site = try Deployment()
    try Paths.removeFile(site.path)
    let report = site.engine.check([])
    #expect(report.code == .damaged)
    #expect(report.stores.first?.findings.map(\.code) == ["file.missing"])
    #expect(try site.folder.names() == [])
    #expect(site.engine.check([site.folder.file("no/such/file.db")]).code == .damaged)
    #expect(try site.folder.names() == [])
  }

  @Test(
    "a missing store is neither backed up, repaired nor made by a pre-flight",
    arguments: ["backup", "repair", "preflight"])
  func missingElsewhere(_ command: String) throws {
    let site = try Deployment()
    let path = site.folder.file("none/at/all.db")
    let report =
      switch command {
      case "backup": site.engine.backup([path])
      case "repair": site.engine.repair(path, mode: .inPlace)
      default: site.engine.preflight([path], command: ["true"])
      }
    #expect(report.code == .damaged)
    #expect(report.command == nil)
    #expect(try site.folder.names() == ["data.db"])
  }

  @Test(
    "a folder, a socket and a pipe where a file was configured are findings, and nothing hangs",
    arguments: ["folder", "pipe"])
  func notAFile(_ kind: String) throws {
    let site = try Deployment()
    try Paths.removeFile(site.path)
    if kind == "folder" { try Paths.makeFolder(site.path) } else { #expect(mkfifo(site.path, 0o600) == 0) }
    let report = site.engine.check(["production/data"])
    #expect(report.code == .damaged)
    #expect(report.stores.first?.findings.map(\.code) == ["file.not-a-file"])
  }

  @Test("an index that lacks entries is damage, found once however many checks stumble over it")
  func damaged() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    let report = site.engine.check([])
    #expect(report.code == .damaged)
    let store = try #require(report.stores.first)
    #expect(store.checks.first { $0.check == "integrity" }?.verdict == .damaged)
    #expect(Set(store.findings.map(\.code)) == ["index.entry-missing"])
  }

  @Test("a file that is no database is found once, not once for every check")
  func garbage() throws {
    let site = try Deployment()
    try site.folder.write([UInt8](repeating: 0x2A, count: 4096), to: "data.db")
    let report = site.engine.check([])
    #expect(report.code == .damaged)
    #expect(report.stores.first?.findings.count == 1)
  }

  @Test("a file that may not be read is unchecked")
  func denied() throws {
    let site = try Deployment()
    #expect(chmod(site.folder.path, 0o755) == 0)
    #expect(chmod(site.path, 0o600) == 0)
    let report = try withoutPrivileges { site.engine.check([]) }
    #expect(report.code == .unchecked)
    #expect(report.verdict == .unchecked)
  }

  @Test("a store that another process has locked is unchecked, and the process is named")
  func locked() throws {
    let site = try Deployment()
    let locker = try LockingProcess(site.path)
    defer { locker.stop() }
    let report = site.engine.check([])
    #expect(report.code == .unchecked)
    #expect(report.stores.first?.problems.contains { $0.kind == .locked } == true)
  }

  @Test("a kind of store that no driver here knows is unchecked")
  func unknownKind() throws {
    let site = try Deployment()
    site.configuration.environments[0].stores[0].kind = "duckdb"
    #expect(site.engine.check([]).code == .unchecked)
  }

  @Test("a warning is no damage, unless warnings are asked to fail")
  func failOn() throws {
    let site = try Deployment()
    site.check(
      "sql", [.init("name", .string("none")), .init("query", .string("select 1")), .init("expect", .integer(2))],
      severity: .warning)
    #expect(site.engine.check([]).code == .healthy)
    site.settings.failOn = .warning
    #expect(site.engine.check([]).code == .damaged)
  }

  @Test("a rule changes the severity, and the explanation says which")
  func explained() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    site.configuration.rules = [.init(code: "index.*", severity: .warning, origin: "dbmend.yaml:31")]
    let report = site.engine.checkExplained([])
    let explanations = report.stores.flatMap { $0.explained?.findings ?? [] }
    #expect(report.code == .healthy)
    #expect(
      explanations.contains { $0.finding?.code == "index.entry-missing" && $0.decision.contains("dbmend.yaml:31") })
    #expect(explanations.contains { $0.check == "connects" && $0.decision == "found nothing" })
  }

  @Test("rules of the configuration are not for a file that it does not name")
  func rulesElsewhere() throws {
    let site = try Deployment()
    site.configuration.rules = [.init(isIgnored: true)]
    let other = try SQLiteFile.make(site.folder.file("other.db"), Deployment.shop + Deployment.dropIndexEntries)
    #expect(site.engine.check([other]).code == .damaged)
  }

  @Test("status tells size, rows, change, archives and room, and creates nothing")
  func status() throws {
    let site = try Deployment()
    let status = try #require(try site.engine.status().first)
    #expect(status.report.tables == ["users": 4, "orders": 4])
    #expect(status.report.verdict == .healthy)
    #expect(status.changed != nil && status.archives == 0 && status.volume != nil && status.repositoryVolume != nil)
    #expect(try site.folder.names() == ["data.db"])
    _ = site.engine.backup([])
    let after = try #require(try site.engine.status().first)
    #expect(after.archives == 1 && after.archiveBytes > 0 && after.newestGood != nil)
  }
}
