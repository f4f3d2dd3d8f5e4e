import MendKit

/// What the checks of one store came to.
struct CheckResult: Sendable {
  let store: ManagedStore
  /// Nil when no driver knows the file.
  var driver: (any Driver)?
  /// The engine and its version; empty when the store could not be opened.
  var engine = ""
  /// Size of the main file in bytes; nil when it is not there.
  var bytes: Int?
  var outcomes: [CheckOutcome] = []
  var ruled: [RuledFinding] = []
  /// What kept a check from its work, beyond what is a finding itself.
  var problems: [Problem] = []
  var notes: [String] = []
  var explanations: [Explanation] = []
  /// Rows by table, where they were counted.
  var rows: [String: Int] = [:]
  /// The definitions of the store, where they were asked for.
  var schema: String?
  /// The severity from which a finding counts as damage.
  let failOn: Severity
  /// Whether what somebody may have meant is to be mended, too.
  let mendsMeant: Bool

  init(store: ManagedStore, failOn: Severity, mendsMeant: Bool = false) {
    self.store = store
    self.failOn = failOn
    self.mendsMeant = mendsMeant
  }

  var findings: [Finding] { ruled.map(\.finding) }
  var isMissing: Bool {
    bytes == nil && findings.contains { $0.code == "file.missing" || $0.code == "database.missing" }
  }

  /// Whether something other than a file stands under the name: a pipe, a socket, a device.
  var isNoFile: Bool { findings.contains { $0.code == "file.not-a-file" } }

  /// What keeps the store from being healthy: where the operator wants mended what somebody may have meant, that too.
  var damage: [RuledFinding] { ruled.filter(isDamage) }

  private func isDamage(_ ruled: RuledFinding) -> Bool {
    guard ruled.finding.acceptance == nil else { return false }
    return ruled.finding.severity >= failOn || (mendsMeant && ruled.finding.isPerhapsMeant)
  }

  /// What a repair should mend: the damage, and what a rule wants mended whatever its severity.
  var toMend: [RuledFinding] {
    ruled.filter { isDamage($0) || ($0.isWantedMended && $0.finding.acceptance == nil) }
  }

  /// Takes over what the checks of the place found, for a result of the content alone.
  mutating func takePlace(of other: CheckResult, _ registry: PluginRegistry) {
    let known = findings
    ruled =
      other.ruled.filter { ruled in
        ruled.isOfPlace && !known.contains { $0.isSameTrouble(as: ruled.finding) }
      } + ruled
    let ofPlace = registry.checks.filter(\.looksAtPlace).map(\.description.id)
    outcomes =
      other.outcomes.filter { outcome in
        ofPlace.contains { outcome.check == $0 || outcome.check.hasPrefix($0 + ": ") }
      } + outcomes
    problems = other.problems.filter { $0.kind != .changing } + problems
  }

  var verdict: Verdict {
    if !problems.isEmpty { return .unchecked }
    return damage.isEmpty ? .healthy : .damaged
  }
}

extension StoreReport {
  /// A report that says what the checks found, and no more.
  init(_ result: CheckResult) {
    self.init(
      store: result.store.identity, kind: result.driver?.description.id, path: result.store.writtenPath,
      verdict: result.verdict, bytes: result.bytes, tables: result.rows, checks: result.outcomes,
      findings: result.findings, blockedBy: result.problems.flatMap(\.blockers), problems: result.problems,
      notes: result.notes)
  }

  /// Takes a problem up, and the processes that it names.
  mutating func add(_ problem: Problem) {
    problems.append(problem)
    for blocker in problem.blockers where !blockedBy.contains(blocker) { blockedBy.append(blocker) }
  }
}
