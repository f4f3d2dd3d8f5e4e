import MendKit

/// Reads the rows of tables without rowid where they stand.
final class KeyedPages {
  let file: SalvageFile
  let survey: FileSurvey
  /// Records that were put together of their overflow chains.
  private var assembled: [UnsafeMutableRawPointer] = []
  /// The overflow chains that were claimed, by their first page.
  private var chains: [UInt32: [UInt32]] = [:]

  init(_ file: SalvageFile, _ survey: FileSurvey) {
    self.file = file
    self.survey = survey
  }

  deinit { for buffer in assembled { buffer.deallocate() } }

  /// The cells of a page, by its pointers.
  func cells(_ number: UInt32) -> [FoundCell] {
    guard let page = file.original(number), let header = BTreePage(page, number: number) else { return [] }
    return pointers(page, header).compactMap {
      FoundCell.read(page, at: $0, kind: header.kind, geometry: file.geometry)
    }
  }

  private func pointers(_ page: UnsafeRawPointer, _ header: BTreePage) -> [Int] {
    (0..<min(header.cellCount, file.usableSize / 6)).compactMap { index in
      let pointer = header.cellPointers + 2 * index
      return pointer + 2 <= file.usableSize ? page.big16(pointer) : nil
    }
  }

  /// The cells of a page that is damaged whose records are such as the table could hold.
  func readableCells(_ number: UInt32, _ expected: ExpectedRecord) -> [FoundCell] {
    guard let page = file.original(number), let header = BTreePage(page, number: number), !header.kind.isTable else {
      return []
    }
    let pointers = pointers(page, header)
    let read = pointers.map { at in
      FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry).flatMap { cell in
        RecordHeader.isSound(page + cell.payloadOffset, size: cell.payloadSize, local: cell.localSize)
          && expected.accepts(page, cell) ? cell : nil
      }
    }
    let resizing = CellResizing(
      geometry: file.geometry, kind: header.kind, bounds: CellScan.Bounds(), expected: expected)
    return read.compactMap(\.self) + resizing.cells(page, header, pointers, read)
  }

  /// Whether every record of a page is one that the table could hold.
  func accepts(_ number: UInt32, _ expected: ExpectedRecord) -> Bool {
    guard let page = file.original(number) else { return false }
    return cells(number).allSatisfy { expected.accepts(page, $0) }
  }

  /// The row of a cell; nil where its overflow chain is not whole.
  func entry(_ number: UInt32, _ cell: FoundCell, _ claims: PageClaimTable) -> KeyedEntry? {
    guard let page = file.original(number) else { return nil }
    let start = cell.offset + (survey[number].form == .indexInterior ? 4 : 0)
    let bytes =
      cell.hasDamagedSize
      ? file.keep(cell.resized(page, from: start))
      : UnsafeRawBufferPointer(start: page + start, count: max(cell.end - start, 0))
    guard cell.isSpilled else {
      return KeyedEntry(cell: bytes, record: page + cell.payloadOffset, chain: [], page: number)
    }
    let overflow = OverflowChain(file, cell)
    guard let chain = chains[cell.overflowPage] ?? overflow.pages(claims) else { return nil }
    let payload = overflow.payload(page, chain)
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: payload.count + 32, alignment: 16)
    UnsafeMutableRawBufferPointer(start: buffer + 16, count: payload.count).copyBytes(from: payload)
    assembled.append(buffer)
    return KeyedEntry(cell: bytes, record: UnsafeRawPointer(buffer + 16), chain: chain, page: number)
  }

  /// Claims the overflow chains of all rows that are in order; a table with a row whose chain is not whole is broken.
  func claimChains(_ table: KeyedTable, _ claims: inout PageClaimTable) {
    for page in table.interior + table.parts.compactMap(\.leaf) where survey[page].overflows {
      for cell in cells(page) where cell.isSpilled {
        guard let chain = OverflowChain(file, cell).pages(claims) else {
          table.isBroken = true
          continue
        }
        for link in chain { _ = claims.claim(link, for: table.number) }
        chains[cell.overflowPage] = chain
      }
    }
  }

  /// Whether lost sectors cut through a row on a page.
  func hasTorn(_ number: UInt32, _ claims: PageClaimTable) -> Bool {
    survey[number].hasZeroSector
      && cells(number).contains { cell in entry(number, cell, claims).map { isTorn($0, cell) } == true }
  }

  /// Whether lost sectors cut through a row.
  func isTorn(_ entry: KeyedEntry, _ cell: FoundCell) -> Bool {
    guard survey[entry.page].hasZeroSector || cell.isSpilled, let page = file.original(entry.page) else { return false }
    return TornRow(file: file, survey: survey).isTorn(page, entry.page, cell, entry.chain)
  }

  /// Hands over the rows of a table that is whole, in the order of their keys.
  func forEachRow(of table: KeyedTable, _ claims: PageClaimTable, _ body: (KeyedEntry) -> Void) {
    for part in table.parts {
      switch part {
      case .row(let page, let cell): if let entry = entry(page, cell, claims) { body(entry) }
      case .leaf(let page): for cell in cells(page) { if let entry = entry(page, cell, claims) { body(entry) } }
      case .gap: continue
      }
    }
  }
}
