import MendKit

/// A finding after the rules spoke.
struct RuledFinding: Sendable, Hashable {
  var finding: Finding
  /// The repair that a rule, or the operator by name, wants for it before any other is thought of.
  var wanted: String?
  /// Where that rule stands.
  var origin: String?
  /// Whether a check of the file's place found it, which is not run on a working copy.
  var isOfPlace = false

  init(_ finding: Finding, wanted: String? = nil, origin: String? = nil) {
    self.finding = finding
    self.wanted = wanted
    self.origin = origin
  }
}

/// The rules of a configuration, as they speak of one store. Pure: findings in, decisions out.
struct RuleBook: Sendable {
  let rules: [Configuration.Rule]

  /// What the rules make of one finding.
  struct Decision: Hashable {
    /// The finding with its severity decided; nil when a rule drops it.
    var ruled: RuledFinding?
    /// Which decided what, in a few words for `--explain`.
    var because: String
  }

  /// The check's own severity as configured counts over what the check says, and the first rule that applies over both.
  func decide(_ finding: Finding, of store: StoreIdentity, by check: Configuration.ConfiguredCheck) -> Decision {
    var finding = finding
    var because = "as '\(check.id)' says of itself"
    if let severity = check.severity, severity != finding.severity {
      because = "instead of \(finding.severity.rawValue), as the check is configured\(Self.place(check.origin))"
      finding.severity = severity
    }
    guard let rule = rules.first(where: { Self.applies($0, to: finding, of: store) }) else {
      return Decision(ruled: RuledFinding(finding), because: "\(finding.severity.rawValue) \(because)")
    }
    if rule.isIgnored {
      return Decision(ruled: nil, because: "ignored by a rule\(Self.place(rule.origin))")
    }
    if let severity = rule.severity {
      because = "by a rule\(Self.place(rule.origin))"
      finding.severity = severity
    }
    because = "\(finding.severity.rawValue) \(because)"
    if let repair = rule.repair { because += "; mended by '\(repair)', by a rule\(Self.place(rule.origin))" }
    return Decision(ruled: RuledFinding(finding, wanted: rule.repair, origin: rule.origin), because: because)
  }

  private static func applies(_ rule: Configuration.Rule, to finding: Finding, of store: StoreIdentity) -> Bool {
    func names(_ pattern: String?, _ text: String?) -> Bool {
      guard let pattern else { return true }
      return text.map { Glob.matches(pattern, $0) } ?? false
    }
    return names(rule.code, finding.code.rawValue) && names(rule.table, finding.location.table)
      && names(rule.index, finding.location.index) && names(rule.store, store.description)
  }

  private static func place(_ origin: String?) -> String { origin.map { " (\($0))" } ?? "" }
}
