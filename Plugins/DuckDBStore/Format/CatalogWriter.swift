import MendKit

/// Puts another catalog into a file: in blocks behind its last one, to which the headers then lead.
///
/// Such a file is for reading alone. Its list of free blocks is written too, and says that none is free, that each may hold
/// parts of the catalog, and that each is shared: so the engine asks nothing of the old list.
struct CatalogWriter {
  private let file: FileHandle
  private let header: DatabaseHeader
  private let headers: FileHeaders

  /// For a file whose headers are sound.
  init?(_ file: FileHandle, _ headers: FileHeaders) {
    guard let header = headers.active, headers.areSound, header.blockCount < Self.most else { return nil }
    self.file = file
    self.header = header
    self.headers = headers
  }

  /// A list of more blocks than this is not written.
  private static let most = 1 << 22

  /// Writes the catalog of these entries, in the place of one that was written before.
  func write(_ entries: [CatalogEntry]) throws(Problem) {
    let size = MetadataChain.partSize(header.blockSize)
    let catalog = Self.pieces(CatalogStream.content(entries), size - 8)
    var count = 1
    var list: [[UInt8]] = []
    // The list names the blocks that it takes itself.
    while true {
      list = Self.pieces(freeList(header.blockCount + count), size - 8)
      let needed = (catalog.count + list.count + MetadataChain.parts - 1) / MetadataChain.parts
      if needed <= count { break }
      count = needed
    }
    let all = catalog + list
    for number in 0..<count {
      var block = [UInt8](repeating: 0, count: header.blockSize)
      for part in 0..<MetadataChain.parts {
        let place = number * MetadataChain.parts + part
        guard place < all.count else { break }
        let isLast = place == catalog.count - 1 || place == all.count - 1
        block.set(isLast ? DatabaseHeader.nowhere : pointer(place + 1), at: 8 + part * size)
        block.replaceSubrange((16 + part * size)..<(16 + part * size + all[place].count), with: all[place])
      }
      block.set(Checksum.of(block[8...]), at: 0)
      try file.write(block, at: FileHeaders.end + (header.blockCount + number) * header.blockSize)
    }
    try writeHeaders(list: pointer(catalog.count), count: header.blockCount + count)
  }

  private func pointer(_ place: Int) -> UInt64 {
    UInt64(header.blockCount + place / MetadataChain.parts) | UInt64(place % MetadataChain.parts) << 56
  }

  private func freeList(_ count: Int) -> [UInt8] {
    var list = [UInt8](repeating: 0, count: 24 + header.blockCount * 12 + count * 16)
    list.set(UInt64(header.blockCount), at: 8)
    for block in 0..<header.blockCount {
      list.set(UInt64(block), at: 16 + block * 12)
      list[16 + block * 12 + 9] = 1
    }
    let start = 16 + header.blockCount * 12
    list.set(UInt64(count), at: start)
    for block in 0..<count { list.set(UInt64(block), at: start + 8 + block * 16) }
    return list
  }

  private static func pieces(_ content: [UInt8], _ size: Int) -> [[UInt8]] {
    stride(from: 0, to: content.count, by: size).map { Array(content[$0..<min($0 + size, content.count)]) }
  }

  private func writeHeaders(list: UInt64, count: Int) throws(Problem) {
    for place in 0..<2 {
      let start = (place + 1) * FileHeaders.size
      var bytes = Array(headers.bytes[start..<start + FileHeaders.size])
      bytes.set(UInt64(header.blockCount), at: 16)
      bytes.set(list, at: 24)
      bytes.set(UInt64(count), at: 32)
      bytes.set(Checksum.of(bytes[8...]), at: 0)
      try file.write(bytes, at: start)
    }
  }
}
