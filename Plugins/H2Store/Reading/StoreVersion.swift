import MendKit

/// One version of a store: the chunks that it is made of, and the roots of its maps, as its layout map has them.
struct StoreVersion {
  /// The chunk that completed it.
  let last: Chunk
  /// Its chunks in use, by their numbers, each at the block that the layout says, or at one where a copy of it is.
  let chunks: [Int: Chunk]
  /// The roots of the maps by the maps' numbers; the layout map itself is number 0.
  let roots: [Int: PagePosition]
  /// The number of the map that names the others.
  let metaMap: Int
  /// Chunks in use whose header or footer is not in order, by their numbers, where the layout says that they are.
  let broken: [Chunk]
  /// Chunks of which nothing is in use any more, and which the layout still has: the newest of them that are not in order, though H2
  /// looks at them before it takes a store for one that was closed. Of one that was not, it passes them over.
  let brokenUnused: [Chunk]
  /// So many chunks H2 looks at, the newest ones (`readStoreHeader`).
  private static let mostLookedAt = 19

  /// Reads the layout of the version that a chunk completed; a flaw where that cannot be read. `known` are whole chunks wherever
  /// they are.
  static func read(_ last: Chunk, in file: StoreFile, known: [Int: Chunk]) throws(Problem) -> Result<
    StoreVersion, PageFlaw
  > {
    var entries: [String: String] = [:]
    let reader = PageReader(file, chunks: known.merging([last.id: last]) { $1 })
    // The layout may be in chunks that only it tells of; those that it has told of so far are looked up as well.
    var places = reader.chunks
    for _ in 0..<8 {
      let result = try TextMap.entries(PageReader(file, chunks: places), root: PagePosition(last.root), map: 0)
      switch result {
      case .success(let found): entries = found
      case .failure(let failure):
        var more = places
        for (name, value) in failure.entries where name.hasPrefix("chunk.") {
          if let chunk = chunk(value), more[chunk.id] == nil { more[chunk.id] = chunk }
        }
        if more.count == places.count { return .failure(failure.flaw) }
        places = more
        continue
      }
      return .success(try StoreVersion(last, entries, in: file, known: known))
    }
    return .failure(PageFlaw(said: "the layout map cannot be read"))
  }

  private init(_ last: Chunk, _ entries: [String: String], in file: StoreFile, known: [Int: Chunk]) throws(Problem) {
    self.last = last
    var chunks = [last.id: last]
    var roots: [Int: PagePosition] = [0: PagePosition(last.root)]
    var broken: [Chunk] = []
    var told: [Chunk] = []
    for (name, value) in entries {
      if name.hasPrefix("chunk."), let said = Self.chunk(value) {
        told.append(said)
        guard said.isLive, said.id != last.id else { continue }
        if let whole = try file.whole(at: said.block, id: said.id) {
          chunks[said.id] = whole
        } else if let other = known[said.id], other.version == said.version {
          chunks[said.id] = other
        } else {
          broken.append(said)
          chunks[said.id] = said
        }
      } else if name.hasPrefix("root."), let map = Int(name.dropFirst(5), radix: 16), map > 0,
        let bits = UInt64(value, radix: 16)
      {
        roots[map] = PagePosition(bits)
      }
    }
    self.chunks = chunks
    self.roots = roots
    self.broken = broken.sorted { $0.id < $1.id }
    var brokenUnused: [Chunk] = []
    for chunk in told.sorted(by: { $0.version > $1.version }).prefix(Self.mostLookedAt) where !chunk.isLive {
      if try file.whole(at: chunk.block, id: chunk.id) == nil { brokenUnused.append(chunk) }
    }
    self.brokenUnused = brokenUnused
    metaMap = entries["meta.id"].flatMap { Int($0, radix: 16) } ?? 1
  }

  private static func chunk(_ value: String) -> Chunk? { HeaderText(Array(value.utf8)[...]).flatMap { Chunk($0) } }

  /// The entries of the map that names the others; none where they cannot be read.
  func meta(in file: StoreFile) throws(Problem) -> [String: String] {
    guard let root = roots[metaMap] else { return [:] }
    let found = try TextMap.entries(PageReader(file, chunks: chunks), root: root, map: metaMap)
    guard case .success(let entries) = found else { return [:] }
    return entries
  }

  /// Whether there is a table beside the engine's own.
  func hasTables(in file: StoreFile) throws(Problem) -> Bool {
    Self.names(try meta(in: file)).values.contains { $0.hasPrefix("table.") && $0 != "table.0" }
  }

  /// The names of the maps by their numbers.
  static func names(_ meta: [String: String]) -> [Int: String] {
    var names: [Int: String] = [:]
    for (name, value) in meta where name.hasPrefix("name.") {
      if let map = Int(value, radix: 16) { names[map] = String(name.dropFirst(5)) }
    }
    return names
  }
}

/// A map from texts to texts: the layout of a version, and the list of its maps.
enum TextMap {
  /// What was read before a page that could not be.
  struct Failure: Error {
    var flaw: PageFlaw
    var entries: [String: String]
  }

  private static let mostPages = 100_000

  /// All entries.
  static func entries(
    _ reader: PageReader, root: PagePosition, map: Int
  ) throws(Problem) -> Result<[String: String], Failure> {
    var entries: [String: String] = [:]
    guard root.isSaved else { return .success([:]) }
    var pending = [root]
    var seen: Set<PagePosition> = []
    var flaw: PageFlaw?
    while let position = pending.popLast() {
      guard seen.insert(position).inserted, seen.count < mostPages else {
        flaw = PageFlaw(said: "two pages lead to the same one")
        break
      }
      switch try reader.page(position, of: map, whole: true) {
      case .failure(let found): flaw = flaw ?? found
      case .success(let page):
        pending += page.children.map(\.position).filter(\.isSaved)
        if !position.isNode, !read(page, into: &entries) { flaw = flaw ?? PageFlaw(said: "its entries are damaged") }
      }
    }
    if let flaw { return .failure(Failure(flaw: flaw, entries: entries)) }
    return .success(entries)
  }

  /// The entries of one leaf, as far as they can be read.
  static func entries(_ reader: PageReader, leaf position: PagePosition, of map: Int) throws(Problem) -> [String:
    String]
  {
    var entries: [String: String] = [:]
    if case .success(let page) = try reader.page(position, of: map, whole: true) { _ = read(page, into: &entries) }
    return entries
  }

  private static func read(_ page: Page, into entries: inout [String: String]) -> Bool {
    var reader = ByteReader(page.body)
    var names: [String] = []
    for _ in 0..<page.keys {
      guard let name = reader.text() else { return false }
      names.append(name)
    }
    for name in names {
      guard let value = reader.text() else { return false }
      entries[name] = value
    }
    return true
  }
}
