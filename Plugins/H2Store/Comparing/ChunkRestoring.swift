import MendKit

/// Takes chunks of a damaged database from a backup of it, whatever was committed since.
///
/// H2 never changes what stands between the header and the footer of a chunk. So a chunk of the backup that has the number, the
/// version, the time and the length of one in use is that chunk.
enum ChunkRestoring {
  /// What was done.
  struct Outcome {
    /// Chunks in use that were not as the backup has them.
    var differing = 0
    /// Chunks in use that the backup has.
    var known = 0
  }

  /// Writes the backup's chunks over those that differ. nil where that does not give a database every page of which is in order.
  static func run(_ file: FileHandle, from backup: FileHandle) throws(Problem) -> Outcome? {
    let theirs = try FileSurvey.make(backup)
    let survey = try FileSurvey.make(file, readsContent: false)
    guard theirs.isSound, let source = theirs.newest, let version = survey.newest,
      let created = survey.headers.newest?.created, created == theirs.headers.newest?.created
    else { return nil }
    var outcome = Outcome()
    for chunk in version.chunks.values {
      guard let same = source.chunks[chunk.id], same.version == chunk.version, same.time == chunk.time,
        same.length == chunk.length, same.contents == chunk.contents, same.headerSize > 0
      else { continue }
      outcome.known += 1
      if try !copy(same, from: backup, to: chunk, in: file) { outcome.differing += 1 }
    }
    guard outcome.differing > 0 else { return nil }
    _ = try ChunkMending(file).run()
    try file.sync()
    return try FileSurvey.make(file).isSound ? outcome : nil
  }

  private static let part = 1 << 20

  /// Copies what stands between header and footer; whether it was the same.
  private static func copy(
    _ source: Chunk, from backup: FileHandle, to chunk: Chunk, in file: FileHandle
  ) throws(Problem) -> Bool {
    var isSame = true
    let end = source.size - Chunk.footerSize
    for offset in stride(from: source.headerSize, to: end, by: part) {
      let bytes = try backup.read(min(part, end - offset), at: source.start + offset)
      guard try file.read(bytes.count, at: chunk.start + offset) != bytes else { continue }
      isSame = false
      try file.write(bytes, at: chunk.start + offset)
    }
    return isSame
  }
}
