import MendKit

/// The rows that are left of tables without rowid, in the order of their keys, with what is found of them elsewhere.
final class KeyedSalvage {
  let pages: KeyedPages
  private let file: SalvageFile
  private let survey: FileSurvey
  /// Rows that lost sectors cut through.
  private(set) var torn: [StrayRow] = []

  /// Leaves of a table that are looked at for what it mostly holds.
  private static let sampledLeaves = 16

  init(_ pages: KeyedPages) {
    self.pages = pages
    file = pages.file
    survey = pages.survey
  }

  /// The rows in the order of their keys, each key once. Rows of leaves that nothing points to are put into the gaps whose
  /// keys they stand between.
  func rows(of table: KeyedTable, _ claims: inout PageClaimTable) -> [KeyedEntry] {
    var rows: [KeyedEntry] = []
    // Places in `rows` between which something is missing.
    var gaps: [(from: Int, to: Int)] = []
    var orphans: [Orphan]?
    func add(_ page: UInt32, _ cell: FoundCell) {
      let found = pages.entry(page, cell, claims)
      if let found, !setAsideTorn(found, cell, table) { return rows.append(found) }
      gaps.append((rows.count, rows.count))
    }
    for (index, part) in table.parts.enumerated() {
      switch part {
      case .row(let page, let cell): add(page, cell)
      case .leaf(let page): for cell in pages.cells(page) { add(page, cell) }
      case .gap(let page):
        var found: [KeyedEntry] = []
        for cell in page == 0 ? [] : pages.readableCells(page, table.expected) {
          guard let entry = pages.entry(page, cell, claims), !setAsideTorn(entry, cell, table) else { continue }
          found.append(entry)
        }
        if orphans == nil { orphans = self.orphans(table, claims) }
        let after = next(after: index, table, claims)
        let last = rows.last
        func isFitting(_ entry: KeyedEntry) -> Bool {
          (last.map { isBefore($0, entry, table) } ?? true) && (after.map { isBefore(entry, $0, table) } ?? true)
        }
        // A page that was here has most of its rows here.
        for page in orphans ?? [] where 2 * page.rows.count(where: { isFitting($0.entry) }) >= page.rows.count {
          for (entry, cell) in page.rows where isFitting(entry) && !setAsideTorn(entry, cell, table) {
            found.append(entry)
          }
        }
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

  /// Takes a row that lost sectors cut through; false where it is none.
  private func setAsideTorn(_ entry: KeyedEntry, _ cell: FoundCell, _ table: KeyedTable) -> Bool {
    guard pages.isTorn(entry, cell) else { return false }
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
      case .row(let page, let cell): if let entry = pages.entry(page, cell, claims) { return entry }
      case .leaf(let page): if let cell = pages.cells(page).first { return pages.entry(page, cell, claims) }
      case .gap: continue
      }
    }
    return nil
  }

  /// What a table's records look like, with what the leaves that are left of it show beyond the types of its columns.
  private func learned(_ table: KeyedTable) -> ExpectedRecord {
    var expected = table.expected
    for number in table.parts.lazy.compactMap(\.leaf).prefix(Self.sampledLeaves) {
      guard let page = file.original(number) else { continue }
      for cell in pages.cells(number) {
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

  /// A page that nothing points to.
  private struct Orphan {
    /// Its rows of which the overflow chain is whole.
    let rows: [(entry: KeyedEntry, cell: FoundCell)]
  }

  /// The pages that nothing points to and whose rows are such as the table mostly holds.
  private func orphans(_ table: KeyedTable, _ claims: PageClaimTable) -> [Orphan] {
    var found: [Orphan] = []
    guard file.filePages > 1 else { return [] }
    let expected = learned(table)
    for page in 2...file.filePages where claims.isFree(page) {
      let facts = survey[page]
      guard facts.form == .indexLeaf || facts.form == .indexInterior, facts.isSound,
        pages.accepts(page, table.expected), let content = file.original(page)
      else { continue }
      let cells = pages.cells(page)
      guard 2 * cells.count(where: { expected.isUsual(content, $0) }) > cells.count else { continue }
      found.append(Orphan(rows: cells.compactMap { cell in pages.entry(page, cell, claims).map { ($0, cell) } }))
    }
    return found
  }
}
