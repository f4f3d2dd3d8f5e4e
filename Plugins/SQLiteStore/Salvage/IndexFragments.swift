import MendKit

/// Finds leaves and subtrees of indexes that nothing points to since the interior page above them is lost, and puts them back
/// between the entries that they stood between.
///
/// The rows tell whose they are: of most entries that are looked at, the table has the row with the same values. Pages of the
/// freelist hold what was deleted, and are never among them.
struct IndexFragments {
  private let file: SalvageFile
  private let survey: FileSurvey
  private let reader: EntryReader
  private let owners: [Owner]

  /// An index that lost pages.
  private struct Owner {
    /// Its place among the remains.
    let place: Int
    let layout: RowLayout.IndexLayout
    let order: IndexOrder
    /// The place of its table among the row finders.
    let table: Int
  }

  /// Pages that stand together, in the order of their keys.
  private struct Fragment {
    let remains: IndexRemains
    let first: [UInt8]
    let last: [UInt8]
  }

  private let finders: [RowFinder]

  /// Entries of a page that are looked at.
  private static let sampled = 8

  /// `tables` are those of the remains' indexes, with the layout that their definitions give.
  init(
    _ file: SalvageFile, _ survey: FileSurvey, _ remains: [IndexRemains],
    _ tables: [(table: SalvagedTable, layout: RowLayout)]
  ) {
    self.file = file
    self.survey = survey
    reader = EntryReader(file)
    finders = tables.map { RowFinder(file, survey, $0.table) }
    var owners: [Owner] = []
    for (place, index) in remains.enumerated() {
      guard let table = tables.firstIndex(where: { $0.layout.indexes[index.name] != nil }),
        let layout = tables[table].layout.indexes[index.name],
        // Without a column that rows store nothing can be told.
        layout.places.contains(where: { $0 != nil && $0 != layout.rowidAlias })
      else { continue }
      owners.append(
        Owner(place: place, layout: layout, order: IndexOrder(reader, layout.terms, file.encoding), table: table))
    }
    self.owners = owners
  }

  /// Puts what belongs to the indexes back into them.
  func place(_ remains: inout [IndexRemains], _ claims: inout PageClaimTable) {
    guard !owners.isEmpty, file.filePages > 1 else { return }
    var fragments: [Int: [Fragment]] = [:]
    for page in tops(claims) + leaves(claims) where claims.isFree(page) {
      guard let owner = owner(of: page) else { continue }
      var found = IndexRemains(name: remains[owner.place].name, number: remains[owner.place].number, root: 0)
      IndexSurvey(file: file, survey: survey).collect(page, level: 1, &found, &claims)
      if let fragment = fragment(found, owner) {
        fragments[owner.place, default: []].append(fragment)
      } else {
        release(found, &claims)
      }
    }
    for owner in owners {
      guard let found = fragments[owner.place] else { continue }
      merge(found, into: &remains[owner.place], owner, &claims)
    }
  }

  // MARK: Pages that nothing points to

  /// Interior pages that no other such page points to.
  private func tops(_ claims: PageClaimTable) -> [UInt32] {
    let interior = pages(.indexInterior, claims)
    var children: Set<UInt32> = []
    for number in interior {
      guard let page = file.original(number), let header = BTreePage(page, number: number) else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        if at + 4 <= file.usableSize { children.insert(page.big32(at)) }
      }
      children.insert(header.rightChild(page))
    }
    return interior.filter { !children.contains($0) }
  }

  private func leaves(_ claims: PageClaimTable) -> [UInt32] { pages(.indexLeaf, claims) }

  private func pages(_ form: PageFacts.Form, _ claims: PageClaimTable) -> [UInt32] {
    (2...file.filePages).filter {
      claims.isFree($0) && survey[$0].form == form && survey[$0].isSound && survey[$0].cells > 0
    }
  }

  // MARK: Whose they are

  /// The index that a page is of: the one of whose rows most of its entries are.
  private func owner(of number: UInt32) -> Owner? {
    var best: (owner: Owner, agreeing: Int)?
    for owner in owners {
      let agreeing = agreement(number, owner)
      if agreeing > best?.agreeing ?? 0 { best = (owner, agreeing) }
    }
    return best?.owner
  }

  /// How many of the entries that are looked at are those of rows; 0 where as many are not.
  private func agreement(_ number: UInt32, _ owner: Owner) -> Int {
    guard let page = file.original(number), let header = BTreePage(page, number: number) else { return 0 }
    var agreeing = 0
    var differing = 0
    for index in stride(from: 0, to: header.cellCount, by: max(1, header.cellCount / Self.sampled)) {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry),
        let rowid = reader.rowid(page, cell, fields: owner.layout.terms.count)
      else { return 0 }
      guard let (leaf, own) = finders[owner.table].row(rowid) else { continue }
      var isSame: Bool?
      _ = reader.withRecord(page, cell) { entry in
        _ = reader.withRecord(leaf, own) { isSame = IndexEvidence.isSame(entry, $0, owner.layout) ?? true }
      }
      if isSame == true { agreeing += 1 } else { differing += 1 }
    }
    return agreeing > differing ? agreeing : 0
  }

  // MARK: Where they belong

  private func fragment(_ found: IndexRemains, _ owner: Owner) -> Fragment? {
    guard let first = found.parts.first, let last = found.parts.last,
      let start = bound(of: first, owner, isLast: false),
      let end = bound(of: last, owner, isLast: true)
    else { return nil }
    return Fragment(remains: found, first: start, last: end)
  }

  /// The first or the last entry of a part.
  private func bound(of part: IndexRemains.Part, _ owner: Owner, isLast: Bool) -> [UInt8]? {
    switch part {
    case .entry(let number, let cell): return owner.order.record(number, cell)
    case .leaf(let number):
      guard let page = file.original(number), let header = BTreePage(page, number: number), header.cellCount > 0 else {
        return nil
      }
      let at = page.big16(header.cellPointers + (isLast ? 2 * (header.cellCount - 1) : 0))
      return FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry).flatMap {
        owner.order.record(number, $0)
      }
    }
  }

  /// Puts fragments between the parts of an index; what does not fit between two of them is let go of.
  private func merge(
    _ fragments: [Fragment], into remains: inout IndexRemains, _ owner: Owner, _ claims: inout PageClaimTable
  ) {
    var parts: [IndexRemains.Part] = []
    var taken = 0
    var last: [UInt8]?
    for fragment in fragments.sorted(by: { owner.order.isBefore($0.first, $1.first) }) {
      let next = place(of: fragment.first, in: remains.parts, owner)
      if next > taken {
        parts += remains.parts[taken..<next]
        taken = next
        last = bound(of: remains.parts[next - 1], owner, isLast: true)
      }
      let following = next < remains.parts.count ? bound(of: remains.parts[next], owner, isLast: false) : nil
      guard next == taken, last.map({ owner.order.isBefore($0, fragment.first) }) ?? (taken == 0),
        following.map({ owner.order.isBefore(fragment.last, $0) }) ?? (next == remains.parts.count)
      else {
        release(fragment.remains, &claims)
        continue
      }
      parts += fragment.remains.parts
      remains.interior += fragment.remains.interior
      last = fragment.last
    }
    parts += remains.parts[taken...]
    remains.parts = parts
  }

  /// How many parts of an index begin before an entry.
  private func place(of entry: [UInt8], in parts: [IndexRemains.Part], _ owner: Owner) -> Int {
    var low = 0
    var high = parts.count
    while low < high {
      let middle = (low + high) / 2
      if let first = bound(of: parts[middle], owner, isLast: false), owner.order.isBefore(first, entry) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  private func release(_ found: IndexRemains, _ claims: inout PageClaimTable) {
    for part in found.parts {
      switch part {
      case .leaf(let page): claims.release(page)
      case .entry(_, let cell) where cell.overflowPage != 0:
        for link in OverflowChain(file, cell).pages(claims, owner: found.number) ?? [] { claims.release(link) }
      case .entry: break
      }
    }
    for page in found.interior { claims.release(page) }
  }
}

/// Finds rows on the leaves of a table that are in order.
struct RowFinder {
  private let file: SalvageFile
  private let leaves: [(last: Int64, page: UInt32)]

  init(_ file: SalvageFile, _ survey: FileSurvey, _ table: SalvagedTable) {
    self.file = file
    leaves = table.slots.compactMap { slot in
      slot.state == .sound && survey[slot.page].cells > 0 ? (survey[slot.page].last, slot.page) : nil
    }
  }

  /// The row of a rowid; nil where there is none.
  func row(_ rowid: Int64) -> (page: UnsafeRawPointer, cell: FoundCell)? {
    let place = Self.first(leaves.count) { leaves[$0].last >= rowid }
    guard place < leaves.count, let page = file.original(leaves[place].page),
      let header = BTreePage(page, number: leaves[place].page)
    else { return nil }
    func cell(_ index: Int) -> FoundCell? {
      let at = page.big16(header.cellPointers + 2 * index)
      return FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry)
    }
    let index = Self.first(header.cellCount) { cell($0).map { $0.rowid >= rowid } ?? true }
    guard index < header.cellCount, let found = cell(index), found.rowid == rowid else { return nil }
    return (page, found)
  }

  /// The first of so many numbers for which something is true, as it is for all that follow.
  private static func first(_ count: Int, where isReached: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isReached(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
