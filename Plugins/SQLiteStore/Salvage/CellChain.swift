/// Chooses among cells that overlap: those that together cover most bytes, of which each begins where another ends, as cells
/// on a page do.
enum CellChain {
  /// What it counts, in bytes, that a cell ends where another begins.
  private static let joint = 6

  /// The cells to keep, in the order of their offsets. `cells` are sorted by offset, no two with the same. A cell that ends at
  /// one of `ends`, a place where something certain begins, counts as one that another follows.
  static func longest(_ cells: [FoundCell], ends: Set<Int>) -> [FoundCell] {
    guard cells.count > 1 else { return cells }
    // The best of the cells from each on: with it as the first, and with any.
    var starting = [Int](repeating: 0, count: cells.count)
    var best = [Int](repeating: 0, count: cells.count + 1)
    var following = [Int](repeating: cells.count, count: cells.count)
    for index in cells.indices.reversed() {
      let cell = cells[index]
      let next = firstIndex(cells, from: index + 1, notBefore: cell.end)
      var rest = best[next]
      following[index] = next
      if next < cells.count, cells[next].offset == cell.end, starting[next] + joint >= rest {
        rest = starting[next] + joint
        following[index] = ~next
      } else if ends.contains(cell.end) {
        rest += joint
      }
      starting[index] = cell.end - cell.offset + rest
      best[index] = max(best[index + 1], starting[index])
    }
    var chosen: [FoundCell] = []
    var index = 0
    var isTaken = false
    while index < cells.count {
      guard isTaken || starting[index] >= best[index + 1] else {
        index += 1
        continue
      }
      chosen.append(cells[index])
      // A follower that was counted as a joint is taken, whatever else is as good.
      isTaken = following[index] < 0
      index = isTaken ? ~following[index] : following[index]
    }
    return chosen
  }

  /// The first cell that does not begin before an offset.
  private static func firstIndex(_ cells: [FoundCell], from start: Int, notBefore offset: Int) -> Int {
    var low = start
    var high = cells.count
    while low < high {
      let middle = (low + high) / 2
      if cells[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
