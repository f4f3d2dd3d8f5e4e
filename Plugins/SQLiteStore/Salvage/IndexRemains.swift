import MendKit

/// What is left of an index's b-tree of which pages are lost, in the order of its keys.
struct IndexRemains {
  enum Part {
    /// A leaf that stays as it is.
    case leaf(UInt32)
    case entry(page: UInt32, FoundCell)
  }

  let name: String
  let number: Int32
  var root: UInt32
  var parts: [Part] = []
  /// Interior pages, which are let go of.
  var interior: [UInt32] = []

  init(name: String, number: Int32, root: UInt32) {
    self.name = name
    self.number = number
    self.root = root
  }

  /// Arranges the tree anew over what is left, or makes the root an empty leaf.
  func build(in file: SalvageFile) throws(Problem) {
    let sequence = LeafSequence(file, root: root, streams: false)
    for part in parts {
      switch part {
      case .leaf(let page): try sequence.keep(page)
      case .entry(let number, let cell):
        guard let page = file.original(number) else { continue }
        sequence.add(LeafSequence.bytes(of: cell, on: page, number))
      }
    }
    try sequence.finish()
  }
}

extension IndexSurvey {
  /// Claims what can still be read of a tree that is not whole. What is not in its place or not of this index comes out when
  /// the index is held against its table.
  func collect(_ remains: inout IndexRemains, _ claims: inout PageClaimTable) {
    collect(remains.root, level: 1, &remains, &claims)
  }

  /// Likewise, of the part of the tree below a page.
  func collect(
    _ number: UInt32, level: Int, _ remains: inout IndexRemains, _ claims: inout PageClaimTable
  ) {
    let facts = survey[number]
    guard level <= TreeWalker.deepest, facts.isSound, facts.form == .indexLeaf || facts.form == .indexInterior,
      let page = file.original(number), let header = BTreePage(page, number: number),
      claims.claim(number, for: remains.number)
    else { return }
    guard !header.kind.isLeaf || facts.overflows || !facts.isTidy || number == remains.root else {
      if header.cellCount > 0 { remains.parts.append(.leaf(number)) }
      return
    }
    remains.interior.append(number)
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry) else { continue }
      if !header.kind.isLeaf { collect(page.big32(at), level: level + 1, &remains, &claims) }
      if cell.isSpilled {
        guard let chain = OverflowChain(file, cell).pages(claims) else { continue }
        for link in chain { _ = claims.claim(link, for: remains.number) }
      }
      remains.parts.append(.entry(page: number, cell))
    }
    if !header.kind.isLeaf { collect(header.rightChild(page), level: level + 1, &remains, &claims) }
  }
}

extension Salvager {
  /// Collects what is left of indexes that are not whole, whether anything points to it or not.
  func collectRemains() {
    remains = collected(remains, &claims)
    for index in remains {
      for page in index.interior where page != index.root { claims.release(page) }
    }
  }

  /// The pages that entries stand on of indexes that are not whole, by their names. Nothing is claimed for them.
  func remainingPages() -> [String: [UInt32]] {
    var claims = claims
    var pages: [String: [UInt32]] = [:]
    for index in collected(remains, &claims) {
      var found: Set<UInt32> = []
      for part in index.parts {
        switch part {
        case .leaf(let page), .entry(let page, _): found.insert(page)
        }
      }
      pages[index.name] = found.sorted()
    }
    return pages
  }

  private func collected(_ remains: [IndexRemains], _ claims: inout PageClaimTable) -> [IndexRemains] {
    guard !remains.isEmpty else { return [] }
    var remains = remains
    for index in remains.indices { IndexSurvey(file: file, survey: survey).collect(&remains[index], &claims) }
    let names = Set(remains.map(\.name))
    let damaged = Set(objects.filter { $0.type == "index" && names.contains($0.name) }.map { ASCII.lowered($0.table) })
    let layouts = tables.compactMap { table -> (table: SalvagedTable, layout: RowLayout)? in
      guard damaged.contains(ASCII.lowered(table.name)) else { return nil }
      return memory.flatMap { RowLayout(table.name, in: $0) }.map { (table, $0) }
    }
    IndexFragments(file, survey, remains, layouts).place(&remains, &claims)
    return remains
  }

  /// Adds to indexes what they lost. Where that cannot be, they are found wanting, and `reindex` says why.
  func completeIndexes(_ outcome: inout RepairOutcome) {
    let names = remains.map(\.name)
    guard !names.isEmpty, let copy = try? SQLiteWorkingCopy(file.path) else { return }
    defer { try? copy.close() }
    guard let completed = try? copy.rebuildIndexes(names, incomplete: Set(names)) else { return }
    for (table, tally) in completed.rows where tally.setAside > 0 {
      outcome.rows[table, default: RowTally()].setAside += tally.setAside
    }
    outcome.notes += completed.notes
    outcome.notes.append("rebuilt " + names.joined(separator: ", "))
  }
}
