import MendKit

/// The entries that indexes and their tables disagree on, found by all workers: sums over groups of entries first, then the
/// entries of the groups whose sums differ.
final class EntryDifferences {
  /// Of one index.
  struct Difference {
    /// Rows without an entry: where their cells stand.
    var missing: [EntryCollector.Entry] = []
    /// Entries that no row makes: where they stand.
    var extra: [EntryCollector.Entry] = []
    /// Whether there are more of either than were listed.
    let isFull: Bool
    /// Entries of the index.
    let entries: Int
    /// Whether every page of the tree could be read, and whether its entries stand in order, no two of them with a key that
    /// only one may have.
    let isWhole: Bool
    let isOrdered: Bool

    /// Whether the index has an entry of each row, and none else.
    var isNone: Bool { missing.isEmpty && extra.isEmpty && !isFull }
  }

  /// What the first pass found.
  let result: FileWalk.Result

  private let walk: FileWalk
  private let comparisons: [VerificationPlan.Comparison]
  private let scope: EntryCollector.Scope
  private let narrowing: EntryCollector.Narrowing

  /// Makes the first pass over these trees.
  init(
    _ walk: FileWalk, _ comparisons: [VerificationPlan.Comparison], trees: [Int], limit: EntryCollector.Limit
  ) {
    self.walk = walk
    self.comparisons = comparisons
    // How many entries there are is not known before they are counted; pages are, and few entries are as small as this.
    scope = EntryCollector.Scope(
      fingerprints: comparisons.map(\.fingerprint), entries: Int(walk.pages.pageCount) * walk.pages.usableSize / 128,
      workers: walk.workers)
    let walkers = Self.walkers(walk, scope, narrowing: nil)
    result = walk.run(trees, walkers)
    narrowing = EntryCollector.narrow(walkers.walkers.compactMap(\.collector), limit)
  }

  /// The differences of a table's indexes, in the order of the comparisons; nil for those of other tables.
  func differences(ofTable table: Int) -> [Difference?] {
    let slots = comparisons.indices.filter { comparisons[$0].tableTree == table }
    let broken = result.troubles.brokenTrees.union(result.unread)
    let unordered = result.troubles.unorderedTrees
    var collectors: [EntryCollector] = []
    if slots.contains(where: narrowing.differs) {
      let walkers = Self.walkers(walk, scope, narrowing: narrowing)
      walk.walk([table] + slots.filter(narrowing.differs).map { comparisons[$0].indexTree }, walkers)
      collectors = walkers.walkers.compactMap(\.collector)
    }
    var differences: [Difference?] = comparisons.map { _ in nil }
    for slot in slots {
      let comparison = comparisons[slot]
      var difference = Difference(
        isFull: narrowing.isFull[slot], entries: result.ofIndexes[comparison.fingerprint].count,
        isWhole: !broken.contains(comparison.indexTree), isOrdered: !unordered.contains(comparison.indexTree))
      if narrowing.differs(slot) {
        (difference.missing, difference.extra) = EntryCollector.differences(collectors, slot: slot)
      }
      differences[slot] = difference
    }
    return differences
  }

  private static func walkers(
    _ walk: FileWalk, _ scope: EntryCollector.Scope, narrowing: EntryCollector.Narrowing?
  ) -> WalkerList {
    let walkers = walk.walkers(walk.workers)
    for walker in walkers.walkers {
      walker.collector = EntryCollector(scope, fingerprintCount: walk.fingerprints, narrowing: narrowing)
    }
    return walkers
  }
}
