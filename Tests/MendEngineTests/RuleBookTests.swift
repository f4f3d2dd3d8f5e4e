import MendKit
import Testing

@testable import MendEngine

@Suite("Rules")
struct RuleBookTests {
  let store = StoreIdentity(environment: "production", name: "data", path: "/srv/data.db")
  let check = Configuration.ConfiguredCheck(id: "row-counts", origin: "dbmend.yaml:7")
  let dropped = Finding("row-count.dropped", .error, at: .init(table: "logs"), "rows are gone")

  func decide(_ rules: [Configuration.Rule], _ check: Configuration.ConfiguredCheck? = nil) -> RuleBook.Decision {
    RuleBook(rules: rules).decide(dropped, of: store, by: check ?? self.check)
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
    #expect(decision.ruled?.wanted == "restore-backup")
    #expect(decision.because.contains("mended by 'restore-backup', by a rule (dbmend.yaml:31)"))
  }
}
