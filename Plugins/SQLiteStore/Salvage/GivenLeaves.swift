/// The rowids of the leaves that a table was given, in their order.
struct GivenLeaves {
  private var firsts: [Int64] = []
  private var lasts: [Int64] = []

  private func place(of first: Int64) -> Int {
    var low = 0
    var high = firsts.count
    while low < high {
      let middle = (low + high) / 2
      if firsts[middle] <= first { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func add(_ first: Int64, _ last: Int64) {
    let place = place(of: first)
    firsts.insert(first, at: place)
    lasts.insert(last, at: place)
  }

  func overlaps(_ first: Int64, _ last: Int64) -> Bool {
    let place = place(of: first)
    return place > 0 && lasts[place - 1] >= first || place < firsts.count && firsts[place] <= last
  }

  /// Whether one of them ends right before a rowid.
  func ends(before first: Int64) -> Bool {
    let place = place(of: first)
    return place > 0 && lasts[place - 1] == first &- 1
  }
}
