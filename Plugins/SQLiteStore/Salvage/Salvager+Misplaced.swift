import MendKit

/// Pages that are in order by themselves but stand where another page was: misdirected writes between trees that look alike
/// are told by what tables and their indexes say of one another.
extension Salvager {
  /// Rows of a table that are held against its indexes, and where the schema itself was damaged; a larger table is left as it is.
  private static let mostRows = (usual: 1 << 14, damagedSchema: 1 << 20)
  /// Tables that are looked at.
  private static let mostTables = 2000

  /// Lets go of indexes and leaves that are not those of their tables, where these contradict one another.
  func releaseMisplaced() {
    var pages: [Int32: [UInt32]] = [:]
    for page in 1...file.filePages where claims[page] > 0 { pages[claims[page], default: []].append(page) }
    let most = writesSchema ? Self.mostRows.damagedSchema : Self.mostRows.usual
    var said: [Int: IndexEvidence] = [:]
    for place in tables.indices.prefix(Self.mostTables) where wholeIndexes[ASCII.lowered(tables[place].name)] != nil {
      let table = tables[place]
      guard table.slots.reduce(0, { $0 + Int(survey[$1.page].cells) }) <= most,
        let layout = memory.flatMap({ RowLayout(table.name, in: $0) })
      else { continue }
      releaseForeignIndexes(place, layout, pages)
      // What the indexes say of all rows, whether or not they agree with what stands in the table now.
      let candidates = (wholeIndexes[ASCII.lowered(table.name)] ?? []).compactMap { name, number in
        layout.indexes[name].map { IndexEvidence.Index(layout: $0, pages: pages[number] ?? []) }
      }
      let all = GapRanges(places: [SalvagedTable.Slot(state: .lost, page: 0)])
      said[place] = IndexEvidence(file, candidates, missing: all) { _ in nil }
    }
    for (place, evidence) in said.sorted(by: { $0.key < $1.key }) {
      for slot in tables[place].slots.indices where tables[place].slots[slot].state == .sound {
        let page = tables[place].slots[slot].page
        let counts = evidence.count(page)
        guard counts.speaksAgainst else { continue }
        // Where its table's own indexes contradict each other, those that prove its rows are not outweighed by fewer ones of
        // another table that looks alike.
        let proving = counts.mixed > 0 ? evidence.indexes.count - 1 : 0
        if isCopy(page, besides: place) {
          release(slot, of: place)
          // Its rows are in their own table.
          _ = claims.claim(page, for: PageClaimTable.Special.freelist)
        } else if said.contains(where: { other, theirs in
          // Where both have one leaf alone, the indexes may have changed places rather than the leaves.
          guard other != place, max(tables[other].slots.count, tables[place].slots.count) > 1,
            theirs.indexes.count > proving
          else { return false }
          let counts = theirs.count(page)
          return counts.speaksFor && counts.mixed == 0
        }) {
          release(slot, of: place)
        }
      }
    }
  }

  private func release(_ slot: Int, of place: Int) {
    claims.release(tables[place].slots[slot].page)
    tables[place].slots[slot].page = 0
    tables[place].slots[slot].state = .lost
    tables[place].needsRebuild = true
  }

  /// Whether a leaf is, byte for byte, one that stands in another table too, or in another place of its own.
  private func isCopy(_ number: UInt32, besides place: Int) -> Bool {
    guard let page = file.original(number) else { return false }
    let facts = survey[number]
    return tables.indices.contains { other in
      tables[other].slots.contains { slot in
        guard slot.state == .sound, slot.page != number, survey[slot.page].cells == facts.cells,
          survey[slot.page].first == facts.first, survey[slot.page].last == facts.last,
          let content = file.original(slot.page)
        else { return false }
        return memcmp(page, content, file.pageSize) == 0
      }
    }
  }

  /// Makes an index that is another's, or holds a page of another's, one of which only remains are left.
  private func releaseForeignIndexes(_ place: Int, _ layout: RowLayout, _ owned: [Int32: [UInt32]]) {
    let table = tables[place]
    let key = ASCII.lowered(table.name)
    let reader = EntryReader(file)
    wholeIndexes[key] = wholeIndexes[key]?.filter { name, number in
      guard let index = layout.indexes[name], let pages = owned[number] else { return true }
      let order = IndexOrder(reader, index.terms, file.encoding)
      let isRight = agrees(index, pages, table)
      // Of a table of one leaf this may be the page that is another's, unless the index is the copy.
      guard pages.allSatisfy({ order.isKept(at: $0) }),
        isRight || table.slots.count == 1 && !pages.contains(where: { isIndexCopy($0) })
      else {
        let root = objects.first { $0.type == "index" && $0.name == name }?.root ?? 0
        for page in pages { claims.release(page) }
        remains.append(IndexRemains(name: name, number: number, root: root))
        return false
      }
      return true
    }
  }

  /// Whether an index holds the values of most rows of its table that are looked at.
  private func agrees(_ index: RowLayout.IndexLayout, _ pages: [UInt32], _ table: SalvagedTable) -> Bool {
    let none = IndexEvidence(file, [], missing: GapRanges(places: [])) { _ in nil }
    return none.agrees(IndexEvidence.Index(layout: index, pages: pages)) { table.row($0, file) }
  }

  /// Whether a page of an index is, byte for byte, in the file twice.
  private func isIndexCopy(_ number: UInt32) -> Bool {
    guard let page = file.original(number), file.filePages > 1 else { return false }
    let facts = survey[number]
    return (2...file.filePages).contains { other in
      guard other != number, survey[other].form == facts.form, survey[other].cells == facts.cells,
        let content = file.original(other)
      else { return false }
      return memcmp(page, content, file.pageSize) == 0
    }
  }
}
