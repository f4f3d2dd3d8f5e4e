/// The free blocks of a page whose header is lost: what stands in them was deleted, though cells behind a block's first bytes
/// may look as they did (SQLite's file format, section 1.6, "freeblock").
struct FreedBlocks {
  private let page: UnsafeRawPointer
  private let usable: Int
  /// Where cells begin.
  private let starts: Set<Int>
  /// Where blocks may begin: right behind cells, where no other one follows.
  private var places: Set<Int> = []

  /// Bytes between cells that are too few for a block.
  private static let mostFragment = 3

  /// Looks between cells, in the order of their offsets, that were found on a page up to the end of its part that is used.
  init(_ page: UnsafeRawPointer, between cells: [FoundCell], within part: Range<Int>) {
    self.page = page
    usable = part.upperBound
    starts = Set(cells.map(\.offset) + [part.upperBound])
    let ends = [part.lowerBound] + cells.map(\.end)
    for (end, start) in zip(ends, cells.map(\.offset) + [part.upperBound]) {
      places.formUnion((end...end + Self.mostFragment).filter { $0 + 4 <= start })
    }
  }

  /// The blocks, in the order of the page.
  var blocks: [Range<Int>] {
    var found: [Range<Int>] = []
    for place in places.sorted() where place >= found.last?.upperBound ?? 0 {
      if let block = block(place), isChained(block) { found.append(block) }
    }
    return found
  }

  /// A block that ends where a cell begins.
  private func block(_ start: Int) -> Range<Int>? {
    let size = page.big16(start + 2)
    guard size >= 4, start + size <= usable,
      (0...Self.mostFragment).contains(where: { starts.contains(start + size + $0) })
    else { return nil }
    return start..<start + size
  }

  /// Whether the blocks that a block leads to are such, too.
  private func isChained(_ first: Range<Int>) -> Bool {
    var last = first
    while true {
      let next = page.big16(last.lowerBound)
      guard next != 0 else { return true }
      guard next > last.upperBound + Self.mostFragment, places.contains(next), let block = block(next) else {
        return false
      }
      last = block
    }
  }
}
