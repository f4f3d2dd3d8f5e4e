import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Rules on real stores")
struct RuleTrials {
  private let site: Deployment

  init() throws {
    site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
  }

  private func rule(_ repair: Configuration.RepairChoice, severity: Severity? = nil) {
    site.configuration.rules = [
      .init(when: .init(code: "index.*"), severity: severity, repair: repair, origin: "dbmend.yaml:31")
    ]
  }

  private func broken(_ id: String) -> MadeRepair {
    MadeRepair(id, mends: ["index.*"]) { context throws(Problem) in
      throw Problem(.system, tried: "mend", on: context.path, said: "a test says so")
    }
  }

  private func idle(_ id: String) -> MadeRepair {
    MadeRepair(id, mends: ["index.*"]) { _ throws(Problem) in RepairOutcome() }
  }

  // MARK: - Ladders

  @Test("where the first rung fails or is not enough, the next one mends")
  func ladder() throws {
    site.prefer(idle("aside"), broken("breaks"), idle("idle"))
    rule(.init(["breaks", "idle", "reindex"]))
    let report = site.engine.repair("production/data", mode: .inPlace)
    let store = try #require(report.stores.first)
    #expect(store.verdict == .repaired, "\(report.text)")
    #expect(store.plan.map(\.repair) == ["breaks", "idle", "reindex"])
    #expect(store.plan.map(\.outcome) == [.failed, .insufficient, .mended])
    #expect(store.plan.last?.reason.contains("a rule (dbmend.yaml:31) asks for it") == true)
    #expect(store.plan.last?.reason.contains("'idle' was asked for first: it was tried, and did not do") == true)
    #expect(try site.value("select count(*) from orders indexed by orders_sku where sku > ''") == "4")
  }

  @Test("a rung that may cost more than is allowed is passed over, and the plan says so")
  func dearRung() throws {
    _ = try Deployment()
    let expensive = MadeRepair("dear", mends: ["index.*"], loss: .changes) { _ throws(Problem) in RepairOutcome() }
    site.prefer(expensive)
    rule(.init(["dear", "reindex"]))
    let store = try #require(site.engine.repair("production/data", mode: .inPlace).stores.first)
    #expect(store.verdict == .repaired && store.plan.map(\.repair) == ["reindex"])
    #expect(store.plan.first?.reason.contains("'dear', which is asked for, may cost changes; allowed: rows") == true)
  }

  @Test("behind the last rung of an open ladder any other repair may do it; behind none nothing")
  func lastRung() throws {
    site.prefer(idle("idle"))
    let before = try site.bytes()
    rule(.init(["idle"], isFinal: true))
    let refused = try #require(site.engine.repair("production/data", mode: .inPlace).stores.first)
    #expect(refused.verdict == .damaged && refused.plan.map(\.repair) == ["idle"])
    #expect(try site.bytes() == before)
    #expect(
      refused.notes.contains {
        $0.contains("a rule (dbmend.yaml:31) lets nothing else mend it; 'idle' was asked for first: it was tried")
      }, "\(refused.notes)")
    rule(.init(["idle"]))
    #expect(site.engine.repair("production/data", mode: .inPlace).stores.first?.verdict == .repaired)
  }

  @Test("where nothing may mend a finding, nothing does, and what else is damaged is left with it")
  func none() throws {
    try site.sql("delete from sqlite_sequence;")
    let before = try site.bytes()
    rule(.none)
    let store = try #require(site.engine.repair("production/data", mode: .inPlace).stores.first)
    #expect(store.verdict == .damaged && store.neededLoss == nil)
    #expect(store.notes.contains { $0.contains("a rule (dbmend.yaml:31) says that nothing may mend it") })
    #expect(try site.bytes() == before)
  }

  @Test("where it is no damage, either, the rest is mended beside it")
  func noneAsWarning() throws {
    try site.sql("delete from sqlite_sequence;")
    rule(.none, severity: .warning)
    let store = try #require(site.engine.repair("production/data", mode: .inPlace).stores.first)
    #expect(store.verdict == .repaired && store.plan.map(\.repair) == ["reset-sequences"])
    #expect(store.findings.contains { $0.code == "index.entry-missing" && !$0.mended })
    #expect(try site.value("select seq from sqlite_sequence where name = 'users'") == "4")
  }

  // MARK: - Acceptances

  /// The deployment's clock stands in the middle of 2023-11-14.
  private func accept(until day: String) throws {
    site.configuration.rules = [
      .init(
        when: .init(code: "index.*"),
        acceptance: .init(until: try #require(Day(day)), because: "ticket 4711"), origin: "dbmend.yaml:12")
    ]
  }

  @Test(
    "what is accepted is no damage and is not mended, and is archived as a good store",
    arguments: ["2023-11-14", "2024-03-01"])
  func accepted(_ day: String) throws {
    try accept(until: day)
    let before = try site.bytes()
    let check = site.engine.check([])
    let store = try #require(check.stores.first)
    #expect(check.code == .healthy && store.verdict == .healthy)
    #expect(store.findings.first?.acceptance?.because == "ticket 4711")
    #expect(store.checks.allSatisfy { $0.verdict == .healthy })
    let told =
      "index.entry-missing is accepted until 2023-11-14: ticket 4711 (today is the last day); from 2023-11-15 on "
      + "it is an error, by the rule dbmend.yaml:12."
    #expect(store.notes == (day == "2023-11-14" ? [told] : []))
    site.settings.failOn = .info
    #expect(site.engine.check([]).code == .healthy)
    let repair = site.engine.repair("production/data", mode: .inPlace)
    #expect(repair.code == .healthy && repair.stores.first?.plan.isEmpty == true)
    #expect(try site.bytes() == before)
    let backup = site.engine.backup([])
    #expect(backup.code == .healthy)
    let store2 = try site.store()
    #expect(try site.repository.records(of: store2.identity).last?.manifest?.verdict == .healthy)
  }

  @Test("after the last day it is an error that says so, and is mended as any other")
  func ended() throws {
    try accept(until: "2023-11-13")
    let report = site.engine.check([])
    #expect(report.code == .damaged)
    #expect(
      report.stores.first?.findings.first?.message.contains(
        "(it was accepted until 2023-11-13, by a rule (dbmend.yaml:12): ticket 4711)") == true)
    #expect(site.engine.repair("production/data", mode: .inPlace).stores.first?.verdict == .repaired)
  }

  @Test("a repair of something else leaves what is accepted as it is")
  func besideAccepted() throws {
    try accept(until: "2024-03-01")
    try site.sql("delete from sqlite_sequence;")
    let store = try #require(site.engine.repair("production/data", mode: .inPlace).stores.first)
    #expect(store.verdict == .repaired && store.plan.map(\.repair) == ["reset-sequences"])
    #expect(store.findings.contains { $0.code == "index.entry-missing" && $0.acceptance != nil && !$0.mended })
  }

  // MARK: - What is explained

  @Test("what decided, what did not, and what a repair would do and leave aside")
  func explained() throws {
    try site.sql("delete from sqlite_sequence;")
    site.configuration.rules = [
      .init(when: .init(code: "row-count.*"), isIgnored: true, origin: "dbmend.yaml:30"),
      .init(when: .init(code: "*", table: "users", index: "*"), isIgnored: true, origin: "dbmend.yaml:31"),
      .init(
        when: .init(code: "index.*"), unless: [.init(environment: "staging")], severity: .fatal,
        repair: .init(["restore-backup", "reindex"]), origin: "dbmend.yaml:32"),
    ]
    let before = try site.bytes()
    let store = try #require(site.engine.checkExplained([]).stores.first?.explained)
    let index = try #require(store.findings.first { $0.finding?.code == "index.entry-missing" })
    #expect(index.severity == .fatal && index.finding?.severity == .error && index.rule == "dbmend.yaml:32")
    #expect(index.repairs == ["restore-backup", "reindex"])
    #expect(
      index.decision
        == "fatal by a rule (dbmend.yaml:32), instead of error as 'integrity' says of itself; mended by 'restore-backup', "
        + "else by 'reindex', by a rule (dbmend.yaml:32)")
    #expect(index.passedOver.map(\.rule) == ["dbmend.yaml:30", "dbmend.yaml:31"])
    #expect(index.passedOver.last?.because == "it is for the table users")
    let plan = try #require(store.plan)
    #expect(plan.steps.map(\.repair) == ["reindex", "reset-sequences"])
    #expect(plan.left.isEmpty)
    let why = Dictionary(plan.considered.map { ($0.repair, $0.because) }) { first, _ in first }
    #expect(why["reindex"]?.contains("a rule (dbmend.yaml:32) asks for it") == true)
    #expect(why["restore-backup"]?.isEmpty == false)
    let dearer = try #require(plan.considered.first { $0.repair == "recreate-schema" || $0.repair == "rewrite" })
    #expect(!dearer.isChosen)
    #expect(plan.considered.filter(\.isChosen).map(\.repair).sorted() == ["reindex", "reset-sequences"])
    #expect(try site.bytes() == before)
    #expect(try site.folder.names() == ["data.db"])
  }

  @Test("offers that cost more than is allowed, and what a rule forbids, are named with the reason")
  func leftAside() throws {
    let dear = MadeRepair("dear", mends: ["index.*"], loss: .changes) { _ throws(Problem) in RepairOutcome() }
    site.prefer(dear)
    var plan = try #require(site.engine.checkExplained([]).stores.first?.explained?.plan)
    #expect(
      plan.considered.first { $0.repair == "dear" }?.because == "it may cost changes, and max_loss allows rows")
    site.settings.maxLoss = .changes
    plan = try #require(site.engine.checkExplained([]).stores.first?.explained?.plan)
    #expect(
      plan.considered.first { $0.repair == "dear" }?.because == "it is dearer: reindex costs none, and this changes")
    rule(.none)
    plan = try #require(site.engine.checkExplained([]).stores.first?.explained?.plan)
    #expect(plan.steps.isEmpty)
    #expect(
      plan.considered.first { $0.repair == "reindex" }?.because
        == "a rule (dbmend.yaml:31) keeps it from index.entry-missing")
    #expect(plan.left.first?.because == "a rule (dbmend.yaml:31) says that nothing may mend it")
    // A healthy store has no plan, and nobody who did not ask is told.
    #expect(site.engine.check([]).stores.first?.explained == nil)
  }
}
