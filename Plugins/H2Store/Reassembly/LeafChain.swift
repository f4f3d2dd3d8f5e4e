import MendKit

/// The leaves of a map whose keys are whole numbers, in the order of the keys: those that its tree leads to, and, where the tree does
/// not go on, those that stood there.
struct LeafChain {
  /// A leaf, or a part of one.
  struct Leaf {
    var position: PagePosition
    var version: Int
    /// The first and the last key of it that counts.
    var first: Int64
    var last: Int64
    /// Which of its entries count.
    var entries: Range<Int>
    /// Entries of the whole page.
    var all: Int
    /// Whether nothing leads to it.
    var isFound = false
    /// Whether nothing tells that it is of the newest version, though it stood below a lost node.
    var isDoubtful = false
    /// Whether it may be of an older state.
    var isUnsure = false
  }

  /// A part of the tree that is not there: the page itself cannot be read.
  struct Gap {
    /// The keys that stood there: from the first up to the second, which is none of them.
    var from: Int64?
    var to: Int64?
    /// How many entries the page above says that there were.
    var entries: Int?
    /// Whether it is a node that is lost, so that leaves below it may be left.
    var isNode: Bool

    fileprivate func contain(_ leaf: Leaf) -> Bool { contain(leaf.first) && contain(leaf.last) }

    fileprivate func contain(_ key: Int64) -> Bool { from.map { $0 <= key } ?? true && to.map { key < $0 } ?? true }
  }

  /// The leaves, in the order of their keys.
  private(set) var leaves: [Leaf] = []
  /// What the tree does not lead to.
  private(set) var gaps: [Gap] = []
  /// The version that the tree is of; nil where there is no root.
  private(set) var version: Int?
  /// How many of the entries are in leaves that may be of an older state.
  var unsure: Int { leaves.reduce(0) { $0 + ($1.isUnsure ? $1.entries.count : 0) } }
  /// How many leaves were found below lost nodes.
  private(set) var found = 0

  private let map: Int
  private let types: MapTypes.Pair
  private let reader: PageReader
  private var seen: Set<UInt64> = []
  private static let deepest = 64

  /// Walks the tree of a map from its root; one without a root is all gap.
  init(_ map: Int, _ types: MapTypes.Pair, root: PagePosition?, _ reader: PageReader, version: (Int) -> Int)
    throws(Problem)
  {
    self.map = map
    self.types = types
    self.reader = reader
    guard let root else {
      gaps = [Gap(isNode: true)]
      return
    }
    self.version = version(root.chunk)
    guard root.isSaved else { return }
    try walk(root, Gap(isNode: root.isNode), version, depth: 0)
  }

  /// Entries of all leaves.
  var entries: Int { leaves.reduce(0) { $0 + $1.entries.count } }

  private mutating func walk(_ position: PagePosition, _ bounds: Gap, _ version: (Int) -> Int, depth: Int)
    throws(Problem)
  {
    guard position.isSaved else { return }
    guard depth < Self.deepest, seen.insert(position.place).inserted,
      case .success(let page) = try reader.page(position, of: map, whole: true),
      case let numbers = content(page, position), let numbers,
      numbers.first.map({ first in bounds.from.map { $0 <= first } ?? true }) ?? true,
      numbers.last.map({ last in bounds.to.map { last < $0 } ?? true }) ?? true
    else {
      if bounds.entries != 0 { gaps.append(bounds) }
      return
    }
    guard position.isNode else {
      if let first = numbers.first, let last = numbers.last {
        leaves.append(
          Leaf(
            position: position, version: version(position.chunk), first: first, last: last, entries: 0..<numbers.count,
            all: numbers.count))
      }
      return
    }
    for (place, child) in page.children.enumerated() {
      let below = Gap(
        from: place > 0 ? numbers[place - 1] : bounds.from, to: place < numbers.count ? numbers[place] : bounds.to,
        entries: child.entries, isNode: child.position.isNode)
      try walk(child.position, below, version, depth: depth + 1)
    }
  }

  /// The keys of a page that is in order to its last byte; nil of any other.
  private func content(_ page: Page, _ position: PagePosition) -> [Int64]? {
    var sums: RowSums?
    let content = PageContent(page, isNode: position.isNode, types, &sums)
    return content.flaw == nil && content.numbers.count == page.keys ? content.numbers : nil
  }

  /// Fills the gaps with leaves that nothing leads to.
  ///
  /// Leaves of one version never overlap, and a leaf takes the place of all older ones whose keys it holds. So of those that a gap
  /// can hold the newest come first, and older ones have what no newer one reaches. `isLive` tells of a page that the newest layout
  /// has in use; with `takesOlder` those that it does not, or of which nothing tells, are taken as well. A layout has the pages in
  /// use that its own version took out of use: where the map changed in that version, `isSettled` is false, and leaves are in doubt
  /// unless they have exactly as many entries as the page above says.
  mutating func fill(
    _ pages: [FoundPage], takesOlder: Bool, isSettled: Bool = true, isLive: (FoundPage) -> Bool
  ) throws(Problem) {
    guard !gaps.isEmpty else { return }
    var pool: [(leaf: Leaf, isLive: Bool)] = []
    for page in pages where !page.position.isNode && page.keys > 0 && !seen.contains(page.position.place) {
      let isLive = isLive(page)
      guard isLive || takesOlder, case .success(let content) = try reader.page(page.position, of: map, whole: true),
        let numbers = self.content(content, page.position), let first = numbers.first, let last = numbers.last
      else { continue }
      pool.append(
        (
          Leaf(
            position: page.position, version: page.version, first: first, last: last, entries: 0..<numbers.count,
            all: numbers.count, isFound: true), isLive
        ))
    }
    pool.sort { ($0.leaf.version, $1.leaf.position.bits) > ($1.leaf.version, $0.leaf.position.bits) }
    var more: [Leaf] = []
    for (place, gap) in gaps.enumerated() {
      var taken = Intervals()
      var count = 0
      let before = found
      if gap.isNode {
        for (leaf, isLive) in pool where isLive && gap.contain(leaf) && !taken.touch(leaf.first, leaf.last) {
          taken.insert(leaf.first, leaf.last)
          count += leaf.entries.count
          more.append(leaf)
          found += 1
        }
        let isSure = isSettled && gap.entries.map { count <= $0 } ?? true || count == gap.entries
        if !isSure {
          for place in more.indices.suffix(found - before) { more[place].isDoubtful = true }
        }
        // Found entries are counted with the leaves, wherever they go.
        gaps[place].entries = gap.entries.map { $0 - count }
      }
      guard takesOlder, gap.entries.map({ count < $0 }) ?? true else { continue }
      for (leaf, _) in pool {
        for var part in try parts(of: leaf, in: gap, taken) {
          taken.insert(part.first, part.last)
          part.isUnsure = true
          more.append(part)
        }
      }
    }
    leaves = (leaves + more).sorted { $0.first < $1.first }
  }

  /// Leaves out what is not newer than a version that somebody else has whole. `layout` is the version that all of the tree is of,
  /// where a layout tells that.
  mutating func leaveOut(upTo version: Int, layout: Int?) {
    if (layout ?? self.version ?? 0) > version {
      leaves.removeAll { $0.isUnsure && $0.version <= version }
    } else {
      leaves.removeAll { $0.version <= version }
      gaps = [Gap(isNode: true)]
    }
  }

  /// Whether an entry with this key would have to be in what is left, if there had been one.
  func covers(_ key: Int64) -> Bool {
    guard gaps.contains(where: { $0.contain(key) }) else { return true }
    var (low, high) = (0, leaves.count)
    while low < high {
      let middle = (low + high) / 2
      if leaves[middle].last < key { low = middle + 1 } else { high = middle }
    }
    return low < leaves.count && leaves[low].first <= key
  }

  /// The runs of a leaf's entries that a gap can hold and no newer leaf reaches.
  private func parts(of leaf: Leaf, in gap: Gap, _ taken: Intervals) throws(Problem) -> [Leaf] {
    if gap.contain(leaf), !taken.touch(leaf.first, leaf.last) { return [leaf] }
    guard gap.from.map({ $0 <= leaf.last }) ?? true, gap.to.map({ leaf.first < $0 }) ?? true,
      !taken.contain(leaf.first, leaf.last),
      case .success(let page) = try reader.page(leaf.position, of: map, whole: true),
      let numbers = content(page, leaf.position)
    else { return [] }
    var parts: [Leaf] = []
    for (place, number) in numbers.enumerated() {
      guard gap.from.map({ $0 <= number }) ?? true, gap.to.map({ number < $0 }) ?? true, !taken.touch(number, number)
      else { continue }
      if let last = parts.last, last.entries.upperBound == place, !taken.touch(last.last, number) {
        parts[parts.count - 1].entries = last.entries.lowerBound..<place + 1
        parts[parts.count - 1].last = number
      } else {
        parts.append(
          Leaf(
            position: leaf.position, version: leaf.version, first: number, last: number, entries: place..<place + 1,
            all: leaf.all, isFound: true))
      }
    }
    return parts
  }
}

/// Ranges of keys, none of which touches another.
private struct Intervals {
  private var ranges: [(first: Int64, last: Int64)] = []

  /// The place of the first range that does not end before a key.
  private func place(_ key: Int64) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].last < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether any key from the first to the last is in a range.
  func touch(_ first: Int64, _ last: Int64) -> Bool {
    let place = place(first)
    return place < ranges.count && ranges[place].first <= last
  }

  /// Whether one range has all of them.
  func contain(_ first: Int64, _ last: Int64) -> Bool {
    let place = place(first)
    return place < ranges.count && ranges[place].first <= first && last <= ranges[place].last
  }

  /// Adds a range that touches none.
  mutating func insert(_ first: Int64, _ last: Int64) { ranges.insert((first, last), at: place(first)) }
}
