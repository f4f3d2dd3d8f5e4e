import MendKit
import Testing

@testable import MendEngine

@Suite struct NeededLossTests {
  private func plan(_ findings: [Finding], _ candidates: [Candidate]) -> Plan {
    Planner(findings: findings.map { RuledFinding($0) }, candidates: candidates, maxLoss: .rows).plan()
  }

  private func restore(_ findings: [Finding], _ loss: Loss) -> Candidate {
    Candidate(repair: "restore-backup", offer: RepairOffer(loss: loss, mends: findings, reason: "so"), rank: 0)
  }

  private let page = Finding("page.corrupt", .fatal, at: Finding.Location(table: "a"), "bad")
  private let other = Finding("page.corrupt", .fatal, at: Finding.Location(table: "b"), "bad")

  @Test("a plan says the least loss that would mend what it leaves")
  func needed() {
    #expect(Plan.neededLoss(plan([page, other], [restore([page, other], .changes)]).uncovered) == .changes)
    let both = [restore([page], .changes), restore([other], .everything)]
    #expect(Plan.neededLoss(plan([page, other], both).uncovered) == .everything)
  }

  @Test("a loss that would not mend all is not asked for")
  func useless() {
    #expect(Plan.neededLoss(plan([page, other], [restore([page], .changes)]).uncovered) == nil)
    #expect(Plan.neededLoss(plan([page], []).uncovered) == nil)
    #expect(Plan.neededLoss(plan([page], [restore([page], .rows)]).uncovered) == nil)
  }
}
