import MendKit

/// A database that is held against a backup of it, header by header and block by block.
///
/// The engine never writes a block in place that a checkpoint uses, and every checkpoint leaves its number in a header. So where
/// every header and every block in use that can be read is as it is in the backup, the backup is the database.
final class BlockComparison: StoreComparison {
  private let file: FileHandle
  private let path: String
  private let survey: FileSurvey
  private let holdsLog: Bool
  private let isUnchanged: Bool
  private let restores: Bool
  private var pending: [UInt8] = []
  private var position = 0
  private var headers: FileHeaders?
  private var differing = 0
  private var parts = 0
  private var equal = 0
  private var equalHeaders = 0
  private var difference: String?
  /// A block that is sound and not the archive's, though it stands where the archive has one in use.
  private var misplaced: Int?
  /// Whether every block of the catalog is the archive's: then these are the blocks that it leads to.
  private var isCatalogWhole = true

  /// With `restores`, what differs is written over as it comes.
  init(_ path: String, isUnchanged: Bool, restores: Bool) throws(Problem) {
    self.path = Paths.resolved(path)
    file = restores ? try FileHandle.update(self.path) : try FileHandle.read(self.path)
    survey = try FileSurvey.make(file, headers: try FileHeaders(file), workers: Workers.processors)
    holdsLog = try Sidecars.holdAnything(beside: self.path)
    self.isUnchanged = isUnchanged
    self.restores = restores
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool {
    pending.append(contentsOf: bytes)
    var start = 0
    while difference == nil, let size = next, pending.count - start >= size {
      let part = pending[start..<start + size]
      try compare(part)
      start += size
      position += size
    }
    pending.removeFirst(start)
    return difference == nil
  }

  /// The size of the next part: three headers, then blocks as the backup's header has them.
  private var next: Int? {
    if position < FileHeaders.end { return FileHeaders.size }
    return headers?.active?.blockSize
  }

  private func compare(_ part: ArraySlice<UInt8>) throws(Problem) {
    parts += 1
    if position < FileHeaders.end { noteHeader(part) }
    let live = try file.read(part.count, at: position)
    if live.elementsEqual(part) {
      equal += 1
      if position >= FileHeaders.size, position < FileHeaders.end { equalHeaders += 1 }
      return
    }
    let isHeader = position < FileHeaders.end
    let isSound = live.count == part.count && live.withUnsafeBytes { Checksum.isSound($0) }
    if !isUnchanged, isSound {
      guard !isHeader else {
        difference = "a checkpoint was written since the archive was taken"
        return
      }
      guard !isFree else { return }
      misplaced = misplaced ?? block
      guard isOfRows else {
        difference = "block \(block) can be read and is not the archive's"
        return
      }
    } else if !isHeader, !isOfRows {
      isCatalogWhole = false
    }
    differing += 1
    if restores { try file.write(Array(part), at: position) }
  }

  private var headerBytes: [UInt8] = []

  private func noteHeader(_ part: ArraySlice<UInt8>) {
    headerBytes += part
    if headerBytes.count == FileHeaders.end { headers = FileHeaders(headerBytes) }
  }

  private var block: Int { (position - FileHeaders.end) / (headers?.active?.blockSize ?? 262_144) }

  /// Whether the block is free. Where a header is lost, it may be that of a newer checkpoint, which took blocks that were free.
  private var isFree: Bool {
    guard survey.headers.areSound, let use = survey.use, survey.headers.active?.blockSize == headers?.active?.blockSize
    else { return false }
    return block >= use.isFree.count || use.isFree[block]
  }

  /// Whether the block is in use, and not of the catalog.
  private var isOfRows: Bool {
    guard survey.headers.areSound, let use = survey.use, !use.metadata.isEmpty else { return false }
    return block < use.isFree.count && !use.isFree[block] && !use.metadata.contains(block)
  }

  func finish() throws(Problem) -> ComparisonResult {
    func result(_ isSame: Bool, _ reason: String) -> ComparisonResult {
      ComparisonResult(isSame: isSame, differing: differing, parts: parts, unit: "headers and blocks", reason: reason)
    }
    if let difference { return result(false, difference) }
    if let misplaced, !isUnchanged, !isCatalogWhole {
      return result(false, "block \(misplaced) can be read and is not the archive's")
    }
    if !isUnchanged, holdsLog { return result(false, "its log holds transactions that were not in the archive") }
    guard isUnchanged || (equalHeaders > 0 && equal > 2) else {
      return result(false, "too little is left of it to tell that it is the archive's state")
    }
    if restores {
      if isUnchanged { try file.truncate(to: position) }
      try file.sync()
      try Sidecars.remove(beside: path)
    }
    return result(
      true,
      isUnchanged
        ? "its size, the time of its last change and the number of its checkpoint are those of the archive"
        : "every header and block of it that can be read is the archive's")
  }
}
