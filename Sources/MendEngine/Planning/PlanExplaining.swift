import MendKit

extension Engine {
  /// Why a repair would be planned as it would for a store that was just checked; nil where there is nothing to mend. Reads only.
  func explainPlan(_ result: CheckResult) -> PlanExplanation? {
    var report = StoreReport(result)
    guard let driver = repairable(result, &report) else {
      guard !result.toMend.isEmpty, result.verdict != .unchecked else { return nil }
      let because = report.notes.dropFirst(result.notes.count).joined(separator: " ")
      return PlanExplanation(
        steps: [], considered: [],
        left: result.toMend.map { PlanExplanation.Left(finding: $0.finding, because: because) }, neededLoss: nil)
    }
    do throws(Problem) {
      let context = RepairContext(
        store: result.store.identity, driver: driver, path: result.store.path, scratch: nil,
        backups: try backups(of: result.store, driver), schema: try schemaText(),
        askedFor: settings.askedForRepairs, patience: patience, maxLoss: result.store.maxLoss,
        tellsProvenance: settings.tellsProvenance, found: result.findings)
      let asked = candidates(for: result.toMend, in: context, tried: TriedRepairs())
      return planner(for: result.toMend, of: result.store, asked).explained()
    } catch {
      return PlanExplanation(
        steps: [], considered: [],
        left: result.toMend.map {
          PlanExplanation.Left(finding: $0.finding, because: "no plan could be made: \(error)")
        },
        neededLoss: nil)
    }
  }
}

extension Planner {
  /// The plan, with what became of every repair that was thought of.
  func explained() -> PlanExplanation {
    let plan = plan()
    let offered = candidates.sorted { $0.rank < $1.rank }.map { candidate in
      let step = plan.steps.first { $0.repair == candidate.repair }
      return PlanExplanation.Considered(
        repair: candidate.repair, loss: candidate.offer.loss, mends: Self.codes(candidate.offer.mends),
        isChosen: step != nil, because: step?.reason ?? whyLeftAside(candidate, plan))
    }
    let refused = refusals.map {
      PlanExplanation.Considered(repair: $0.repair, loss: nil, mends: [], isChosen: false, because: $0.because)
    }
    return PlanExplanation(
      steps: plan.steps.map { $0.planned() }, considered: offered + refused,
      left: plan.uncovered.map { PlanExplanation.Left(finding: $0.finding, because: $0.reason) },
      neededLoss: Plan.neededLoss(plan.uncovered))
  }

  private func whyLeftAside(_ candidate: Candidate, _ plan: Plan) -> String {
    let loss = candidate.offer.loss
    if loss > maxLoss { return "it may cost \(loss.rawValue), and max_loss allows \(maxLoss.rawValue)" }
    let its = findings.filter { ruled in candidate.offer.mends.contains { $0.isSameTrouble(as: ruled.finding) } }
    guard its.contains(where: { covers(candidate, $0) }) else { return "a rule keeps it from what it would mend" }
    let instead = plan.steps.filter { step in
      step.findings.contains { finding in its.contains { $0.finding.isSameTrouble(as: finding) } }
    }
    let names = instead.map(\.repair).joined(separator: " and ")
    guard let dearest = instead.map(\.offer.loss).max() else { return "it would leave more than what was chosen" }
    if its.contains(where: { $0.isWantedMended }) { return "a rule, or the operator by name, asks for \(names)" }
    if loss > dearest { return "it is dearer: \(names) costs \(dearest.rawValue), and this \(loss.rawValue)" }
    if instead.contains(where: { $0.offer.replacesStore }), candidate.offer.replacesStore || loss <= dearest {
      return "\(names) mends that as well"
    }
    return "\(names) does it at the same cost and comes first"
  }

  private static func codes(_ findings: [Finding]) -> [FindingCode] {
    var codes: [FindingCode] = []
    for finding in findings where !codes.contains(finding.code) { codes.append(finding.code) }
    return codes
  }
}
