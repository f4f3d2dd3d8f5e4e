import MendKit

/// Writes anew what a file says of its own pages: the freelist, the pointer maps, and the header's counts.
struct SpaceRebuild {
  let file: SalvageFile

  /// Makes a freelist of these pages and writes the header's fields for it.
  func run(free: [UInt32], header: [UInt8]?) {
    // Trunk pages (section 1.5) name the next trunk, how many leaves they have, and these. The last six places of a trunk
    // are left empty, as every writer does.
    let most = file.usableSize / 4 - 8
    var pages = free.sorted()[...]
    var first: UInt32 = 0
    while let trunk = pages.popLast() {
      let leaves = pages.suffix(most)
      pages = pages.dropLast(leaves.count)
      let page = file.blank(trunk)
      page.set32(0, first)
      page.set32(4, UInt32(leaves.count))
      for (index, leaf) in leaves.enumerated() { page.set32(8 + 4 * index, leaf) }
      first = trunk
    }
    let page = file.edit(1)
    if let header {
      UnsafeMutableRawBufferPointer(start: page, count: DatabaseHeader.size).copyBytes(from: header)
    }
    let counter = UnsafeRawPointer(page).big32(24) &+ 1
    page.set32(24, counter)
    page.set32(28, file.pageCount)
    page.set32(32, first)
    page.set32(36, UInt32(free.count))
    page.set32(92, counter)
  }

  /// Writes the pointer maps of a file with auto-vacuum (section 1.8): what each page is, and which page points to it.
  func writePointerMaps(roots: [UInt32], free: [UInt32]) {
    let map = PointerMap(pageSize: file.pageSize, usableSize: file.usableSize)
    guard file.pageCount > 1 else { return }
    for page in 2...file.pageCount where map.isMap(page) { _ = file.blank(page) }
    for page in free { set(page, .free, parent: 0, map) }
    for root in roots { note(root, .root, parent: 0, level: 1, map) }
  }

  private func set(_ page: UInt32, _ entry: PointerMap.Entry, parent: UInt32, _ map: PointerMap) {
    guard page > 1, page <= file.pageCount, !map.isMap(page) else { return }
    let at = map.offset(of: page)
    guard at >= 0, at + 5 <= file.usableSize else { return }
    let content = file.edit(map.mapPage(of: page))
    content.set8(at, entry.rawValue)
    content.set32(at + 1, parent)
  }

  /// Notes a b-tree page and all below it.
  private func note(_ number: UInt32, _ entry: PointerMap.Entry, parent: UInt32, level: Int, _ map: PointerMap) {
    guard level <= 20, let page = file.page(number), let header = BTreePage(page, number: number),
      header.cellPointersEnd <= file.usableSize
    else { return }
    set(number, entry, parent: parent, map)
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry) else { continue }
      if !header.kind.isLeaf { note(page.big32(at), .child, parent: number, level: level + 1, map) }
      guard header.kind != .tableInterior, cell.isSpilled else { continue }
      var next = cell.overflowPage
      var before = number
      for link in 0..<file.geometry.overflowPages(cell.payloadSize, local: cell.localSize) {
        guard next != 0, let content = file.page(next) else { break }
        set(next, link == 0 ? .firstOverflow : .laterOverflow, parent: before, map)
        before = next
        next = content.big32(0)
      }
    }
    if !header.kind.isLeaf { note(header.rightChild(page), .child, parent: number, level: level + 1, map) }
  }
}
