import MendKit
import Testing

@testable import MendEngine

@Suite("Rules")
struct RuleBookTests {
  let store = StoreIdentity(environment: "production", name: "data", path: "/srv/data.db")
  let check = Configuration.ConfiguredCheck(id: "row-counts", origin: "dbmend.yaml:7")
  let dropped = Finding("row-count.dropped", .error, at: .init(table: "logs"), "rows are gone")

  func decide(_ rules: [Configuration.Rule], _ check: Configuration.ConfiguredCheck? = nil) -> RuleBook.Decision {
    RuleBook(rules: rules).decide(dropped, of: .init(store: store, kind: "sqlite"), by: check ?? self.check)
  }

  @Test("without a rule a finding keeps the severity that its check gives it")
  func plain() {
    let decision = decide([])
    #expect(decision.ruled?.finding.severity == .error)
    #expect(decision.because == "error as 'row-counts' says of itself")
  }

  @Test("the first rule that applies decides, and no later one")
  func firstWins() {
    let decision = decide([
      .init(code: "index.*", severity: .info), .init(code: "row-count.*", table: "logs", severity: .warning),
      .init(code: "row-count.dropped", severity: .fatal),
    ])
    #expect(decision.ruled?.finding.severity == .warning)
  }

  @Test("a rule stands over the severity that the check is configured with")
  func ruleOverCheck() {
    var configured = check
    configured.severity = .info
    #expect(decide([], configured).ruled?.finding.severity == .info)
    #expect(decide([], configured).because == "info instead of error, as the check is configured (dbmend.yaml:7)")
    #expect(decide([.init(code: "row-count.*", severity: .fatal)], configured).ruled?.finding.severity == .fatal)
  }

  @Test("a rule for a table, an index or a store is for no other")
  func conditions() {
    #expect(decide([.init(table: "users", isIgnored: true)]).ruled != nil)
    #expect(decide([.init(index: "*", isIgnored: true)]).ruled != nil)
    #expect(decide([.init(store: "staging/*", isIgnored: true)]).ruled != nil)
    #expect(decide([.init(store: "production/*", isIgnored: true)]).ruled == nil)
  }

  @Test("a rule names the repair, and the explanation names the rule")
  func repair() {
    let decision = decide([.init(code: "row-count.*", repair: "restore-backup", origin: "dbmend.yaml:31")])
    #expect(decision.ruled?.wanted == .init(["restore-backup"]))
    #expect(decision.because.contains("mended by 'restore-backup', by a rule (dbmend.yaml:31)"))
  }

  // MARK: - What a condition can ask

  private func holds(
    _ condition: Configuration.Condition, unless: [Configuration.Condition] = [], _ finding: Finding? = nil,
    kind: String? = "sqlite"
  ) -> Bool {
    let book = RuleBook(rules: [.init(when: condition, unless: unless, isIgnored: true)])
    return book.decide(finding ?? dropped, of: .init(store: store, kind: kind), by: check).ruled == nil
  }

  @Test("each key of a condition by itself")
  func keys() throws {
    #expect(holds(.init(code: "row-*")) && !holds(.init(code: "row")))
    #expect(holds(.init(severities: [.info, .error])) && !holds(.init(severities: [.warning])))
    #expect(holds(.init(store: "*/data")) && !holds(.init(store: "data")))
    #expect(holds(.init(environment: "prod*")) && !holds(.init(environment: "staging")))
    #expect(holds(.init(kind: "sql*")) && !holds(.init(kind: "json")))
    #expect(!holds(.init(kind: "*"), kind: nil))
    #expect(holds(.init(table: "l*s")) && !holds(.init(table: "log")))
    var measured = dropped
    measured.measures = [Measure("drop", 62.5, unit: "%"), Measure("rows", 3)]
    #expect(holds(.init(measured: [try Comparison("drop > 20%"), try Comparison("rows < 4")]), measured))
    #expect(!holds(.init(measured: [try Comparison("drop > 20%"), try Comparison("rows > 4")]), measured))
  }

  @Test("a rule is for the severity that the check is configured with")
  func severity() {
    var configured = check
    configured.severity = .info
    let rules = [Configuration.Rule(when: .init(severities: [.info]), severity: .fatal)]
    #expect(decide(rules, configured).ruled?.finding.severity == .fatal)
    #expect(decide(rules).ruled?.finding.severity == .error)
  }

  @Test("one exception that holds is enough, and the next rule has its turn")
  func exceptions() {
    #expect(!holds(.init(code: "*"), unless: [.init(table: "logs")]))
    #expect(!holds(.init(code: "*"), unless: [.init(table: "users"), .init(environment: "p*")]))
    #expect(holds(.init(code: "*"), unless: [.init(table: "users"), .init(code: "index.*")]))
    let decision = decide([
      .init(when: .init(code: "*"), unless: [.init(table: "logs")], severity: .info),
      .init(when: .init(table: "logs"), severity: .warning),
    ])
    #expect(decision.rule == 1 && decision.ruled?.finding.severity == .warning)
  }

  @Test("rules that do not hold say why, and the first that does is not asked what comes behind it")
  func passedOver() throws {
    var finding = dropped
    finding.measures = [Measure("drop", 12.5, unit: "%")]
    let book = RuleBook(rules: [
      .init(when: .init(code: "index.*"), isIgnored: true, origin: "a:1"),
      .init(when: .init(table: "users"), isIgnored: true, origin: "a:2"),
      .init(when: .init(index: "*"), isIgnored: true, origin: "a:3"),
      .init(when: .init(measured: [try Comparison("drop > 20%")]), isIgnored: true, origin: "a:4"),
      .init(when: .init(measured: [try Comparison("rows > 20")]), isIgnored: true, origin: "a:5"),
      .init(when: .init(severities: [.info, .warning]), isIgnored: true, origin: "a:6"),
      .init(when: .init(code: "*"), unless: [.init(kind: "sqlite", table: "l*")], isIgnored: true, origin: "a:7"),
      .init(when: .init(code: "*"), severity: .info, origin: "a:8"), .init(when: .init(code: "*"), origin: "a:9"),
    ])
    let place = RuleBook.Place(store: store, kind: "sqlite")
    let decided = book.decide(finding, of: place, by: check).rule
    let passed = book.passedOver(finding, of: place, by: check, until: decided)
    #expect(
      passed.map { "\($0.rule) \($0.because)" } == [
        "a:1 it is for index.*", "a:2 it is for the table users",
        "a:3 it is for the index *, and the finding names none",
        "a:4 drop > 20% does not hold: drop is 12.5 %", "a:5 rows > 20 does not hold: the finding did not measure it",
        "a:6 it is for the severity info or warning", "a:7 its exception holds: kind sqlite, table l*",
      ])
    #expect(passed.map(\.isForOtherCodes) == [true, false, false, false, false, false, false])
  }

  // MARK: - What a rule can decide

  private func accepted(on day: String, severity: Severity? = nil) throws -> Finding {
    let terms = Configuration.AcceptanceTerms(until: try #require(Day("2026-12-31")), because: "ticket 4711")
    let rule = Configuration.Rule(
      when: .init(code: "row-count.*"), severity: severity, acceptance: terms, origin: "dbmend.yaml:12")
    let book = RuleBook(rules: [rule], today: try #require(Day(day)))
    return try #require(book.decide(dropped, of: .init(store: store, kind: nil), by: check).ruled?.finding)
  }

  @Test("a finding is accepted to the end of the last day, and an error from the next one on")
  func acceptance() throws {
    let early = try accepted(on: "2026-11-01")
    #expect(early.acceptance?.words == "accepted until 2026-12-31: ticket 4711")
    #expect(early.severity == .error && !early.counts(from: .info))
    #expect(try accepted(on: "2026-12-17").acceptance?.endsSoon == false)
    #expect(try accepted(on: "2026-12-18").acceptance?.words == "accepted until 2026-12-31: ticket 4711 (13 more days)")
    #expect(try accepted(on: "2026-12-30").acceptance?.words.hasSuffix(" (1 more day)") == true)
    #expect(try accepted(on: "2026-12-31").acceptance?.words.hasSuffix(" (today is the last day)") == true)
    let late = try accepted(on: "2027-01-01", severity: .info)
    #expect(late.acceptance == nil && late.severity == .error && late.counts(from: .error))
    #expect(
      late.message
        == "rows are gone (it was accepted until 2026-12-31, by a rule (dbmend.yaml:12): ticket 4711)")
    #expect(try accepted(on: "2027-01-01", severity: .fatal).severity == .fatal)
  }

  @Test("a ladder and none say what may mend a finding")
  func choices() {
    let ladder = Configuration.RepairChoice(["reindex", "salvage"], isFinal: true)
    #expect(RuleBook.words(ladder) == "mended by 'reindex', else by 'salvage', else by nothing")
    #expect(RuleBook.words(.none) == "nothing may mend it")
    #expect(ladder.allows("salvage") && !ladder.allows("rewrite"))
    #expect(Configuration.RepairChoice(["reindex"]).allows("rewrite"))
    #expect(!Configuration.RepairChoice.none.allows("reindex"))
    #expect(!RuledFinding(dropped, wanted: Configuration.RepairChoice.none).isWantedMended)
  }
}
