import MendKit

/// Takes damaged blocks of a working copy from a backup, where the file itself proves that they are the same.
///
/// A block begins with the checksum of its content. Where the one that is left of a damaged block is that of the backup's block of
/// the same number, nobody has written it since. Without it, two things make that likely, and prove nothing: that both use the
/// block and no more than one checkpoint lies in between, since a block that a checkpoint frees is written again by the one after
/// it at the earliest; and that both catalogs say the same of every run of values in it. A database that was put back to an older
/// state and went on from there has checkpoints of the same numbers as the backup, with other content. Blocks of the catalog are
/// written in place, and only the checksum tells anything of them.
struct BlockProof {
  private let copy: String
  private let survey: FileSurvey
  private let backup: String
  private let takesUnproved: Bool

  /// With `takesUnproved`, what is likely is enough.
  init(_ copy: String, _ survey: FileSurvey, _ backup: String, takesUnproved: Bool) {
    self.copy = copy
    self.survey = survey
    self.backup = backup
    self.takesUnproved = takesUnproved
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
      if Self.isSame(try target.read(size, at: offset), theirs) {
        try target.write(theirs, at: offset)
        taken.append(id)
      } else if unproved.count < Self.most {
        unproved[id] = theirs
      }
    }
    var likely = takesUnproved && isClose(other) ? try likelyByUse(source, other, unproved) : []
    if takesUnproved { likely += try likelyByCatalog(Set(unproved.keys).subtracting(likely)) }
    for id in likely {
      guard let bytes = unproved[id] else { continue }
      try target.write(bytes, at: FileHeaders.end + id * size)
      taken.append(id)
    }
    try target.sync()
    return taken.sorted()
  }

  /// Whether at most one checkpoint lies between the backup and the copy.
  private func isClose(_ other: FileHeaders) -> Bool {
    guard let now = survey.headers.active?.iteration, let then = other.active?.iteration else { return false }
    return now == then || now == then &+ 1
  }

  /// Blocks that are held in memory at once.
  private static let most = 1000

  /// The damaged blocks that `run` finds proved, told from a backup that is read front to back.
  static func proved(
    _ path: String, _ survey: FileSurvey,
    _ read: ((UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Void
  ) throws(Problem) -> Set<Int> {
    guard let size = survey.headers.active?.blockSize else { return [] }
    let file = try FileHandle.read(path)
    let wanted = Set(survey.unreadable)
    var proved: Set<Int> = []
    var pending: [UInt8] = []
    var position = 0
    var headers: FileHeaders?
    try read { (bytes) throws(Problem) in
      pending.append(contentsOf: bytes)
      var start = 0
      while pending.count - start >= (headers == nil ? FileHeaders.end : size) {
        if headers == nil {
          headers = FileHeaders(Array(pending.prefix(FileHeaders.end)))
          guard headers?.active?.blockSize == size else { return false }
          start = FileHeaders.end
          position = FileHeaders.end
          continue
        }
        let id = (position - FileHeaders.end) / size
        if wanted.contains(id) {
          let theirs = Array(pending[start..<start + size])
          if theirs.withUnsafeBytes({ Checksum.isSound($0) }), isSame(try file.read(size, at: position), theirs) {
            proved.insert(id)
          }
        }
        start += size
        position += size
      }
      pending.removeFirst(start)
      return true
    }
    return proved
  }

  private static func isSame(_ ours: [UInt8], _ theirs: [UInt8]) -> Bool {
    ours.count == theirs.count && ours.uint64(0) == theirs.uint64(0) && ours.uint64(0) != 0
  }

  /// Blocks that both use, where nobody has written them in between if the database came from the backup's state.
  private func likelyByUse(
    _ source: FileHandle, _ other: FileHeaders, _ unproved: [Int: [UInt8]]
  ) throws(Problem) -> [Int] {
    let theirs = try FileSurvey.make(source, headers: other, workers: Workers.processors)
    guard let theirUse = theirs.use, let ourUse = survey.use else { return [] }
    return unproved.keys.sorted().filter { id in
      id < theirUse.isFree.count && !theirUse.isFree[id] && !theirUse.metadata.contains(id)
        && !ourUse.metadata.contains(id)
    }
  }

  /// Blocks of which both catalogs say the same. Asked of copies, since the engine writes beside what it opens.
  private func likelyByCatalog(_ blocks: Set<Int>) throws(Problem) -> [Int] {
    guard !blocks.isEmpty, let ours = try? DuckDBSession.open(copy, patience: 1),
      let theirs = try? DuckDBSession.open(backup, patience: 1),
      let here = try? Segments.holding(blocks, ours).found, let there = try? Segments.holding(blocks, theirs).found
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
