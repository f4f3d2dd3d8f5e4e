import MendKit
import Synchronization

/// The entries that the indexes of one table and the table itself disagree on, found by all workers.
struct EntryDifferences {
  /// Of one index.
  struct Difference {
    /// Rows without an entry: where their cells stand.
    var missing: [EntryCollector.Entry] = []
    /// Entries that no row makes: where they stand.
    var extra: [EntryCollector.Entry] = []
    /// Whether there are more of either than were listed.
    var isFull = false
    /// Entries of the index, and those that it is to have.
    var entries = 0
    var rows = 0
    /// Whether every page of the tree could be read and is its alone, and whether its entries stand in order, no two of them
    /// with a key that only one may have.
    var isWhole = true
    var isOrdered = true
  }

  let walk: FileWalk
  /// The indexes, all of one table.
  let comparisons: [VerificationPlan.Comparison]
  /// Entries of an index that are held at most.
  let most: Int

  /// What the differences were found in.
  struct Result {
    /// Of each index.
    var differences: [Difference] = []
    /// Whether every row of the table could be read, and its entries be computed.
    var isTableSound = true
    /// Rows of the table.
    var rowCount = 0
  }

  func run() -> Result {
    guard let table = comparisons.first?.tableTree else { return Result() }
    // How many entries there are is not known before they are counted; pages are, and few entries are as small as this.
    let scope = EntryCollector.Scope(
      fingerprints: comparisons.map(\.fingerprint), entries: Int(walk.pages.pageCount) * walk.pages.usableSize / 128,
      workers: walk.workers)
    var result = Result()
    let narrowing = firstPass(scope, table, &result)
    let collectors = pass(scope, narrowing: narrowing).compactMap(\.collector)
    for slot in comparisons.indices {
      (result.differences[slot].missing, result.differences[slot].extra) = EntryCollector.differences(
        collectors, slot: slot)
    }
    return result
  }

  /// The sums of the first pass are let go of before the second.
  private func firstPass(_ scope: EntryCollector.Scope, _ table: Int, _ result: inout Result)
    -> EntryCollector.Narrowing
  {
    let walkers = pass(scope, narrowing: nil)
    let narrowing = EntryCollector.narrow(walkers.compactMap(\.collector), most: most)
    var broken: Set<Int> = []
    var unordered: Set<Int> = []
    var isUnsure = false
    for walker in walkers {
      broken.formUnion(walker.troubles.brokenTrees)
      unordered.formUnion(walker.troubles.unorderedTrees)
      broken.formUnion(walker.unread)
      if walker.unsure.contains(table) { isUnsure = true }
      result.rowCount += walker.entryCounts[table]
    }
    // Where two workers met one page, either tree may be the wrong one.
    let isShared = walkers.dropFirst().contains { !walkers[0].seen.formUnion($0.seen).isEmpty }
    for (slot, comparison) in comparisons.enumerated() {
      var difference = Difference(isFull: narrowing.isFull[slot])
      for walker in walkers {
        difference.entries += walker.ofIndexes[comparison.fingerprint].count
        difference.rows += walker.ofRows[comparison.fingerprint].count
      }
      difference.isWhole = !broken.contains(comparison.indexTree) && !isShared
      difference.isOrdered = !unordered.contains(comparison.indexTree)
      result.differences.append(difference)
    }
    result.isTableSound = !broken.contains(table) && !(isUnsure && comparisons.contains(where: \.isComputed))
    return narrowing
  }

  private func pass(_ scope: EntryCollector.Scope, narrowing: EntryCollector.Narrowing?) -> [TreeWalker] {
    let walk = walk
    let threads = max(1, min(walk.workers, Int(walk.pages.pageCount) / 256 + 1))
    let walkers = WalkerList(
      (0..<threads).map { _ in
        let walker = TreeWalker(
          pages: walk.pages, trees: walk.trees, fingerprints: walk.fingerprints, setting: walk.setting)
        walker.collector = EntryCollector(scope, fingerprintCount: walk.fingerprints, narrowing: narrowing)
        return walker
      })
    walk.walk(comparisons.prefix(1).map(\.tableTree) + comparisons.map(\.indexTree), walkers)
    return walkers.walkers
  }
}
