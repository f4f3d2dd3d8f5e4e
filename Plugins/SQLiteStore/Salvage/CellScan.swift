/// The cells of a table leaf page that is damaged, found one by one.
///
/// First come those that the page's own pointers name. Where the page's header is trustworthy, the bytes that it calls free
/// are left alone, so that deleted rows stay deleted; everything else that no cell covers is tried offset by offset, but for
/// what free blocks tell of themselves.
struct CellScan {
  /// The rowids that can stand on the page, by its neighbours and parents.
  struct Bounds: Sendable {
    /// Rowids are greater than this.
    var above: Int64?
    /// Rowids are at most this.
    var through: Int64?

    func contains(_ rowid: Int64) -> Bool {
      if let above, rowid <= above { return false }
      if let through, rowid > through { return false }
      return true
    }
  }

  struct Cell: Sendable, Hashable {
    var place: FoundCell
    /// Whether no pointer of the page names the cell.
    var isUnnamed: Bool
  }

  struct Result: Sendable {
    /// The cells in the order of their offsets, one for each rowid.
    var cells: [Cell] = []
    /// Cells whose rowid another one has, which is named by a pointer or stands at a higher offset.
    var superseded: [Cell] = []
    /// Whether the page's header, its pointers and its start of content agree with the cells found.
    var isHeaderTrustworthy = false
    /// Pointers that name no cell that can be read.
    var lostPointers = 0
  }

  /// Steps that are taken for each byte of a page before its scan gives up: a page of a hostile file is not worth more.
  private static let mostSteps = 256

  let geometry: PayloadGeometry
  /// Pages of the file, which bound the numbers of overflow pages.
  let pageCount: UInt32
  let bounds: Bounds
  let expected: ExpectedRecord

  /// The cells of a page; `page` has as many bytes as the geometry's usable size.
  func scan(_ page: UnsafeRawPointer, number: UInt32) -> Result {
    var result = Result()
    var named: [FoundCell] = []
    var skipped: [(start: Int, end: Int)] = []
    let start = number == 1 ? DatabaseHeader.size : 0
    var firstByte = start
    if let pointers = pointers(page, number: number) {
      let read = pointers.offsets.map { cell(page, at: $0, isNamed: true) }
      let sized = CellResizing(geometry: geometry, kind: .tableLeaf, bounds: bounds, expected: expected).cells(
        page, pointers.header, pointers.offsets, read)
      let found = Dictionary(
        (read.compactMap { $0 } + sized).map { ($0.offset, $0) }, uniquingKeysWith: { first, _ in first })
      named = CellChain.longest(found.values.sorted { $0.offset < $1.offset }, ends: [geometry.usableSize])
      // A header whose kind is lost is believed only when all else of it is as it should be.
      if pointers.isTableLeaf || named.count == pointers.offsets.count {
        result.lostPointers = pointers.offsets.count - named.count
        firstByte = pointers.header.cellPointersEnd
        result.isHeaderTrustworthy = isTrustworthy(page, pointers, named)
        if result.isHeaderTrustworthy {
          skipped = free(page, pointers.header, beside: named)
          if result.lostPointers == 0 { firstByte = geometry.usableSize }
        }
      } else {
        named = []
      }
    }
    let covered = (named.map { ($0.offset, $0.end) } + skipped).sorted { $0.0 < $1.0 }
    var unnamed = search(page, from: firstByte, around: covered)
    if !result.isHeaderTrustworthy {
      let cells = (named + unnamed).sorted { $0.offset < $1.offset }
      let freed = FreedBlocks(page, between: cells, within: firstByte..<geometry.usableSize).blocks
      unnamed.removeAll { cell in freed.contains { $0.contains(cell.offset) } }
    }
    let all = named.map { Cell(place: $0, isUnnamed: false) } + unnamed.map { Cell(place: $0, isUnnamed: true) }
    settle(all, &result)
    return result
  }

  private struct Pointers {
    let header: BTreePage
    let isTableLeaf: Bool
    let offsets: [Int]
  }

  /// The pointer array, where the page's count of cells can be right. A lost first byte does not hide it.
  private func pointers(_ page: UnsafeRawPointer, number: UInt32) -> Pointers? {
    let start = number == 1 ? DatabaseHeader.size : 0
    let count = page.big16(start + 3)
    let isTableLeaf = page.byte(start) == Int(BTreePage.Kind.tableLeaf.rawValue)
    guard start + 8 + 2 * count <= geometry.usableSize, isTableLeaf || count > 0 else { return nil }
    let header = BTreePage(leafOf: page, start: start)
    return Pointers(
      header: header, isTableLeaf: isTableLeaf, offsets: (0..<count).map { page.big16(header.cellPointers + 2 * $0) })
  }

  private func isTrustworthy(_ page: UnsafeRawPointer, _ pointers: Pointers, _ named: [FoundCell]) -> Bool {
    let header = pointers.header
    guard header.contentStart >= header.cellPointersEnd, header.contentStart <= geometry.usableSize,
      Set(pointers.offsets).count == pointers.offsets.count
    else { return false }
    // The content begins with a cell, whose pointer may be lost, or with what fragments are left of one that was freed.
    guard let first = pointers.offsets.min() else {
      return header.contentStart == geometry.usableSize && header.firstFreeblock == 0
    }
    let remainder = first - header.contentStart
    guard remainder >= 0,
      remainder <= min(header.fragmentedBytes, 60) || cell(page, at: header.contentStart, isNamed: true) != nil
    else { return false }
    let order = Dictionary(uniqueKeysWithValues: named.map { ($0.offset, $0.rowid) })
    let rowids = pointers.offsets.compactMap { order[$0] }
    return zip(rowids, rowids.dropFirst()).allSatisfy { $0 < $1 }
  }

  /// What a trustworthy header calls free: the gap before the content, and the free blocks when none of them lies on a cell.
  private func free(
    _ page: UnsafeRawPointer, _ header: BTreePage, beside cells: [FoundCell]
  ) -> [(start: Int, end: Int)] {
    let gap = (header.cellPointersEnd, header.contentStart)
    guard let blocks = PageSurvey.freeblocks(page, header, usable: geometry.usableSize) else { return [gap] }
    var index = 0
    for block in blocks {
      while index < cells.count, cells[index].end <= block.start { index += 1 }
      if index < cells.count, cells[index].offset < block.end { return [gap] }
    }
    return [gap] + blocks
  }

  /// Tries every offset that nothing covers.
  private func search(
    _ page: UnsafeRawPointer, from start: Int, around covered: [(Int, Int)]
  ) -> [FoundCell] {
    let usable = geometry.usableSize
    var found: [FoundCell] = []
    var steps = Self.mostSteps * usable
    var at = start
    for (begin, end) in covered + [(usable, usable)] {
      var candidates: [FoundCell] = []
      var offset = at
      while offset < begin, steps > 0 {
        if let cell = cell(page, at: offset, isNamed: false, steps: &steps), cell.end <= begin {
          candidates.append(cell)
        }
        offset += 1
      }
      found += CellChain.longest(candidates, ends: [begin])
      at = max(at, end)
    }
    return found
  }

  private func cell(_ page: UnsafeRawPointer, at offset: Int, isNamed: Bool) -> FoundCell? {
    var steps = Int.max
    return cell(page, at: offset, isNamed: isNamed, steps: &steps)
  }

  /// The cell at an offset, when everything about it is as expected.
  @inline(__always) private func cell(
    _ page: UnsafeRawPointer, at offset: Int, isNamed: Bool, steps: inout Int
  ) -> FoundCell? {
    steps -= 1
    // No writer begins a number with a byte that stands for nothing.
    guard isNamed || offset < geometry.usableSize && page.byte(offset) != 0x80,
      let cell = FoundCell.read(page, at: offset, kind: .tableLeaf, geometry: geometry),
      cell.payloadSize >= 1, bounds.contains(cell.rowid)
    else { return nil }
    if cell.localSize < cell.payloadSize {
      guard cell.overflowPage > 1, cell.overflowPage <= pageCount,
        geometry.overflowPages(cell.payloadSize, local: cell.localSize) < Int(pageCount)
      else { return nil }
    }
    var work = 0
    let isExpected = expected.accepts(
      page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize, checksText: !isNamed,
      work: &work)
    steps -= work
    return isExpected ? cell : nil
  }

  /// Keeps one cell for each rowid.
  private func settle(_ cells: [Cell], _ result: inout Result) {
    var kept: [Int64: Cell] = [:]
    for cell in cells {
      guard let other = kept.updateValue(cell, forKey: cell.place.rowid) else { continue }
      let isBetter =
        cell.isUnnamed == other.isUnnamed ? cell.place.offset > other.place.offset : !cell.isUnnamed
      if !isBetter { kept[cell.place.rowid] = other }
      result.superseded.append(isBetter ? other : cell)
    }
    result.cells = kept.values.sorted { $0.place.offset < $1.place.offset }
    result.superseded.sort { $0.place.offset < $1.place.offset }
  }
}

extension BTreePage {
  /// The header of a table leaf whose first byte may be lost.
  fileprivate init(leafOf page: UnsafeRawPointer, start: Int) {
    self.start = start
    kind = .tableLeaf
    firstFreeblock = page.big16(start + 1)
    cellCount = page.big16(start + 3)
    let content = page.big16(start + 5)
    contentStart = content == 0 ? 65536 : content
    fragmentedBytes = page.byte(start + 7)
  }
}
