import MendKit

/// What indexes say of rows, and what becomes of those that they refute or that nothing places.
extension Salvager {
  /// Lets go of roots that are leaves of other tables: small tables' pages that changed places are told by the indexes alone.
  func releaseExchangedRoots(_ evidence: RowEvidence) {
    let isDoubtful = tables.indices.map { place in
      let counts = tables[place].slots.count == 1 ? evidence.count(place, tables[place].root) : (0, 0)
      return tables[place].hasGap || counts.0 == 0 && counts.1 > 0
    }
    for place in tables.indices {
      let table = tables[place]
      guard table.slots.count == 1, table.slots[0].state == .sound, table.slots[0].page == table.root, table.root > 1,
        evidence.count(place, table.root).proved == 0,
        tables.indices.contains(where: {
          $0 != place && isDoubtful[$0] && evidence.count($0, table.root).proved > 0
        })
      else { continue }
      claims.release(table.root)
      tables[place].slots = [SalvagedTable.Slot(state: .lost, page: 0)]
      tables[place].needsRebuild = true
    }
  }

  /// The index that says that a row is not in its table, or not with these values; nil where none does.
  func refutation(_ place: Int, _ page: UnsafeRawPointer, _ cell: FoundCell) -> String? {
    guard let found = evidence?.verdict(place, page, cell), found.verdict == .refuted else { return nil }
    return found.name
  }

  /// Takes the rows that an index refutes out of the leaves that were put into a table's gaps.
  func setAsideRefuted(_ place: Int) {
    guard evidence?.speaks(of: place) == true else { return }
    for slot in tables[place].slots where slot.isPlaced && slot.state == .sound {
      guard let page = file.original(slot.page), let header = BTreePage(page, number: slot.page) else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard broken[slot.page]?.contains(at) != true,
          let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          let refuted = refutation(place, page, cell)
        else { continue }
        broken[slot.page, default: []].insert(at)
        setAside(slot.page, index, page, cell, place, refuted)
      }
    }
  }

  func setAside(
    _ number: UInt32, _ index: Int, _ page: UnsafeRawPointer, _ cell: FoundCell, _ place: Int, _ refuted: String
  ) {
    var chain: [UInt32] = []
    if cell.overflowPage != 0 {
      guard let pages = OverflowChain(file, cell).pages(claims, owner: tables[place].number) else { return }
      chain = pages
      for link in chain { claims.release(link) }
    }
    tables[place].tally.setAside += 1
    strays.add(
      StrayRow(
        page: number, cell: index, rowid: cell.rowid, record: OverflowChain(file, cell).payload(page, chain),
        table: tables[place].name, reason: "index \(refuted) does not hold it"))
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
