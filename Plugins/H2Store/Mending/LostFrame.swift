import MendKit

/// The newest chunk of a store, whose header or footer is damaged, as the rest of the file tells of it. What the header of the file
/// names was written to its end once, so that nothing of it is missing but the frame.
struct LostFrame {
  private let file: StoreFile

  init(_ file: StoreFile) { self.file = file }

  /// The chunk, where its version is whole down to its pages; nil where it is not, or nothing is wrong with its frame.
  func chunk() throws(Problem) -> Chunk? {
    guard let header = file.headers.newest, try file.whole(at: header.block, id: header.chunk) == nil else {
      return nil
    }
    var found = try file.header(at: header.block, id: header.chunk)
    if found == nil { found = try derived(header) }
    guard let chunk = found, chunk.version == header.version, chunk.block + chunk.length <= file.blocks
    else { return nil }
    var known: [Int: Chunk] = [:]
    for other in try VersionSearch.sorted(file.wholeChunks()).reversed() { known[other.id] = other }
    guard case .success(let version) = try StoreVersion.read(chunk, in: file, known: known), version.broken.isEmpty
    else { return nil }
    var walker = PageWalker(file, version, try MapTypes(version, meta: version.meta(in: file), in: file))
    for (map, root) in version.roots { _ = try walker.walk(root, of: map) }
    return walker.flaws.isEmpty ? chunk : nil
  }

  /// The chunk as its pages tell: they stand one behind another up to their table, which must name every one of them.
  private func derived(_ header: StoreHeaders.Header) throws(Problem) -> Chunk? {
    guard let length = try length(header) else { return nil }
    let start = header.block * StoreHeaders.blockSize
    let end = length * StoreHeaders.blockSize - Chunk.footerSize
    let head = try file.handle.read(min(Chunk.longestHeader + 8, end), at: start)
    for first in 32..<max(32, head.count - 8) where Self.size(head[first...], header.chunk, first) != nil {
      var pages: [(offset: Int, size: Int)] = []
      var offset = first
      while offset < end, case let bytes = try file.handle.read(6, at: start + offset),
        let size = Self.size(bytes[...], header.chunk, offset), size <= end - offset
      {
        pages.append((offset, size))
        offset += size
      }
      guard offset + pages.count * 8 <= end, let root = try root(pages, table: start + offset) else { continue }
      func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
      let text =
        "chunk:\(hexadecimal(header.chunk)),block:\(hexadecimal(header.block)),len:\(hexadecimal(length)),"
        + "pages:\(hexadecimal(pages.count)),root:\(String(UInt64(header.chunk) << 38 | root, radix: 16)),"
        + "version:\(hexadecimal(header.version)),toc:\(hexadecimal(offset))"
      return HeaderText(Array(text.utf8)[...]).flatMap { Chunk($0, at: header.block) }
    }
    return nil
  }

  /// Blocks of the chunk, up to its footer.
  private func length(_ header: StoreHeaders.Header) throws(Problem) -> Int? {
    var block = header.block + 1
    while block <= file.blocks {
      if let footer = try file.footer(before: block), footer.chunk == header.chunk, footer.version == header.version {
        return block - header.block
      }
      block += 1
    }
    return nil
  }

  /// The size of a page that begins with these bytes; nil where none does.
  private static func size(_ bytes: ArraySlice<UInt8>, _ chunk: Int, _ offset: Int) -> Int? {
    guard bytes.count >= 6 else { return nil }
    let start = bytes.startIndex
    let size = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    let check = UInt16(bytes[start + 4]) << 8 | UInt16(bytes[start + 5])
    return size >= 8 && check == PagePosition.check(chunk) ^ PagePosition.check(offset) ^ PagePosition.check(size)
      ? size : nil
  }

  /// What the table of pages says of the root of the layout, which is written before the pages below it; nil where the table does
  /// not name exactly these pages.
  private func root(_ pages: [(offset: Int, size: Int)], table: Int) throws(Problem) -> UInt64? {
    var reader = ByteReader(try file.handle.read(pages.count * 8, at: table))
    var root: UInt64?
    for page in pages {
      guard let entry = reader.number(8), case let position = PagePosition(entry), position.offset == page.offset,
        position.mostBytes.map({ page.size <= $0 }) ?? true
      else { return nil }
      if root == nil, entry >> 38 == 0 { root = position.entry }
    }
    return root
  }
}
