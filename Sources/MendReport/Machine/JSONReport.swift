import MendKit

/// A report as the object `dbmend.report/1`. The form is a promise: keys are added, never renamed or removed. Keys that do not
/// apply are left out.
struct JSONReport {
  private let report: Report

  init(_ report: Report) { self.report = report }

  var text: String { value.text(pretty: true) + "\n" }

  var value: JSONValue {
    .object([
      "format": .string("dbmend.report/1"),
      "verdict": .string(report.verdict.rawValue),
      "seconds": .number(Self.rounded(report.seconds)),
      "stores": .array(report.stores.map(Self.store)),
      "command": report.command.map { command in
        .object(["exit": .integer(command.exit), "words": .array(command.words.map { .string($0) })])
      },
      "notes": Self.unlessEmpty(report.notes.map { .string($0) }),
      "problems": Self.unlessEmpty(report.problems.map(Self.problem)),
    ])
  }

  private static func store(_ store: StoreReport) -> JSONValue {
    .object([
      "store": .string(store.store.description),
      "kind": store.kind.map { .string($0) },
      "path": .string(store.path),
      "verdict": .string(store.verdict.rawValue),
      "bytes": store.bytes.map { .integer($0) },
      "tables": named(store.tables) { .object(["rows": .integer($0)]) },
      "checks": .array(
        store.checks.map { check in
          .object([
            "check": .string(check.check), "verdict": .string(check.verdict.rawValue),
            "seconds": .number(rounded(check.seconds)), "verified": check.verified.flatMap(verified),
            "said": check.said.map { .string($0) }, "measures": unlessEmpty(check.measures.map(\.json)),
          ])
        }),
      "findings": .array(store.findings.map(\.json)),
      "plan": unlessEmpty(store.plan.map(step)),
      "archive": store.archive.map { .string($0) },
      "blocked_by": unlessEmpty(
        store.blockedBy.map { .object(["pid": .integer($0.pid), "program": .string($0.program)]) }),
      "rows": named(store.rows, tally),
      "needed_loss": store.neededLoss.map { .string($0.rawValue) },
      "put_back": store.wasPutBack ? .boolean(true) : store.couldNotBePutBack ? .boolean(false) : nil,
      "notes": unlessEmpty(store.notes.map { .string($0) }),
      "problems": unlessEmpty(store.problems.map(problem)),
      "explained": store.explained.map(explained),
    ])
  }

  /// The engine's part is under its own name.
  private static func verified(_ account: VerificationAccount) -> JSONValue? {
    let native = JSONValue.object([
      "tables": account.tables > 0 ? .integer(account.tables) : nil,
      "indexes": account.indexes > 0 ? .integer(account.indexes) : nil,
    ])
    let parts: [(name: String, value: JSONValue?)] = [
      ("native", account.tables + account.indexes > 0 ? native : nil),
      (account.engine, named(account.byEngine) { .string($0) }),
      ("unverified", named(account.unverified) { .string($0) }),
    ]
    let members = parts.compactMap { part in part.value.map { JSONMember(part.name, $0) } }
    return members.isEmpty ? nil : .object(members)
  }

  private static func explained(_ explanation: StoreExplanation) -> JSONValue {
    .object([
      "findings": .array(explanation.findings.filter { $0.finding != nil }.map(explained)),
      "plan": explanation.plan.map(explained),
    ])
  }

  private static func explained(_ explanation: Explanation) -> JSONValue {
    let finding = explanation.finding
    return .object([
      "check": .string(explanation.check), "origin": explanation.origin.map { .string($0) },
      "code": finding.map { .string($0.code.rawValue) }, "table": finding?.location.table.map { .string($0) },
      "index": finding?.location.index.map { .string($0) },
      "found_as": finding.map { .string($0.severity.rawValue) },
      "severity": explanation.severity.map { .string($0.rawValue) },
      "decision": .string(explanation.decision), "rule": explanation.rule.map { .string($0) },
      "accepted": explanation.acceptance.map(\.json),
      "repair": unlessEmpty((explanation.repairs + (explanation.isFinal ? ["none"] : [])).map { .string($0) }),
      "hook": explanation.hook.map { .string($0) },
      "passed_over": unlessEmpty(
        explanation.passedOver.map { .object(["rule": .string($0.rule), "because": .string($0.because)]) }),
    ])
  }

  private static func explained(_ plan: PlanExplanation) -> JSONValue {
    .object([
      "steps": .array(plan.steps.map(step)),
      "considered": unlessEmpty(
        plan.considered.map { considered in
          .object([
            "repair": .string(considered.repair), "loss": considered.loss.map { .string($0.rawValue) },
            "mends": unlessEmpty(considered.mends.map { .string($0.rawValue) }),
            "chosen": .boolean(considered.isChosen), "because": .string(considered.because),
          ])
        }),
      "left": unlessEmpty(
        plan.left.map { left in
          .object([
            "code": .string(left.finding.code.rawValue), "table": left.finding.location.table.map { .string($0) },
            "index": left.finding.location.index.map { .string($0) }, "because": .string(left.because),
          ])
        }),
      "needed_loss": plan.neededLoss.map { .string($0.rawValue) },
    ])
  }

  private static func step(_ step: PlannedRepair) -> JSONValue {
    .object([
      "repair": .string(step.repair),
      "loss": .string(step.loss.rawValue),
      "because": .array(step.because.map { .string($0.rawValue) }),
      "reason": .string(step.reason),
      "outcome": step.outcome.map { .string($0.rawValue) },
    ])
  }

  /// `lost` is null where nobody can count: a missing key would read as none.
  private static func tally(_ tally: RowTally) -> JSONValue {
    .object([
      "kept": .integer(tally.kept),
      "from_index": .integer(tally.fromIndex),
      "from_backup": .integer(tally.fromBackup),
      "lost": tally.lost.map { .integer($0) } ?? .null,
      "lost_ranges": unlessEmpty(tally.lostRanges.prefix(mostRanges).map(range)),
      "set_aside": .integer(tally.setAside),
    ])
  }

  /// Ranges of one table that are listed.
  private static let mostRanges = 1000

  /// A bound that is left out is open.
  private static func range(_ range: LostRange) -> JSONValue {
    switch range {
    case .rows(let first, let last):
      .object(["first": first.map { .integer(Int($0)) }, "last": last.map { .integer(Int($0)) }])
    case .keys(let above, let below):
      .object(["above": above.map { .array($0.map(value)) }, "below": below.map { .array($0.map(value)) }])
    }
  }

  /// A value of a key; a blob as its digits.
  private static func value(_ value: SQLValue) -> JSONValue {
    switch value {
    case .null: .null
    case .integer(let number): .integer(Int(number))
    case .real(let number): number.isFinite ? .number(number) : .string(String(number))
    case .text(let text): .string(text)
    case .blob(let bytes): .string("x'" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "'")
    }
  }

  private static func problem(_ problem: Problem) -> JSONValue {
    .object([
      "kind": .string(problem.kind.rawValue),
      "tried": .string(problem.tried),
      "on": .string(problem.subject),
      "said": .string(problem.said),
      "advice": problem.advice.map { .string($0) },
      "code": problem.code.map { .string($0.rawValue) },
    ])
  }

  /// An object with sorted keys, so that equal reports are equal texts; nil when it is empty.
  private static func named<Value>(_ values: [String: Value], _ each: (Value) -> JSONValue) -> JSONValue? {
    guard !values.isEmpty else { return nil }
    return .object(values.sorted { $0.key < $1.key }.map { JSONMember($0.key, each($0.value)) })
  }

  private static func unlessEmpty(_ items: [JSONValue]) -> JSONValue? { items.isEmpty ? nil : .array(items) }

  /// To the microsecond: more is noise.
  private static func rounded(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }
}
