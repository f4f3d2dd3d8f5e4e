/// A page read as a b-tree page that is whole: its header, its cells and its free blocks account for every byte from the start
/// of the content to its end.
struct PageSurvey {
  let header: BTreePage
  let cells: [FoundCell]
  /// Where the content ends: the page's usable size, when it is a page of that size.
  let contentEnd: Int
  /// Whether a cell's payload goes on in overflow pages.
  let overflows: Bool

  /// Bytes of the page that are accounted for.
  var explainedBytes: Int { header.cellPointersEnd - header.start + contentEnd - header.contentStart }

  /// nil where the bytes are no b-tree page, or one that is damaged. `hasOverflow` false leaves out pages with cells that go
  /// on elsewhere, whose extent depends on the usable size.
  init?(_ page: UnsafeRawPointer, number: UInt32, geometry: PayloadGeometry, hasOverflow: Bool = true) {
    let usable = geometry.usableSize
    guard let header = BTreePage(page, number: number), header.cellPointersEnd <= header.contentStart,
      header.contentStart <= usable, header.fragmentedBytes <= usable
    else { return nil }
    // An interior page has at least one cell, but for the moments in which SQLite itself balances.
    guard header.kind.isLeaf || header.cellCount > 0 else { return nil }
    self.header = header
    var cells: [FoundCell] = []
    cells.reserveCapacity(header.cellCount)
    var extents: [(start: Int, end: Int)] = []
    extents.reserveCapacity(header.cellCount)
    var overflows = false
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard at >= header.contentStart,
        let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: geometry),
        Self.isRecord(page, cell, header.kind), header.kind.isLeaf || page.big32(at) > 1
      else { return nil }
      if cell.localSize < cell.payloadSize {
        guard hasOverflow, cell.overflowPage > 1 else { return nil }
        overflows = true
      }
      cells.append(cell)
      extents.append((cell.offset, cell.end))
    }
    guard let free = Self.freeblocks(page, header, usable: usable) else { return nil }
    extents += free
    extents.sort { $0.start < $1.start }
    var at = header.contentStart
    var gaps = 0
    for extent in extents {
      guard extent.start >= at else { return nil }
      gaps += extent.start - at
      at = extent.end
    }
    guard gaps <= header.fragmentedBytes else { return nil }
    self.cells = cells
    self.overflows = overflows
    contentEnd = at
  }

  private static func isRecord(_ page: UnsafeRawPointer, _ cell: FoundCell, _ kind: BTreePage.Kind) -> Bool {
    guard kind != .tableInterior else { return true }
    let record = page + cell.payloadOffset
    if cell.localSize < cell.payloadSize {
      // A long header may go on in the overflow pages itself.
      guard let size = Varint.read(record, at: 0, end: cell.localSize) else { return false }
      guard size.value <= UInt64(cell.localSize) else { return size.value <= UInt64(cell.payloadSize) }
    }
    return RecordHeader.read(record, available: cell.localSize, payload: cell.payloadSize) { _, _, _ in true } != nil
  }

  /// The free blocks of a page in order; nil where the chain is not as SQLite writes it.
  static func freeblocks(
    _ page: UnsafeRawPointer, _ header: BTreePage, usable: Int
  ) -> [(start: Int, end: Int)]? {
    var blocks: [(start: Int, end: Int)] = []
    var at = header.firstFreeblock
    var least = header.contentStart
    while at != 0 {
      guard at >= least, at + 4 <= usable else { return nil }
      let size = page.big16(at + 2)
      guard size >= 4, at + size <= usable else { return nil }
      blocks.append((at, at + size))
      least = at + size
      at = page.big16(at)
    }
    return blocks
  }
}
