import MendKit

/// A page of a map: a node of its b-tree.
struct Page {
  /// Bytes that it takes.
  var size: Int
  /// Its number within the chunk.
  var number: Int
  /// The map that it belongs to.
  var map: Int
  /// Keys in it.
  var keys: Int
  /// The pages below it, and how many entries each of them is said to lead to; empty in a leaf.
  var children: [(position: PagePosition, entries: Int)]
  /// What follows: keys and, of a leaf, values, as they are once they are expanded.
  var body: [UInt8]
}

/// Why a page cannot be read.
struct PageFlaw: Error, Hashable {
  /// The part of a sentence.
  var said: String
}

/// Reads pages of chunks, each checked against what points to it (`Page.read`).
struct PageReader {
  private let file: StoreFile
  /// The chunks of a version, by their numbers.
  let chunks: [Int: Chunk]
  private let hasPageNumbers: Bool

  init(_ file: StoreFile, chunks: [Int: Chunk]) {
    self.file = file
    self.chunks = chunks
    hasPageNumbers = file.format >= 2
  }

  /// Where a page begins in the file; nil where its chunk is not known.
  func byte(of position: PagePosition) -> Int? { chunks[position.chunk].map { $0.start + position.offset } }

  /// A page. Of leaves nothing but the header is read unless `whole` is asked for, or they are compressed.
  func page(_ position: PagePosition, of map: Int, whole: Bool) throws(Problem) -> Result<Page, PageFlaw> {
    func flaw(_ said: String) -> Result<Page, PageFlaw> { .failure(PageFlaw(said: said)) }
    guard let chunk = chunks[position.chunk] else {
      return flaw("chunk \(position.chunk), which it is in, is not there")
    }
    let room = chunk.size - Chunk.footerSize - position.offset
    guard position.offset > 0, room >= Self.shortest else { return flaw("it would be outside of its chunk") }
    let first = whole ? position.mostBytes ?? Self.firstRead : Self.firstRead
    var bytes = try file.handle.read(min(room, first), at: chunk.start + position.offset)
    var reader = ByteReader(bytes)
    guard let size = reader.number(4).flatMap({ Int(exactly: $0) }), let check = reader.number(2) else {
      return flaw("the file ends within it")
    }
    guard size >= Self.shortest, size <= room, position.mostBytes.map({ size <= $0 }) ?? true else {
      return flaw("its size is said to be \(size) bytes")
    }
    guard
      check
        == UInt64(
          PagePosition.check(position.chunk) ^ PagePosition.check(position.offset) ^ PagePosition.check(size))
    else {
      return flaw("its check value is wrong")
    }
    if size > bytes.count, position.isNode || whole {
      bytes = try file.handle.read(size, at: chunk.start + position.offset)
      guard bytes.count == size else { return flaw("the file ends within it") }
    }
    reader = ByteReader(bytes, from: 6, to: size)
    var number = 0
    if hasPageNumbers {
      guard let value = reader.count(upTo: chunk.pages) else { return flaw("its number is none of its chunk") }
      number = value
    }
    guard let owner = reader.count(upTo: Int(Int32.max)), let keys = reader.count(upTo: size), let type = reader.byte()
    else { return flaw("its header is damaged") }
    guard owner == map else { return flaw("it belongs to map \(owner)") }
    guard (type & 1 == 1) == position.isNode, type & ~7 == 0 else { return flaw("its type is said to be \(type)") }
    var page = Page(size: size, number: number, map: owner, keys: keys, children: [], body: [])
    if position.isNode {
      guard let children = Self.children(&reader, keys + 1) else { return flaw("its list of children is damaged") }
      page.children = children
    }
    let isCompressed = type & 2 == 2
    guard whole || (isCompressed && type & 4 == 0) else { return .success(page) }
    if size > bytes.count {
      let offset = reader.offset
      bytes = try file.handle.read(size, at: chunk.start + position.offset)
      guard bytes.count == size else { return flaw("the file ends within it") }
      reader = ByteReader(bytes, from: offset, to: size)
    }
    guard isCompressed else {
      page.body = Array(reader.rest())
      return .success(page)
    }
    guard type & 4 == 0 else { return flaw("it is compressed in a way that dbmend does not know") }
    guard let more = reader.count(upTo: Self.mostExpanded), case let rest = reader.rest(),
      let body = LZF.expand(rest, to: rest.count + more)
    else { return flaw("what is compressed in it is damaged") }
    page.body = whole ? body : []
    return .success(page)
  }

  private static func children(_ reader: inout ByteReader, _ count: Int) -> [(position: PagePosition, entries: Int)]? {
    guard count <= reader.left / 9 else { return nil }
    var positions: [PagePosition] = []
    for _ in 0..<count {
      guard let bits = reader.number(8) else { return nil }
      positions.append(PagePosition(bits))
    }
    var children: [(position: PagePosition, entries: Int)] = []
    for position in positions {
      guard let entries = reader.variable().flatMap({ Int(exactly: $0) }), entries < 1 << 48 else { return nil }
      children.append((position, entries))
    }
    return children
  }

  /// Bytes of a page's header at least.
  private static let shortest = 8
  private static let firstRead = 64
  private static let mostExpanded = 64 << 20
}
