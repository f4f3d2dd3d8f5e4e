import MendKit

/// The rowids of a table whose rows could not be read, but for those that were found there all the same.
struct GapRanges: Sendable {
  /// Rowids are in a range from `first` to `last`, both within it.
  struct Range: Sendable, Hashable {
    var first: Int64
    var last: Int64
  }

  /// In ascending order, apart from one another.
  private(set) var ranges: [Range] = []
  /// Rowids of rows that were found within the ranges.
  private(set) var found: Set<Int64>

  /// The gaps of a table whose leaves were looked through. `broken` are rows of leaves in order that are not whole.
  init(_ slots: [SalvagedTable.Slot], broken: [Int64] = [], found: Set<Int64>) {
    self.init(places: slots.filter { $0.state != .sound }, broken: broken, found: found)
  }

  /// The rowids that may stand in some places of a table.
  init(places: [SalvagedTable.Slot], broken: [Int64] = [], found: Set<Int64> = []) {
    self.found = found
    var all = broken.map { Range(first: $0, last: $0) }
    for slot in places {
      let above = slot.above.map { $0 == Int64.max ? $0 : $0 + 1 }
      let range = Range(first: above ?? Int64.min, last: slot.atMost ?? Int64.max)
      if range.first <= range.last { all.append(range) }
    }
    for range in all.sorted(by: { ($0.first, $0.last) < ($1.first, $1.last) }) {
      if let last = ranges.last, last.last == Int64.max || range.first <= last.last + 1 {
        ranges[ranges.count - 1].last = max(last.last, range.last)
      } else {
        ranges.append(range)
      }
    }
  }

  /// Likewise, but for more rows that were found.
  func without(_ rowids: some Sequence<Int64>) -> GapRanges {
    var rest = self
    rest.found.formUnion(rowids)
    return rest
  }

  var isEmpty: Bool { ranges.isEmpty }

  /// Whether every range ends at a rowid that is known.
  var isBounded: Bool { ranges.allSatisfy { $0.first != Int64.min && $0.last != Int64.max } }

  /// Whether a row of this rowid is missing.
  func contains(_ rowid: Int64) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].last < rowid { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].first <= rowid && !found.contains(rowid)
  }

  /// Whether rows from one rowid to another may be missing.
  func overlaps(_ first: Int64, _ last: Int64) -> Bool {
    ranges.contains { $0.first <= last && first <= $0.last }
  }

  /// All of them.
  var lost: [LostRange] { ranges.map(Self.lost) }

  /// The ranges of some rowids in ascending order, as narrow as they can be said.
  func around(_ rowids: [Int64]) -> [LostRange] {
    var rest = rowids[...]
    return ranges.compactMap { range in
      rest = rest.drop { $0 < range.first }
      let within = rest.prefix { $0 <= range.last }
      rest = rest.dropFirst(within.count)
      return within.first.flatMap { first in within.last.map { Self.lost(Range(first: first, last: $0)) } }
    }
  }

  private static func lost(_ range: Range) -> LostRange {
    .rows(first: range.first == Int64.min ? nil : range.first, last: range.last == Int64.max ? nil : range.last)
  }

  /// The first few of them in words: `12 to 40, 93, 200 and above`.
  var words: String {
    let shown = ranges.prefix(Self.few).map { range in
      switch (range.first, range.last) {
      case (Int64.min, Int64.max): "all"
      case (Int64.min, let last): "\(last) and below"
      case (let first, Int64.max): "\(first) and above"
      case (let first, let last): first == last ? "\(first)" : "\(first) to \(last)"
      }
    }
    let rest = ranges.count - shown.count
    return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more ranges" : "")
  }

  private static let few = 5
}
