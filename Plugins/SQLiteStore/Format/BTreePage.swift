/// The header of a b-tree page (SQLite's file format, section 1.6).
struct BTreePage {
  /// The four kinds of b-tree pages, by their first byte.
  enum Kind: UInt8 {
    case indexInterior = 2
    case tableInterior = 5
    case indexLeaf = 10
    case tableLeaf = 13

    var isLeaf: Bool { self == .indexLeaf || self == .tableLeaf }
    var isTable: Bool { self == .tableLeaf || self == .tableInterior }
  }

  let kind: Kind
  /// Where the header stands: 100 on page one, else 0.
  let start: Int
  let firstFreeblock: Int
  let cellCount: Int
  /// Where the cell content area starts.
  let contentStart: Int
  let fragmentedBytes: Int

  /// The header of a page; nil when the first byte names none.
  @inline(__always) init?(_ page: UnsafeRawPointer, number: UInt32) {
    start = number == 1 ? DatabaseHeader.size : 0
    guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: page.byte(start))) else { return nil }
    self.kind = kind
    firstFreeblock = page.big16(start + 1)
    cellCount = page.big16(start + 3)
    let content = page.big16(start + 5)
    contentStart = content == 0 ? 65536 : content
    fragmentedBytes = page.byte(start + 7)
  }

  /// Bytes of the header: 8, and 4 for an interior page's right-most child.
  var size: Int { kind.isLeaf ? 8 : 12 }
  /// Where the array of cell pointers starts.
  var cellPointers: Int { start + size }
  /// Where it ends.
  var cellPointersEnd: Int { cellPointers + 2 * cellCount }
  /// The right-most child of an interior page.
  func rightChild(_ page: UnsafeRawPointer) -> UInt32 { page.big32(start + 8) }
}

/// How much of a payload stands in its cell, and how much in overflow pages (section 1.6, "payload").
struct PayloadGeometry {
  let usableSize: Int
  /// The most that the cell of a table leaf holds without overflow.
  let tableMaximum: Int
  /// Likewise of an index page.
  let indexMaximum: Int
  /// What stays in the cell at least when there is overflow.
  let minimum: Int

  init(usableSize: Int) {
    self.usableSize = usableSize
    tableMaximum = usableSize - 35
    indexMaximum = (usableSize - 12) * 64 / 255 - 23
    minimum = (usableSize - 12) * 32 / 255 - 23
  }

  /// Payload bytes that one overflow page holds.
  var overflowCapacity: Int { usableSize - 4 }

  /// The bytes of a payload that stand in the cell.
  func local(_ payload: Int, maximum: Int) -> Int {
    guard payload > maximum else { return payload }
    let surplus = minimum + (payload - minimum) % overflowCapacity
    return surplus <= maximum ? surplus : minimum
  }

  /// The number of overflow pages that the rest takes.
  func overflowPages(_ payload: Int, local: Int) -> Int {
    (payload - local + overflowCapacity - 1) / overflowCapacity
  }
}
