import CXXHash
import MendKit

/// Sums of what each index of a table must hold, taken of the table's rows or of an index's own entries: they are equal when the
/// index has an entry for each row, with the row's values byte for byte, whatever the order.
///
/// A text in which upper and lower case are the same, and what may hold one, counts as equal to any other: H2 leaves the entry as it
/// is when such a value changes in nothing but its case.
struct RowSums {
  /// The columns of each index; of an index's own sums, the one list of its columns' places.
  let columns: [[Int]]
  /// The sums.
  private(set) var sums: [UInt64]
  /// Rows or entries.
  private(set) var count = 0
  /// Whether a transaction that was not over yet changed any of them.
  private(set) var isChanging = false
  /// Where they are collected, the number of each row, and what each index must hold of it, one after another.
  private(set) var numbers: [Int64] = []
  private(set) var marks: [UInt64] = []
  private let collects: Bool
  private var spans: [UInt64] = []

  init(columns: [[Int]], collects: Bool = false) {
    self.columns = columns
    self.collects = collects
    sums = [UInt64](repeating: 0, count: columns.count)
  }

  /// Forgets the rows behind the first so many: their page is damaged.
  mutating func drop(behind count: Int) {
    guard numbers.count > count else { return }
    numbers.removeLast(numbers.count - count)
    marks.removeLast(marks.count - count * columns.count)
  }

  /// Takes the rows of a leaf of a table; false where one of them is damaged.
  mutating func takeRows(_ numbers: [Int64], of width: Int, _ cursor: inout ValueCursor, _ type: MapType) -> Bool {
    var ahead = cursor
    guard ahead.byte() == 0 else {
      isChanging = true
      guard type.skip(numbers.count, &cursor) else { return false }
      // What it is that they are, the transaction would have told.
      if collects {
        self.numbers += numbers
        marks += [UInt64](repeating: 0, count: numbers.count * columns.count)
      }
      return true
    }
    cursor = ahead
    for number in numbers where !take(number, width, &cursor) { return false }
    return true
  }

  /// Takes the entries of a leaf of an index; false where one of them is damaged.
  mutating func takeEntries(_ entries: Int, of width: Int, _ cursor: inout ValueCursor) -> Bool {
    for _ in 0..<entries {
      guard let number = cursor.long(), take(number, width, &cursor) else { return false }
    }
    var ahead = cursor
    if ahead.byte() != 0 { isChanging = true }
    return true
  }

  private mutating func take(_ number: Int64, _ width: Int, _ cursor: inout ValueCursor) -> Bool {
    spans.removeAll(keepingCapacity: true)
    for _ in 0..<width {
      let start = cursor
      guard StoredValue.skip(&cursor) else { return false }
      spans.append(start.sum(to: cursor))
    }
    count += 1
    if collects { numbers.append(number) }
    for (index, places) in columns.enumerated() {
      var sum = UInt64(bitPattern: number) &* 0x9E37_79B9_7F4A_7C15
      for place in places {
        sum = (sum ^ (place < spans.count ? spans[place] : 0)) &* 0xBF58_476D_1CE4_E5B9
        sum ^= sum >> 29
      }
      sums[index] &+= sum
      if collects { marks.append(sum) }
    }
    return true
  }
}

extension ValueCursor {
  /// A sum of the one value from here to another place, as indexes are held against their tables by it.
  fileprivate func sum(to end: ValueCursor) -> UInt64 {
    let value = slice(to: end)
    guard let type = value.first, let base = value.baseAddress else { return 0 }
    // VARCHAR_IGNORECASE, ARRAY, ROW, DECFLOAT: equal ones may be written in several ways.
    if type == 14 || type == 17 || type == 27 || type == 138 { return UInt64(type) }
    if value.count <= 7 { return value.reduce(UInt64(value.count)) { $0 << 8 | UInt64($1) } }
    return XXH3_64bits(base, value.count)
  }
}
