import MendKit

/// What indexes say of rows, and what becomes of those that they refute or that nothing places.
extension Salvager {
  /// Reads what indexes say of the rows that may stand in the gaps of their tables, or on a root that is a leaf.
  func readEvidence() {
    let doubtful = tables.indices.filter { place in
      tables[place].slots.contains { $0.state != .sound || $0.page == tables[place].root }
    }
    let gaps = doubtful.filter { place in tables[place].slots.contains { $0.state != .sound } }
    let indexed = Set(gaps.map { ASCII.lowered(tables[$0].name) })
    let broken = Set(remains.map(\.name))
    if objects.contains(where: {
      $0.type == "index" && broken.contains($0.name) && indexed.contains(ASCII.lowered($0.table))
    }) {
      pagesOfRemains = remainingPages()
    }
    for place in doubtful {
      let root = tables[place].root
      let places = tables[place].slots.filter { $0.state != .sound || $0.page == root }
      guard let found = readEvidence(place, GapRanges(places: places)) else { continue }
      evidence[place] = found
    }
  }

  /// What the indexes of a table say of some rows; nil where there is none that holds every row. `row` finds rows that tell
  /// whether an index is the table's: those of the table, when nothing is said.
  func readEvidence(
    _ place: Int, _ missing: GapRanges, row: ((Int64) -> (UnsafeRawPointer, FoundCell)?)? = nil
  ) -> IndexEvidence? {
    let table = tables[place]
    guard let layout = memory.flatMap({ RowLayout(table.name, in: $0) }) else { return nil }
    var candidates = (wholeIndexes[ASCII.lowered(table.name)] ?? []).compactMap { name, number in
      layout.indexes[name].map { IndexEvidence.Index(layout: $0, pages: claims.pages(of: number)) }
    }
    for index in remains {
      guard let pages = pagesOfRemains[index.name], !pages.isEmpty, let layout = layout.indexes[index.name] else {
        continue
      }
      candidates.append(IndexEvidence.Index(layout: layout, pages: pages, isWhole: false))
    }
    guard !candidates.isEmpty else { return nil }
    let finder = RowFinder(file, survey, table)
    return IndexEvidence(file, candidates, missing: missing) { rowid in
      row.map { $0(rowid) } ?? finder.row(rowid).map { ($0.page, $0.cell) }
    }
  }

  /// The parts of a table with what indexes and a backup know of its gaps.
  func filled(_ place: Int, _ parts: [TableRebuild.Part], _ fill: GapFill) -> [TableRebuild.Part] {
    let table = tables[place]
    guard table.needsRebuild else { return parts }
    var found: Set<Int64> = []
    for case .cells(let cells) in parts { found.formUnion(cells.lazy.map(\.rowid)) }
    var torn: [Int64] = []
    for slot in table.slots {
      guard let offsets = broken[slot.page], let page = file.original(slot.page) else { continue }
      torn += offsets.compactMap { FoundCell.read(page, at: $0, kind: .tableLeaf, geometry: file.geometry)?.rowid }
    }
    let missing = GapRanges(table.slots, broken: torn, found: found)
    guard !missing.isEmpty else { return parts }
    guard let layout = memory.flatMap({ RowLayout(table.name, in: $0) }) else {
      fill.tell(missing, of: table.name)
      tables[place].tally.lostRanges = missing.lost
      return parts
    }
    let known = torn.isEmpty && evidence[place]?.isCutShort == false ? evidence[place] : readEvidence(place, missing)
    let filled = fill.fill(
      &tables[place], parts, missing, layout, known ?? IndexEvidence(file, [], missing: missing) { _ in nil }, survey)
    // Where an index says that no row is missing, the page that is lost held none, or all of them were found.
    let tally = tables[place].tally
    if tally.lost != 0 || tally.fromIndex + tally.fromBackup > 0 { fill.tell(missing, of: table.name) }
    return filled
  }

  /// Lets go of roots that are leaves of other tables: small tables' pages that changed places are told by the indexes alone.
  func releaseExchangedRoots() {
    let isDoubtful = tables.indices.map { place in
      tables[place].hasGap || tables[place].slots.count == 1 && count(place, tables[place].root).speaksAgainst
    }
    for place in tables.indices {
      let table = tables[place]
      guard table.slots.count == 1, table.slots[0].state == .sound, table.slots[0].page == table.root, table.root > 1,
        !count(place, table.root).speaksFor,
        tables.indices.contains(where: {
          $0 != place && isDoubtful[$0] && count($0, table.root).speaksFor
        })
      else { continue }
      claims.release(table.root)
      tables[place].slots = [SalvagedTable.Slot(state: .lost, page: 0)]
      tables[place].needsRebuild = true
    }
  }

  private func count(_ place: Int, _ page: UInt32) -> IndexEvidence.RowCounts {
    evidence[place]?.count(page) ?? IndexEvidence.RowCounts()
  }

  /// The index that says that a row is not in its table, or not with these values; nil where none does.
  func refutation(_ place: Int, _ page: UnsafeRawPointer, _ cell: FoundCell) -> String? {
    guard case .refuted(by: let name) = evidence[place]?.verdict(page, cell) else { return nil }
    return name
  }

  /// Why a row that was found on a damaged page is not to be trusted; nil where nothing speaks against it.
  func distrust(_ place: Int, _ number: UInt32, _ page: UnsafeRawPointer, _ cell: FoundCell) -> String? {
    if let name = refutation(place, page, cell) { return "index \(name) does not hold it" }
    guard let chain = cell.isSpilled ? OverflowChain(file, cell).pages(claims) : [],
      TornRow(file: file, survey: survey).isTorn(page, number, cell, chain)
    else { return nil }
    return TornRow.reason
  }

  /// Takes the rows that an index refutes out of the leaves that were put into a table's gaps.
  func setAsideRefuted(_ place: Int) {
    guard evidence[place]?.indexes.isEmpty == false else { return }
    for slot in tables[place].slots where slot.isPlaced && slot.state == .sound {
      guard let page = file.original(slot.page), let header = BTreePage(page, number: slot.page) else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard broken[slot.page]?.contains(at) != true,
          let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          let refuted = refutation(place, page, cell)
        else { continue }
        broken[slot.page, default: []].insert(at)
        setAside(slot.page, index, page, cell, place, because: "index \(refuted) does not hold it")
      }
    }
  }

  func setAside(
    _ number: UInt32, _ index: Int, _ page: UnsafeRawPointer, _ cell: FoundCell, _ place: Int, because reason: String
  ) {
    var chain: [UInt32] = []
    if cell.isSpilled {
      guard let pages = OverflowChain(file, cell).pages(claims, owner: tables[place].number) else { return }
      chain = pages
      for link in chain { claims.release(link) }
    }
    tables[place].tally.setAside += 1
    strays.add(
      StrayRow(
        page: number, cell: index, rowid: cell.rowid, record: OverflowChain(file, cell).payload(page, chain),
        table: tables[place].name, reason: reason))
  }

  /// Makes tables of the rows that no other table takes.
  func buildLostAndFound(_ rebuild: TableRebuild, _ outcome: inout RepairOutcome) {
    let writer = PayloadWriter(file: file)
    for table in strays.tables(besides: Set(objects.map { ASCII.lowered($0.name) })) {
      let root = file.allocate()
      let cells = table.rows.enumerated().map { index, row in
        TableRebuild.LeafCell(
          bytes: writer.cell(rowid: Int64(index) + 1, payload: strays.payload(row)), rowid: Int64(index) + 1)
      }
      rebuild.build(root: root, [.cells(cells)])
      objects.append(
        SchemaObject(
          type: "table", name: table.name, table: table.name, root: root, sql: table.sql,
          rowid: (objects.map(\.rowid).max() ?? 0) &+ 1, record: [], isRewritten: true))
      outcome.rows[table.name] = RowTally(setAside: table.rows.count)
      notes.append("\(table.rows.count) rows that no table could take stand in \(table.name)")
    }
    if strays.left > 0 { notes.append("\(strays.left) more rows that no table could take were left out") }
  }
}

extension SalvagedTable {
  /// The row of a rowid on a leaf that is in order; nil where there is none.
  func row(_ rowid: Int64, _ file: SalvageFile) -> (page: UnsafeRawPointer, cell: FoundCell)? {
    guard let slot = slots.first(where: { $0.state == .sound && $0.holds(rowid) }), let page = file.original(slot.page),
      let header = BTreePage(page, number: slot.page)
    else { return nil }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry) else { return nil }
      if cell.rowid == rowid { return (page, cell) }
    }
    return nil
  }
}
