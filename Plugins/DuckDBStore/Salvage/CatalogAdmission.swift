import MendKit

/// Has the engine read damaged blocks of the catalog all the same, where it opens nothing without them.
///
/// The most of such a block is free as a rule, and what the damage hit may mean nothing. Where it hit what is in use, the engine
/// stumbles, most probably; that it does not is no proof, which the outcome says. Blocks of rows are never treated so.
struct CatalogAdmission {
  private let copy: String
  private let survey: FileSurvey

  init(_ copy: String, _ survey: FileSurvey) {
    self.copy = copy
    self.survey = survey
  }

  /// The damaged blocks that are of the catalog.
  static func damagedBlocks(_ survey: FileSurvey) -> [Int] {
    guard let header = survey.headers.active else { return [] }
    var catalog = survey.use?.metadata ?? []
    for pointer in [header.metaBlock, header.freeList] where pointer != DatabaseHeader.nowhere {
      catalog.insert(Int(pointer & (1 << 56 - 1)))
    }
    return survey.damaged.filter { catalog.contains($0) }
  }

  /// Gives damaged blocks of the catalog the checksum of what they hold; their numbers. Where the engine cannot read the catalog
  /// then, either, `graft` is asked for another one, and where that has none, the copy is as it was.
  func run(or graft: () throws(Problem) -> Bool) throws(Problem) -> [Int] {
    let blocks = Self.damagedBlocks(survey)
    guard let header = survey.headers.active, !blocks.isEmpty else { return [] }
    let file = try FileHandle.update(copy)
    var before: [(offset: Int, bytes: [UInt8])] = []
    for block in blocks {
      let offset = FileHeaders.end + block * header.blockSize
      let bytes = try file.read(header.blockSize, at: offset)
      guard bytes.count == header.blockSize else { continue }
      before.append((offset, Array(bytes.prefix(8))))
      var sum = [UInt8](repeating: 0, count: 8)
      sum.set(Checksum.of(bytes[8...]), at: 0)
      try file.write(sum, at: offset)
    }
    if let session = try? DuckDBSession.open(copy, patience: 1) {
      session.end()
      return blocks
    }
    if try graft() { return blocks }
    for (offset, bytes) in before { try file.write(bytes, at: offset) }
    return []
  }
}
