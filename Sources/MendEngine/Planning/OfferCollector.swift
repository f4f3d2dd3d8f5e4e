import MendKit

/// What was tried on a working copy and did not do: not offered again for the same trouble.
struct TriedRepairs {
  /// The repairs that had changed the copy when one failed on it.
  private var failed: [String: Set<[String]>] = [:]
  private var insufficient: [String: [Finding]] = [:]
  /// The repairs that changed the copy as it stands, in their order.
  private var done: [String] = []

  /// The repair could not be carried out on the copy as it stands, and is not tried again on one like it.
  mutating func add(failed repair: String) { failed[repair, default: []].insert(done) }

  /// The repair changed the copy.
  mutating func add(done repair: String) { done.append(repair) }

  /// The copy is a fresh one.
  mutating func startOver() { done = [] }

  /// The repair ran, and these findings remained.
  mutating func add(insufficient repair: String, for findings: [Finding]) {
    insufficient[repair, default: []] += findings
  }

  /// Whether the repair did not fail on such a copy yet.
  func allows(_ repair: String) -> Bool { failed[repair]?.contains(done) != true }

  func allows(_ repair: String, for finding: Finding) -> Bool {
    guard allows(repair) else { return false }
    return !(insufficient[repair] ?? []).contains { $0.isSameTrouble(as: finding) }
  }
}

extension Engine {
  /// Asks every repair that could mend some of the findings what it offers. A repair whose offer fails is left out, with
  /// a remark.
  func candidates(
    for findings: [RuledFinding], in context: RepairContext, tried: TriedRepairs
  ) -> (candidates: [Candidate], remarks: [String]) {
    var candidates: [Candidate] = []
    var remarks: [String] = []
    for (rank, repair) in registry.repairs.enumerated() {
      let description = repair.description
      let asked = findings.filter { ruled in
        guard tried.allows(description.id, for: ruled.finding) else { return false }
        return ruled.wanted == description.id || description.mends.contains { ruled.finding.code.matches($0) }
      }
      guard !asked.isEmpty else { continue }
      do throws(Problem) {
        guard let offer = try repair.offer(for: asked.map(\.finding), in: context) else { continue }
        guard !offer.mends.isEmpty else {
          remarks.append(offer.reason)
          continue
        }
        candidates.append(Candidate(repair: description.id, offer: offer, rank: rank))
      } catch {
        remarks.append("'\(description.id)' could not say what it offers: \(error)")
      }
    }
    return (candidates, remarks)
  }

  /// The plan for the findings of a store or of a working copy.
  func plan(
    for findings: [RuledFinding], of store: ManagedStore, in context: RepairContext, tried: TriedRepairs
  ) -> (plan: Plan, remarks: [String]) {
    var findings = findings
    let asked = candidates(for: findings, in: context, tried: tried)
    // What the operator asks for by name goes where no rule wants another repair.
    for index in findings.indices where findings[index].wanted == nil {
      let finding = findings[index].finding
      findings[index].wanted =
        asked.candidates.first { candidate in
          settings.askedForRepairs.contains(candidate.repair)
            && candidate.offer.mends.contains { $0.isSameTrouble(as: finding) }
        }?.repair
    }
    return (Planner(findings: findings, candidates: asked.candidates, maxLoss: store.maxLoss).plan(), asked.remarks)
  }
}
