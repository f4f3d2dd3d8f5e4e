import MendKit

/// Writes an empty page over each damaged one of a copy, so that H2's `Recover`, which believes what a page says of its own size,
/// comes through the chunk.
struct PageBlanking {
  private let file: StoreFile

  init(_ handle: FileHandle) throws(Problem) { file = try StoreFile(handle) }

  /// What stood in a page that was blanked.
  struct Blanked {
    fileprivate let offset: Int
    fileprivate let bytes: [UInt8]
  }

  /// Blanks the pages of every chunk in use that cannot be read to their ends; what stood in them.
  func run() throws(Problem) -> [Blanked] {
    let candidates = try VersionSearch(file).candidates()
    guard let last = candidates.first, case .success(let version) = try StoreVersion.read(last, in: file, known: [:])
    else { return [] }
    let reader = PageReader(file, chunks: version.chunks)
    let types = try MapTypes(version, meta: version.meta(in: file), in: file)
    var blanked: [Blanked] = []
    for chunk in version.chunks.values where chunk.contents > 0 {
      var table = ByteReader(try file.handle.read(chunk.pages * 8, at: chunk.start + chunk.contents))
      var entries: [UInt64] = []
      while let entry = table.number(8) { entries.append(entry) }
      // The end of a page is where the next one begins, or the table of them.
      let starts = entries.map { PagePosition($0).offset }.sorted() + [chunk.contents]
      for (number, entry) in entries.enumerated() {
        let map = Int(entry >> 38)
        let position = PagePosition(UInt64(chunk.id) << 38 | PagePosition(entry).entry)
        guard try isDamaged(position, map, types[map], reader),
          let end = starts.first(where: { $0 > position.offset }), end < chunk.size
        else { continue }
        let page = Self.empty(number, map, position, size: end - position.offset)
        guard page.count <= end - position.offset else { continue }
        let offset = chunk.start + position.offset
        blanked.append(Blanked(offset: offset, bytes: try file.handle.read(page.count, at: offset)))
        try file.handle.write(page, at: offset)
      }
    }
    if !blanked.isEmpty { try file.handle.sync() }
    return blanked
  }

  /// Writes back what stood in blanked pages.
  static func undo(_ blanked: [Blanked], in file: FileHandle) throws(Problem) {
    for page in blanked { try file.write(page.bytes, at: page.offset) }
    try file.sync()
  }

  private func isDamaged(
    _ position: PagePosition, _ map: Int, _ types: MapTypes.Pair?, _ reader: PageReader
  ) throws(Problem) -> Bool {
    switch try reader.page(position, of: map, whole: types != nil) {
    case .failure: return true
    case .success(let page):
      guard let types else { return false }
      var sums: RowSums?
      return PageContent(page, isNode: position.isNode, types, &sums).flaw != nil
    }
  }

  /// The header of a page without keys, which takes so many bytes.
  private static func empty(_ number: Int, _ map: Int, _ position: PagePosition, size: Int) -> [UInt8] {
    func check(_ value: Int) -> UInt16 { UInt16(truncatingIfNeeded: value >> 16) ^ UInt16(truncatingIfNeeded: value) }
    func variable(_ value: Int) -> [UInt8] {
      var bytes: [UInt8] = []
      var left = value
      while left > 0x7F {
        bytes.append(UInt8(left & 0x7F) | 0x80)
        left >>= 7
      }
      return bytes + [UInt8(left)]
    }
    var page = (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
    let sum = check(position.chunk) ^ check(position.offset) ^ check(size)
    page += [UInt8(sum >> 8), UInt8(sum & 0xFF)]
    page += variable(number) + variable(map) + [0, position.isNode ? 1 : 0]
    // A node has one child more than it has keys: here one that is nowhere.
    return position.isNode ? page + [UInt8](repeating: 0, count: 9) : page
  }
}
