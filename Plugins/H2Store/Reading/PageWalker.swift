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
  private var seen: Set<PagePosition> = []
  private var contents: [Int: [UInt64]] = [:]
  private var unreadable: Set<Int>
  /// The pages that are not what was written.
  private(set) var flaws: [Flaw] = []
  /// Pages that were looked at.
  private(set) var pages = 0

  init(_ file: StoreFile, _ version: StoreVersion) {
    self.file = file
    self.version = version
    reader = PageReader(file, chunks: version.chunks)
    unreadable = []
  }

  private static let deepest = 64

  /// Walks one map; the entries in its leaves.
  mutating func walk(_ root: PagePosition, of map: Int) throws(Problem) -> Int {
    guard root.isSaved else { return 0 }
    return try entries(below: root, of: map, depth: 0)
  }

  private mutating func entries(below position: PagePosition, of map: Int, depth: Int) throws(Problem) -> Int {
    guard depth < Self.deepest, seen.insert(position).inserted else {
      flaws.append(Flaw(position: position, byte: reader.byte(of: position), said: "two pages lead to it"))
      return 0
    }
    switch try reader.page(position, of: map, whole: false) {
    case .failure(let flaw):
      flaws.append(Flaw(position: position, byte: reader.byte(of: position), said: flaw.said))
      return 0
    case .success(let page):
      pages += 1
      try checkContents(page, position)
      guard position.isNode else { return page.keys }
      var count = 0
      for child in page.children where child.position.isSaved {
        let before = flaws.count
        let found = try entries(below: child.position, of: map, depth: depth + 1)
        if flaws.count == before, found != child.entries {
          flaws.append(
            Flaw(
              position: position, byte: reader.byte(of: position),
              said: "it says that \(child.entries) entries are below a page that leads to \(found)"))
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
