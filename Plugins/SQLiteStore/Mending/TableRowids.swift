import MendKit

/// Some rows of a table by their numbers: a bit for each.
///
/// Unchecked, since one thread fills it, and it is only read once others have it.
final class RowSet: @unchecked Sendable {
  private let words: UnsafeMutableBufferPointer<UInt64>
  /// How many rows there are.
  private(set) var count = 0

  init(size: Int) {
    words = .allocate(capacity: size / 64 + 1)
    words.initialize(repeating: 0)
  }

  deinit { words.deallocate() }

  @inline(__always) func contains(_ number: Int) -> Bool { words[number >> 6] >> UInt64(number & 63) & 1 != 0 }

  /// Adds a row; false where it was there before.
  @inline(__always) func insert(_ number: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(number & 63)
    guard words[number >> 6] & bit == 0 else { return false }
    words[number >> 6] |= bit
    count &+= 1
    return true
  }

  /// Adds the rows of a part, whose words begin at a place.
  func formUnion(_ part: [UInt64], at place: Int) {
    for (index, word) in part.enumerated() {
      count += (word & ~words[place + index]).nonzeroBitCount
      words[place + index] |= word
    }
  }

  /// The rows that all of some sets have.
  convenience init(size: Int, inAll sets: [RowSet]) {
    self.init(size: size)
    for index in words.indices {
      words[index] = sets.reduce(UInt64.max) { $0 & $1.words[index] }
      count += words[index].nonzeroBitCount
    }
  }
}

/// The rowids of a table whose tree was found sound, each with a number: its distance from the first one where they stand close
/// together, else its place among them.
struct TableRowids: Sendable {
  /// Numbers are less than this.
  let size: Int
  /// How many rows there are.
  let count: Int
  private let first: Int64
  /// The rows by their distance from the first one.
  private let rows: RowSet
  /// The rowids in their order, where these do not stand close together.
  private let sparse: [Int64]?

  /// Bytes that the rowids and the sets of rows take at most.
  private static let mostBytes = 64 << 20
  /// Rowids stand close together when at least one of so many has a row.
  private static let wide = 16
  /// Leaves that a worker reads at a time.
  private static let chunk = 1024

  /// Reads the leaves of a table of so many rows; nil where the memory that so many `sets` of them need is not to be had.
  init?(_ reader: LeafRows, _ leaves: [UInt32], count: Int, sets: Int, workers: Int) {
    self.count = count
    guard let firstLeaf = leaves.first, let lastLeaf = leaves.last, count > 0 else {
      guard count == 0 else { return nil }
      (size, first, rows, sparse) = (0, 0, RowSet(size: 0), nil)
      return
    }
    var lowest: Int64?
    var highest: Int64?
    reader.forEach(firstLeaf) { rowid, _ in lowest = lowest ?? rowid }
    reader.forEach(lastLeaf) { rowid, _ in highest = rowid }
    guard let lowest, let highest, highest >= lowest else { return nil }
    first = lowest
    let (distance, isTooFar) = highest.subtractingReportingOverflow(lowest)
    let isDense = !isTooFar && distance / Int64(Self.wide) <= count
    size = isDense ? Int(distance) + 1 : count
    guard size / 8 * (sets + 1) + (isDense ? 0 : 8 * count) <= Self.mostBytes else { return nil }
    rows = RowSet(size: isDense ? size : 0)
    if isDense {
      sparse = nil
      guard fill(reader, leaves, workers) else { return nil }
    } else {
      guard let all = Self.all(reader, leaves, count: count, workers) else { return nil }
      sparse = all
    }
  }

  /// The number of a rowid; nil where no row has it.
  @inline(__always) func number(of rowid: Int64) -> Int? {
    if let sparse { return Self.place(of: rowid, in: sparse) }
    let (distance, isTooFar) = rowid.subtractingReportingOverflow(first)
    guard !isTooFar, distance >= 0, distance < size, rows.contains(Int(distance)) else { return nil }
    return Int(distance)
  }

  /// The rowid of a number; nil where no row has that.
  func rowid(of number: Int) -> Int64? {
    guard number >= 0, number < size else { return nil }
    if let sparse { return sparse[number] }
    return rows.contains(number) ? first + Int64(number) : nil
  }

  private static func place(of rowid: Int64, in rowids: [Int64]) -> Int? {
    var low = 0
    var high = rowids.count
    while low < high {
      let middle = (low + high) / 2
      if rowids[middle] < rowid { low = middle + 1 } else { high = middle }
    }
    return low < rowids.count && rowids[low] == rowid ? low : nil
  }

  // MARK: Reading

  /// The rows of some leaves, as words of a set of rows.
  private struct Part: Sendable {
    var start = 0
    var words: [UInt64] = []
    var isOrdered = true
  }

  private func fill(_ reader: LeafRows, _ leaves: [UInt32], _ workers: Int) -> Bool {
    let (first, size) = (first, size)
    let parts = Workers.map((leaves.count + Self.chunk - 1) / Self.chunk, workers: workers) { piece -> Part in
      var part = Part()
      let start = piece * Self.chunk
      for leaf in leaves[start..<min(start + Self.chunk, leaves.count)] {
        reader.forEach(leaf) { rowid, _ in
          let (distance, isTooFar) = rowid.subtractingReportingOverflow(first)
          guard !isTooFar, distance >= 0, distance < size else {
            part.isOrdered = false
            return
          }
          let word = Int(distance) >> 6
          if part.words.isEmpty { part.start = word }
          guard word >= part.start else {
            part.isOrdered = false
            return
          }
          while part.words.count <= word - part.start { part.words.append(0) }
          part.words[word - part.start] |= 1 << UInt64(distance & 63)
        }
      }
      return part
    }
    for part in parts {
      guard part.isOrdered else { return false }
      rows.formUnion(part.words, at: part.start)
    }
    return rows.count == count
  }

  private static func all(_ reader: LeafRows, _ leaves: [UInt32], count: Int, _ workers: Int) -> [Int64]? {
    var all: [Int64] = []
    all.reserveCapacity(count)
    for leaf in leaves { reader.forEach(leaf) { rowid, _ in all.append(rowid) } }
    guard all.count == count, zip(all, all.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    return all
  }
}

/// Reads the rowids of the leaves of tables.
struct LeafRows: Sendable {
  let pages: PageMap

  /// Calls `body` with each rowid of a leaf, and where its cell stands.
  @inline(__always) func forEach(_ leaf: UInt32, _ body: (Int64, Int) -> Void) {
    let usable = pages.usableSize
    guard let page = pages[leaf], let header = BTreePage(page, number: leaf), header.kind == .tableLeaf,
      header.cellPointersEnd <= usable
    else { return }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let size = Varint.read(page, at: at, end: usable), let rowid = Varint.read(page, at: size.next, end: usable)
      else { continue }
      body(Int64(bitPattern: rowid.value), at)
    }
  }
}
