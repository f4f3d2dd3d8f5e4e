import MendKit

/// Writes an MVStore file from nothing: headers, and chunks with pages. Nobody else reads it but H2's `Recover`, so it has what that
/// opens, and no more.
final class StoreWriter {
  /// The key that a leaf or a node begins with.
  enum Key {
    case number(Int64)
    case text(String)

    fileprivate func append(to bytes: inout [UInt8]) {
      switch self {
      case .number(let number): bytes.append(variable: UInt64(bitPattern: number))
      case .text(let text): bytes.append(text: text)
      }
    }
  }

  /// A page, and what stands below it.
  struct Branch {
    /// Where it is.
    fileprivate(set) var position: PagePosition
    fileprivate var entries: Int
    fileprivate var first: Key
  }

  private static let headerSize = 176
  private static let mostBytes = 1 << 30
  private static let fanOut = 64
  private static let mostTexts = 100

  private let file: FileHandle
  private let header: StoreHeaders.Header?
  private let format: Int
  /// The chunk that is being written, and the block that it begins at.
  private var chunk = 1
  private var block = 2
  private var buffer: [UInt8] = []
  /// Where the buffer begins, in bytes from the beginning of the chunk.
  private var flushed = headerSize
  private var contents: [UInt64] = []
  private var layout: [String: String] = [:]

  /// Makes the file. `header` and `format` are of the store that the pages are from.
  init(_ path: String, like header: StoreHeaders.Header?, format: Int) throws(Problem) {
    file = try FileHandle.create(path, mode: 0o600)
    self.header = header
    self.format = format
  }

  private var start: Int { block * StoreHeaders.blockSize }

  private func flush() throws(Problem) {
    try file.write(buffer, at: start + flushed)
    flushed += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes a page; what stands behind its header is `rest`.
  private func page(_ map: Int, keys: Int, isNode: Bool, _ rest: [UInt8]) throws(Problem) -> PagePosition {
    if flushed + buffer.count + rest.count > Self.mostBytes, !contents.isEmpty { try endChunk(root: nil) }
    let offset = flushed + buffer.count
    var page: [UInt8] = []
    page.append(variable: UInt64(contents.count))
    page.append(variable: UInt64(map))
    page.append(variable: UInt64(keys))
    page.append(isNode ? 1 : 0)
    let size = 6 + page.count + rest.count
    buffer.append(number: UInt64(size), bytes: 4)
    let check = PagePosition.check(chunk) ^ PagePosition.check(offset) ^ PagePosition.check(size)
    buffer.append(number: UInt64(check), bytes: 2)
    buffer += page
    buffer += rest
    let position = PagePosition(chunk: chunk, offset: offset, size: size, isNode: isNode)
    contents.append(UInt64(map) << 38 | position.entry)
    if buffer.count > 1 << 20 { try flush() }
    return position
  }

  /// Writes a leaf.
  func leaf(_ map: Int, keys: Int, first: Key, _ body: [UInt8]) throws(Problem) -> Branch {
    Branch(position: try page(map, keys: keys, isNode: false, body), entries: keys, first: first)
  }

  /// Writes a node whose keys are given as their bytes.
  func node(_ map: Int, above children: [Branch], keys: [UInt8]) throws(Problem) -> Branch? {
    guard let first = children.first else { return nil }
    var rest: [UInt8] = []
    for child in children { rest.append(number: child.position.bits, bytes: 8) }
    for child in children { rest.append(variable: UInt64(child.entries)) }
    return Branch(
      position: try page(map, keys: children.count - 1, isNode: true, rest + keys),
      entries: children.reduce(0) { $0 + $1.entries }, first: first.first)
  }

  /// Writes the nodes above leaves that are in the order of their keys; the root, nil where there is no leaf.
  func root(_ map: Int, above leaves: [Branch]) throws(Problem) -> PagePosition? {
    var level = leaves
    while level.count > 1 {
      var next: [Branch] = []
      var start = 0
      while start < level.count {
        // A node has two children at least.
        let left = level.count - start
        let count = left <= Self.fanOut + 1 ? left : Self.fanOut
        let children = Array(level[start..<start + count])
        var keys: [UInt8] = []
        for child in children.dropFirst() { child.first.append(to: &keys) }
        if let node = try node(map, above: children, keys: keys) { next.append(node) }
        start += count
      }
      level = next
    }
    return level.first?.position
  }

  /// Writes a map from texts to texts; its root, nil of an empty one.
  func texts(_ map: Int, _ entries: [String: String]) throws(Problem) -> PagePosition? {
    try leaves(
      map,
      entries.mapValues { value in
        var bytes: [UInt8] = []
        bytes.append(text: value)
        return bytes
      })
  }

  /// Writes a map from texts to values, which are given as their bytes.
  func leaves(_ map: Int, _ entries: [String: [UInt8]]) throws(Problem) -> PagePosition? {
    // The order of Java's texts is that of their units of 16 bits.
    let names = entries.keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
    var leaves: [Branch] = []
    for start in stride(from: 0, to: names.count, by: Self.mostTexts) {
      let part = names[start..<min(names.count, start + Self.mostTexts)]
      var body: [UInt8] = []
      for name in part { body.append(text: name) }
      for name in part { body += entries[name] ?? [] }
      leaves.append(try leaf(map, keys: part.count, first: .text(names[start]), body))
    }
    return try root(map, above: leaves)
  }

  /// Writes the layout with the roots of all maps, and what frames the last chunk and the file.
  func finish(roots: [Int: PagePosition], metaMap: Int) throws(Problem) {
    layout["meta.id"] = String(metaMap, radix: 16)
    for (map, root) in roots { layout["root." + String(map, radix: 16)] = String(root.bits, radix: 16) }
    // The layout is in the chunk whose version it is, and does not name that.
    if flushed + buffer.count > Self.mostBytes / 2 { try endChunk(root: nil) }
    let last = try endChunk(root: texts(0, layout))
    try file.truncate(to: last.start + last.size)
    try file.write(StoreHeaders.bytes(for: last, like: header, format: format), at: 0)
    try file.sync()
  }

  /// Writes what frames the chunk, and begins another.
  @discardableResult private func endChunk(root: PagePosition?) throws(Problem) -> Chunk {
    let table = flushed + buffer.count
    for entry in contents { buffer.append(number: entry, bytes: 8) }
    try flush()
    let length = (flushed + Chunk.footerSize + StoreHeaders.blockSize - 1) / StoreHeaders.blockSize
    func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
    let text =
      "chunk:\(hexadecimal(chunk)),block:\(hexadecimal(block)),len:\(hexadecimal(length)),map:0,max:0,"
      + "pages:\(hexadecimal(contents.count)),root:\(String(root?.bits ?? 0, radix: 16)),time:0,"
      + "version:\(hexadecimal(chunk)),toc:\(hexadecimal(table))"
    guard let ended = HeaderText(Array(text.utf8)[...]).flatMap({ Chunk($0, at: block) }) else {
      throw Problem(.program, tried: "write a chunk", on: text, said: "it is none that could be read again")
    }
    let padding = [UInt8](repeating: 0x20, count: max(0, Self.headerSize - 1 - text.utf8.count))
    try file.write(Array(text.utf8) + padding + [0x0A], at: start)
    let footer = ChunkMending.footer(of: ended, format: format)
    try file.write(footer, at: start + ended.size - Chunk.footerSize)
    layout["chunk." + hexadecimal(chunk)] = text
    chunk += 1
    block += length
    flushed = Self.headerSize
    contents = []
    return ended
  }
}
