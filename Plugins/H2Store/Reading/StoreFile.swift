import MendKit

/// An MVStore file, read at given places. Nothing in it is trusted.
final class StoreFile {
  /// The open file.
  let handle: FileHandle
  /// Whole blocks in it.
  let blocks: Int
  /// The headers.
  let headers: StoreHeaders
  /// The version of the format: what the headers say, or, where both are lost, the form of the first chunk's footer.
  private(set) var format = 2

  /// Reads the headers of an open file.
  init(_ handle: FileHandle) throws(Problem) {
    self.handle = handle
    headers = try StoreHeaders(handle)
    blocks = try handle.status().size / StoreHeaders.blockSize
    if let newest = headers.newest { format = newest.format } else { format = try formatOfChunks() }
  }

  private func formatOfChunks() throws(Problem) -> Int {
    for block in 3..<max(4, blocks + 1) {
      if let footer = try footer(before: block) { return footer.length == nil ? 2 : 3 }
    }
    return 2
  }

  /// The chunk whose header stands at the beginning of a block; nil where there is none.
  func header(at block: Int, id: Int? = nil) throws(Problem) -> Chunk? {
    guard block >= 2, block < blocks else { return nil }
    let bytes = try handle.read(Chunk.longestHeader, at: block * StoreHeaders.blockSize)
    guard bytes.starts(with: Self.chunkWord), let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    var line = bytes[..<end]
    while let last = line.last, last <= 0x20 { line.removeLast() }
    guard let text = HeaderText(line), var chunk = Chunk(text, at: block) else { return nil }
    guard id == nil || chunk.id == id else { return nil }
    chunk.headerSize = end + 1
    return chunk
  }

  private static let chunkWord = Array("chunk:".utf8)

  /// What a footer says that ends before a block.
  struct Footer: Hashable {
    var chunk: Int
    var version: Int
    /// The block that the chunk begins at; nil in formats whose footers do not tell.
    var block: Int?
    /// Blocks of the chunk; nil in formats whose footers do not tell.
    var length: Int?
  }

  /// The footer that ends before a block; nil where there is none.
  func footer(before block: Int) throws(Problem) -> Footer? {
    guard block > 2, block <= blocks else { return nil }
    let bytes = try handle.read(Chunk.footerSize, at: block * StoreHeaders.blockSize - Chunk.footerSize)
    guard bytes.contains(UInt8(ascii: ":")), let text = HeaderText(checksummed: bytes[...]),
      let id = text.number("chunk")
    else { return nil }
    let place = text.number("block")
    return Footer(
      chunk: id, version: text.number("version") ?? id, block: place == 0 ? nil : place, length: text.number("len"))
  }

  /// Whether the footer of a chunk is there and says what the header does.
  func hasFooter(_ chunk: Chunk) throws(Problem) -> Bool {
    guard let footer = try footer(before: chunk.block + chunk.length) else { return false }
    return footer.chunk == chunk.id && footer.version == chunk.version
      && (footer.block ?? chunk.block) == chunk.block && (footer.length ?? chunk.length) == chunk.length
  }

  /// The chunk at a block whose header and footer are in order; nil where they are not.
  func whole(at block: Int, id: Int? = nil) throws(Problem) -> Chunk? {
    guard let chunk = try header(at: block, id: id), try hasFooter(chunk) else { return nil }
    return chunk
  }

  /// The last whole chunk that ends at a block or before it; nil where there is none (`FileStore.discoverChunk`).
  func lastWhole(before end: Int) throws(Problem) -> Chunk? {
    var block = min(end, blocks)
    while block > 2 {
      if let footer = try footer(before: block) {
        if let place = footer.block {
          if let chunk = try whole(at: place, id: footer.chunk), chunk.block + chunk.length == block { return chunk }
        } else if let length = footer.length, length < block,
          let chunk = try whole(at: block - length, id: footer.chunk)
        {
          return chunk
        }
      }
      block -= 1
    }
    return nil
  }

  /// Every whole chunk in the file, whether it is in use or not, by its block.
  func wholeChunks() throws(Problem) -> [Chunk] {
    var found: [Chunk] = []
    var block = 2
    while block < blocks {
      if let chunk = try whole(at: block) {
        found.append(chunk)
        block += chunk.length
      } else {
        block += 1
      }
    }
    return found
  }
}
