import MendKit

/// What an archive keeps of each block of its database: the checksum that the block begins with.
///
/// All numbers are little-endian, as in the file: 16 bytes `dbmend.blocks/1` with a NUL, the size of a block and the number of
/// blocks (8 bytes each), and the checksum of each block (8 bytes), 0 for a free one.
struct BlockNotes {
  private static let magic = Array("dbmend.blocks/1".utf8) + [0]
  private static let headerSize = 32

  /// The size of a block.
  let blockSize: Int
  /// The checksum of each block; 0 of one that was free.
  let sums: [UInt64]

  /// Reads notes that nobody vouches for; nil where they are none.
  init?(_ bytes: [UInt8]) {
    guard bytes.starts(with: Self.magic), let size = bytes.uint64(16), size <= 262_144, let count = bytes.uint64(24),
      count < 1 << 32, bytes.count == Self.headerSize + Int(count) * 8
    else { return nil }
    blockSize = Int(size)
    sums = (0..<Int(count)).map { bytes.uint64(Self.headerSize + $0 * 8) ?? 0 }
  }

  /// Whether every block of the catalog is as it was noted: then so was every block that the catalog leads to, whatever time the file
  /// says that it was written.
  func hasSameCatalog(_ live: [UInt64], _ use: BlockUse) -> Bool {
    !use.metadata.isEmpty
      && use.metadata.allSatisfy { id in
        id < sums.count && id < live.count && sums[id] != 0 && sums[id] == live[id]
      }
  }

  /// Notes of a file that was surveyed; nil where a block of it is damaged, or nobody knows which are in use.
  static func take(_ survey: FileSurvey) -> [UInt8]? {
    guard survey.unreadable.isEmpty, let header = survey.headers.active, let use = survey.use else { return nil }
    return bytes(survey.sums, header, use)
  }

  /// Notes of a file that is known to be sound, of which only the beginning of each block is read.
  static func take(_ file: FileHandle, _ headers: FileHeaders) throws(Problem) -> [UInt8]? {
    guard let header = headers.active else { return nil }
    let size = header.blockSize
    let use = try BlockUse(header) { id throws(Problem) in
      let block = try file.read(size, at: FileHeaders.end + id * size)
      return block.count == size ? block : nil
    }
    guard let use else { return nil }
    let count = min(header.blockCount, max(0, try file.status().size - FileHeaders.end) / size)
    var sums: [UInt64] = []
    for id in 0..<count { sums.append(try file.read(8, at: FileHeaders.end + id * size).uint64(0) ?? 0) }
    return bytes(sums, header, use)
  }

  private static func bytes(_ sums: [UInt64], _ header: DatabaseHeader, _ use: BlockUse) -> [UInt8] {
    let count = min(sums.count, header.blockCount, use.isFree.count)
    var bytes = magic + [UInt8](repeating: 0, count: 16 + count * 8)
    bytes.set(UInt64(header.blockSize), at: 16)
    bytes.set(UInt64(count), at: 24)
    for id in 0..<count where !use.isFree[id] { bytes.set(sums[id], at: headerSize + id * 8) }
    return bytes
  }
}

extension DuckDBSession: RotSession {
  /// Blocks that are not the archive's, where nothing was written since: each is sound by its own checksum, and another one's, or
  /// from before. Damaged ones are found without an archive.
  func rottenParts(_ notes: BackupNotes, limit: Int) throws(Problem) -> [Finding] {
    guard let survey, let stamp, let use = survey.use, let known = BlockNotes(try notes.read()),
      known.blockSize == survey.headers.active?.blockSize,
      stamp.isSameState(as: notes.stamp)
        || stamp.changeCounter == notes.stamp.changeCounter && known.hasSameCatalog(survey.sums, use)
    else { return [] }
    let unreadable = Set(survey.unreadable)
    let count = min(known.sums.count, survey.sums.count, use.isFree.count)
    let rotten = (0..<count).filter { id in
      known.sums[id] != 0 && !use.isFree[id] && known.sums[id] != survey.sums[id] && !unreadable.contains(id)
    }
    guard !rotten.isEmpty, limit > 0 else { return [] }
    let owners = try Segments.holding(Set(rotten.prefix(limit)), self).found
    var findings = rotten.prefix(limit).map { id in
      let table = owners.filter { $0.value.contains { $0.blocks.contains(id) } }.keys.sorted().first
      return Finding(
        "page.rotten", .error,
        at: Finding.Location(table: table, page: id, byte: FileHeaders.end + id * known.blockSize),
        "block \(id)\(table.map { " of table \($0)" } ?? "") is not what it was when the newest good archive was taken, and no "
          + "checkpoint was written since",
        evidence: "its checksum is right, and another than in \(Paths.name(of: notes.archive))")
    }
    if rotten.count > limit { findings[limit - 1].count = rotten.count - limit + 1 }
    return findings
  }
}
