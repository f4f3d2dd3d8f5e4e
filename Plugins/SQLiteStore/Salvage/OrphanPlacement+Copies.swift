import MendKit

extension OrphanPlacement {
  /// Leaves that are, byte for byte, one that stands in its table: a page was written to a second place, too. Where most leaves
  /// of a table are there twice, another table may have held the same rows.
  func copies(among orphans: [Orphan], _ tables: [SalvagedTable]) -> Set<UInt32> {
    let alike = Dictionary(grouping: orphans) { OrphanRange(first: $0.first, last: $0.last) }
    var copies: Set<UInt32> = []
    for table in tables {
      var found: Set<UInt32> = []
      var leaves = 0
      for slot in table.slots where slot.state == .sound {
        leaves += 1
        let facts = survey[slot.page]
        guard facts.cells > 0, let page = file.original(slot.page) else { continue }
        for orphan in alike[OrphanRange(first: facts.first, last: facts.last)] ?? [] {
          guard let content = file.original(orphan.page), memcmp(page, content, file.pageSize) == 0 else { continue }
          found.insert(orphan.page)
        }
      }
      if found.count < 2 || 2 * found.count < leaves { copies.formUnion(found) }
    }
    return copies
  }

  private struct OrphanRange: Hashable {
    let first: Int64
    let last: Int64
  }
}
