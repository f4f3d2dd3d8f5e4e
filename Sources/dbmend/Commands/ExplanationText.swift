import MendKit

/// What `check --explain` says, in sentences.
enum ExplanationText {
  /// Which rule decided what of a store's findings, and why a repair would be planned as it would.
  static func sentences(_ report: StoreReport) -> [String] {
    guard let explained = report.explained else { return [] }
    return explained.findings.map(sentence) + (explained.plan.map { sentences($0, of: report.store) } ?? [])
  }

  private static func sentence(_ explanation: Explanation) -> String {
    let origin = explanation.origin.map { " (\($0))" } ?? ""
    let finding = explanation.finding.map { " found \($0.code)\(place($0))" } ?? ""
    var text = "\(explanation.store): \(explanation.check)\(origin)\(finding): \(explanation.decision)"
    for rule in explanation.passedOver where !rule.isForOtherCodes {
      text += "; the rule \(rule.rule) does not hold: \(rule.because)"
    }
    let others = explanation.passedOver.count { $0.isForOtherCodes }
    if others > 0 { text += "; \(others) \(others == 1 ? "rule before is" : "rules before are") for other codes" }
    return text
  }

  private static func sentences(_ plan: PlanExplanation, of store: StoreIdentity) -> [String] {
    var sentences = plan.steps.map { step in
      let codes = step.because.map(\.rawValue).joined(separator: ", ")
      return "\(store): a repair would run '\(step.repair)' (loss \(step.loss.rawValue)) for \(codes): \(step.reason)"
    }
    for considered in plan.considered where !considered.isChosen {
      let loss = considered.loss.map { " (loss \($0.rawValue))" } ?? ""
      sentences.append("\(store): '\(considered.repair)'\(loss) is left aside: \(considered.because)")
    }
    sentences += plan.left.map { left in
      "\(store): nothing would mend \(left.finding.code)\(place(left.finding)): \(left.because)"
    }
    return sentences
  }

  private static func place(_ finding: Finding) -> String {
    if let index = finding.location.index { return " of the index \(index)" }
    if let table = finding.location.table { return " of the table \(table)" }
    return finding.location.file.map { " of \($0)" } ?? ""
  }
}
