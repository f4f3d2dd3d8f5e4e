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

  /// Whether the repair may do for a finding. One that a ladder names is not tried a second time: a ladder only goes up.
  func allows(_ repair: String, for ruled: RuledFinding) -> Bool {
    let isRung = ruled.wanted?.ladder.contains(repair) == true
    guard isRung ? failed[repair] == nil : allows(repair) else { return false }
    let finding = ruled.finding
    return !(insufficient[repair] ?? []).contains { $0.isSameTrouble(as: finding) }
  }
}

/// What the repairs said when they were asked.
struct Offers: Sendable {
  var candidates: [Candidate] = []
  /// What is to be told of repairs that offer nothing.
  var remarks: [String] = []
  /// Why a repair that could mend some of the findings is no candidate, by its id.
  var refusals: [(repair: String, because: String)] = []
  /// A limit of this machine that kept a repair from saying what it offers: another one is not chosen for that, since it may
  /// cost more.
  var obstacle: Problem?
}

extension Engine {
  /// Asks every repair that could mend some of the findings, and may, what it offers. A repair whose offer fails is left out, with
  /// a remark.
  func candidates(for findings: [RuledFinding], in context: RepairContext, tried: TriedRepairs) -> Offers {
    var offers = Offers()
    for (rank, repair) in registry.repairs.enumerated() {
      let description = repair.description
      let able = findings.filter { ruled in
        ruled.wanted?.ladder.contains(description.id) == true
          || description.mends.contains { ruled.finding.code.matches($0) }
      }
      guard !able.isEmpty else { continue }
      func refuse(_ because: String) { offers.refusals.append((description.id, because)) }
      let allowed = able.filter { $0.allows(description.id) }
      guard !allowed.isEmpty else {
        let places = Set(able.compactMap(\.origin)).sorted().joined(separator: ", ")
        refuse("a rule\(places.isEmpty ? "" : " (\(places))") keeps it from \(Self.codes(of: able))")
        continue
      }
      let asked = allowed.filter { tried.allows(description.id, for: $0) }
      guard !asked.isEmpty else {
        refuse("it was tried, and did not do")
        continue
      }
      do throws(Problem) {
        let asks = { () throws(Problem) in try repair.offer(for: asked.map(\.finding), in: context) }
        guard let offer = try secondChance(asks) else {
          refuse("it has nothing to offer here")
          continue
        }
        guard !offer.mends.isEmpty else {
          offers.remarks.append(offer.reason)
          refuse(offer.reason)
          continue
        }
        offers.candidates.append(Candidate(repair: description.id, offer: offer, rank: rank))
      } catch {
        if error.isOfMachine { offers.obstacle = offers.obstacle ?? error }
        offers.remarks.append("'\(description.id)' could not say what it offers: \(error)")
        refuse("it could not say what it offers: \(error)")
      }
    }
    return offers
  }

  /// Tries once more what a device did not do: what it does then was none of its damage.
  private func secondChance<Value>(_ work: () throws(Problem) -> Value) throws(Problem) -> Value {
    do throws(Problem) {
      return try work()
    } catch {
      guard error.isOfDevice else { throw error }
      return try work()
    }
  }

  /// The codes of findings, each once, for a sentence.
  static func codes(of findings: [RuledFinding]) -> String {
    var codes: [String] = []
    for ruled in findings where !codes.contains(ruled.finding.code.rawValue) {
      codes.append(ruled.finding.code.rawValue)
    }
    return codes.joined(separator: ", ")
  }

  /// The plan for the findings of a store or of a working copy. Throws where a limit of this machine kept a repair from saying what
  /// it offers.
  func plan(
    for findings: [RuledFinding], of store: ManagedStore, in context: RepairContext, tried: TriedRepairs
  ) throws(Problem) -> (plan: Plan, remarks: [String]) {
    let asked = candidates(for: findings, in: context, tried: tried)
    if let obstacle = asked.obstacle { throw obstacle }
    return (planner(for: findings, of: store, asked).plan(), asked.remarks)
  }

  /// The planner with all that it is to choose from.
  func planner(for findings: [RuledFinding], of store: ManagedStore, _ asked: Offers) -> Planner {
    var findings = findings
    // What the operator asks for by name goes where no rule wants another repair.
    for index in findings.indices where findings[index].wanted == nil {
      let finding = findings[index].finding
      let byName = asked.candidates.first { candidate in
        settings.askedForRepairs.contains(candidate.repair)
          && candidate.offer.mends.contains { $0.isSameTrouble(as: finding) }
      }
      if let byName { findings[index].wanted = Configuration.RepairChoice([byName.repair]) }
    }
    return Planner(
      findings: findings, candidates: asked.candidates, maxLoss: store.maxLoss, refusals: asked.refusals)
  }
}
