/// A b-tree of the database and how its entries are to be read. Set up before the trees are read; only read afterwards.
///
/// Unchecked, since what the plans point to is written before any worker starts.
final class TreePlan: @unchecked Sendable {
  let name: String
  /// The table that the tree belongs to: itself, for a table's own.
  let table: String
  let root: UInt32
  /// Whether it is a table b-tree, with rowids, rather than an index b-tree.
  let hasRowids: Bool
  /// Whether the tree is an index of a table, rather than a table (without rowid, it has an index's form).
  let isIndex: Bool
  /// How the columns of a table's rows are read; nil where nothing is known of them.
  var rows: RowPlan?
  /// What the schema's expressions say of the rows; nil where none has to be evaluated.
  var programs: RowPrograms?
  /// How the entries of an index b-tree are ordered; nil where that is not known.
  var key: KeyPlan?

  /// What the plans' buffers are in.
  private let memory: PlanMemory

  init(name: String, table: String, root: UInt32, hasRowids: Bool, isIndex: Bool, memory: PlanMemory) {
    self.memory = memory
    self.name = name
    self.table = table
    self.root = root
    self.hasRowids = hasRowids
    self.isIndex = isIndex
  }
}

/// The memory of many plans' buffers: it goes with the last plan that points into it.
///
/// Unchecked, since it is written by the thread that makes the plans, and only read afterwards.
final class PlanMemory: @unchecked Sendable {
  private static let block = 1 << 16

  private var blocks: [UnsafeMutableRawPointer] = []
  private var next: UnsafeMutableRawPointer?
  private var left = 0

  deinit {
    for block in blocks { block.deallocate() }
  }

  /// A copy of elements that need no release.
  func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
    let buffer = allocate(elements.count, of: Element.self)
    _ = buffer.initialize(from: elements)
    return buffer
  }

  /// Room for elements, which has to be filled.
  func allocate<Element: BitwiseCopyable>(_ count: Int, of: Element.Type) -> UnsafeMutableBufferPointer<Element> {
    guard count > 0 else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    let bytes = (count * MemoryLayout<Element>.stride + 15) & ~15
    if left < bytes {
      left = max(bytes, Self.block)
      let block = UnsafeMutableRawPointer.allocate(byteCount: left, alignment: 16)
      blocks.append(block)
      next = block
    }
    guard let start = next else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    next = start + bytes
    left -= bytes
    return UnsafeMutableBufferPointer(start: start.bindMemory(to: Element.self, capacity: count), count: count)
  }
}

/// What is done with the values of a row, column by column as they stand in the record.
struct RowPlan {
  /// One column of the record.
  struct Column {
    /// Where the hash of its value is kept for the indexes; -1 when none needs it.
    var slot: Int32 = -1
    /// The classes of values, as bits, that may not stand here.
    var forbidden: UInt8 = 0
    /// Whether a text that looks like a number would have been stored as one.
    var checksNumericText = false
    /// The value that rows have which were written before the column was added.
    var absent = ValueSource.null
    /// The class bit of that value.
    var absentClass: UInt8 = 1
  }

  /// An index whose entries are computed from the row.
  struct Entry {
    /// The number of its fingerprint.
    var fingerprint: Int32
    /// Which part of `terms` its columns are.
    var start: Int32
    var count: Int32
    /// The condition of a partial index; -1 for none.
    var condition: Int32 = -1
  }

  /// Bits of the classes of values.
  static let nullBit = SerialType.nullBit
  static let integerBit = SerialType.integerBit
  static let realBit = SerialType.realBit
  static let textBit = SerialType.textBit
  static let blobBit = SerialType.blobBit

  /// What is looked at for every value, apart from the rest so that it stays close together.
  struct Operation {
    var slot: Int16
    var forbidden: UInt8
    var checksNumericText: Bool

    /// For values beyond the columns that the table has.
    static let none = Operation(slot: -1, forbidden: 0, checksNumericText: false)
  }

  let columns: UnsafeMutableBufferPointer<Column>
  let operations: UnsafeMutableBufferPointer<Operation>
  private(set) var entries: UnsafeMutableBufferPointer<Entry>
  /// Slots of the indexes' columns; slot 0 is the rowid.
  let terms: UnsafeMutableBufferPointer<Int32>
  let slotCount: Int
  /// Whether an entry's hash is that of its bytes: every value of an index stands in the record as it does in the index.
  let isByBytes: Bool

  init(
    columns: [Column], entries: [Entry], terms: [Int32], slotCount: Int, isByBytes: Bool, memory: PlanMemory
  ) {
    self.columns = memory.copy(columns)
    operations = memory.copy(
      columns.map {
        Operation(slot: Int16($0.slot), forbidden: $0.forbidden, checksNumericText: $0.checksNumericText)
      })
    self.entries = memory.copy(entries)
    self.terms = memory.copy(terms)
    self.slotCount = slotCount
    self.isByBytes = isByBytes
  }

  /// The plan of a table of the same form, whose indexes' fingerprints have numbers that are higher by `distance`.
  func moved(by distance: Int32, memory: PlanMemory) -> Self {
    var moved = self
    moved.entries = memory.allocate(entries.count, of: Entry.self)
    for (place, entry) in entries.enumerated() {
      var entry = entry
      entry.fingerprint += distance
      moved.entries.initializeElement(at: place, to: entry)
    }
    return moved
  }
}

/// In which order an index b-tree's entries stand, and what they hold.
struct KeyPlan {
  /// One value of an entry.
  struct Term {
    var collation = Collation.binary
    var isDescending = false
  }

  /// The values that are compared: all of an index's, the primary key of a table without rowid.
  let terms: UnsafeMutableBufferPointer<Term>
  /// Values in every entry; less are there in rows of a table without rowid from before a column was added.
  let fieldCount: Int
  /// Whether each entry has exactly so many.
  let isExact: Bool
  /// The first values that no two entries may share, unless one is NULL; 0 where they may.
  let uniqueCount: Int
  /// The first value in which two entries may not differ alone: the one after the unique ones, or after the last.
  var firstFree: Int { uniqueCount > 0 ? uniqueCount : terms.count }
  /// The fingerprint that the entries add up to; -1 for none.
  var fingerprint: Int
  /// Whether an entry's hash is that of its bytes, rather than of its values, as for the table's rows.
  var isByBytes = false
  /// Whether entries with the same header stand in the order of their bytes, but for the signs of numbers.
  let isBytewise: Bool

  init(terms: [Term], fieldCount: Int, isExact: Bool, uniqueCount: Int, fingerprint: Int, memory: PlanMemory) {
    self.terms = memory.copy(terms)
    self.fieldCount = fieldCount
    self.isExact = isExact
    self.uniqueCount = uniqueCount
    self.fingerprint = fingerprint
    isBytewise = terms.allSatisfy { $0.collation == .binary && !$0.isDescending }
  }
}
