import MendKit

/// Walks the b-trees of tables without rowid, as far as their pages are in order and stand where their keys belong.
struct KeyedSurvey {
  let pages: KeyedPages

  private static let deepest = 20

  func walk(_ table: KeyedTable, _ claims: inout PageClaimTable) {
    visit(table.root, Bounds(), level: 1, table, &claims)
  }

  /// The rows between which those of a page stand.
  private struct Bounds {
    var above: KeyedEntry?
    var below: KeyedEntry?
  }

  private func visit(
    _ page: UInt32, _ bounds: Bounds, level: Int, _ table: KeyedTable, _ claims: inout PageClaimTable
  ) {
    let facts = pages.survey[page]
    guard level <= Self.deepest, claims.isFree(page) else {
      table.isBroken = true
      return table.parts.append(.gap(page: 0))
    }
    switch facts.form {
    case .indexLeaf where facts.isSound:
      guard pages.accepts(page, table.expected), isWithin(page, bounds, table, claims) else { return lose(0, table) }
      _ = claims.claim(page, for: table.number)
      let entries = pages.cells(page).filter { !$0.isSpilled }.map { pages.entry(page, $0, claims) }
      if !facts.isTidy || !areAscending(entries, table) || pages.hasTorn(page, claims) { table.isBroken = true }
      table.parts.append(.leaf(page))
    case .indexInterior where facts.isSound:
      guard pages.accepts(page, table.expected), isWithin(page, bounds, table, claims) else { return lose(0, table) }
      _ = claims.claim(page, for: table.number)
      table.interior.append(page)
      if !facts.isTidy { table.isBroken = true }
      children(page, bounds, level: level, table, &claims)
    case .other,
      .zeros,
      .indexLeaf where !facts.isSound,
      .indexInterior where !facts.isSound:
      _ = claims.claim(page, for: table.number)
      lose(page, table)
    default: lose(0, table)
    }
  }

  private func children(
    _ page: UInt32, _ bounds: Bounds, level: Int, _ table: KeyedTable, _ claims: inout PageClaimTable
  ) {
    guard let content = pages.file.original(page), let header = BTreePage(content, number: page) else { return }
    var between = bounds
    let cells = pages.cells(page)
    let entries = cells.map { pages.entry(page, $0, claims) }
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
  }

  private func lose(_ page: UInt32, _ table: KeyedTable) {
    table.isBroken = true
    table.parts.append(.gap(page: page))
  }

  /// Whether most rows of a page stand where its parents say. Of one whose neighbour's key was changed, some do not.
  private func isWithin(_ page: UInt32, _ bounds: Bounds, _ table: KeyedTable, _ claims: PageClaimTable) -> Bool {
    let cells = pages.cells(page)
    guard let first = cells.first, let last = cells.last else { return true }
    func isOutside(_ cell: FoundCell) -> Bool {
      guard let entry = pages.entry(page, cell, claims) else { return false }
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

  private func isBefore(_ one: KeyedEntry, _ other: KeyedEntry, _ table: KeyedTable) -> Bool {
    table.isBefore(one.record, other.record, pages.file.encoding)
  }
}
