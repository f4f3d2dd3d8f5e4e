import MendKit
import Testing

@testable import MendEngine

@Suite("The planner")
struct PlannerTests {
  let missing = Finding(
    "index.entry-missing", .error, at: .init(table: "orders", index: "orders_sku"), "an entry is gone")
  let behind = Finding("sequence.behind", .error, at: .init(table: "users"), "the sequence is behind")
  let broken = Finding("table.malformed", .fatal, at: .init(table: "users"), "pages cannot be read")

  func candidate(
    _ repair: String, _ loss: Loss, _ mends: [Finding], rank: Int, order: Int = 50, replaces: Bool = false
  ) -> Candidate {
    Candidate(
      repair: repair,
      offer: RepairOffer(loss: loss, mends: mends, reason: "does \(repair)", order: order, replacesStore: replaces),
      rank: rank)
  }

  func plan(_ findings: [RuledFinding], _ candidates: [Candidate], maxLoss: Loss = .rows) -> Plan {
    Planner(findings: findings, candidates: candidates, maxLoss: maxLoss).plan()
  }

  func repairs(_ plan: Plan) -> [String] { plan.steps.map(\.repair) }

  @Test("two repairs without loss are chosen before one that costs changes")
  func leastLoss() {
    let result = plan(
      [RuledFinding(missing), RuledFinding(behind)],
      [
        candidate("reindex", .none, [missing], rank: 0, order: 20),
        candidate("reset-sequences", .none, [behind], rank: 1, order: 30),
        candidate("restore-backup", .changes, [missing, behind], rank: 2, replaces: true),
      ], maxLoss: .everything)
    #expect(repairs(result) == ["reindex", "reset-sequences"])
    #expect(result.uncovered.isEmpty)
    #expect(result.steps.map { $0.planned().because } == [["index.entry-missing"], ["sequence.behind"]])
  }

  @Test("among equals the fewest repairs, then the registry's order")
  func fewest() {
    let both = candidate("both", .none, [missing, behind], rank: 3)
    let one = candidate("one", .none, [missing], rank: 0)
    let other = candidate("other", .none, [behind], rank: 1)
    #expect(repairs(plan([RuledFinding(missing), RuledFinding(behind)], [one, other, both])) == ["both"])
    let first = candidate("first", .none, [missing], rank: 1)
    let second = candidate("second", .none, [missing], rank: 2)
    #expect(repairs(plan([RuledFinding(missing)], [second, first])) == ["first"])
  }

  @Test("a repair above the allowed loss is not chosen, and the plan says how to allow it")
  func aboveLoss() throws {
    let result = plan(
      [RuledFinding(broken)],
      [
        candidate("recreate-schema", .everything, [broken], rank: 1),
        candidate("restore-backup", .changes, [broken], rank: 0),
      ])
    #expect(result.steps.isEmpty)
    let reason = try #require(result.uncovered.first?.reason)
    #expect(reason.contains("restore-backup would mend it but may cost changes; allowed: rows"))
    #expect(reason.contains("--max-loss changes"))
  }

  @Test("what no repair mends is left over, and what can be mended is planned all the same")
  func partial() throws {
    let result = plan(
      [RuledFinding(missing), RuledFinding(broken)], [candidate("reindex", .none, [missing], rank: 0)])
    #expect(repairs(result) == ["reindex"])
    #expect(result.uncovered.map(\.finding) == [broken])
    #expect(result.uncovered.first?.reason == "no repair here mends table.malformed")
  }

  @Test("the repair that a rule wants goes before a cheaper one, if its loss is allowed")
  func ruleWins() {
    let wanted = RuledFinding(missing, wanted: .init(["restore-backup"]), origin: "dbmend.yaml:31")
    let candidates = [
      candidate("reindex", .none, [missing], rank: 0), candidate("restore-backup", .changes, [missing], rank: 1),
    ]
    let allowed = plan([wanted], candidates, maxLoss: .changes)
    #expect(repairs(allowed) == ["restore-backup"])
    #expect(allowed.steps.first?.reason.contains("a rule (dbmend.yaml:31) asks for it") == true)
    let refused = plan([wanted], candidates, maxLoss: .rows)
    #expect(repairs(refused) == ["reindex"])
    #expect(refused.steps.first?.reason.contains("may cost changes; allowed: rows") == true)
  }

  @Test("a repair that puts a whole new store in place runs before all others, and never two of them")
  func replacingFirst() {
    let other = Finding("row-count.dropped", .error, at: .init(table: "logs"), "rows are gone")
    let result = plan(
      [RuledFinding(missing), RuledFinding(broken), RuledFinding(other)],
      [
        candidate("reindex", .none, [missing], rank: 0, order: 10),
        candidate("restore-backup", .changes, [broken], rank: 1, order: 90, replaces: true),
        candidate("recreate-schema", .changes, [other], rank: 2, order: 95, replaces: true),
      ], maxLoss: .everything)
    #expect(repairs(result) == ["restore-backup", "reindex"])
    #expect(result.uncovered.map(\.finding) == [other])
  }

  @Test("the result is the same for any order of findings and offers")
  func stable() {
    let findings = [RuledFinding(missing), RuledFinding(behind), RuledFinding(broken)]
    let candidates = (0..<6).map { index in
      candidate(
        "repair-\(index)", Loss.allCases[index % 3],
        [missing, behind, broken].filter { _ in true }.dropLast(index % 3),
        rank: index)
    }
    let first = repairs(plan(findings, candidates))
    #expect(repairs(plan(findings.reversed(), candidates.reversed())) == first)
  }

  @Test("with many offers a plan still covers everything")
  func many() {
    let findings = (0..<20).map { Finding("row.bad", .error, at: .init(table: "t\($0)"), "bad") }
    let candidates = findings.enumerated().map {
      candidate("repair-\($0.offset)", .none, [$0.element], rank: $0.offset)
    }
    let result = plan(findings.map { RuledFinding($0) }, candidates)
    #expect(result.steps.count == 20)
    #expect(result.uncovered.isEmpty)
  }
}
