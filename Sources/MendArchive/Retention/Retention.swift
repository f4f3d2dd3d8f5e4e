import MendKit

/// Which archives stay, as a pure function of what is known of them.
struct Retention {
  /// What retention knows of an archive.
  struct Candidate: Hashable {
    var store: StoreIdentity
    var sequence: Int
    var taken: Int64
    var size: Int
    var isGood: Bool
    /// Whether it holds sound content that something else took the place of.
    var isReplaced = false
  }

  let policy: RetentionPolicy
  let now: Int64

  /// The indexes of the archives that a policy keeps, before it looks at their sizes. By sequence, not by time: a
  /// clock that went back does not make a new archive old.
  func kept(_ candidates: [Candidate]) -> Set<Int> {
    var kept: Set<Int> = []
    for (_, indexes) in Dictionary(grouping: candidates.indices, by: { candidates[$0].store }) {
      let newestFirst = indexes.sorted { candidates[$0].sequence > candidates[$1].sequence }
      kept.formUnion(keptGood(newestFirst.filter { candidates[$0].isGood }, candidates))
      // What was replaced is kept by the same rules, and counted apart: it pushes no backup out, and no backup it.
      kept.formUnion(keptGood(newestFirst.filter { candidates[$0].isReplaced }, candidates))
      kept.formUnion(keptDamaged(newestFirst.filter { !candidates[$0].isGood && !candidates[$0].isReplaced }))
    }
    return kept
  }

  private func keptGood(_ newestFirst: [Int], _ candidates: [Candidate]) -> Set<Int> {
    var kept = Set(newestFirst.prefix(max(1, policy.keepLast)))
    let spans: [(Int, (UTCTime) -> Int)] = [
      (policy.keepDaily, { $0.day }), (policy.keepWeekly, { $0.week }), (policy.keepMonthly, { $0.month }),
    ]
    for (count, number) in spans {
      var seen: Set<Int> = []
      for index in newestFirst where seen.count < count {
        if seen.insert(number(UTCTime(seconds: candidates[index].taken))).inserted { kept.insert(index) }
      }
    }
    for index in newestFirst where Double(now) - Double(candidates[index].taken) < policy.keepWithin {
      kept.insert(index)
    }
    return kept
  }

  /// The first one holds most of what was there before the damage spread; the newest ones show how it went on.
  private func keptDamaged(_ newestFirst: [Int]) -> Set<Int> {
    guard policy.keepDamaged > 0, let first = newestFirst.last else { return [] }
    return Set([first] + newestFirst.prefix(policy.keepDamaged - 1))
  }

  /// Of the kept ones, those that have to go for the rest to fit, with `others` bytes taken by what is not up for
  /// removal. The oldest go first; the newest good archive of each store stays, or its newest one where none is good.
  func oversize(_ kept: Set<Int>, of candidates: [Candidate], others: Int) -> Set<Int> {
    guard let limit = policy.maxSize else { return [] }
    var total = kept.reduce(others) { $0 + candidates[$1].size }
    var removed: Set<Int> = []
    let protected = Self.newest(kept, of: candidates)
    for index in kept.sorted(by: { candidates[$0].sequence < candidates[$1].sequence }) {
      guard total > limit else { break }
      if protected.contains(index) { continue }
      total -= candidates[index].size
      removed.insert(index)
    }
    return removed
  }

  private static func newest(_ kept: Set<Int>, of candidates: [Candidate]) -> Set<Int> {
    var newest: Set<Int> = []
    for (_, indexes) in Dictionary(grouping: kept, by: { candidates[$0].store }) {
      let newestFirst = indexes.sorted { candidates[$0].sequence > candidates[$1].sequence }
      if let index = newestFirst.first(where: { candidates[$0].isGood }) ?? newestFirst.first { newest.insert(index) }
    }
    return newest
  }
}
