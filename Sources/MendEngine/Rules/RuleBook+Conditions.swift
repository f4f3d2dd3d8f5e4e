import MendKit

extension RuleBook {
  /// Why a rule does not hold. Its words are put together only where somebody asks for them.
  enum Refusal: Hashable {
    case code(String)
    case severity([Severity])
    /// It is for others of these, and the finding names one, or none.
    case name(String, pattern: String, isNamed: Bool)
    case measured(Comparison)
    case exception(Configuration.Condition)

    /// Whether the rule is for other codes, of which there is nothing more to say.
    var isForOtherCodes: Bool {
      if case .code = self { return true }
      return false
    }

    func words(_ finding: Finding) -> String {
      switch self {
      case .code(let pattern): return "it is for \(pattern)"
      case .severity(let wanted):
        return "it is for the severity \(wanted.map(\.rawValue).joined(separator: " or "))"
      case .name(let what, let pattern, let isNamed):
        return "it is for the \(what) \(pattern)" + (isNamed ? "" : ", and the finding names none")
      case .measured(let comparison):
        let measure = Comparison.measure(comparison.measure, of: finding)
        let found = measure.map { "\(comparison.measure) is \($0.words)" } ?? "the finding did not measure it"
        return "\(comparison) does not hold: \(found)"
      case .exception(let condition): return "its exception holds: \(condition.words)"
      }
    }
  }

  /// The rules before the one that decided, or all of them, with the reason for which each did not hold.
  func passedOver(
    _ finding: Finding, of place: Place, by check: Configuration.ConfiguredCheck, until decided: Int?
  ) -> [Explanation.PassedOver] {
    let finding = Self.asConfigured(finding, by: check)
    return rules[..<(decided ?? rules.count)].compactMap { rule in
      Self.refusal(rule, of: finding, in: place).map { refusal in
        Explanation.PassedOver(
          rule: rule.name, because: refusal.words(finding), isForOtherCodes: refusal.isForOtherCodes)
      }
    }
  }

  /// Why a rule does not hold for a finding; nil where it does.
  static func refusal(_ rule: Configuration.Rule, of finding: Finding, in place: Place) -> Refusal? {
    if let refusal = refusal(rule.when, of: finding, in: place) { return refusal }
    for exception in rule.unless where refusal(exception, of: finding, in: place) == nil {
      return .exception(exception)
    }
    return nil
  }

  private static func refusal(_ condition: Configuration.Condition, of finding: Finding, in place: Place) -> Refusal? {
    if let code = condition.code, !finding.code.matches(code) { return .code(code) }
    if !condition.severities.isEmpty, !condition.severities.contains(finding.severity) {
      return .severity(condition.severities)
    }
    return refusal("store", condition.store, place.store.description)
      ?? refusal("environment", condition.environment, place.store.environment)
      ?? refusal("kind", condition.kind, place.kind) ?? refusal("table", condition.table, finding.location.table)
      ?? refusal("index", condition.index, finding.location.index)
      ?? condition.measured.first { !$0.holds(for: finding) }.map { .measured($0) }
  }

  private static func refusal(_ what: String, _ pattern: String?, _ text: @autoclosure () -> String?) -> Refusal? {
    guard let pattern else { return nil }
    let text = text()
    if let text, Glob.matches(pattern, text) { return nil }
    return .name(what, pattern: pattern, isNamed: text != nil)
  }
}

extension Configuration.Condition {
  /// `code index.*, table logs`
  var words: String {
    var parts: [String] = []
    if let code { parts.append("code \(code)") }
    if !severities.isEmpty { parts.append("severity \(severities.map(\.rawValue).joined(separator: " or "))") }
    let names = [
      ("store", store), ("environment", environment), ("kind", kind), ("table", table), ("index", index),
    ]
    for (what, pattern) in names { if let pattern { parts.append("\(what) \(pattern)") } }
    return (parts + measured.map(\.description)).joined(separator: ", ")
  }
}
