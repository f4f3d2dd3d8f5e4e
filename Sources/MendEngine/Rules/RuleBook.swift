import MendKit

/// A finding after the rules spoke.
struct RuledFinding: Sendable, Hashable {
  var finding: Finding
  /// What a rule, or the operator by name, wants to mend it, before any other repair is thought of.
  var wanted: Configuration.RepairChoice?
  /// Where that rule stands.
  var origin: String?
  /// The position of the rule that decided; nil where none held.
  var rule: Int?
  /// Whether a check of the file's place found it, which is not run on a working copy.
  var isOfPlace = false

  init(_ finding: Finding, wanted: Configuration.RepairChoice? = nil, origin: String? = nil, rule: Int? = nil) {
    self.finding = finding
    self.wanted = wanted
    self.origin = origin
    self.rule = rule
  }

  /// Whether a rule wants it mended, whatever its severity.
  var isWantedMended: Bool { wanted?.ladder.isEmpty == false }

  /// Whether the rules let a repair mend it.
  func allows(_ repair: String) -> Bool { wanted?.allows(repair) ?? true }
}

/// The rules of a configuration, as they speak of one store on one day. Pure: findings in, decisions out.
struct RuleBook: Sendable {
  let rules: [Configuration.Rule]
  /// What decides whether an acceptance has ended.
  let today: Day

  init(rules: [Configuration.Rule], today: Day = Day(at: 0)) {
    self.rules = rules
    self.today = today
  }

  /// The store that a finding is of, as conditions see it.
  struct Place: Sendable {
    var store: StoreIdentity
    /// Nil where no driver knows it.
    var kind: String?
  }

  /// What the rules make of one finding.
  struct Decision: Hashable {
    /// The finding with its severity decided; nil when a rule drops it.
    var ruled: RuledFinding?
    /// The position of the rule that decided; nil where none held.
    var rule: Int?
    /// Which decided what, in a few words for `--explain`.
    var because: String
  }

  /// The check's own severity as configured counts over what the check says, and the first rule that holds over both.
  func decide(_ finding: Finding, of place: Place, by check: Configuration.ConfiguredCheck) -> Decision {
    let own = finding.severity
    let finding = Self.asConfigured(finding, by: check)
    var because = "\(own.rawValue) as '\(check.id)' says of itself"
    if finding.severity != own {
      because =
        "\(finding.severity.rawValue) instead of \(own.rawValue), as the check is configured\(Self.place(check.origin))"
    }
    guard let position = rules.firstIndex(where: { Self.refusal($0, of: finding, in: place) == nil }) else {
      return Decision(ruled: RuledFinding(finding), because: because)
    }
    let rule = rules[position]
    let who = "by a rule\(Self.place(rule.origin))"
    if rule.isIgnored { return Decision(ruled: nil, rule: position, because: "ignored \(who)") }
    var ruled = RuledFinding(finding, wanted: rule.repair, origin: rule.origin, rule: position)
    if let severity = rule.severity {
      because = "\(severity.rawValue) \(who), instead of \(because)"
      ruled.finding.severity = severity
    }
    if let terms = rule.acceptance { accept(&ruled.finding, terms, rule, &because) }
    if let repair = rule.repair { because += "; \(Self.words(repair)), \(who)" }
    if let hook = rule.hook { because += "; the hook '\(hook)' runs, \(who)" }
    if rule.severity == nil, rule.acceptance == nil, rule.repair == nil, rule.hook == nil { because += "; \(who)" }
    return Decision(ruled: ruled, rule: position, because: because)
  }

  /// Until the end of the last day the finding is known; afterwards it counts, whatever else the rule says of it.
  private func accept(
    _ finding: inout Finding, _ terms: Configuration.AcceptanceTerms, _ rule: Configuration.Rule,
    _ because: inout String
  ) {
    let who = "by a rule\(Self.place(rule.origin))"
    guard today > terms.until else {
      let acceptance = Acceptance(
        until: terms.until, because: terms.because, rule: rule.origin, daysLeft: terms.until.number - today.number)
      finding.acceptance = acceptance
      because += "; \(acceptance.words), \(who)"
      return
    }
    finding.severity = max(finding.severity, .error)
    finding.message += " (it was accepted until \(terms.until), \(who): \(terms.because))"
    because = "\(finding.severity.rawValue), since it was accepted only until \(terms.until) (\(terms.because)), \(who)"
  }

  static func asConfigured(_ finding: Finding, by check: Configuration.ConfiguredCheck) -> Finding {
    var finding = finding
    finding.severity = check.severity ?? finding.severity
    return finding
  }

  /// `mended by 'reindex', else by 'restore-backup', else by none`
  static func words(_ choice: Configuration.RepairChoice) -> String {
    guard !choice.ladder.isEmpty else { return "nothing may mend it" }
    let rungs = choice.ladder.map { "by '\($0)'" } + (choice.isFinal ? ["by nothing"] : [])
    return "mended " + rungs.joined(separator: ", else ")
  }

  static func place(_ origin: String?) -> String { origin.map { " (\($0))" } ?? "" }
}
