import MendKit

/// Which b-tree each page belongs to, found by walking the interior pages down from every root.
struct PageOwners {
  /// A b-tree of the schema.
  struct Tree: Hashable {
    let name: String
    let isIndex: Bool
  }

  private var owners: [UInt32: Tree] = [:]

  /// Walks the trees of these roots. Pages that cannot be read or point astray are passed over; each page is visited once.
  init(_ roots: [(page: UInt32, tree: Tree)], view: StoreView) {
    guard let pageSize = view.header?.pageSize else { return }
    let pages = UInt32(clamping: view.size / pageSize)
    for (root, tree) in roots {
      var open = [root]
      while let page = open.popLast() {
        guard page > 0, page <= pages, owners[page] == nil else { continue }
        owners[page] = tree
        open += Self.children(of: page, view: view, pageSize: pageSize)
      }
    }
  }

  /// The tree that a page belongs to; nil for pages of no tree.
  subscript(page: Int) -> Tree? { owners[UInt32(clamping: page)] }

  private static func children(of page: UInt32, view: StoreView, pageSize: Int) -> [UInt32] {
    guard let bytes = try? view.read(pageSize, at: (Int(page) - 1) * pageSize), bytes.count == pageSize else {
      return []
    }
    let start = page == 1 ? DatabaseHeader.size : 0
    // B-tree page header (section 1.6): 2 and 5 are interior pages.
    guard bytes[start] == 2 || bytes[start] == 5 else { return [] }
    let content = BigEndian(bytes: bytes)
    var result: [UInt32] = []
    if let right = content.uint32(start + 8) { result.append(right) }
    for cell in 0..<(content.uint16(start + 3) ?? 0) {
      guard let at = content.uint16(start + 12 + 2 * cell), let child = content.uint32(at) else { break }
      result.append(child)
    }
    return result
  }
}
