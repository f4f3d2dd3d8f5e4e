import CXXHash
import MendKit

/// What an archive keeps of each chunk of its database: a checksum of its pages, which H2 never changes once they are written.
///
/// All numbers are big-endian: 16 bytes `dbmend.chunks/1` with a NUL, when the store was made (8 bytes), and of each chunk in use
/// its number, version, time, length in blocks and the XXH3 with 128 bits of what stands between its header and its footer (8 bytes
/// each, the sum 16).
struct ChunkNotes {
  private static let magic = Array("dbmend.chunks/1".utf8) + [0]
  private static let entrySize = 48

  /// A chunk as it was noted.
  struct Entry: Hashable {
    var id: Int
    var version: Int
    var time: UInt64
    var length: Int
    var high: UInt64
    var low: UInt64
  }

  /// When the store was made.
  let created: UInt64
  /// Its chunks.
  let entries: [Entry]

  /// Reads notes that nobody vouches for; nil where they are none.
  init?(_ bytes: [UInt8]) {
    guard bytes.starts(with: Self.magic), bytes.count >= 24, (bytes.count - 24) % Self.entrySize == 0 else {
      return nil
    }
    var reader = ByteReader(bytes, from: 16)
    created = reader.number(8) ?? 0
    var entries: [Entry] = []
    while let id = reader.number(8), let version = reader.number(8), let time = reader.number(8),
      let length = reader.number(8), let high = reader.number(8), let low = reader.number(8)
    {
      entries.append(
        Entry(
          id: Int(clamping: id), version: Int(clamping: version), time: time, length: Int(clamping: length), high: high,
          low: low))
    }
    self.entries = entries
  }

  /// Notes of a store; nil where it is not sound.
  static func take(_ file: FileHandle, _ survey: FileSurvey) throws(Problem) -> [UInt8]? {
    guard survey.isSound, let version = survey.newest else { return nil }
    var notes = magic
    func put(_ number: UInt64) { withUnsafeBytes(of: number.bigEndian) { notes.append(contentsOf: $0) } }
    put(survey.headers.newest?.created ?? 0)
    for chunk in version.chunks.values.sorted(by: { $0.id < $1.id }) {
      guard let sum = try sum(of: chunk, in: file) else { return nil }
      for number in [UInt64(chunk.id), UInt64(chunk.version), chunk.time, UInt64(chunk.length), sum.high, sum.low] {
        put(number)
      }
    }
    return notes
  }

  /// The sum of a chunk's pages; nil where the file ends within it.
  static func sum(of chunk: Chunk, in file: FileHandle) throws(Problem) -> (high: UInt64, low: UInt64)? {
    guard chunk.headerSize > 0, let state = XXH3_createState() else { return nil }
    defer { XXH3_freeState(state) }
    XXH3_128bits_reset(state)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = chunk.start + chunk.headerSize
    let end = chunk.start + chunk.size - Chunk.footerSize
    while offset < end {
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - offset)])
      let count = try file.read(into: piece, at: offset)
      guard count > 0 else { return nil }
      XXH3_128bits_update(state, piece.baseAddress, count)
      offset += count
    }
    let sum = XXH3_128bits_digest(state)
    return (sum.high64, sum.low64)
  }
}

extension H2Session: RotSession {
  /// Chunks of the newest good archive that are still in use, and hold other bytes. H2 never changes a chunk, so that this holds
  /// whatever was committed since.
  func rottenParts(_ notes: BackupNotes, limit: Int) throws(Problem) -> [Finding] {
    guard let survey, let stamp, let version = survey.newest, let known = ChunkNotes(try notes.read()),
      known.created == survey.headers.newest?.created
    else { return [] }
    let file = try NativeCopy.open(subject)
    guard try NativeCopy.stamp(subject) == stamp else { return [] }
    var findings: [Finding] = []
    for entry in known.entries {
      guard let chunk = version.chunks[entry.id], chunk.version == entry.version, chunk.time == entry.time,
        chunk.length == entry.length, let sum = try ChunkNotes.sum(of: chunk, in: file),
        sum != (entry.high, entry.low)
      else { continue }
      findings.append(
        Finding(
          "page.rotten", .error, at: Finding.Location(page: chunk.id, byte: chunk.start),
          "chunk \(chunk.id) is not what it was when the newest good archive was taken, and H2 never changes a chunk",
          evidence: "its XXH3 is another than in \(Paths.name(of: notes.archive))"))
    }
    guard try NativeCopy.stamp(subject) == stamp else { return [] }
    guard findings.count > limit, limit > 0 else { return findings }
    var named = Array(findings.prefix(limit))
    named[limit - 1].count = findings.count - limit + 1
    return named
  }
}
