import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Hooks of rules")
struct RuleHookTests {
  private let site: Deployment

  init() throws {
    site = try Deployment(more: ["more": Deployment.shop])
    try site.sql(Deployment.dropIndexEntries)
  }

  private func hook(_ command: String) {
    site.configuration.rules = [
      .init(when: .init(code: "index.*"), hook: command, origin: "dbmend.yaml:31")
    ]
  }

  private func lines(_ name: String = "log") throws -> [String] {
    guard FileStatus.exists(site.folder.file(name)) else { return [] }
    return String(decoding: try site.bytes(name), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("a hook is told which rule decided, of which store, and what was found")
  func told() throws {
    hook("cat > said; echo \"$DBMEND_MOMENT $DBMEND_RULE $DBMEND_STORE $DBMEND_ENVIRONMENT $DBMEND_PATH\" > log")
    let report = site.engine.check([])
    #expect(report.code == .damaged)
    #expect(try lines() == ["rule dbmend.yaml:31 production/data production \(site.path)"])
    let said = try JSONValue(parsing: try site.bytes("said"))
    #expect(said["store"]?.string == "production/data" && said["kind"]?.string == "sqlite")
    #expect(said["rule"]?.string == "dbmend.yaml:31" && said["verdict"]?.string == "damaged")
    let finding = try #require(said["findings"]?.array?.first)
    #expect(finding["code"]?.string == "index.entry-missing" && finding["index"]?.string == "orders_sku")
    #expect(said["findings"]?.array?.count == report.stores[0].findings.count)
  }

  @Test("in a check a hook that fails is a problem, and the findings and the other hooks' stores stay")
  func failsInCheck() throws {
    hook("exit 7")
    let report = site.engine.check([])
    #expect(report.code == .unchecked)
    let store = try #require(report.stores.first { $0.store.name == "data" })
    #expect(store.verdict == .damaged && store.findings.contains { $0.code == "index.entry-missing" })
    #expect(store.problems.map(\.kind) == [.program])
    #expect(store.problems.first?.description.contains("run the hook of the rule dbmend.yaml:31") == true)
    #expect(store.problems.first?.said == "it ended with exit code 7")
    #expect(report.stores.first { $0.store.name == "more" }?.problems.isEmpty == true)
  }

  @Test("once for each rule, in the rules' order, after the checks and before anything is changed")
  func order() throws {
    try site.sql("delete from sqlite_sequence;")
    site.configuration.hooks = [.beforeBackup: "echo before_backup >> log", .beforeRepair: "echo before_repair >> log"]
    site.configuration.rules = [
      .init(when: .init(code: "sequence.*"), hook: "echo one >> log", origin: "dbmend.yaml:31"),
      .init(when: .init(code: "row-count.*"), hook: "echo none >> log", origin: "dbmend.yaml:32"),
      .init(
        when: .init(code: "index.*"), hook: "echo two >> log; ls backups >> log 2>/dev/null", origin: "dbmend.yaml:33"),
    ]
    #expect(site.engine.repair("production/data", mode: .inPlace).code == .healthy)
    #expect(try lines() == ["one", "two", "before_backup", "before_repair"])
  }

  @Test("one that fails stops a repair, a backup and a pre-flight before a change")
  func stops() throws {
    let before = try site.bytes()
    hook("echo x >> log; exit 1")
    let repair = site.engine.repair("production/data", mode: .inPlace)
    #expect(repair.code == .unchecked && repair.stores.first?.archive == nil)
    let output = site.engine.repair("production/data", mode: .output(site.folder.file("mended.db")))
    #expect(output.code == .unchecked && !FileStatus.exists(site.folder.file("mended.db")))
    let backup = site.engine.backup(["production/data"])
    #expect(backup.code == .unchecked && backup.stores.first?.archive == nil)
    let preflight = site.engine.preflight([], command: ["/bin/sh", "-c", "touch \(site.folder.file("ran"))"])
    #expect(preflight.code == .unchecked && preflight.command == nil)
    #expect(!FileStatus.exists(site.folder.file("ran")))
    #expect(try site.bytes() == before)
    #expect(try lines().count == 4)
    #expect(try site.repository.records(of: site.store().identity).isEmpty)
    // A plan changes nothing, so there is nothing to stop.
    #expect(site.engine.repair("production/data", mode: .plan).code == .damaged)
    #expect(try lines().count == 4)
  }

  @Test("a hook that reads nothing of what it is told, and one that is told very much, both end")
  func large() throws {
    site.add(
      MadeCheck("many") { _ in
        (0..<3000).map { Finding("made.up", .error, at: .init(table: "t\($0)"), String(repeating: "x", count: 200)) }
      })
    site.configuration.rules = [.init(when: .init(code: "made.up"), hook: "wc -c > log", origin: "dbmend.yaml:31")]
    _ = site.engine.check(["production/data"])
    #expect(Int(try lines().first?.filter { $0 != " " } ?? "") ?? 0 > 600_000)
    site.configuration.rules = [.init(when: .init(code: "made.up"), hook: "true", origin: "dbmend.yaml:31")]
    #expect(site.engine.check(["production/data"]).stores.first?.problems.isEmpty == true)
  }
}
