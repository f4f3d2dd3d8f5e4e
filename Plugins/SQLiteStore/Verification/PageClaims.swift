/// Finds out who refers to pages that have several owners. A walk only knows of the later one: the page was met before.
struct PageClaims {
  /// A reference to a page.
  struct Claim: Hashable {
    /// Which tree of the walk.
    let tree: Int
    /// The page that the reference stands on; 0 for the schema's own, to a root.
    let parent: UInt32
    let isOverflow: Bool
  }

  let walk: FileWalk

  /// More references than this are not told apart.
  private static let mostPerTree = 1000

  /// The references to each of the pages, in the order of the trees. Those that stand below another one of the pages are left
  /// out: that page is not entered again.
  func claims(of wanted: Set<UInt32>) -> [UInt32: [Claim]] {
    guard !wanted.isEmpty else { return [:] }
    let setting = walk.setting.ofStructure(perCause: Self.mostPerTree)
    let walker = TreeWalker(pages: walk.pages, trees: walk.trees, fingerprints: 0, setting: setting)
    // Pages that were met already are noted at each reference, the first included.
    for page in wanted where walk.pages[page] != nil { _ = walker.seen.insert(page) }
    var claims: [UInt32: [Claim]] = [:]
    for tree in walk.trees.indices {
      walker.walk(WalkUnit(tree: tree, page: walk.trees[tree].root, parent: 0, level: 1))
      for trouble in walker.troubles.entries.values.flatMap(\.kept)
      where trouble.kind == .pageTwice && wanted.contains(trouble.page) {
        claims[trouble.page, default: []].append(Claim(trouble))
      }
      walker.troubles = TroubleBook(perCause: Self.mostPerTree)
    }
    return claims
  }
}

extension PageClaims.Claim {
  /// The reference that a walk stumbled over.
  init(_ trouble: Trouble) {
    self.init(tree: trouble.tree, parent: UInt32(clamping: trouble.first), isOverflow: trouble.second != 0)
  }
}
