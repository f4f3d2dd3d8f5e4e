/// The pages of a b-tree that was found sound, but for those that payloads go on in.
struct TreePages {
  private(set) var interior: [UInt32] = []
  /// In the order of their keys.
  private(set) var leaves: [UInt32] = []

  /// nil where the tree is not as it was found before.
  init?(_ pages: PageMap, root: UInt32) {
    // All leaves stand on one level, so that none has to be looked at to know that it is one.
    var leafLevel = 1
    var number = root
    while let page = pages[number], let header = BTreePage(page, number: number), !header.kind.isLeaf {
      guard leafLevel < TreeWalker.deepest, header.cellCount > 0, let child = Self.child(page, header, 0, pages) else {
        return nil
      }
      leafLevel += 1
      number = child
    }
    guard visit(root, level: 1, leafLevel: leafLevel, pages) else { return nil }
  }

  private mutating func visit(_ number: UInt32, level: Int, leafLevel: Int, _ pages: PageMap) -> Bool {
    guard level < leafLevel else {
      leaves.append(number)
      return true
    }
    guard interior.count < Int(pages.pageCount), let page = pages[number],
      let header = BTreePage(page, number: number), !header.kind.isLeaf, header.cellPointersEnd <= pages.usableSize
    else { return false }
    interior.append(number)
    for index in 0..<header.cellCount {
      guard let child = Self.child(page, header, index, pages),
        visit(child, level: level + 1, leafLevel: leafLevel, pages)
      else { return false }
    }
    return visit(header.rightChild(page), level: level + 1, leafLevel: leafLevel, pages)
  }

  private static func child(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ index: Int, _ pages: PageMap
  ) -> UInt32? {
    guard header.cellPointersEnd <= pages.usableSize else { return nil }
    let at = page.big16(header.cellPointers + 2 * index)
    return at + 4 <= pages.usableSize ? page.big32(at) : nil
  }
}
