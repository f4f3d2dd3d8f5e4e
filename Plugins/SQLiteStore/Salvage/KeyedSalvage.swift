import MendKit

/// Walks the b-trees of tables without rowid, puts back what is found elsewhere, and gives the rows in their order.
final class KeyedSalvage {
  private let file: SalvageFile
  private let survey: FileSurvey
  /// Records that were put together of their overflow chains.
  private var assembled: [UnsafeMutableRawPointer] = []
  /// Rows that lost sectors cut through.
  private(set) var torn: [StrayRow] = []
  /// The overflow chains that were claimed, by their first page.
  private var chains: [UInt32: [UInt32]] = [:]

  init(_ file: SalvageFile, _ survey: FileSurvey) {
    self.file = file
    self.survey = survey
  }

  deinit { for buffer in assembled { buffer.deallocate() } }

  // MARK: The tree

  func walk(_ table: KeyedTable, _ claims: inout PageClaimTable) {
    visit(table.root, Bounds(), level: 1, table, &claims)
  }

  /// The rows between which those of a page stand.
  private struct Bounds {
    var above: KeyedEntry?
    var below: KeyedEntry?
  }

  /// Whether most rows of a page stand where its parents say. Of one whose neighbour's key was changed, some do not.
  private func isWithin(_ page: UInt32, _ bounds: Bounds, _ table: KeyedTable, _ claims: PageClaimTable) -> Bool {
    let cells = cells(page)
    guard let first = cells.first, let last = cells.last else { return true }
    func isOutside(_ cell: FoundCell) -> Bool {
      guard let entry = entry(page, cell, claims) else { return false }
      return !(bounds.above.map { isBefore($0, entry, table) } ?? true)
        || !(bounds.below.map { isBefore(entry, $0, table) } ?? true)
    }
    guard isOutside(first) || isOutside(last) else { return true }
    table.isBroken = true
    return 2 * cells.count(where: isOutside) < cells.count
  }

  /// Whether a row of an interior page stands between those around it, as far as these stand in order themselves: one whose key
  /// was changed says nothing of the pages around it.
  private func isInLine(_ entries: [KeyedEntry?], _ index: Int, _ bounds: Bounds, _ table: KeyedTable) -> Bool {
    guard let own = entries[index] else { return false }
    let before = index > 0 ? entries[index - 1] : bounds.above
    let after = index + 1 < entries.count ? entries[index + 1] : bounds.below
    let areInOrder = before.map { one in after.map { isBefore(one, $0, table) } ?? true } ?? true
    return !areInOrder
      || (before.map { isBefore($0, own, table) } ?? true) && (after.map { isBefore(own, $0, table) } ?? true)
  }

  private func areAscending(_ entries: [KeyedEntry?], _ table: KeyedTable) -> Bool {
    let known = entries.compactMap(\.self)
    return zip(known, known.dropFirst()).allSatisfy { isBefore($0, $1, table) }
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

  private func visit(
    _ page: UInt32, _ bounds: Bounds, level: Int, _ table: KeyedTable, _ claims: inout PageClaimTable
  ) {
    let facts = survey[page]
    guard level <= 20, claims.isFree(page) else {
      table.isBroken = true
      return table.parts.append(.gap(page: 0))
    }
    switch facts.form {
    case .indexLeaf where facts.isSound:
      guard accepts(page, table.expected), isWithin(page, bounds, table, claims) else { return lose(0, table) }
      _ = claims.claim(page, for: table.number)
      if !facts.isTidy
        || !areAscending(
          cells(page).filter { !$0.isSpilled }.map { entry(page, $0, claims) }, table)
      {
        table.isBroken = true
      }
      if hasTorn(page, claims) { table.isBroken = true }
      table.parts.append(.leaf(page))
    case .indexInterior where facts.isSound:
      guard accepts(page, table.expected), isWithin(page, bounds, table, claims) else { return lose(0, table) }
      _ = claims.claim(page, for: table.number)
      table.interior.append(page)
      if !facts.isTidy { table.isBroken = true }
      guard let content = file.original(page), let header = BTreePage(content, number: page) else { return }
      var between = bounds
      let cells = cells(page)
      let entries = cells.map { entry(page, $0, claims) }
      if !areAscending([bounds.above] + entries + [bounds.below], table) { table.isBroken = true }
      for (index, cell) in cells.enumerated() {
        let trusted = isInLine(entries, index, bounds, table) ? entries[index] : nil
        between.below = trusted ?? bounds.below
        visit(content.big32(cell.offset), between, level: level + 1, table, &claims)
        table.parts.append(.row(page: page, cell))
        between.above = trusted ?? between.above
      }
      between.below = bounds.below
      visit(header.rightChild(content), between, level: level + 1, table, &claims)
    case .other,
      .zeros,
      .indexLeaf where !facts.isSound,
      .indexInterior where !facts.isSound:
      _ = claims.claim(page, for: table.number)
      lose(page, table)
    default: lose(0, table)
    }
  }

  private func lose(_ page: UInt32, _ table: KeyedTable) {
    table.isBroken = true
    table.parts.append(.gap(page: page))
  }

  private func cells(_ number: UInt32) -> [FoundCell] {
    guard let page = file.original(number), let header = BTreePage(page, number: number) else { return [] }
    return (0..<min(header.cellCount, file.usableSize / 6)).compactMap { index in
      let pointer = header.cellPointers + 2 * index
      guard pointer + 2 <= file.usableSize else { return nil }
      return FoundCell.read(page, at: page.big16(pointer), kind: header.kind, geometry: file.geometry)
    }
  }

  /// Whether every record of a page is one that the table could hold.
  private func accepts(_ number: UInt32, _ expected: ExpectedRecord) -> Bool {
    guard let page = file.original(number) else { return false }
    return cells(number).allSatisfy { expected.accepts(page, $0) }
  }

  /// The row of a cell; nil where its overflow chain is not whole.
  private func entry(_ number: UInt32, _ cell: FoundCell, _ claims: PageClaimTable) -> KeyedEntry? {
    guard let page = file.original(number) else { return nil }
    let start = cell.offset + (survey[number].form == .indexInterior ? 4 : 0)
    let bytes = UnsafeRawBufferPointer(start: page + start, count: max(cell.end - start, 0))
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

  // MARK: Its rows

  /// The rows in the order of their keys, each key once. Rows of leaves that nothing points to are put into the gaps whose
  /// keys they stand between.
  func rows(of table: KeyedTable, _ claims: inout PageClaimTable) -> [KeyedEntry] {
    var rows: [KeyedEntry] = []
    // Places in `rows` between which something is missing.
    var gaps: [(from: Int, to: Int)] = []
    var orphans: [[KeyedEntry]]?
    func add(_ page: UInt32, _ cell: FoundCell) {
      let found = entry(page, cell, claims)
      if let found, !setAsideTorn(found, cell, table) { return rows.append(found) }
      gaps.append((rows.count, rows.count))
    }
    for (index, part) in table.parts.enumerated() {
      switch part {
      case .row(let page, let cell): add(page, cell)
      case .leaf(let page): for cell in cells(page) { add(page, cell) }
      case .gap(let page):
        var found: [KeyedEntry] = []
        for cell in page == 0 ? [] : cells(page) {
          guard let content = file.original(page),
            RecordHeader.isSound(content + cell.payloadOffset, size: cell.payloadSize, local: cell.localSize),
            table.expected.accepts(content, cell),
            let entry = entry(page, cell, claims), !setAsideTorn(entry, cell, table)
          else { continue }
          found.append(entry)
        }
        if orphans == nil { orphans = self.orphans(table, claims) }
        let after = next(after: index, table, claims)
        let last = rows.last
        func isFitting(_ entry: KeyedEntry) -> Bool {
          (last.map { isBefore($0, entry, table) } ?? true) && (after.map { isBefore(entry, $0, table) } ?? true)
        }
        // A page that was here has most of its rows here.
        for page in orphans ?? [] where 2 * page.count(where: isFitting) >= page.count { found += page }
        let fitting = found.filter(isFitting)
        gaps.append((rows.count, rows.count + fitting.count))
        rows += fitting.sorted { isBefore($0, $1, table) }
      }
    }
    for (from, to) in gaps {
      table.gaps.append(
        KeyedTable.Gap(above: from > 0 ? rows[from - 1] : nil, below: to < rows.count ? rows[to] : nil))
    }
    rows = inOrder(rows, table)
    for entry in rows {
      // A page whose rows were put back is no other table's.
      for page in entry.chain + [entry.page] { _ = claims.claim(page, for: table.number) }
    }
    return rows
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

  /// Whether a row on a page was cut through by sectors that are lost.
  private func hasTorn(_ number: UInt32, _ claims: PageClaimTable) -> Bool {
    guard survey[number].hasZeroSector, let page = file.original(number) else { return false }
    let torn = TornRow(file: file, survey: survey)
    return cells(number).contains { cell in
      entry(number, cell, claims).map { torn.isTorn(page, number, cell, $0.chain) } == true
    }
  }

  /// Takes a row that lost sectors cut through; false where it is none.
  private func setAsideTorn(_ entry: KeyedEntry, _ cell: FoundCell, _ table: KeyedTable) -> Bool {
    guard survey[entry.page].hasZeroSector || cell.isSpilled, let page = file.original(entry.page),
      TornRow(file: file, survey: survey).isTorn(page, entry.page, cell, entry.chain)
    else { return false }
    table.tally.setAside += 1
    torn.append(
      StrayRow(
        page: entry.page, cell: 0, rowid: 0,
        record: Array(UnsafeRawBufferPointer(start: entry.record, count: cell.payloadSize)), table: table.name,
        reason: TornRow.reason))
    return true
  }

  /// Rows in the order of their keys, each key once. One whose key's bytes were changed stands out of order among the others.
  private func inOrder(_ rows: [KeyedEntry], _ table: KeyedTable) -> [KeyedEntry] {
    let isAscending = zip(rows, rows.dropFirst()).allSatisfy { isBefore($0, $1, table) }
    guard !isAscending else { return rows }
    var result: [KeyedEntry] = []
    for entry in rows.sorted(by: { isBefore($0, $1, table) }) {
      if let last = result.last, !isBefore(last, entry, table) { continue }
      result.append(entry)
    }
    return result
  }

  private func isBefore(_ one: KeyedEntry, _ other: KeyedEntry, _ table: KeyedTable) -> Bool {
    table.isBefore(one.record, other.record, file.encoding)
  }

  /// The first row behind a part.
  private func next(after index: Int, _ table: KeyedTable, _ claims: PageClaimTable) -> KeyedEntry? {
    for part in table.parts[(index + 1)...] {
      switch part {
      case .row(let page, let cell): if let entry = entry(page, cell, claims) { return entry }
      case .leaf(let page): if let cell = cells(page).first { return entry(page, cell, claims) }
      case .gap: continue
      }
    }
    return nil
  }

  /// Leaves of a table that are looked at for what it mostly holds.
  private static let sampledLeaves = 16

  /// What a table's records look like, with what the leaves that are left of it show beyond the types of its columns.
  private func learned(_ table: KeyedTable) -> ExpectedRecord {
    var expected = table.expected
    for number in table.parts.lazy.compactMap(\.leaf).prefix(Self.sampledLeaves) {
      guard let page = file.original(number) else { continue }
      for cell in cells(number) {
        _ = RecordHeader.read(
          page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize
        ) { column, type, _ in
          if column < expected.columns.count { expected.columns[column].usual |= SerialType.classBit(type) }
          return true
        }
      }
    }
    return expected
  }

  /// The rows of each page that nothing points to and whose rows are such as the table mostly holds.
  private func orphans(_ table: KeyedTable, _ claims: PageClaimTable) -> [[KeyedEntry]] {
    var pages: [[KeyedEntry]] = []
    guard file.filePages > 1 else { return [] }
    let expected = learned(table)
    for page in 2...file.filePages where claims.isFree(page) {
      let facts = survey[page]
      guard facts.form == .indexLeaf || facts.form == .indexInterior, facts.isSound,
        accepts(page, table.expected), let content = file.original(page)
      else { continue }
      let cells = cells(page)
      guard 2 * cells.count(where: { expected.isUsual(content, $0) }) > cells.count else { continue }
      pages.append(cells.compactMap { entry(page, $0, claims) })
    }
    return pages
  }
}
