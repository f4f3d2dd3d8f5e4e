import MendKit

/// What was tried on a working copy and did not do: not offered again for the same trouble.
struct TriedRepairs {
  private var failed: Set<String> = []
  private var insufficient: [String: [Finding]] = [:]

  /// The repair could not be carried out; it is not tried again in this run.
  mutating func add(failed repair: String) { failed.insert(repair) }

  /// The repair ran, and these findings remained.
  mutating func add(insufficient repair: String, for findings: [Finding]) {
    insufficient[repair, default: []] += findings
  }

  func allows(_ repair: String, for finding: Finding) -> Bool {
    guard !failed.contains(repair) else { return false }
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
        guard let offer = try repair.offer(for: asked.map(\.finding), in: context), !offer.mends.isEmpty else {
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
