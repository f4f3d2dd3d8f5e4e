import MendKit

/// One row of a table without rowid: its cell, and its record for comparing.
struct KeyedEntry {
  /// The cell without the page left of it.
  let cell: UnsafeRawBufferPointer
  /// The whole record. Sixteen bytes behind it are readable.
  let record: UnsafeRawPointer
  /// Its overflow pages.
  let chain: [UInt32]
  /// The page that it stands on.
  let page: UInt32
}

/// What is left of the b-tree of a table without rowid, in the order of its keys.
final class KeyedTable {
  enum Part {
    case leaf(UInt32)
    /// A row that an interior page holds between two children.
    case row(page: UInt32, FoundCell)
    /// Rows were here. What the page still holds of them, and what stands elsewhere in the file, may be put back.
    case gap(page: UInt32)

    var leaf: UInt32? { if case .leaf(let page) = self { page } else { nil } }
  }

  /// A range of keys whose rows could not be read, but for those that were found there all the same.
  struct Gap {
    /// The rows around it; nil where it is open.
    let above: KeyedEntry?
    let below: KeyedEntry?
  }

  let name: String
  let number: Int32
  var root: UInt32
  let expected: ExpectedRecord
  let plan: KeyPlan
  private let memory = PlanMemory()
  var parts: [Part] = []
  var interior: [UInt32] = []
  var isBroken = false
  /// Where rows may be missing, in the order of their keys.
  var gaps: [Gap] = []
  var tally = RowTally(lost: nil)

  init(name: String, number: Int32, root: UInt32, expected: ExpectedRecord, terms: [KeyPlan.Term]) {
    self.name = name
    self.number = number
    self.root = root
    self.expected = expected
    plan = KeyPlan(
      terms: terms, fieldCount: expected.columns.count, isExact: false, uniqueCount: 0, fingerprint: -1, memory: memory)
  }

  /// Whether one row's record stands before another's.
  func isBefore(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ encoding: TextEncoding) -> Bool {
    let difference = EntryKernel.difference(one, other, plan, encoding)
    return difference.isAscending && difference.field < plan.terms.count
  }

  /// Whether a row of this key may have stood in a gap.
  func isMissing(_ key: UnsafeRawPointer, _ encoding: TextEncoding) -> Bool {
    gaps.contains { gap in
      (gap.above.map { isBefore($0.record, key, encoding) } ?? true)
        && (gap.below.map { isBefore(key, $0.record, encoding) } ?? true)
    }
  }
}
