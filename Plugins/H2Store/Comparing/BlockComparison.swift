import MendKit

/// A database that is held against a backup of it, block by block, or, where something was committed since, chunk by chunk.
///
/// The first commit after a store was closed takes the mark of that from its headers, and every closing puts a newer version into
/// them. So where the headers of a closed store are the backup's, nothing was committed in between.
final class BlockComparison: StoreComparison {
  private let file: FileHandle
  private let headers: StoreHeaders
  private let isUnchanged: Bool
  private let restores: Bool
  private var pending: [UInt8] = []
  private var position = 0
  private var differing = 0
  private var parts = 0
  private var difference: String?
  /// The backup, where something was committed since it was taken.
  private var collected: (folder: PrivateFolder, file: FileHandle, size: Int)?

  /// With `restores`, what differs is written over as it comes.
  init(_ path: String, isUnchanged: Bool, restores: Bool) throws(Problem) {
    let path = Paths.resolved(path)
    file = restores ? try FileHandle.update(path) : try FileHandle.read(path)
    headers = try StoreHeaders(file)
    self.isUnchanged = isUnchanged
    self.restores = restores
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool {
    if let (_, file, size) = collected {
      try file.write(Array(bytes), at: size)
      collected?.size += bytes.count
      return true
    }
    pending.append(contentsOf: bytes)
    if position == 0 {
      guard pending.count >= StoreHeaders.end else { return true }
      judge(StoreHeaders(Array(pending.prefix(StoreHeaders.end))))
      if difference != nil, headers.newest != nil { return try collect() }
    }
    var start = 0
    while difference == nil, pending.count - start >= StoreHeaders.blockSize {
      let block = Array(pending[start..<start + StoreHeaders.blockSize])
      parts += 1
      if try file.read(block.count, at: position) != block {
        differing += 1
        if restores { try file.write(block, at: position) }
      }
      start += block.count
      position += block.count
    }
    pending.removeFirst(start)
    return difference == nil
  }

  private func collect() throws(Problem) -> Bool {
    let folder = try PrivateFolder("dbmend-h2-backup-")
    let file = try FileHandle.create(Paths.join(folder.path, "backup"), mode: 0o600)
    try file.write(pending, at: 0)
    collected = (folder, file, pending.count)
    pending = []
    return true
  }

  /// Takes single chunks of the backup; without `restores`, over to a copy of the database.
  private func restoreChunks(_ backup: FileHandle, in folder: PrivateFolder) throws(Problem) -> ChunkRestoring.Outcome?
  {
    guard !restores else { return try ChunkRestoring.run(file, from: backup) }
    let trial = try FileHandle.create(Paths.join(folder.path, "trial"), mode: 0o600)
    try NativeCopy.copyContent(file, to: trial)
    return try ChunkRestoring.run(trial, from: backup)
  }

  private func judge(_ backup: StoreHeaders) {
    guard !isUnchanged else { return }
    guard let live = headers.newest, let old = backup.newest else {
      difference = "no header of it is left that would tell whether it was written since"
      return
    }
    if live != old {
      difference = "its headers name another version than the archive's"
    } else if !old.isClean {
      difference = "an application had it open when the archive was taken, and may have written since"
    }
  }

  func finish() throws(Problem) -> ComparisonResult {
    func result(_ isSame: Bool, _ reason: String) -> ComparisonResult {
      ComparisonResult(isSame: isSame, differing: differing, parts: parts, unit: "blocks", reason: reason)
    }
    if let (folder, backup, _) = collected, let made = try restoreChunks(backup, in: folder) {
      return ComparisonResult(
        isSame: true, differing: made.differing, parts: made.known, unit: "chunks",
        reason: "H2 never changes a chunk, and these have the number, the version and the time of the archive's",
        isOfParts: true)
    }
    if let difference { return result(false, difference) }
    guard position > 0 else { return result(false, "the archive holds no database") }
    if restores {
      try file.truncate(to: position)
      try file.sync()
    }
    return result(
      true,
      isUnchanged
        ? "its size, the time of its last change and its version are those of the archive"
        : "it was closed at the version of the archive, and every commit would have changed its headers")
  }
}
