import MendKit

/// Walks the b-trees of a version from their roots to their leaves.
struct PageWalker {
  /// A page that is not what was written.
  struct Flaw {
    var position: PagePosition
    var byte: Int?
    var said: String
  }

  private let file: StoreFile
  private let version: StoreVersion
  private let reader: PageReader
  private let types: MapTypes
  private var seen: Set<PagePosition> = []
  private var contents: [Int: [UInt64]] = [:]
  private var unreadable: Set<Int>
  /// The pages that are not what was written.
  private(set) var flaws: [Flaw] = []
  /// Pages that were looked at.
  private(set) var pages = 0
  /// What indexes must hold, of the map that is walked; nil where that is not to be summed.
  var sums: RowSums?

  /// Of maps whose types are known, what stands in the pages is read too.
  init(_ file: StoreFile, _ version: StoreVersion, _ types: MapTypes = MapTypes()) {
    self.file = file
    self.version = version
    self.types = types
    reader = PageReader(file, chunks: version.chunks)
    unreadable = []
  }

  private static let deepest = 64

  /// Walks one map; the entries in its leaves.
  mutating func walk(_ root: PagePosition, of map: Int) throws(Problem) -> Int {
    guard root.isSaved else { return 0 }
    return try entries(below: root, of: map, Bounds(), depth: 0)
  }

  /// Which keys may stand below a page, where they are whole numbers.
  private struct Bounds {
    var least: Int64?
    var most: Int64?

    func contain(_ keys: [Int64]) -> Bool {
      guard let first = keys.first, let last = keys.last else { return true }
      return least.map { $0 <= first } ?? true && most.map { last < $0 } ?? true
    }

    /// Those of a child: it has the keys from the one before it on, up to the one behind it.
    func child(_ number: Int, _ keys: [Int64]) -> Bounds {
      Bounds(
        least: number > 0 && number <= keys.count ? keys[number - 1] : least,
        most: number < keys.count ? keys[number] : most)
    }
  }

  private mutating func note(_ position: PagePosition, _ said: String) {
    flaws.append(Flaw(position: position, byte: reader.byte(of: position), said: said))
  }

  private mutating func entries(
    below position: PagePosition, of map: Int, _ bounds: Bounds, depth: Int
  ) throws(Problem) -> Int {
    guard depth < Self.deepest, seen.insert(position).inserted else {
      note(position, "two pages lead to it")
      return 0
    }
    let types = types[map]
    switch try reader.page(position, of: map, whole: types != nil) {
    case .failure(let flaw):
      note(position, flaw.said)
      return 0
    case .success(let page):
      pages += 1
      try checkContents(page, position)
      var keys: [Int64] = []
      if let types {
        let before = sums?.numbers.count ?? 0
        let content = PageContent(page, isNode: position.isNode, types, &sums)
        keys = content.numbers
        if let flaw = content.flaw {
          note(position, flaw)
          sums?.drop(behind: before)
          if position.isNode { keys = [] }
        } else if !bounds.contain(keys) {
          note(position, "its keys are not those that the page above it says")
        }
      }
      guard position.isNode else { return page.keys }
      var count = 0
      for (number, child) in page.children.enumerated() where child.position.isSaved {
        let before = flaws.count
        let found = try entries(below: child.position, of: map, bounds.child(number, keys), depth: depth + 1)
        if flaws.count == before, found != child.entries {
          note(position, "it says that \(child.entries) entries are below a page that leads to \(found)")
        }
        count += found
      }
      return count
    }
  }

  /// Holds the page against the table of pages of its chunk.
  private mutating func checkContents(_ page: Page, _ position: PagePosition) throws(Problem) {
    guard let chunk = version.chunks[position.chunk], chunk.contents > 0, !unreadable.contains(chunk.id) else { return }
    if contents[chunk.id] == nil {
      var reader = ByteReader(try file.handle.read(chunk.pages * 8, at: chunk.start + chunk.contents))
      var table: [UInt64] = []
      while let entry = reader.number(8) { table.append(entry) }
      contents[chunk.id] = table
    }
    guard let table = contents[chunk.id], page.number < table.count else { return }
    let entry = table[page.number]
    guard PagePosition(entry).entry == position.entry, Int(entry >> 38) == page.map else {
      unreadable.insert(chunk.id)
      flaws.append(
        Flaw(
          position: position, byte: chunk.start + chunk.contents + 8 * page.number,
          said: "the table of pages of chunk \(chunk.id) does not agree with it"))
      return
    }
  }
}
