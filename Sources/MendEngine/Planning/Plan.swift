import MendKit

/// What one repair offers for the findings at hand.
struct Candidate: Sendable, Hashable {
  /// The repair's id.
  var repair: String
  var offer: RepairOffer
  /// Its place among the registry's repairs: the preference among equals.
  var rank: Int
}

/// The repairs chosen for the findings at hand.
struct Plan: Sendable, Hashable {
  /// In the order in which they run.
  var steps: [Step] = []
  /// What no allowed repair mends.
  var uncovered: [Uncovered] = []

  struct Step: Sendable, Hashable {
    var repair: String
    var offer: RepairOffer
    /// The findings that the step is there for.
    var findings: [Finding]
    /// Why this repair, in one sentence.
    var reason: String

    /// The step as reports list it.
    func planned(_ outcome: PlannedRepair.Outcome? = nil) -> PlannedRepair {
      var codes: [FindingCode] = []
      for finding in findings where !codes.contains(finding.code) { codes.append(finding.code) }
      return PlannedRepair(
        repair: repair, loss: max(offer.loss, offer.allowedLoss ?? Loss.none), because: codes, reason: reason,
        outcome: outcome)
    }
  }

  struct Uncovered: Sendable, Hashable {
    var finding: Finding
    /// Why nothing mends it, and what the operator can do.
    var reason: String
    /// The loss that would have to be allowed for it to be mended; nil when nothing mends it at any loss.
    var neededLoss: Loss?
  }

  /// The least loss that would have to be allowed for all of these to be mended; nil when there is none, or that would not
  /// help all of them.
  static func neededLoss(_ uncovered: [Uncovered]) -> Loss? {
    let losses = uncovered.compactMap(\.neededLoss)
    return losses.count == uncovered.count ? losses.max() : nil
  }
}
