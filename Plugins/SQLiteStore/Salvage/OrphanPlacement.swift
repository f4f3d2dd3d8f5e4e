import MendKit

/// Puts leaves that nothing points to any more back where the rowids around a gap, their own rowids and the shape of their
/// records say that they were.
struct OrphanPlacement {
  let file: SalvageFile
  let survey: FileSurvey
  /// What the indexes of some tables say, by the table.
  let evidence: [Int: IndexEvidence]
  /// Whether the definitions of all tables are known.
  let isSchemaWhole: Bool
  /// Whether all free pages are known.
  let isFreelistWhole: Bool

  /// A leaf that nothing points to.
  struct Orphan {
    let page: UInt32
    let first: Int64
    let last: Int64
  }

  /// A gap of a tree.
  private struct Gap {
    let table: Int
    let slot: Int
    let above: Int64
    let atMost: Int64
  }

  /// Fills the gaps. The pages that fit nowhere stay unclaimed.
  func place(_ tables: inout [SalvagedTable], _ claims: inout PageClaimTable) {
    let gaps = tables.indices.flatMap { table in
      tables[table].slots.indices.compactMap { slot -> Gap? in
        let place = tables[table].slots[slot]
        guard place.state == .lost else { return nil }
        return Gap(
          table: table, slot: slot, above: place.above ?? Int64.min, atMost: place.atMost ?? Int64.max)
      }
    }
    guard !gaps.isEmpty else { return }
    var found: [Int: [Orphan]] = [:]
    var owners: [UInt32: Int] = [:]
    var given: [Int: GivenLeaves] = [:]
    var undecided: [(orphan: Orphan, gaps: [Int])] = []
    let origins = OrphanOrigins(file, survey, tables, claims)
    let orphans = orphans(claims)
    let copies = copies(among: orphans, tables)
    let places = orphans.map { ($0, fitting($0, gaps, tables, origins, isCopy: copies.contains($0.page))) }
    for (orphan, fitting) in together(places, gaps, origins) {
      let page = orphan.page
      guard !fitting.isEmpty else { continue }
      guard Set(fitting.map { gaps[$0].table }).count == 1 else {
        undecided.append((orphan, fitting))
        continue
      }
      owners[page] = gaps[fitting[0]].table
      given[gaps[fitting[0]].table, default: GivenLeaves()].add(orphan.first, orphan.last)
      if let gap = narrowest(fitting, gaps) { found[gap, default: []].append(orphan) }
    }
    // What fits one table alone tells where the pages of that table stand.
    var families: [UInt32: Int] = [:]
    for (orphan, fitting) in undecided {
      let candidates = Set(
        fitting.map { gaps[$0].table }.filter { given[$0]?.overlaps(orphan.first, orphan.last) != true })
      let family = origins.families[orphan.page]
      guard
        let table = family.flatMap({ families[$0] }).flatMap({ candidates.contains($0) ? $0 : nil })
          ?? following(orphan.first, candidates, given, tables) ?? mostTyped(candidates, tables)
          ?? neighbour(of: orphan.page, candidates, owners, tables, claims)
      else { continue }
      if let family { families[family] = table }
      owners[orphan.page] = table
      given[table, default: GivenLeaves()].add(orphan.first, orphan.last)
      if let gap = narrowest(fitting.filter { gaps[$0].table == table }, gaps) {
        found[gap, default: []].append(orphan)
      }
    }
    // From the last slot of a table to the first, so that the places before stay as they are.
    for index in gaps.indices.sorted(by: { (gaps[$0].table, gaps[$0].slot) > (gaps[$1].table, gaps[$1].slot) }) {
      guard let orphans = found[index] else { continue }
      fill(gaps[index], orphans, &tables, &claims)
    }
  }

  /// The leaves that nothing points to.
  private func orphans(_ claims: PageClaimTable) -> [Orphan] {
    (1...file.filePages).compactMap { page in
      let facts = survey[page]
      guard claims.isFree(page), facts.form == .tableLeaf, facts.isSound, facts.cells > 0 else { return nil }
      return Orphan(page: page, first: facts.first, last: facts.last)
    }
  }

  /// Leaves with the gaps that they fit, but for those of tables in which others of the same family have no place.
  private func together(
    _ found: [(orphan: Orphan, gaps: [Int])], _ gaps: [Gap], _ origins: OrphanOrigins
  ) -> [(orphan: Orphan, gaps: [Int])] {
    var common: [UInt32: Set<Int>] = [:]
    for (orphan, fitting) in found where !fitting.isEmpty {
      guard let family = origins.families[orphan.page] else { continue }
      let tables = Set(fitting.map { gaps[$0].table })
      common[family] = common[family].map { $0.intersection(tables) } ?? tables
    }
    return found.map { orphan, fitting in
      guard let tables = origins.families[orphan.page].flatMap({ common[$0] }), !tables.isEmpty else {
        return (orphan, fitting)
      }
      return (orphan, fitting.filter { tables.contains(gaps[$0].table) })
    }
  }

  /// The gaps that a leaf may have been in: those of the table whose indexes prove its rows, if there is one; else those of
  /// tables that can hold its rows and whose indexes, if any speaks, do not refute all of them.
  private func fitting(
    _ orphan: Orphan, _ gaps: [Gap], _ tables: [SalvagedTable], _ origins: OrphanOrigins, isCopy: Bool
  ) -> [Int] {
    var proofs: [Int: Int] = [:]
    var fitting = gaps.indices.filter { index in
      let gap = gaps[index]
      return tables[gap.table].slots[gap.slot].holds(orphan.first, orphan.last)
        && orphan.last <= tables[gap.table].largestRowid ?? Int64.max && fits(orphan.page, tables[gap.table].expected)
    }
    var refuted: Set<Int> = []
    for table in Set(fitting.map { gaps[$0].table }) {
      guard let counts = evidence[table]?.count(orphan.page) else { continue }
      if counts.speaksFor { proofs[table] = counts.proved } else if counts.speaksAgainst { refuted.insert(table) }
    }
    if let best = proofs.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) {
      return fitting.filter { gaps[$0].table == best.key }
    }
    fitting.removeAll { refuted.contains(gaps[$0].table) }
    let told = fitting.filter { gaps[$0].table == origins.tables[orphan.page] }
    guard told.isEmpty else { return told }
    // Nothing but its shape speaks for it, and its rows have their place.
    guard !isCopy else { return [] }
    // What may have been deleted fills no gap for its shape alone.
    guard isFreelistWhole || origins.families[orphan.page] != nil else { return [] }
    // A leaf may be of a table whose definition is lost; that it fits one of which nothing is left, or whose pages are
    // elsewhere, is no sign then.
    if !isSchemaWhole {
      fitting.removeAll { index in
        let place = tables[gaps[index].table].slots[gaps[index].slot]
        return place.above == nil && place.atMost == nil
          || !origins.isAmid(orphan.page, tables[gaps[index].table].number)
      }
    }
    // Values that a column of its type mostly holds tell tables apart; rows from before columns were added lack some.
    let usual = fitting.filter { isUsual(orphan.page, tables[gaps[$0].table].expected) }
    guard usual.isEmpty else { return usual }
    guard !tables.contains(where: { isUsual(orphan.page, $0.expected) }) else { return [] }
    let partly = fitting.filter { isUsual(orphan.page, tables[gaps[$0].table].expected, isWhole: false) }
    return partly.isEmpty ? fitting : partly
  }

  /// Whether every record of a leaf has what is usual in a table.
  private func isUsual(_ page: UInt32, _ expected: ExpectedRecord, isWhole: Bool = true) -> Bool {
    guard !expected.columns.isEmpty, let content = file.original(page), let header = BTreePage(content, number: page)
    else {
      return false
    }
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: .tableLeaf, geometry: file.geometry),
        expected.accepts(content, cell), expected.isUsual(content, cell, isWhole: isWhole)
      else { return false }
    }
    return true
  }

  /// Whether every record of a leaf is one that the table could hold.
  private func fits(_ page: UInt32, _ expected: ExpectedRecord) -> Bool {
    guard let content = file.original(page), let header = BTreePage(content, number: page) else { return false }
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: .tableLeaf, geometry: file.geometry),
        expected.accepts(content, cell)
      else { return false }
    }
    return true
  }

  /// The table whose leaves so far a leaf goes on from; of several, the one of which most is known.
  private func following(
    _ first: Int64, _ candidates: Set<Int>, _ given: [Int: GivenLeaves], _ tables: [SalvagedTable]
  ) -> Int? {
    let following = candidates.filter { given[$0]?.ends(before: first) == true }
    return following.count == 1 ? following.first : mostTyped(following, tables)
  }

  /// The table of whose columns most is known, if there is one: what fits where every value is usual may fit elsewhere because
  /// anything does there.
  private func mostTyped(_ candidates: Set<Int>, _ tables: [SalvagedTable]) -> Int? {
    let most = candidates.map { tables[$0].expected.typedColumns }.max()
    let typed = candidates.filter { tables[$0].expected.typedColumns == most }
    return typed.count == 1 ? typed.first : nil
  }

  /// The table, of several, whose pages stand next to a page: a table's pages are mostly allocated one after the other.
  private func neighbour(
    of page: UInt32, _ candidates: Set<Int>, _ owners: [UInt32: Int], _ tables: [SalvagedTable],
    _ claims: PageClaimTable
  ) -> Int? {
    let numbers = Dictionary(candidates.map { (tables[$0].number, $0) }) { first, _ in first }
    func owner(_ page: UInt32) -> Int? {
      if let table = owners[page] { return candidates.contains(table) ? table : nil }
      return numbers[claims[page]]
    }
    for distance in 1...1024 as ClosedRange<UInt32> {
      let before = page > distance ? owner(page - distance) : nil
      let after = owner(page + distance)
      if let found = before ?? after, before == nil || after == nil || before == after { return found }
    }
    return nil
  }

  /// Of several gaps of one table the narrowest.
  private func narrowest(_ fitting: [Int], _ gaps: [Gap]) -> Int? {
    fitting.min { width(gaps[$0]) < width(gaps[$1]) }
  }

  private func width(_ gap: Gap) -> UInt64 { UInt64(bitPattern: gap.atMost &- gap.above) }

  /// Puts leaves into a gap, in the order of their rowids; what lies between them stays a gap.
  private func fill(
    _ gap: Gap, _ orphans: [Orphan], _ tables: inout [SalvagedTable], _ claims: inout PageClaimTable
  ) {
    let place = tables[gap.table].slots[gap.slot]
    var slots: [SalvagedTable.Slot] = []
    var above = place.above
    for orphan in apart(orphans) {
      guard claims.claim(orphan.page, for: tables[gap.table].number) else { continue }
      // A gap before the leaf is kept where rows may have been, with the page that stood there.
      if isGap(above, orphan.first) {
        slots.append(SalvagedTable.Slot(state: .lost, page: 0, above: above, atMost: orphan.first - 1))
      }
      slots.append(
        SalvagedTable.Slot(
          state: survey[orphan.page].isTidy ? .sound : .damaged, page: orphan.page, above: above, atMost: orphan.last,
          isPlaced: true))
      above = orphan.last
    }
    let isEnd = place.atMost.map { above == $0 } ?? false
    if !isEnd || place.page != 0 {
      slots.append(
        SalvagedTable.Slot(state: .lost, page: place.page, above: above, atMost: place.atMost))
    }
    tables[gap.table].slots.replaceSubrange(gap.slot...gap.slot, with: slots)
  }

  private func isGap(_ above: Int64?, _ first: Int64) -> Bool {
    guard let above else { return first > Int64.min }
    return first &- above > 1
  }

  /// Of leaves those that together hold most rows, no two of them the same rowids, in their order: of two that overlap one is
  /// a copy, an older state of the page, or another table's.
  private func apart(_ orphans: [Orphan]) -> [Orphan] {
    let sorted = orphans.sorted { ($0.last, $0.page) < ($1.last, $1.page) }
    // The most rows of the leaves up to each, and how many of them end before it begins.
    var most = [0]
    var before: [Int] = []
    for orphan in sorted {
      let place = sorted[..<before.count].partitioningIndex { $0.last >= orphan.first }
      before.append(place)
      most.append(max(most[most.count - 1], most[place] + Int(survey[orphan.page].cells)))
    }
    var result: [Orphan] = []
    var end = sorted.count
    while end > 0 {
      guard most[end] > most[end - 1] else {
        end -= 1
        continue
      }
      result.append(sorted[end - 1])
      end = before[end - 1]
    }
    return result.reversed()
  }
}
