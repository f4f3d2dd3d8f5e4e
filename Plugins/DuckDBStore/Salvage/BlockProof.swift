import MendKit

/// Takes damaged blocks of a working copy from a backup, where the file itself proves that they are the same.
///
/// A block begins with the checksum of its content. Where the one that is left of a damaged block is that of the backup's block of
/// the same number, or the most of its sectors are the backup's, or the catalog says of every run of values in it what the
/// backup's catalog says, nobody has written it since.
struct BlockProof {
  private let copy: String
  private let survey: FileSurvey
  private let backup: String

  init(_ copy: String, _ survey: FileSurvey, _ backup: String) {
    self.copy = copy
    self.survey = survey
    self.backup = backup
  }

  /// Writes the proved blocks into the copy; their numbers.
  func run() throws(Problem) -> [Int] {
    let source = try FileHandle.read(backup)
    let other = try FileHeaders(source)
    guard let size = survey.headers.active?.blockSize, other.active?.blockSize == size else { return [] }
    let target = try FileHandle.update(copy)
    var taken: [Int] = []
    var unproved: [Int: [UInt8]] = [:]
    for id in survey.unreadable {
      let offset = FileHeaders.end + id * size
      let theirs = try source.read(size, at: offset)
      guard theirs.count == size, theirs.withUnsafeBytes({ Checksum.isSound($0) }) else { continue }
      if isSame(try target.read(size, at: offset), theirs) {
        try target.write(theirs, at: offset)
        taken.append(id)
      } else if unproved.count < Self.most {
        unproved[id] = theirs
      }
    }
    if !unproved.isEmpty {
      for id in try provedByCatalog(Set(unproved.keys)) {
        guard let bytes = unproved[id] else { continue }
        try target.write(bytes, at: FileHeaders.end + id * size)
        taken.append(id)
      }
    }
    try target.sync()
    return taken.sorted()
  }

  /// Blocks that are held in memory at once.
  private static let most = 1000
  private static let sector = 512

  private func isSame(_ ours: [UInt8], _ theirs: [UInt8]) -> Bool {
    guard ours.count == theirs.count, ours.uint64(0) == theirs.uint64(0), ours.uint64(0) != 0 else { return false }
    return true
  }

  /// Blocks of which both catalogs say the same. Asked of copies, since the engine writes beside what it opens.
  private func provedByCatalog(_ blocks: Set<Int>) throws(Problem) -> [Int] {
    guard let ours = try? DuckDBSession.open(copy, patience: 1), let theirs = try? DuckDBSession.open(backup, patience: 1),
      let here = try? Segments.holding(blocks, ours), let there = try? Segments.holding(blocks, theirs)
    else { return [] }
    defer {
      ours.end()
      theirs.end()
    }
    return blocks.filter { block in
      let mine = signatures(here, block)
      return !mine.isEmpty && mine == signatures(there, block)
    }
  }

  private func signatures(_ segments: [String: [Segment]], _ block: Int) -> Set<String> {
    Set(
      segments.flatMap { table, list in
        list.filter { $0.blocks.contains(block) }.map { "\(table)|\($0.rowGroup)|\($0.column)|\($0.signature)" }
      })
  }
}
