import MendKit

/// Gets back what can be read of a damaged database file, in the file itself: leaves that are in order stay as they are, and
/// the trees above them are built anew.
final class Salvager {
  let file: SalvageFile
  let survey: FileSurvey
  let header: SalvageHeader
  var claims: PageClaimTable
  var schema: SalvagedTable
  var objects: [SchemaObject] = []
  /// Whether the schema is built anew of `objects`.
  var writesSchema = false
  var tables: [SalvagedTable] = []
  var keyed: [KeyedTable] = []
  /// Indexes that are not whole, and what is left of them.
  var remains: [IndexRemains] = []
  /// Rows of leaves in order whose overflow chain is not whole: their cells, by page.
  var broken: [UInt32: Set<Int>] = [:]
  /// Whether the freelist has all of the pages that the header counts: else what nothing points to may have been deleted.
  var isFreelistWhole = true
  /// Leaves whose cells are written to other pages.
  private var rewritten: [UInt32] = []
  var notes: [String] = []
  /// The rows of tables without rowid that must be built anew, and what keeps their bytes.
  var keyedRows: [(table: KeyedTable, rows: [KeyedEntry])] = []
  private let keyedPages: KeyedPages
  /// Indexes that are as they should be, by the name of their table in lower case, with their numbers among the owners of pages.
  var wholeIndexes: [String: [(name: String, number: Int32)]] = [:]
  /// The pages that entries of the others stand on, by the index's name.
  var pagesOfRemains: [String: [UInt32]] = [:]
  /// What the indexes of tables say of rows that are missing, by the place of the table.
  var evidence: [Int: IndexEvidence] = [:]
  /// The definitions, as they were tried, in a database in memory.
  let memory = try? Connection.open(copy: ":memory:", create: true)
  /// Rows that no table takes.
  var strays: LostAndFound

  /// Salvages a working copy. What it did is in the outcome.
  static func run(_ path: String, _ aid: SalvageAid = SalvageAid()) throws(Problem) -> RepairOutcome {
    let salvager = try Salvager(path)
    try salvager.readSchema(aid)
    salvager.walk()
    // An empty database would pass every check: that is no repair of one that had content.
    guard !salvager.objects.isEmpty || salvager.hasStrays else {
      throw Problem(
        .damaged, tried: "salvage", on: path, said: "no definition of any table is left in it, and no row",
        advice: "Restore the file from a backup.", code: "schema.malformed")
    }
    var outcome = try salvager.finish(aid)
    if aid.setsAsideRefused { try RefusedRows(path: path).setAside(&outcome) }
    try VirtualRebuild(path: path).run(aid.virtualTables, &outcome)
    return outcome
  }

  private init(_ path: String) throws(Problem) {
    let found = try SalvageHeader.read(path)
    file = try SalvageFile(
      path, pageSize: found.header.pageSize, reservedBytes: found.header.reservedBytes,
      encoding: TextEncoding(rawValue: found.header.textEncoding) ?? .utf8,
      hasPointerMaps: found.header.largestRootPage != 0)
    header = found
    survey = FileSurvey(file)
    keyedPages = KeyedPages(file, survey)
    strays = LostAndFound(file)
    claims = PageClaimTable(pageCount: file.filePages)
    schema = SalvagedTable(name: "sqlite_schema", number: 1, root: 1, expected: .schemaRow)
    let map = PointerMap(pageSize: file.pageSize, usableSize: file.usableSize)
    _ = claims.claim(map.lockBytePage, for: PageClaimTable.Special.lockBytes)
    if found.header.largestRootPage != 0, file.filePages > 1 {
      for page in 2...file.filePages where map.isMap(page) {
        _ = claims.claim(page, for: PageClaimTable.Special.pointerMap)
      }
    }
  }

  // MARK: What is there

  private func walk() {
    let walk = TableSurvey(file: file, survey: survey)
    for index in tables.indices { walk.walk(&tables[index], &claims) }
    for table in keyed { KeyedSurvey(pages: keyedPages).walk(table, &claims) }
    for table in keyed { keyedPages.claimChains(table, &claims) }
    let indexes = IndexSurvey(file: file, survey: survey)
    var number = Int32(tables.count + keyed.count + 2)
    for object in objects where object.type == "index" {
      number += 1
      if object.root > 1, indexes.claim(root: object.root, number: number, &claims) {
        if let table = tables.firstIndex(where: { $0.name == object.table }), tables[table].hasGap,
          // A partial index says nothing of the rows that it leaves out.
          object.sql?.lowercased().contains("where") != true
        {
          tables[table].largestRowid = indexes.largestRowid(number, claims) ?? tables[table].largestRowid
        }
        wholeIndexes[ASCII.lowered(object.table), default: []].append((object.name, number))
        continue
      }
      remains.append(IndexRemains(name: object.name, number: number, root: object.root))
    }
    claimFreelist()
    releaseMisplaced()
    readEvidence()
    releaseExchangedRoots()
    OrphanPlacement(
      file: file, survey: survey, evidence: evidence, isSchemaWhole: isSchemaWhole, isFreelistWhole: isFreelistWhole
    ).place(&tables, &claims)
    let keyedSalvage = KeyedSalvage(keyedPages)
    for table in keyed where table.isBroken { keyedRows.append((table, keyedSalvage.rows(of: table, &claims))) }
    for row in keyedSalvage.torn { strays.add(row) }
  }

  /// Whether rows are left that no table has.
  private var hasStrays: Bool {
    !strays.rows.isEmpty
      || file.filePages > 1
        && (2...file.filePages).contains {
          claims.isFree($0) && survey[$0].form == .tableLeaf && survey[$0].isSound && survey[$0].cells > 0
        }
  }

  // MARK: What becomes of it

  private func finish(_ aid: SalvageAid) throws(Problem) -> RepairOutcome {
    var outcome = RepairOutcome()
    let fill = GapFill(file, objects, aid)
    claimChains(&schema)
    for index in tables.indices { claimChains(&tables[index]) }
    var tableParts: [[TableRebuild.Part]] = []
    for index in tables.indices {
      setAsideRefuted(index)
      setAsideTorn(index)
      let found = parts(of: tables[index], place: index)
      tables[index].tally.lost = found.lost.map { max(0, $0 - tables[index].tally.setAside) }
      tableParts.append(filled(index, found.parts, fill))
    }
    for place in keyedRows.indices {
      let table = keyedRows[place].table
      let indexes = (wholeIndexes[ASCII.lowered(table.name)] ?? []).map { ($0.name, claims.pages(of: $0.number)) }
      keyedRows[place].rows = fill.fill(table, keyedRows[place].rows, indexes, memory)
    }
    strays.gather(survey, tables, claims)
    if !strays.rows.isEmpty { writesSchema = true }
    let schemaParts = writesSchema ? [] : parts(of: schema).parts
    // What belongs to tables and whole indexes is known now.
    collectRemains()
    for table in tables + [schema] where table.needsRebuild {
      // Interior pages are arranged anew; the pages of lost leaves are taken again.
      for page in table.interior + table.slots.filter({ $0.state != .sound }).map(\.page)
      where page != table.root && claims[page] == table.number {
        claims.release(page)
      }
    }
    for page in rewritten { claims.release(page) }
    settleRoots()
    // Tables that come later are in a schema that is written anew anyway.
    if !RootExchange(file, roots: roots).isEmpty { writesSchema = true }
    if writesSchema {
      for page in claims.pages(of: schema.number) where page != 1 { claims.release(page) }
    }
    for (table, rows) in keyedRows {
      let kept = Set(rows.flatMap(\.chain) + [table.root])
      for page in claims.pages(of: table.number) where !kept.contains(page) { claims.release(page) }
    }
    release()
    let rebuild = TableRebuild(file: file)
    for index in tables.indices where tables[index].needsRebuild {
      rebuild.build(root: tables[index].root, tableParts[index])
      outcome.rows[tables[index].name] = tables[index].tally
    }
    for (table, rows) in keyedRows {
      KeyedRebuild(file: file).build(root: table.root, rows)
      outcome.rows[table.name] = table.tally
    }
    buildLostAndFound(rebuild, &outcome)
    let exchange = RootExchange(file, roots: roots)
    let settled = roots
    for index in objects.indices { objects[index].root = exchange.place(of: objects[index].root) }
    if writesSchema {
      rebuild.build(root: 1, [.cells(schemaCells())])
    } else if schema.needsRebuild {
      rebuild.build(root: 1, schemaParts)
    }
    for index in remains { try index.build(in: file) }
    exchange.run(roots: [1] + settled)
    let space = SpaceRebuild(file: file)
    space.run(free: file.free, header: header.isInferred ? header.bytes : nil)
    if header.header.largestRootPage != 0 {
      space.writePointerMaps(roots: [1] + roots, free: file.free)
      file.edit(1).set32(52, roots.max() ?? 1)
    }
    try file.write()
    file.close()
    outcome.notes = notes
    try fill.finish(file.path, &outcome)
    completeIndexes(&outcome)
    return outcome
  }

  /// The roots of tables and indexes besides page 1.
  private var roots: Set<UInt32> { Set(objects.map(\.root).filter { $0 > 1 }) }

  /// Whether the definitions of all tables are known. Where more leaves stand apart than a table for them could be held in memory
  /// for, it is taken for granted.
  private var isSchemaWhole: Bool {
    guard schema.slots.contains(where: { $0.state != .sound }), file.filePages > 1 else { return true }
    let apart = (2...file.filePages).count { claims.isFree($0) && survey[$0].form == .tableLeaf }
    return apart * file.pageSize > LostAndFound.mostBytes / 2
  }

  /// Hands the pages that belong to nothing to what is built next.
  private func release() {
    for page in claims.pages(of: PageClaimTable.Special.freelist) { claims.release(page) }
    for page in stride(from: file.filePages, through: 2, by: -1) where claims.isFree(page) && !file.isReserved(page) {
      file.free.append(page)
    }
  }

  /// Claims the overflow chains of all leaves that are in order, before any other. Rows whose chain is not whole are
  /// remembered.
  private func claimChains(_ table: inout SalvagedTable) {
    for slot in table.slots where slot.state == .sound && survey[slot.page].overflows {
      guard let page = file.original(slot.page), let header = BTreePage(page, number: slot.page) else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          !claimChain(of: cell, table.number)
        else { continue }
        broken[slot.page, default: []].insert(at)
        table.needsRebuild = true
      }
    }
  }

  /// The parts of a table in the order of their rowids.
  private func parts(
    of table: SalvagedTable, place: Int? = nil
  ) -> (parts: [TableRebuild.Part], lost: Int?) {
    var parts: [TableRebuild.Part] = []
    var lost = 0
    var isCounted = true
    for slot in table.slots {
      guard slot.page != 0, let page = file.original(slot.page) else {
        isCounted = false
        continue
      }
      guard slot.state == .sound else {
        isCounted = false
        parts.append(.cells(scan(slot, page, table, place)))
        continue
      }
      if slot.page == table.root || broken[slot.page] != nil {
        lost += (broken[slot.page]?.count ?? 0)
        parts.append(.cells(rows(of: slot.page, page)))
        if slot.page != table.root { rewritten.append(slot.page) }
      } else {
        parts.append(.page(slot.page, last: survey[slot.page].last))
      }
    }
    return (parts, isCounted ? lost : nil)
  }

  /// The cells of a page that is not in order, found one by one.
  private func scan(
    _ slot: SalvagedTable.Slot, _ page: UnsafeRawPointer, _ table: SalvagedTable, _ place: Int?
  ) -> [TableRebuild.LeafCell] {
    let scan = CellScan(
      geometry: file.geometry, pageCount: file.filePages,
      bounds: CellScan.Bounds(above: slot.above, through: slot.atMost), expected: table.expected)
    let found = scan.scan(page, number: slot.page).cells.map(\.place).sorted { $0.rowid < $1.rowid }
    return found.enumerated().compactMap { index, cell in
      if let place, let reason = distrust(place, slot.page, page, cell) {
        setAside(slot.page, index, page, cell, place, because: reason)
        return nil
      }
      return claimChain(of: cell, table.number) ? leafCell(page, cell) : nil
    }
  }

  /// The cells of a leaf that is in order, but for those whose overflow chain is not whole.
  private func rows(of number: UInt32, _ page: UnsafeRawPointer) -> [TableRebuild.LeafCell] {
    guard let header = BTreePage(page, number: number) else { return [] }
    return (0..<header.cellCount).compactMap { index in
      let at = page.big16(header.cellPointers + 2 * index)
      guard broken[number]?.contains(at) != true,
        let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry)
      else { return nil }
      return leafCell(page, cell)
    }
  }

  private func leafCell(_ page: UnsafeRawPointer, _ cell: FoundCell) -> TableRebuild.LeafCell {
    guard !cell.hasDamagedSize else {
      return TableRebuild.LeafCell(bytes: file.keep(cell.resized(page, from: cell.offset)), rowid: cell.rowid)
    }
    return TableRebuild.LeafCell(
      bytes: UnsafeRawBufferPointer(start: page + cell.offset, count: cell.end - cell.offset), rowid: cell.rowid)
  }

  private func claimChain(of cell: FoundCell, _ owner: Int32) -> Bool {
    guard cell.isSpilled else { return true }
    guard let chain = OverflowChain(file, cell).pages(claims) else { return false }
    for page in chain { _ = claims.claim(page, for: owner) }
    return true
  }
}
