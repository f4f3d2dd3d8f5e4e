/// Where the pointer maps of a database with auto-vacuum stand and what they say (SQLite's file format, section 1.8).
struct PointerMap {
  /// What a page is, by its entry's first byte.
  enum Entry: UInt8 {
    case root = 1
    case free = 2
    case firstOverflow = 3
    case laterOverflow = 4
    case child = 5
  }

  let usableSize: Int
  let lockBytePage: UInt32

  init(pageSize: Int, usableSize: Int) {
    self.usableSize = usableSize
    lockBytePage = UInt32(LockBytes.pending / pageSize) + 1
  }

  /// Pages that one pointer map tells of.
  private var reach: UInt32 { UInt32(usableSize / 5) }

  /// The page whose map has the entry of a page; the page itself when it is a map.
  func mapPage(of page: UInt32) -> UInt32 {
    guard page >= 2 else { return 0 }
    let map = (page - 2) / (reach + 1) * (reach + 1) + 2
    return map == lockBytePage ? map + 1 : map
  }

  /// Whether a page is a pointer map.
  func isMap(_ page: UInt32) -> Bool { page >= 2 && mapPage(of: page) == page }

  /// The pages that so many roots besides page 1 stand on: the first ones that can hold a b-tree.
  func rootPages(_ count: Int) -> [UInt32] {
    var pages: [UInt32] = []
    pages.reserveCapacity(count)
    var page: UInt32 = 2
    while pages.count < count {
      if !isMap(page), page != lockBytePage { pages.append(page) }
      page += 1
    }
    return pages
  }

  /// The offset of a page's entry within its map.
  func offset(of page: UInt32) -> Int { 5 * (Int(page) - Int(mapPage(of: page)) - 1) }
}
