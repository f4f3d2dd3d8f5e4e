import MendKit
import MendReport

/// Reports that the tests render.
enum Samples {
  static let descriptions = [
    PluginDescription(
      id: "integrity", title: "the store's structures agree with one another", discussion: "Reads every page.",
      kind: .check,
      finds: [
        FindingDescription("index.entry-missing", .error, "a row is not in an index"),
        FindingDescription("page.corrupt", .fatal, "a page cannot be read"),
      ]),
    PluginDescription(
      id: "foreign-keys", title: "foreign keys point to rows", discussion: "", kind: .check,
      finds: [FindingDescription("foreign-key.dangling", .warning, "a foreign key points nowhere")]),
    PluginDescription(
      id: "sql", title: "a query", discussion: "", kind: .check,
      finds: [FindingDescription("sql.unexpected", .error, "a query returns something else")], isRepeatable: true),
    PluginDescription(
      id: "reindex", title: "rebuilds indexes", discussion: "", kind: .repair, mends: ["index.*"], loss: Loss.none),
  ]

  static func context(_ purpose: ReportContext.Purpose = .check) -> ReportContext {
    ReportContext(purpose: purpose, version: "1.2.3", folder: "/srv/app", descriptions: descriptions)
  }

  static let entryMissing = Finding(
    "index.entry-missing", .error,
    at: Finding.Location(table: "orders", index: "orders_sku", row: 17, page: 4, byte: 12345),
    "3 rows of orders are not in the index orders_sku", evidence: "row 17 missing from index orders_sku", count: 3)

  static let dangling = Finding(
    "foreign-key.dangling", .warning, at: Finding.Location(table: "orders", column: "user_id"),
    "orders.user_id points to no row of users", count: 1)

  static func store(
    _ name: String = "data", environment: String = "production", path: String = "data/production.db",
    verdict: Verdict = .healthy, findings: [Finding] = []
  ) -> StoreReport {
    StoreReport(
      store: StoreIdentity(environment: environment, name: name, path: "/srv/app/" + path), kind: "sqlite", path: path,
      verdict: verdict, bytes: 8192, tables: ["users": 5, "orders": 99812],
      checks: [
        CheckOutcome(check: "integrity", verdict: verdict == .damaged ? .damaged : .healthy, seconds: 0.004),
        CheckOutcome(check: "foreign-keys", verdict: .healthy, seconds: 0.0012),
        CheckOutcome(check: "sql: orphan orders", verdict: .healthy, seconds: 0.0001),
      ], findings: findings)
  }

  static let healthy = Report(verdict: .healthy, seconds: 0.0101, stores: [store()])

  static let damaged = Report(
    verdict: .damaged, seconds: 0.12,
    stores: [
      store("data", environment: "staging", path: "data/staging.db"),
      store(verdict: .damaged, findings: [dangling, entryMissing]),
    ])

  /// A repair that mended, with every part of a report in use.
  static var repaired: Report {
    var mended = entryMissing
    mended.mended = true
    var store = store(verdict: .repaired, findings: [mended, dangling])
    store.plan = [
      PlannedRepair(
        repair: "reindex", loss: .none, because: ["index.entry-missing"],
        reason: "The index is rebuilt from its table, which is sound.", outcome: .mended)
    ]
    store.archive = "/srv/app/backups/production_data_20240115_020000.tar.zst"
    store.rows = [
      "orders": RowTally(kept: 99812, fromBackup: 188, setAside: 0, lost: 3), "users": RowTally(kept: 5, lost: nil),
    ]
    store.notes = ["the old file was archived before"]
    return Report(
      verdict: .repaired, seconds: 3.5, stores: [store],
      command: Report.CommandOutcome(exit: 0, words: ["./update.sh", "--to", "v 2"]),
      notes: ["a run that died was cleaned up"])
  }

  static var unchecked: Report {
    var store = store(verdict: .unchecked)
    store.problems = [
      Problem(
        .locked, tried: "open the database", on: "data/production.db", said: "database is locked",
        advice: "Stop the program that writes to it.", blockers: [Blocker(pid: 12, program: "app")])
    ]
    store.blockedBy = [Blocker(pid: 12, program: "app")]
    store.checks = [CheckOutcome(check: "integrity", verdict: .unchecked, seconds: 5)]
    return Report(verdict: .unchecked, seconds: 5.02, stores: [store])
  }

  /// Everything that a text may hold and that a format may trip over.
  static let poison =
    "a\u{1B}[31mred\u{7}]]>\n::error::x\r\n%0A <b> & \"q\" 'a' \u{0}\u{FFFE}\u{202E}txt\u{9B}2J \u{2028} é 漢 😀, a:b\t"

  static var hostile: Report {
    let finding = Finding(
      "index.entry-missing", .error,
      at: Finding.Location(
        table: poison, index: poison, column: poison, row: Int64.min, key: poison, page: 1, byte: 0, file: poison),
      poison, evidence: poison, count: Int.max)
    var store = store(poison, environment: poison, path: "da ta/" + poison, verdict: .damaged, findings: [finding])
    store.tables = [poison: Int.max, "b": Int.max]
    store.rows = [poison: RowTally(kept: Int.max, lost: Int.min)]
    store.checks[0].check = poison
    store.notes = [poison]
    store.archive = poison
    store.plan = [PlannedRepair(repair: poison, loss: .everything, because: [], reason: poison, outcome: .failed)]
    store.problems = [
      Problem(
        .configuration, tried: poison, on: poison, said: poison, advice: poison,
        blockers: [Blocker(pid: 1, program: poison)])
    ]
    store.couldNotBePutBack = true
    return Report(
      verdict: .damaged, seconds: .infinity, stores: [store],
      command: Report.CommandOutcome(exit: 137, words: [poison, ""]), notes: [poison], problems: store.problems)
  }

  /// Findings that a rule accepts, with what was measured, and why everything was decided.
  static var accepted: Report {
    var known = entryMissing
    known.check = "integrity"
    known.measures = [
      Measure("drop", 62.5, unit: "%", warning: "~:10", maximum: 100), Measure(poison, .infinity, unit: poison),
    ]
    known.acceptance = Acceptance(
      until: Day(at: 1_800_000_000), because: "ticket 4711", rule: "dbmend.yaml:12", daysLeft: 40)
    var ending = dangling
    ending.acceptance = Acceptance(until: Day(at: 1_700_000_000), because: poison, rule: poison, daysLeft: 0)
    var store = store(findings: [known, ending])
    var explanation = Explanation(
      store: store.store, check: "integrity", origin: poison, finding: known, decision: poison)
    explanation.passedOver = [.init(rule: poison, because: poison, isForOtherCodes: false)]
    store.explained = StoreExplanation(
      findings: [explanation],
      plan: PlanExplanation(
        steps: [], considered: [.init(repair: poison, loss: nil, mends: [], isChosen: false, because: poison)],
        left: [.init(finding: known, because: poison)], neededLoss: .rows))
    return Report(verdict: .healthy, seconds: 0.1, stores: [store])
  }

  static let all = [Report(), healthy, damaged, repaired, unchecked, hostile, accepted]
}
