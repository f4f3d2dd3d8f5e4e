import MendKit
import StandardChecks
import StandardRepairs
import Testing

@testable import MendEngine
import SQLiteStore

/// Rules of a file with the real plugins: two environments, of which only one store says its kind.
@Suite("Rules that can never do anything")
struct RuleInspectionTests {
  private static let registry = PluginRegistry(
    drivers: [SQLiteDriver()], checks: standardChecks, repairs: standardRepairs)

  private func errors(_ rules: String) -> [String] {
    let text = """
      version: 1
      environments:
        production: { stores: { data: { path: a.db, kind: sqlite }, other: { path: b.db } } }
        staging: { stores: { data: { path: c.db, checks: { sequences: { severity: info } } } } }
      rules:
      \(rules)
      """
    do throws(Problem) {
      _ = try ConfigurationLoader.parse(Array(text.utf8), file: "/srv/dbmend.yaml", registry: Self.registry)
      return []
    } catch {
      return ConfigurationStubs.lines(of: error, file: "/srv/dbmend.yaml")
    }
  }

  @Test(
    "one that may hold is taken",
    arguments: [
      "when: { code: '*' }, severity: info", "when: { table: users }, severity: info",
      "when: { code: row-count.dropped, measured: drop > 20% }, severity: warning",
      "when: { code: row-count.*, measured: [drop > 20%, rows < 100, count >= 1] }, severity: fatal",
      "when: { code: disk.*, measured: [free < 2GiB, used > 90] }, ignore: true",
      "when: { code: sequence.behind, severity: [warning, error], measured: behind < 10 }, repair: reset-sequences",
      "when: { code: sequence.behind, severity: info, environment: staging }, hook: ./tell.sh",
      "when: { kind: sqlite, environment: prod*, store: '*/other' }, repair: none",
      "when: { code: index.* }, unless: { table: logs }, repair: [reindex, restore-backup, none]",
      "when: { code: index.* }, unless: [{ table: logs }, { store: staging/* }], accept: { until: 2026-12-31, because: x }",
      "when: { code: sql.unexpected, measured: value < -5.5 }, severity: info",
    ])
  func taken(_ rule: String) { #expect(errors("  - { \(rule) }") == []) }

  @Test(
    "one that never holds is refused, at the key that is wrong",
    arguments: [
      (
        "when: { code: row-count.droped }, severity: info",
        "6:21: no check finds 'row-count.droped'; did you mean 'row-count.dropped'?"
      ),
      ("when: { code: quota.exceeded }, severity: info", "6:21: no check finds 'quota.exceeded'; there are "),
      (
        "when: { code: row-counts.* }, severity: info",
        "6:21: no check finds 'row-counts.*'; did you mean 'row-count.*'?"
      ),
      (
        "when: { code: row-count.dropped, severity: info }, severity: error",
        "6:50: no check gives 'row-count.dropped' the severity info; it is error"
      ),
      (
        "when: { code: sequence.behind, severity: info, store: production/* }, severity: error",
        "6:48: no check gives 'sequence.behind' the severity info; it is warning or error"
      ),
      ("when: { kind: sqlte }, severity: info", "6:21: unknown kind of store 'sqlte'; did you mean 'sqlite'?"),
      (
        "when: { environment: stagin }, severity: info",
        "6:28: no environment here is called 'stagin'; did you mean 'staging'?"
      ),
      ("when: { store: staging/other }, severity: info", "6:22: no store here is called 'staging/other'"),
      (
        "when: { environment: staging, store: production/data }, severity: info",
        "6:28: the environment 'staging' has no store 'production/data'"
      ),
      (
        "when: { code: disk.*, table: users }, severity: info",
        "6:36: a finding of 'disk.*' is of the store as a whole and names no table"
      ),
      ("when: { code: size.dropped, index: users }, severity: info", "names no index"),
      (
        "when: { code: row-count.dropped, measured: droop > 20% }, severity: info",
        "6:50: no finding of 'row-count.dropped' measures 'droop'; did you mean 'drop'?"
      ),
      (
        "when: { code: table.missing, measured: rows > 20 }, severity: info",
        "no finding of 'table.missing' measures 'rows'; it measures count"
      ),
      (
        "when: { code: row-count.dropped, measured: drop > 20MB }, severity: info",
        "6:50: 'drop' is a percentage, and 'drop > 20MB' has a size"
      ),
      (
        "when: { code: row-count.dropped, measured: drop > 100% }, severity: info",
        "'drop > 100%' never holds: 'drop' is from 0 to 100 %"
      ),
      (
        "when: { code: row-count.*, measured: rows < 0 }, severity: info",
        "'rows < 0' never holds: 'rows' is at least 0"
      ),
      (
        "when: { code: row-count.*, measured: [drop > 20%, drop < 10%] }, severity: info",
        "6:44: nothing can be both: 'drop > 20%' and 'drop < 10%'"
      ),
      ("when: { code: row-count.*, measured: [rows = 5, rows != 5] }, severity: info", "nothing can be both"),
      ("when: { code: row-count.*, measured: [drop > 20%, extra > 3] }, severity: info", "nothing can be both"),
      ("when: { measured: drop }, severity: info", "6:25: 'drop' compares nothing"),
      (
        "when: { code: index.* }, unless: { code: '*' }, severity: info",
        "6:40: the exception holds for every finding that the rule is about, so the rule never does; narrow it"
      ),
      (
        "when: { code: row-count.dropped, measured: drop > 50% }, unless: { code: row-*, measured: drop >= 20% }, severity: info",
        "the exception holds for every finding"
      ),
      (
        "when: { code: index.* }, unless: [{ table: a }, { code: sql.* }], severity: info",
        "6:55: the exception is for findings that the rule is not about; leave it out"
      ),
      ("when: { code: index.* }, unless: { tabel: a }, severity: info", "unknown key 'tabel'; did you mean 'table'?"),
      (
        "when: { code: index.* }, unless: { table: a, kind: duck }, severity: info",
        "6:58: unknown kind of store 'duck'"
      ),
      ("when: { code: sequence.* }, repair: reindex", "6:43: 'reindex' does not mend 'sequence.*'; it is mended by "),
      (
        "when: { code: index.* }, repair: [reindex, restore-bakup]",
        "6:50: unknown repair 'restore-bakup'; did you mean 'restore-backup'?"
      ),
      ("when: { code: index.* }, repair: [reindex, reindex]", "'reindex' stands here twice"),
      ("when: { code: index.* }, repair: [none, reindex]", "'reindex' stands behind none and is never tried"),
      (
        "when: { code: index.* }, accept: { until: 2026-02-30, because: x }",
        "6:49: '2026-02-30' is no day; write it as 2026-12-31"
      ),
      ("when: { code: index.* }, accept: { until: 31.12.2026, because: x }", "'31.12.2026' is no day"),
      ("when: { code: index.* }, accept: { until: 2026-12-31 }", "needs the key 'because'"),
      ("when: { code: index.* }, accept: { until: 2026-12-31, because: '' }", "'because': expected a reason"),
    ])
  func refused(_ rule: String, _ said: String) {
    let errors = errors("  - { \(rule) }")
    #expect(errors.count == 1, "\(errors)")
    #expect(errors.first?.contains(said) == true, "\(errors)")
  }

  @Test("one that stands wholly behind an earlier one is refused, and the earlier one named")
  func behind() {
    let behind = { (rules: [String]) in self.errors(rules.map { "  - { \($0) }" }.joined(separator: "\n")) }
    let said = behind([
      "when: { code: index.* }, severity: info", "when: { code: index.entry-missing, table: users }, severity: error",
    ])
    #expect(said.count == 1)
    #expect(said.first?.hasPrefix("7:5: the rule never decides anything: ") == true, "\(said)")
    #expect(said.first?.contains("by dbmend.yaml:6; put it before, or leave it out") == true, "\(said)")
    // Two that take all of it together, a wider comparison, and an exception of both.
    let measured = "when: { code: row-count.dropped, measured: drop > 30% }, ignore: true"
    #expect(
      behind([
        "when: { code: sequence.missing }, severity: info", "when: { code: sequence.b* }, severity: info",
        "when: { code: sequence.* }, ignore: true",
      ]).count == 1)
    #expect(behind(["when: { measured: drop > 20% }, severity: info", measured]).count == 1)
    #expect(behind(["when: { measured: drop > 40% }, severity: info", measured]).isEmpty)
    #expect(
      behind(["when: { environment: staging }, severity: info", "when: { store: staging/data }, ignore: true"]).count
        == 1)
    #expect(behind(["when: { kind: sqlite }, severity: info", "when: { store: staging/data }, ignore: true"]).isEmpty)
    let all = "when: { code: '*' }, unless: { table: logs }, severity: info"
    #expect(behind([all, "when: { table: logs }, ignore: true"]).isEmpty)
    #expect(behind([all, "when: { code: index.* }, unless: { table: logs }, ignore: true"]).count == 1)
  }

  @Test("a hook is not taken from a file that everybody may write")
  func writable() throws {
    let folder = try ConfigurationTestFolder()
    let text = "version: 1\nrules: [{ when: { code: '*' }, hook: ./x.sh }]\n"
    let file = try folder.write(text, to: "dbmend.yaml", mode: 0o666)
    guard chmod(file, 0o666) == 0 else { return }
    #expect { try ConfigurationLoader.load(file: file, registry: Self.registry) } throws: {
      ($0 as? Problem)?.said.contains("everybody may write this file") == true
    }
  }

  // MARK: - Against chance

  @Test("chance makes rules with each kind of slip, and rules without one")
  func isFair() {
    var kinds: [RuleSlip.Kind: Int] = [:]
    var sound = 0
    for seed in 1...60 as ClosedRange<UInt64> {
      var made = RandomRules(seed: seed)
      let rules = (0..<6).map { made.rule($0) }
      let slips = RuleInspection(rules: rules, world: made.world).slips()
      for slip in slips { kinds[slip.kind, default: 0] += 1 }
      sound += Set(rules.indices).subtracting(slips.map(\.rule)).count
    }
    for kind in [RuleSlip.Kind.neverHolds, .neverDecides, .exceptsNothing] {
      #expect(kinds[kind, default: 0] > 10, "\(kinds)")
    }
    #expect(sound > 60)
  }

  @Test("what is said never to hold or to decide is never contradicted by a finding", arguments: 1...60)
  func property(_ seed: UInt64) {
    var made = RandomRules(seed: seed)
    let world = made.world
    let rules = (0..<6).map { made.rule($0) }
    let slips = RuleInspection(rules: rules, world: world).slips()
    let book = RuleBook(rules: rules)
    for _ in 0..<400 {
      let (finding, place, check) = made.finding()
      let decided = book.decide(finding, of: place, by: check).rule
      for slip in slips {
        let rule = rules[slip.rule]
        let alone = RuleBook(rules: [Configuration.Rule(when: rule.when, isIgnored: true)])
        let holds = alone.decide(finding, of: place, by: check).rule != nil
        switch (slip.kind, slip.part) {
        case (.neverHolds, _): #expect(!holds, "\(slip) \(finding) \(rule)")
        case (.neverDecides, _): #expect(decided != slip.rule, "\(slip) \(finding) \(rules)")
        case (.exceptsNothing, .unless(let index)):
          let exception = RuleBook(rules: [Configuration.Rule(when: rule.unless[index], isIgnored: true)])
          #expect(!holds || exception.decide(finding, of: place, by: check).rule == nil, "\(slip) \(finding)")
        default: break
        }
      }
    }
  }
}
