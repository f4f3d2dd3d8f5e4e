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

  /// A leaf that nothing points to.
  private struct Orphan {
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
    var given: [Int: Given] = [:]
    var undecided: [(orphan: Orphan, gaps: [Int])] = []
    for page in 1...file.filePages where claims.isFree(page) {
      let facts = survey[page]
      guard facts.form == .tableLeaf, facts.isSound, facts.cells > 0 else { continue }
      let orphan = Orphan(page: page, first: facts.first, last: facts.last)
      let fitting = fitting(orphan, gaps, tables)
      guard !fitting.isEmpty else { continue }
      guard Set(fitting.map { gaps[$0].table }).count == 1 else {
        undecided.append((orphan, fitting))
        continue
      }
      owners[page] = gaps[fitting[0]].table
      given[gaps[fitting[0]].table, default: Given()].add(orphan.first, orphan.last)
      if let gap = narrowest(fitting, gaps) { found[gap, default: []].append(orphan) }
    }
    // What fits one table alone tells where the pages of that table stand.
    for (orphan, fitting) in undecided {
      let candidates = Set(
        fitting.map { gaps[$0].table }.filter { given[$0]?.overlaps(orphan.first, orphan.last) != true })
      guard
        let table = following(orphan.first, candidates, given, tables) ?? mostTyped(candidates, tables)
          ?? neighbour(of: orphan.page, candidates, owners, tables, claims)
      else { continue }
      owners[orphan.page] = table
      given[table, default: Given()].add(orphan.first, orphan.last)
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

  /// The gaps that a leaf may have been in: those of the table whose indexes prove its rows, if there is one; else those of
  /// tables that can hold its rows and whose indexes, if any speaks, do not refute all of them.
  private func fitting(_ orphan: Orphan, _ gaps: [Gap], _ tables: [SalvagedTable]) -> [Int] {
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
    // A leaf may be of a table whose definition is lost; that it fits one of which nothing is left is no sign then.
    if !isSchemaWhole {
      fitting.removeAll { index in
        let place = tables[gaps[index].table].slots[gaps[index].slot]
        return place.above == nil && place.atMost == nil
      }
    }
    // Values that a column of its type mostly holds tell tables apart.
    let usual = fitting.filter { isUsual(orphan.page, tables[gaps[$0].table].expected) }
    guard usual.isEmpty else { return usual }
    return tables.contains { isUsual(orphan.page, $0.expected) } ? [] : fitting
  }

  /// Whether every record of a leaf has what is usual in a table.
  private func isUsual(_ page: UInt32, _ expected: ExpectedRecord) -> Bool {
    guard !expected.columns.isEmpty, let content = file.original(page), let header = BTreePage(content, number: page)
    else {
      return false
    }
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: .tableLeaf, geometry: file.geometry),
        expected.accepts(content, cell), expected.isUsual(content, cell)
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

  /// The rowids of the leaves that a table was given, in their order.
  private struct Given {
    private var firsts: [Int64] = []
    private var lasts: [Int64] = []

    private func place(of first: Int64) -> Int {
      var low = 0
      var high = firsts.count
      while low < high {
        let middle = (low + high) / 2
        if firsts[middle] <= first { low = middle + 1 } else { high = middle }
      }
      return low
    }

    mutating func add(_ first: Int64, _ last: Int64) {
      let place = place(of: first)
      firsts.insert(first, at: place)
      lasts.insert(last, at: place)
    }

    func overlaps(_ first: Int64, _ last: Int64) -> Bool {
      let place = place(of: first)
      return place > 0 && lasts[place - 1] >= first || place < firsts.count && firsts[place] <= last
    }

    /// Whether one of them ends right before a rowid.
    func ends(before first: Int64) -> Bool {
      let place = place(of: first)
      return place > 0 && lasts[place - 1] == first &- 1
    }
  }

  /// The table whose leaves so far a leaf goes on from; of several, the one of which most is known.
  private func following(
    _ first: Int64, _ candidates: Set<Int>, _ given: [Int: Given], _ tables: [SalvagedTable]
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

  /// The leaves of which no two hold the same rowids, in their order. Of two that overlap the one with more rows stays: the
  /// other is a copy, or an older state of the page.
  private func apart(_ orphans: [Orphan]) -> [Orphan] {
    var result: [Orphan] = []
    for orphan in orphans.sorted(by: { ($0.first, $0.page) < ($1.first, $1.page) }) {
      guard let last = result.last, orphan.first <= last.last else {
        result.append(orphan)
        continue
      }
      if survey[orphan.page].cells > survey[last.page].cells { result[result.count - 1] = orphan }
    }
    return result
  }
}
