import MendKit
import Synchronization

/// Reads a database file wholly: every b-tree in the order of its keys, on all workers, then the freelist and what is left.
struct FileWalk: Sendable {
  let pages: PageMap
  let header: DatabaseHeader
  let trees: [TreePlan]
  let fingerprints: Int
  let setting: WalkSetting
  let workers: Int
  let progress: @Sendable (Double) -> Void

  /// What a walk found.
  struct Result {
    var troubles: TroubleBook
    /// What each fingerprint is by its index, and by its table's rows.
    var ofIndexes: [Fingerprint]
    var ofRows: [Fingerprint]
    /// Rows or entries of each tree.
    var entryCounts: [Int]
    /// Trees with a payload too large to be read here.
    var unread: Set<Int>
    /// Trees with a row for which only SQLite knows what an expression is.
    var unsure: Set<Int>
    /// Pages that belong to nothing: the first ones, and how many.
    var unused: (first: [UInt32], count: Int) = ([], 0)
    var freelist: FreelistWalk.Result?
    /// Whether two workers met one page: which tree it belongs to is not known then.
    fileprivate(set) var isAmbiguous = false

    /// Pages that are told of as having several owners.
    func pagesTwice(perCause: Int) -> Set<UInt32> {
      let met = troubles.entries.values.flatMap(\.kept).filter { $0.kind == .pageTwice }
      return Set(met.map(\.page)).union((freelist?.inUse ?? []).prefix(max(1, perCause)))
    }
  }

  func run() -> Result {
    let result = run(workers: workers)
    // Two workers met the same page: one worker alone tells which tree came to it first.
    return result.isAmbiguous && workers > 1 ? run(workers: 1) : result
  }

  private func run(workers: Int) -> Result { run(Array(trees.indices), walkers(workers)) }

  /// Walkers for so many workers, or as many as the file is worth.
  func walkers(_ workers: Int) -> WalkerList {
    WalkerList(
      (0..<max(1, min(workers, Int(pages.pageCount) / 256 + 1))).map { _ in
        TreeWalker(pages: pages, trees: trees, fingerprints: fingerprints, setting: setting)
      })
  }

  /// Reads trees by their numbers, on all walkers, and what belongs to none of them.
  func run(_ numbers: [Int], _ walkers: WalkerList) -> Result {
    walk(numbers, walkers)
    return finish(walkers.walkers)
  }

  /// Reads trees by their numbers, on all walkers.
  func walk(_ numbers: [Int], _ walkers: WalkerList) {
    let parts = walkTrees(numbers, walkers)
    if !parts.isEmpty { walk(parts, walkers) }
  }

  /// Reads the trees, but for large ones: these come back in parts.
  private func walkTrees(_ numbers: [Int], _ walkers: WalkerList) -> [WalkUnit] {
    let parts = Mutex<[(tree: Int, parts: [WalkUnit])]>([])
    let trees = trees
    // Neighbours stand on neighbouring pages mostly: who reads one of them has the others' pages mapped, too.
    let batch = numbers.count / (Self.fewestBatches * walkers.walkers.count)
    each(numbers.count, walkers, atATime: max(1, min(Self.mostOfBatch, batch))) { walker, number in
      let tree = numbers[number]
      if number + 1 < numbers.count { walker.pages.prefetch(trees[numbers[number + 1]].root) }
      let unit = WalkUnit(tree: tree, page: trees[tree].root, parent: 0, level: 1)
      if let cut = WorkSplitter(walker: walker).parts(of: unit) {
        parts.withLock { $0.append((tree, cut)) }
      } else {
        walker.walk(unit)
      }
    }
    return parts.withLock { $0.sorted { $0.tree < $1.tree }.flatMap(\.parts) }
  }

  private func walk(_ units: [WalkUnit], _ walkers: WalkerList) {
    each(units.count, walkers) { walker, number in walker.walk(units[number]) }
  }

  /// Of many trees, how many a worker takes at a time at most, and how often it takes some at least.
  private static let mostOfBatch = 32
  private static let fewestBatches = 16

  /// Does something with each number below `count`, on all walkers, each of which takes so many at a time.
  private func each(
    _ count: Int, _ walkers: WalkerList, atATime batch: Int = 1,
    _ work: @escaping @Sendable (TreeWalker, Int) -> Void
  ) {
    let counter = Counter()
    let progress = progress
    let pageCount = max(1, Int(pages.pageCount))
    let threads = min(walkers.walkers.count, count)
    // To count the pages takes a moment where they are many.
    let tellsEvery = max(1, count / 256)
    _ = Workers.map(threads, workers: threads) { worker in
      let walker = walkers.walkers[worker]
      while true {
        let first = batch * counter.next()
        guard first < count else { return }
        for number in first..<min(first + batch, count) {
          work(walker, number)
          guard worker == 0, number % tellsEvery == 0 else { continue }
          progress(min(1, Double(walker.seen.count * walkers.walkers.count) / Double(pageCount)))
        }
      }
    }
  }

  private func finish(_ walkers: [TreeWalker]) -> Result {
    let first = walkers[0]
    var result = Result(
      troubles: first.troubles, ofIndexes: Array(first.ofIndexes), ofRows: Array(first.ofRows),
      entryCounts: trees.indices.map { first.entryCounts[$0] }, unread: first.unread, unsure: first.unsure)
    var levels = first.leafLevels
    for other in walkers.dropFirst() {
      result.troubles.merge(other.troubles)
      result.unread.formUnion(other.unread)
      result.unsure.formUnion(other.unsure)
      for index in result.ofIndexes.indices {
        result.ofIndexes[index].add(other.ofIndexes[index])
        result.ofRows[index].add(other.ofRows[index])
      }
      for tree in trees.indices {
        result.entryCounts[tree] += other.entryCounts[tree]
        let level = other.leafLevels[tree]
        if levels[tree] == 0 { levels[tree] = level }
        if level != 0, level != levels[tree] {
          result.troubles.note(
            Trouble(
              kind: .depth, tree: tree, page: trees[tree].root, first: Int64(level), second: Int64(levels[tree])))
        }
      }
      if !first.seen.formUnion(other.seen).isEmpty { result.isAmbiguous = true }
    }
    account(first, &result)
    return result
  }

  /// The pages of no b-tree: the freelist, the pointer maps, the page of the lock bytes, and what is left over.
  private func account(_ walker: TreeWalker, _ result: inout Result) {
    let map = PointerMap(pageSize: pages.pageSize, usableSize: pages.usableSize)
    let before = walker.troubles
    walker.troubles = TroubleBook(perCause: setting.perCause)
    walker.begin(-1)
    if map.lockBytePage <= pages.pageCount { _ = walker.claim(map.lockBytePage, from: 0) }
    if setting.hasPointerMaps {
      var page: UInt32 = 2
      while page <= pages.pageCount {
        let own = map.mapPage(of: page)
        if own <= pages.pageCount { _ = walker.claim(own, from: 0) }
        page += UInt32(pages.usableSize / 5) + 1
      }
    }
    result.freelist = FreelistWalk(walker: walker, header: header).run()
    result.troubles.merge(walker.troubles)
    walker.troubles = before
    // Where a tree could not be read to its end, its pages are not without an owner: nobody knows it.
    result.unused = walker.seen.missing(limit: setting.perCause)
  }
}

/// The walkers of one walk. Unchecked, since each is used by one worker only, and by this thread before and after.
final class WalkerList: @unchecked Sendable {
  let walkers: [TreeWalker]
  init(_ walkers: [TreeWalker]) { self.walkers = walkers }
}

private final class Counter: Sendable {
  private let value = Atomic(0)
  func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}
