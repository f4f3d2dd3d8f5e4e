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
}
