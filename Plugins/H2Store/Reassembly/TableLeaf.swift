import MendKit

/// The entries of a leaf whose keys are whole numbers, each as the bytes that H2 wrote: the rows of a table, or large objects.
struct TableLeaf {
  /// The numbers of the rows.
  private(set) var numbers: [Int64] = []
  /// Where each row's values are in the page's body; nil of a row that was not committed.
  private(set) var rows: [Range<Int>?] = []
  private let isVersioned: Bool

  /// Reads a leaf of a map that has such values; nil where it is none.
  init?(_ page: Page, _ type: MapType) {
    var columns = 0
    var isVersioned = false
    if case .versioned(.row(let list, false)) = type { (columns, isVersioned) = (list.count, true) }
    self.isVersioned = isVersioned
    var numbers: [Int64] = []
    var rows: [Range<Int>?] = []
    let isWhole = page.body.withUnsafeBytes { bytes in
      var cursor = ValueCursor(bytes)
      guard let found = Self.numbers(page.keys, &cursor) else { return false }
      numbers = found
      guard isVersioned else {
        for _ in 0..<page.keys {
          let start = cursor.offset
          guard type.skip(1, &cursor) else { return false }
          rows.append(start..<cursor.offset)
        }
        return cursor.left == 0
      }
      guard let isChanging = cursor.byte(), isChanging <= 1 else { return false }
      for _ in 0..<page.keys {
        guard let row = Self.row(columns, isChanging == 1, &cursor) else { return false }
        rows.append(row.isEmpty && columns > 0 ? nil : row)
      }
      return cursor.left == 0
    }
    guard isWhole else { return nil }
    self.numbers = numbers
    self.rows = rows
  }

  /// The committed values of one row; empty where there are none.
  private static func row(_ columns: Int, _ isChanging: Bool, _ cursor: inout ValueCursor) -> Range<Int>? {
    func values() -> Range<Int>? {
      let start = cursor.offset
      for _ in 0..<columns where !StoredValue.skip(&cursor) { return nil }
      return start..<cursor.offset
    }
    guard isChanging else { return values() }
    guard let operation = cursor.long() else { return nil }
    if operation == 0 { return values() }
    guard let there = cursor.byte(), there <= 3 else { return nil }
    if there & 1 == 1, values() == nil { return nil }
    return there & 2 == 2 ? values() : cursor.offset..<cursor.offset
  }

  private static func numbers(_ count: Int, _ cursor: inout ValueCursor) -> [Int64]? {
    guard count <= cursor.left else { return nil }
    var numbers: [Int64] = []
    numbers.reserveCapacity(count)
    for _ in 0..<count {
      guard let number = cursor.long(), numbers.last.map({ $0 < number }) ?? true else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The kinds of the values of a leaf's first rows (`StoredValue`), column by column, as far as its bytes can be those of a table:
  /// numbers in their order, and the same number of values for each; nil where they cannot.
  static func kinds(_ page: Page) -> [Set<UInt8>]? {
    guard page.keys > 0 else { return nil }
    return page.body.withUnsafeBytes { bytes in
      var cursor = ValueCursor(bytes)
      guard numbers(page.keys, &cursor) != nil, cursor.byte() == 0 else { return nil }
      var kinds: [UInt8] = []
      while cursor.left > 0 {
        kinds.append(bytes[cursor.offset])
        guard StoredValue.skip(&cursor) else { return nil }
      }
      guard !kinds.isEmpty, kinds.count % page.keys == 0 else { return nil }
      let columns = kinds.count / page.keys
      var found = [Set<UInt8>](repeating: [], count: columns)
      for (place, kind) in kinds.enumerated() { found[place % columns].insert(kind) }
      return found
    }
  }

  /// Some of the rows of a leaf as the body of a leaf of its own, in which all of them are committed; nil where there are none.
  func body(_ page: Page, _ places: [Int], changed: [Int: [UInt8]] = [:]) -> (keys: Int, body: [UInt8])? {
    let places = places.filter { rows[$0] != nil }
    guard !places.isEmpty else { return nil }
    var body: [UInt8] = []
    for place in places { body.append(variable: UInt64(bitPattern: numbers[place])) }
    if isVersioned { body.append(0) }
    for place in places {
      if let row = changed[place] { body += row } else if let row = rows[place] { body += page.body[row] }
    }
    return (places.count, body)
  }
}

extension [UInt8] {
  /// A number with seven bits in each byte, the lowest first.
  mutating func append(variable value: UInt64) {
    var left = value
    while left > 0x7F {
      append(UInt8(truncatingIfNeeded: left) | 0x80)
      left >>= 7
    }
    append(UInt8(left))
  }

  /// A text as Java writes it: the number of its characters, and one to three bytes of each.
  mutating func append(text: String) {
    append(variable: UInt64(text.utf16.count))
    for unit in text.utf16 {
      if unit < 0x80 {
        append(UInt8(unit))
      } else if unit >= 0x800 {
        self += [0xE0 | UInt8(unit >> 12), UInt8(unit >> 6 & 0x3F), UInt8(unit & 0x3F)]
      } else {
        self += [0xC0 | UInt8(unit >> 6), UInt8(unit & 0x3F)]
      }
    }
  }

  /// A number of so many bytes, the highest first.
  mutating func append(number value: UInt64, bytes count: Int) {
    for place in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place))) }
  }
}
