import MendKit

/// Which blocks of a file are in use, as the file's own list of free blocks says.
struct BlockUse {
  /// Whether each block is free.
  private(set) var isFree: [Bool]
  /// The blocks that hold the catalog and what leads to the rows.
  private(set) var metadata: Set<Int>
  /// Whether the list has what the header leads to in use.
  private(set) var hasCatalog = true

  /// Reads the list. `block` gives a block whose checksum is right, nil for any other. nil where the list cannot be read.
  init?(_ header: DatabaseHeader, _ block: (Int) throws(Problem) -> [UInt8]?) throws(Problem) {
    isFree = [Bool](repeating: false, count: min(header.blockCount, Self.most))
    metadata = []
    guard header.freeList != DatabaseHeader.nowhere else { return }
    guard let content = try MetadataChain.read(header.freeList, header, block) else { return nil }
    var cursor = 0
    func next() -> UInt64? {
      defer { cursor += 8 }
      return content.uint64(cursor)
    }
    guard let freeCount = next(), freeCount <= UInt64(header.blockCount) else { return nil }
    for _ in 0..<freeCount {
      guard let id = next(), id < UInt64(header.blockCount) else { return nil }
      if Int(id) < isFree.count { isFree[Int(id)] = true }
    }
    guard let sharedCount = next(), sharedCount <= UInt64(header.blockCount) else { return nil }
    cursor += Int(sharedCount) * 12
    guard let metadataCount = next(), metadataCount <= UInt64(header.blockCount) else { return nil }
    var unusedParts: [Int: UInt64] = [:]
    for _ in 0..<metadataCount {
      guard let id = next(), let parts = next(), id < UInt64(header.blockCount) else { return nil }
      metadata.insert(Int(id))
      unusedParts[Int(id)] = parts
    }
    if header.metaBlock != DatabaseHeader.nowhere {
      let parts = unusedParts[Int(header.metaBlock & (1 << 56 - 1))]
      hasCatalog = parts.map { $0 & (1 << (header.metaBlock >> 56)) == 0 } ?? false
    }
  }

  /// A file of more blocks than this is not looked through block by block for which are free.
  private static let most = 1 << 28
}

/// Content that is spread over parts of metadata blocks, each of which begins with a pointer to the next.
enum MetadataChain {
  /// The parts of a block that metadata is dealt out in.
  static let parts = 64
  /// More than this is no list of blocks.
  private static let mostBytes = 1 << 30

  /// The size of a part.
  static func partSize(_ blockSize: Int) -> Int { (blockSize - 8) / parts / 8 * 8 }

  /// The content from a pointer on; nil where it cannot be read to its end.
  static func read(
    _ start: UInt64, _ header: DatabaseHeader, _ block: (Int) throws(Problem) -> [UInt8]?
  ) throws(Problem) -> [UInt8]? {
    let size = partSize(header.blockSize)
    var content: [UInt8] = []
    var seen: Set<UInt64> = []
    var pointer = start
    while pointer != DatabaseHeader.nowhere {
      let id = pointer & (1 << 56 - 1)
      let part = Int(pointer >> 56)
      guard seen.insert(pointer).inserted, id < UInt64(header.blockCount), part < parts, content.count < mostBytes,
        let bytes = try block(Int(id)), let next = bytes.uint64(8 + part * size)
      else { return nil }
      content += bytes[(8 + part * size + 8)..<(8 + (part + 1) * size)]
      pointer = next
    }
    return content
  }

  /// The content from a pointer on, of blocks that may be damaged: as far as the pointers lead from one part of `blocks` to
  /// another. Nothing is guessed behind one that does not: what stands elsewhere may be of an older catalog.
  static func remains(
    of start: UInt64, _ header: DatabaseHeader, in blocks: Set<Int>, _ block: (Int) throws(Problem) -> [UInt8]
  ) throws(Problem) -> [UInt8] {
    let size = partSize(header.blockSize)
    var content: [UInt8] = []
    var seen: Set<UInt64> = []
    var pointer = start
    while seen.insert(pointer).inserted, content.count < mostBytes {
      let id = Int(pointer & (1 << 56 - 1))
      let part = Int(pointer >> 56)
      guard part < parts else { break }
      let bytes = try block(id)
      guard let next = bytes.uint64(8 + part * size), 8 + (part + 1) * size <= bytes.count else { break }
      content += bytes[(8 + part * size + 8)..<(8 + (part + 1) * size)]
      guard next != 0, blocks.contains(Int(next & (1 << 56 - 1))) else { break }
      pointer = next
    }
    return content
  }
}
