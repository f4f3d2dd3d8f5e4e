/// The tree that the nodes of an R-Tree make which are left: what is lost of it, or contradicts itself, is left out.
///
/// Nodes stay as they are wherever that is possible. A lost node above the leaves is told by its children; a lost leaf is lost.
struct RTreeTree {
  typealias Cell = RTreeContent.Cell

  private let content: RTreeContent
  private(set) var nodes: [Int64: [Cell]] = [:]
  private(set) var leaves: [Int64: Int64] = [:]
  private(set) var parents: [Int64: Int64] = [:]
  private(set) var depth = 0
  /// Whether the nodes that are left make one tree, of which every leaf is as far from the root.
  private(set) var isWhole = true

  private var met: Set<Int64> = []
  private var children: [Int64: [Int64]] = [:]

  /// The module makes no deeper trees (RTREE_MAX_DEPTH).
  private static let deepest = 40

  init(_ content: RTreeContent) {
    self.content = content
    for (child, parent) in content.parents { children[parent, default: []].append(child) }
    let root = visit(RTreeContent.root, level: 0, within: [])
    depth = root?.height ?? 0
    if root == nil { nodes[RTreeContent.root] = [] }
    if content.nodes.keys.contains(where: { !met.contains($0) }) { isWhole = false }
  }

  private mutating func visit(
    _ number: Int64, level: Int, within outer: [UInt32]
  ) -> (height: Int, bounds: [UInt32])? {
    guard level <= Self.deepest, met.insert(number).inserted else {
      isWhole = false
      return nil
    }
    let found = content.nodes[number]
    if let found, content.isLeaf(number, found) { return leaf(number, found, within: outer) }
    let places = found ?? (children[number] ?? []).sorted().map { Cell(id: $0, bounds: []) }
    var kept: [Cell] = []
    var height: Int?
    for place in places {
      guard let below = visit(place.id, level: level + 1, within: place.bounds) else { continue }
      if height ?? below.height != below.height { isWhole = false }
      height = below.height
      let isRight = !place.bounds.isEmpty && content.isSound(place) && content.areWithin(below.bounds, place.bounds)
      kept.append(isRight ? place : Cell(id: place.id, bounds: below.bounds))
      parents[place.id] = number
    }
    guard let height, let bounds = content.around(kept) else { return nil }
    if kept.count > content.capacity { isWhole = false }
    nodes[number] = kept
    return (height + 1, bounds)
  }

  private mutating func leaf(
    _ number: Int64, _ found: [Cell], within outer: [UInt32]
  ) -> (height: Int, bounds: [UInt32])? {
    let entries = found.filter(content.isEntry)
    let strays = content.strays(of: entries, within: outer)
    var kept: [Cell] = []
    for cell in entries where !strays.contains(cell) {
      guard leaves[cell.id] == nil else {
        isWhole = false
        continue
      }
      leaves[cell.id] = number
      kept.append(cell)
    }
    guard let bounds = content.around(kept) else { return nil }
    nodes[number] = kept
    return (0, bounds)
  }

  /// The entries of all leaves, whether the tree leads to them or not, each once.
  static func entries(_ content: RTreeContent) -> [Cell] {
    var entries: [Int64: Cell] = [:]
    for (number, cells) in content.nodes.sorted(by: { $0.key < $1.key }) where content.isLeaf(number, cells) {
      for cell in cells where content.isEntry(cell) {
        // Of two, the one on the leaf where the entry is said to be.
        if entries[cell.id] == nil || content.leaves[cell.id] == number { entries[cell.id] = cell }
      }
    }
    return entries.values.sorted { $0.id < $1.id }
  }
}
