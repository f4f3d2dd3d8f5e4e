import MendKit

/// What is left of a table's b-tree: its leaves in the order of their rowids, with the gaps between them.
struct SalvagedTable {
  /// A leaf, or the place where one was.
  struct Slot {
    enum State {
      /// As it should be.
      case sound
      /// Some cells can be read.
      case damaged
      /// The page is not one of this tree any more. Its content may still be in other places of the file.
      case lost
    }

    var state: State
    /// The page; 0 where it belongs to something else.
    var page: UInt32
    /// The rowids here are greater than this, where it is known,
    var above: Int64?
    /// and at most this.
    var atMost: Int64?
    /// Whether the page was put here, rather than found here.
    var isPlaced = false

    func holds(_ rowid: Int64) -> Bool { rowid > above ?? Int64.min && rowid <= atMost ?? Int64.max }
    func holds(_ first: Int64, _ last: Int64) -> Bool {
      (above.map { first > $0 } ?? true) && (atMost.map { last <= $0 } ?? true)
    }
  }

  let name: String
  let number: Int32
  var root: UInt32
  let expected: ExpectedRecord
  var slots: [Slot] = []
  /// Interior pages, the root among them.
  var interior: [UInt32] = []
  /// Whether the tree's pages must be arranged anew.
  var needsRebuild = false
  var tally = RowTally()
  /// The largest rowid that an index of the table holds; nil where none says.
  var largestRowid: Int64?

  var hasGap: Bool { slots.contains { $0.state == .lost } }
}

/// Walks a table's b-tree down from its root, as far as its pages are in order.
struct TableSurvey {
  let file: SalvageFile
  let survey: FileSurvey

  private static let deepest = 20

  func walk(_ table: inout SalvagedTable, _ claims: inout PageClaimTable) {
    visit(table.root, above: nil, atMost: nil, level: 1, &table, &claims)
  }

  private func visit(
    _ page: UInt32, above: Int64?, atMost: Int64?, level: Int, _ table: inout SalvagedTable,
    _ claims: inout PageClaimTable
  ) {
    var slot = SalvagedTable.Slot(state: .lost, page: 0, above: above, atMost: atMost)
    let facts = survey[page]
    guard claims.isFree(page), level <= Self.deepest else { return lose(slot, &table) }
    switch facts.form {
    case .tableLeaf:
      slot.state = isAnothers(page, facts, table.expected) ? .lost : state(page, facts, slot)
      guard slot.state != .lost else { return lose(slot, &table) }
      _ = claims.claim(page, for: table.number)
      slot.page = page
      if slot.state != .sound || facts.cells == 0 && level > 1 { table.needsRebuild = true }
      // An empty leaf below a root holds nothing and is no page that SQLite makes.
      if facts.cells > 0 || level == 1 || slot.state != .sound { table.slots.append(slot) }
    case .tableInterior where facts.isSound && slot.holds(facts.first, facts.last):
      _ = claims.claim(page, for: table.number)
      table.interior.append(page)
      if !facts.isTidy { table.needsRebuild = true }
      children(page, slot, level: level, &table, &claims)
    case .other, .zeros:
      // What stood here is gone, but for single cells perhaps.
      _ = claims.claim(page, for: table.number)
      slot.page = page
      lose(slot, &table)
    case .tableInterior where !facts.isSound:
      _ = claims.claim(page, for: table.number)
      table.interior.append(page)
      table.needsRebuild = true
      let damaged = DamagedInterior(file: file, survey: survey)
      guard let children = damaged.children(page, above: above, atMost: atMost) else { return lose(slot, &table) }
      for child in children {
        visit(child.page, above: child.above, atMost: child.atMost, level: level + 1, &table, &claims)
      }
    default: lose(slot, &table)
    }
  }

  private func lose(_ slot: SalvagedTable.Slot, _ table: inout SalvagedTable) {
    table.slots.append(slot)
    table.needsRebuild = true
  }

  /// Rows of a leaf that are looked at.
  private static let sampledRows = 8

  /// Whether a leaf that is in order holds rows that the table could not: more than a few changed bytes make of its own.
  private func isAnothers(_ number: UInt32, _ facts: PageFacts, _ expected: ExpectedRecord) -> Bool {
    guard facts.isSound, facts.cells > 0, !expected.columns.isEmpty, let page = file.original(number),
      let header = BTreePage(page, number: number)
    else { return false }
    func foreign(step: Int) -> Int {
      stride(from: 0, to: header.cellCount, by: step).count { index in
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry) else { return false }
        return !expected.accepts(page, cell)
      }
    }
    guard foreign(step: max(1, header.cellCount / Self.sampledRows)) > 0 else { return false }
    let count = foreign(step: 1)
    return count * 2 > header.cellCount || count > 1 + header.cellCount / 8
  }

  /// Whether a leaf belongs where it was found.
  private func state(_ page: UInt32, _ facts: PageFacts, _ slot: SalvagedTable.Slot) -> SalvagedTable.Slot.State {
    if facts.isSound, facts.cells == 0 || slot.holds(facts.first, facts.last) {
      return facts.isTidy ? .sound : .damaged
    }
    guard facts.isSound, let content = file.original(page), let header = BTreePage(content, number: page) else {
      return .damaged
    }
    // One rowid that is out of order is damage; a page of other rowids is another page.
    var within = 0
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: .tableLeaf, geometry: file.geometry) else { break }
      if slot.holds(cell.rowid) { within += 1 }
    }
    return within * 2 > header.cellCount ? .damaged : .lost
  }

  private func children(
    _ page: UInt32, _ slot: SalvagedTable.Slot, level: Int, _ table: inout SalvagedTable,
    _ claims: inout PageClaimTable
  ) {
    guard let content = file.original(page), let header = BTreePage(content, number: page) else { return }
    var above = slot.above
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: .tableInterior, geometry: file.geometry) else {
        continue
      }
      visit(content.big32(at), above: above, atMost: cell.rowid, level: level + 1, &table, &claims)
      above = cell.rowid
    }
    visit(
      header.rightChild(content), above: above, atMost: slot.atMost, level: level + 1, &table, &claims)
  }
}
