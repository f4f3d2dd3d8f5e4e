/// A run of blocks that one commit wrote: a header, pages, a table of them, and a footer (`Chunk.java`).
struct Chunk: Hashable {
  /// Bytes of a header at most.
  static let longestHeader = 1024
  /// Bytes of a footer, which ends the last block.
  static let footerSize = 128
  /// The largest number that a chunk may have.
  static let mostID = (1 << 26) - 1

  /// The chunk's number.
  var id: Int
  /// The block that it begins at.
  var block: Int
  /// Blocks that it takes.
  var length: Int
  /// Pages in it.
  var pages: Int
  /// Pages in it that are still in use.
  var livePages: Int
  /// The root of the layout map of its version; 0 where that is empty.
  var root: UInt64
  /// The version of the store that it completes.
  var version: Int
  /// Milliseconds between the making of the store and that of the chunk.
  var time: UInt64
  /// The block that the next chunk was expected at; 0 when nothing was.
  var next: Int
  /// Where its table of pages begins, in bytes from its own beginning; 0 in formats that have none.
  var contents: Int
  /// Bytes of its header, with the line's end; 0 of a chunk that was not read from the file itself.
  var headerSize = 0

  /// Whether any page of it is in use.
  var isLive: Bool { livePages > 0 }
  /// The first byte.
  var start: Int { block * StoreHeaders.blockSize }
  /// Bytes that it takes.
  var size: Int { length * StoreHeaders.blockSize }

  /// The chunk of a header's text. Where the text does not say at which block, it is the given one. nil where the text is none
  /// of a chunk, or says the impossible.
  init?(_ text: HeaderText, at block: Int? = nil) {
    guard let id = text.number("chunk"), id <= Self.mostID, let length = text.number("len"), length > 0,
      length < 1 << 31
    else { return nil }
    self.id = id
    self.length = length
    let said = text.number("block")
    guard let place = said ?? block, place >= 2, place < 1 << 40 else { return nil }
    if let block, let said, said != 0, said != block { return nil }
    self.block = block ?? place
    pages = text.number("pages") ?? 0
    livePages = text.number("livePages") ?? pages
    root = text.bits("root") ?? 0
    version = text.number("version") ?? id
    time = text.bits("time") ?? 0
    next = text.number("next") ?? 0
    contents = text.number("toc") ?? 0
    guard pages < 1 << 31, livePages <= pages, contents < length * StoreHeaders.blockSize else { return nil }
  }
}
