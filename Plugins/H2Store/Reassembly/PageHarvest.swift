import MendKit

/// A page that stands in the file, whether anything leads to it or not.
struct FoundPage: Hashable {
  /// Where it is; how long it is, the position does not tell.
  var position: PagePosition
  /// The version that its chunk completed.
  var version: Int
  /// Its number within the chunk.
  var number: Int
  /// The map that it belongs to.
  var map: Int
  /// Keys in it.
  var keys: Int
  /// Whether it is the first page of its map in its chunk: it follows directly on one of another map, or on the chunk's header. A
  /// chunk has the pages of one map after another's, and the root before all others.
  var isRoot: Bool
}

/// All pages that are left in a file: chunk by chunk, one page behind another, whether the chunk is whole or not.
///
/// The check value of a page is made of its chunk's number, its place and its length. So pages are found behind others that are
/// overwritten, and in chunks whose headers are.
struct PageHarvest {
  /// The chunks that pages were found in, by their numbers.
  private(set) var chunks: [Int: Chunk] = [:]
  /// The pages of each map.
  private(set) var pages: [Int: [FoundPage]] = [:]
  /// The numbers of the pages of a chunk that some layout in the file says to be out of use.
  private(set) var removed: [Int: Set<Int>] = [:]
  private let file: StoreFile
  private let hasPageNumbers: Bool
  private var owned: [Bool]
  private var count = 0

  init(_ file: StoreFile) throws(Problem) {
    self.file = file
    hasPageNumbers = file.format >= 2
    owned = [Bool](repeating: false, count: file.blocks + 1)
    for (chunk, _) in try headed() { try take(chunk, isFramed: true) }
    for chunk in try told() { try take(chunk, isFramed: false) }
    try takeNameless()
  }

  /// Reads the pages that were found.
  var reader: PageReader { PageReader(file, chunks: chunks) }

  /// Chunks whose headers stand in the file: whole ones first, then the others, newest first.
  private func headed() throws(Problem) -> [(Chunk, isWhole: Bool)] {
    var found: [(Chunk, isWhole: Bool)] = []
    var block = 2
    while block < file.blocks {
      defer { block += 1 }
      guard let chunk = try file.header(at: block) else { continue }
      let isWhole = try file.hasFooter(chunk)
      found.append((chunk, isWhole))
      if isWhole { block += chunk.length - 1 }
    }
    return found.sorted { ($0.isWhole ? 1 : 0, $0.0.version) > ($1.isWhole ? 1 : 0, $1.0.version) }
  }

  /// Chunks without a header that a layout or the file's own headers tell of.
  private mutating func told() throws(Problem) -> [Chunk] {
    var found: [Chunk] = []
    for page in pages[0] ?? [] where !page.position.isNode {
      for (name, value) in try TextMap.entries(reader, leaf: page.position, of: 0) where name.hasPrefix("chunk.") {
        guard let text = HeaderText(Array(value.utf8)[...]), let chunk = Chunk(text) else { continue }
        removed[chunk.id, default: []].formUnion(Self.bits(text.values["occupancy"] ?? ""))
        if chunks[chunk.id] == nil { found.append(chunk) }
      }
    }
    if let header = file.headers.newest, chunks[header.chunk] == nil, header.block >= 2 {
      let length = max(1, (header.block..<max(header.block, file.blocks)).prefix { !owned[$0] }.count)
      let text =
        "chunk:\(String(header.chunk, radix: 16)),len:\(String(length, radix: 16)),pages:\(String(length * 512, radix: 16)),"
        + "version:\(String(header.version, radix: 16))"
      if let chunk = HeaderText(Array(text.utf8)[...]).flatMap({ Chunk($0, at: header.block) }) { found.append(chunk) }
    }
    return found.sorted { $0.version > $1.version }
  }

  /// The numbers of the bits that are set, of bytes in hexadecimal, the lowest first.
  private static func bits(_ text: String) -> [Int] {
    let digits = Array(text.utf8)
    var bits: [Int] = []
    for place in 0..<digits.count / 2 {
      let pair = String(decoding: digits[2 * place...2 * place + 1], as: UTF8.self)
      guard let byte = UInt8(pair, radix: 16) else { return bits }
      for bit in 0..<8 where byte & (1 << UInt8(bit)) != 0 { bits.append(8 * place + bit) }
    }
    return bits
  }

  /// Looks for chunks of which nothing tells in the blocks that are left: the first pages tell the chunk's number.
  private mutating func takeNameless() throws(Problem) {
    var block = 2
    while block < file.blocks {
      let end = owned[block...].firstIndex(of: true) ?? file.blocks
      for start in block..<max(block, min(end, file.blocks)) where !owned[start] {
        if let chunk = try nameless(at: start, end - start) { try take(chunk, isFramed: false) }
      }
      block = max(block, end) + 1
    }
  }

  private func nameless(at block: Int, _ length: Int) throws(Problem) -> Chunk? {
    let room = length * StoreHeaders.blockSize
    var window = PageWindow(file.handle, from: block * StoreHeaders.blockSize, size: 1 << 14)
    for first in 32..<Self.longestHeader {
      guard let id = try window.chunk(of: first, room: room), id > 0, id <= Chunk.mostID else { continue }
      var offset = first
      var count = 0
      while count < 3, let head = try window.head(at: offset, chunk: id, room: room, hasPageNumbers) {
        offset += head.size
        count += 1
      }
      guard count == 3, chunks[id] == nil else { continue }
      let text =
        "chunk:\(String(id, radix: 16)),len:\(String(length, radix: 16)),pages:\(String(length * 512, radix: 16))"
      return HeaderText(Array(text.utf8)[...]).flatMap { Chunk($0, at: block) }
    }
    return nil
  }

  private static let longestHeader = 256
  private static let mostPages = 1 << 26

  /// Takes the pages of a chunk, up to where another one begins.
  private mutating func take(_ chunk: Chunk, isFramed: Bool) throws(Problem) {
    guard chunks[chunk.id] == nil, chunk.block < file.blocks else { return }
    let blocks = chunk.block..<min(chunk.block + chunk.length, file.blocks + 1)
    let length = blocks.prefix { $0 >= file.blocks || !owned[$0] }.count
    guard length > 0 else { return }
    let room = min(
      length == chunk.length ? chunk.size - Chunk.footerSize : length * StoreHeaders.blockSize,
      chunk.contents > 0 ? chunk.contents : .max)
    var window = PageWindow(file.handle, from: chunk.start)
    var found: [FoundPage] = []
    var seen: Set<Int> = []
    var offset = isFramed ? chunk.headerSize : 32
    // Where the page before ends, and whose it is.
    var end = isFramed ? offset : 0
    var owner = -1
    while offset < room {
      guard let head = try window.head(at: offset, chunk: chunk.id, room: room, hasPageNumbers) else {
        guard let next = try window.next(behind: offset, chunk: chunk.id, room: room, hasPageNumbers) else { break }
        offset = next
        continue
      }
      let isFirst = seen.insert(head.map).inserted
      found.append(
        FoundPage(
          position: PagePosition(chunk: chunk.id, offset: offset, isNode: head.isNode), version: chunk.version,
          number: head.number, map: head.map, keys: head.keys, isRoot: isFirst && end == offset && owner != head.map))
      offset += head.size
      (end, owner) = (offset, head.map)
    }
    guard !found.isEmpty, count + found.count < Self.mostPages else { return }
    count += found.count
    for block in blocks.prefix(length) { owned[block] = true }
    chunks[chunk.id] = chunk
    for page in found { pages[page.map, default: []].append(page) }
  }
}

/// A part of a file that is read from front to back, in which heads of pages are looked for.
struct PageWindow {
  /// What the first bytes of a page say.
  struct Head {
    var size: Int
    var number: Int
    var map: Int
    var keys: Int
    var isNode: Bool
  }

  private let handle: FileHandle
  private let origin: Int
  private let size: Int
  private var bytes: [UInt8] = []
  private var start = 0

  /// Offsets are counted from a place in the file.
  init(_ handle: FileHandle, from origin: Int, size: Int = 1 << 20) {
    self.handle = handle
    self.origin = origin
    self.size = size
  }

  private static let longestHead = 64

  /// Where a byte is in what is read of the file now; nil behind its end.
  private mutating func index(_ offset: Int, _ count: Int) throws(Problem) -> Int? {
    if offset < start || offset + count > start + bytes.count {
      start = offset
      bytes = try handle.read(size, at: origin + offset)
    }
    return offset - start < bytes.count ? offset - start : nil
  }

  /// The head of the page at an offset of a chunk; nil where none is.
  mutating func head(at offset: Int, chunk: Int, room: Int, _ hasNumber: Bool) throws(Problem) -> Head? {
    guard let index = try index(offset, Self.longestHead) else { return nil }
    return head(at: offset, index, chunk, room, hasNumber)
  }

  private func head(at offset: Int, _ index: Int, _ chunk: Int, _ room: Int, _ hasNumber: Bool) -> Head? {
    guard index + 8 <= bytes.count else { return nil }
    let size = number(index)
    guard size >= 8, size <= room - offset,
      check(index) == PagePosition.check(chunk) ^ PagePosition.check(offset) ^ PagePosition.check(size)
    else { return nil }
    var reader = ByteReader(bytes, from: index + 6, to: min(bytes.count, index + size))
    var number = 0
    if hasNumber {
      guard let value = reader.count(upTo: Int(Int32.max)) else { return nil }
      number = value
    }
    guard let map = reader.count(upTo: Chunk.mostID), let keys = reader.count(upTo: size), let type = reader.byte(),
      type & ~7 == 0, type & 1 == 0 || keys <= size / 9
    else { return nil }
    return Head(size: size, number: number, map: map, keys: keys, isNode: type & 1 == 1)
  }

  /// Where the next page behind an offset begins: one that another follows, or that ends where the pages do.
  mutating func next(behind offset: Int, chunk: Int, room: Int, _ hasNumber: Bool) throws(Problem) -> Int? {
    var place = offset + 1
    while place < room {
      guard let first = try index(place, Self.longestHead) else { return nil }
      var found: Int?
      // Most bytes are no beginning of a page, and are passed over fast.
      var index = first
      while index + Self.longestHead <= bytes.count, found == nil {
        let offset = start + index
        if bytes[index] < 0x10, let head = head(at: offset, index, chunk, room, hasNumber), head.keys > 0 {
          found = offset
        }
        index += 1
      }
      guard let candidate = found else {
        // What is left of this part is too short for a head.
        let isEnd = bytes.count < size
        place = start + index
        if isEnd { return nil }
        continue
      }
      place = candidate
      guard let head = try head(at: candidate, chunk: chunk, room: room, hasNumber) else { return nil }
      let behind = candidate + head.size
      if behind == room { return candidate }
      if try self.head(at: behind, chunk: chunk, room: room, hasNumber) != nil { return candidate }
      place = candidate + 1
    }
    return nil
  }

  /// The number of the chunk that a page at an offset is in, if one is there.
  mutating func chunk(of offset: Int, room: Int) throws(Problem) -> Int? {
    guard let index = try index(offset, Self.longestHead), index + 8 <= bytes.count else { return nil }
    let size = number(index)
    guard size >= 8, size <= room - offset else { return nil }
    return Int(check(index) ^ PagePosition.check(offset) ^ PagePosition.check(size))
  }

  private func number(_ index: Int) -> Int { bytes[index..<index + 4].reduce(0) { $0 << 8 | Int($1) } }
  private func check(_ index: Int) -> UInt16 { UInt16(bytes[index + 4]) << 8 | UInt16(bytes[index + 5]) }
}
