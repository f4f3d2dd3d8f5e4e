import MendKit

/// Chooses the least costly set of repairs that mends the findings at hand within the loss that is allowed. Pure: findings
/// and offers in, plan out.
struct Planner {
  let findings: [RuledFinding]
  let candidates: [Candidate]
  let maxLoss: Loss
  /// Why other repairs are no candidates.
  var refusals: [(repair: String, because: String)] = []

  /// Beyond so many offers the best set is no longer sought among all of them, but put together offer by offer.
  static let exhaustiveLimit = 12

  func plan() -> Plan {
    let allowed = candidates.filter { $0.offer.loss <= maxLoss }
    let forced = forcedChoices(among: allowed)
    let chosen = choose(among: allowed, forced: Set(forced.values.map(\.repair)))
    return assemble(chosen, forced: forced)
  }

  // MARK: What each offer covers

  /// A repair that a rule keeps from a finding does not cover it, even where it would mend it.
  func covers(_ candidate: Candidate, _ ruled: RuledFinding) -> Bool {
    ruled.allows(candidate.repair) && candidate.offer.mends.contains { $0.isSameTrouble(as: ruled.finding) }
  }

  /// The positions of the findings that a candidate covers.
  private func coverage(_ candidate: Candidate) -> Set<Int> {
    var covered: Set<Int> = []
    for (index, ruled) in findings.enumerated() where covers(candidate, ruled) { covered.insert(index) }
    return covered
  }

  /// By position of the finding: the first of the repairs that a rule or the operator wants for it which may be had.
  private func forcedChoices(among allowed: [Candidate]) -> [Int: Candidate] {
    var forced: [Int: Candidate] = [:]
    for (index, ruled) in findings.enumerated() {
      guard let wanted = ruled.wanted else { continue }
      for repair in wanted.ladder where forced[index] == nil {
        forced[index] = allowed.first { $0.repair == repair && covers($0, ruled) }
      }
    }
    return forced
  }

  // MARK: The least costly set

  /// What is compared, in this order: findings left over, repairs of each loss from the worst down (so the highest loss
  /// decides first), and the registry's preference.
  private struct Cost: Comparable {
    var leftOver: Int
    var losses: [Int]
    var ranks: [Int]

    static func < (one: Cost, other: Cost) -> Bool {
      if one.leftOver != other.leftOver { return one.leftOver < other.leftOver }
      if one.losses != other.losses { return one.losses.lexicographicallyPrecedes(other.losses) }
      return one.ranks.lexicographicallyPrecedes(other.ranks)
    }
  }

  private func cost(of set: [(candidate: Candidate, covers: Set<Int>)]) -> Cost {
    var covered: Set<Int> = []
    var losses = [Int](repeating: 0, count: Loss.allCases.count)
    for entry in set {
      covered.formUnion(entry.covers)
      losses[Loss.allCases.count - 1 - entry.candidate.offer.loss.rank] += 1
    }
    return Cost(leftOver: findings.count - covered.count, losses: losses, ranks: set.map(\.candidate.rank).sorted())
  }

  private func choose(among allowed: [Candidate], forced: Set<String>) -> [Candidate] {
    let entries = allowed.map { (candidate: $0, covers: coverage($0)) }
    let fixed = entries.filter { forced.contains($0.candidate.repair) }
    let free = entries.filter { !forced.contains($0.candidate.repair) && !$0.covers.isEmpty }
    let best = free.count <= Planner.exhaustiveLimit ? exhaustive(fixed, free) : greedy(fixed, free)
    return best.map(\.candidate)
  }

  private typealias Entry = (candidate: Candidate, covers: Set<Int>)

  private func exhaustive(_ fixed: [Entry], _ free: [Entry]) -> [Entry] {
    var best = fixed
    var bestCost = cost(of: fixed)
    for mask in 1..<(1 << free.count) {
      var set = fixed
      for (index, entry) in free.enumerated() where mask & (1 << index) != 0 { set.append(entry) }
      // Of two whole new stores the second would throw the first away.
      if set.count(where: { $0.candidate.offer.replacesStore }) > 1 { continue }
      let cost = cost(of: set)
      if cost < bestCost {
        best = set
        bestCost = cost
      }
    }
    return best
  }

  private func greedy(_ fixed: [Entry], _ free: [Entry]) -> [Entry] {
    var chosen = fixed
    while true {
      var best = chosen
      var bestCost = cost(of: chosen)
      for entry in free where !chosen.contains(where: { $0.candidate.repair == entry.candidate.repair }) {
        let set = chosen + [entry]
        if set.count(where: { $0.candidate.offer.replacesStore }) > 1 { continue }
        let covered = chosen.reduce(into: Set<Int>()) { $0.formUnion($1.covers) }
        guard !entry.covers.subtracting(covered).isEmpty else { continue }
        var cost = cost(of: set)
        // Among offers that each mend something, the cheaper one first; how much it mends comes after.
        cost.leftOver = 0
        if best.count == chosen.count || cost < bestCost {
          best = set
          bestCost = cost
        }
      }
      guard best.count > chosen.count else { return chosen }
      chosen = best
    }
  }

  // MARK: The plan

  private func assemble(_ chosen: [Candidate], forced: [Int: Candidate]) -> Plan {
    let ordered = chosen.sorted { one, other in
      if one.offer.replacesStore != other.offer.replacesStore { return one.offer.replacesStore }
      return (one.offer.order, one.rank) < (other.offer.order, other.rank)
    }
    var plan = Plan()
    var assigned: [String: [Finding]] = [:]
    var reasons: [String: String] = [:]
    for (index, ruled) in findings.enumerated() {
      if let candidate = forced[index] {
        assigned[candidate.repair, default: []].append(ruled.finding)
        let who = ruled.origin.map { "a rule (\($0))" } ?? "the operator"
        let before = (ruled.wanted?.ladder ?? []).prefix { $0 != candidate.repair }.map {
          "; \(whyNot($0, for: ruled))"
        }
        reasons[candidate.repair] = "\(candidate.offer.reason); \(who) asks for it" + before.joined()
      } else if let candidate = ordered.first(where: { covers($0, ruled) }) {
        assigned[candidate.repair, default: []].append(ruled.finding)
        if let wanted = ruled.wanted, reasons[candidate.repair] == nil {
          let why = wanted.ladder.map { "; \(whyNot($0, for: ruled))" }.joined()
          reasons[candidate.repair] = candidate.offer.reason + why
        }
      } else {
        plan.uncovered.append(uncovered(ruled))
      }
    }
    for candidate in ordered {
      guard let findings = assigned[candidate.repair] else { continue }
      let reason = reasons[candidate.repair] ?? candidate.offer.reason
      plan.steps.append(
        Plan.Step(repair: candidate.repair, offer: candidate.offer, findings: findings, reason: reason))
    }
    return plan
  }

  private func whyNot(_ wanted: String, for ruled: RuledFinding) -> String {
    guard let candidate = candidates.first(where: { $0.repair == wanted && covers($0, ruled) }) else {
      let why = refusals.first { $0.repair == wanted }?.because ?? "it has nothing to offer here"
      return "'\(wanted)' was asked for first: \(why)"
    }
    return "'\(wanted)', which is asked for, may cost \(candidate.offer.loss.rawValue); allowed: \(maxLoss.rawValue)"
  }

  private func uncovered(_ ruled: RuledFinding) -> Plan.Uncovered {
    let dearer = candidates.filter { $0.offer.loss > maxLoss && covers($0, ruled) }
    let cheapest = dearer.min { ($0.offer.loss.rank, $0.rank) < ($1.offer.loss.rank, $1.rank) }
    guard let cheapest else {
      if let wanted = ruled.wanted, wanted.isFinal {
        let who = ruled.origin.map { "a rule (\($0))" } ?? "a rule"
        let rungs = wanted.ladder.map { whyNot($0, for: ruled) }.joined(separator: "; ")
        return Plan.Uncovered(
          finding: ruled.finding,
          reason: wanted.ladder.isEmpty
            ? "\(who) says that nothing may mend it" : "\(who) lets nothing else mend it; \(rungs)")
      }
      return Plan.Uncovered(finding: ruled.finding, reason: "no repair here mends \(ruled.finding.code)")
    }
    let loss = cheapest.offer.loss
    let reason =
      "\(cheapest.repair) would mend it but may cost \(loss.rawValue); allowed: \(maxLoss.rawValue). "
      + "Run again with --max-loss \(loss.rawValue) to accept that"
    return Plan.Uncovered(finding: ruled.finding, reason: reason, neededLoss: loss)
  }
}
