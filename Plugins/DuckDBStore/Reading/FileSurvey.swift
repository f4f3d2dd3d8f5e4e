import CSystem
import MendKit

/// What a pass over every block of a file found: which of those that are in use are not what was written.
struct FileSurvey {
  /// The headers as they were before and after the pass.
  let headers: FileHeaders
  /// Blocks in use whose checksum is wrong, in their order.
  private(set) var damaged: [Int] = []
  /// Blocks in use that the file ends before.
  private(set) var missing: [Int] = []
  /// The checksum that each block of the file begins with.
  private(set) var sums: [UInt64] = []
  /// Which blocks are in use; nil where the file's list of free blocks cannot be read.
  private(set) var use: BlockUse?

  /// Every block in use that cannot be read.
  var unreadable: [Int] { damaged + missing }

  /// The bytes that one piece of the work takes.
  private static let piece = 4 << 20

  /// Reads a file from its first byte to its last, on so many threads; with `target` each piece is written there as it comes, or
  /// the file is cloned where the file system can do that.
  static func make(
    _ file: FileHandle, headers: FileHeaders, copyTo target: FileHandle? = nil, workers: Int
  ) throws(Problem) -> FileSurvey {
    let size = try file.status().size
    let isCloned = target.map { csystem_clone_file(file.descriptor, $0.descriptor) == 0 } ?? true
    if let target, !isCloned { try requireRoom(for: size, at: target.path, of: file.path) }
    let active = headers.active
    let blockSize = active?.blockSize ?? 262_144
    let stride = max(blockSize, piece / blockSize * blockSize)
    let pieces = size > FileHeaders.end ? (size - FileHeaders.end + stride - 1) / stride : 0
    let source = file.descriptor
    let sink = isCloned ? -1 : target?.descriptor ?? -1
    if sink >= 0 { try copyHeaders(source, to: sink, min(size, FileHeaders.end), path: file.path) }
    let results = Workers.map(pieces, workers: workers) { number in
      Piece(from: FileHeaders.end + number * stride, length: stride, blockSize: blockSize).run(source, sink)
    }
    var survey = FileSurvey(headers: headers)
    var failed: [Int] = []
    for result in results {
      if let number = result.failure {
        throw SystemError.problem(result.isOfWriting ? "write a copy of" : "read", file.path, number)
      }
      failed += result.damaged
      survey.sums += result.sums
    }
    guard let active else { return survey }
    let present = max(0, size - FileHeaders.end) / blockSize
    let isDamaged = Set(failed)
    survey.use = try BlockUse(active) { id throws(Problem) in
      guard id < present, !isDamaged.contains(id) else { return nil }
      return try file.read(blockSize, at: FileHeaders.end + id * blockSize)
    }
    let isFree: (Int) -> Bool = { id in survey.use.map { id < $0.isFree.count && $0.isFree[id] } ?? false }
    survey.damaged = failed.filter { $0 < active.blockCount && !isFree($0) }
    if present < active.blockCount {
      survey.missing = (present..<min(active.blockCount, present + mostMissing)).filter { !isFree($0) }
      survey.damaged.removeAll { $0 >= present }
    }
    return survey
  }

  /// Throws where a copy does not find room.
  private static func requireRoom(for size: Int, at target: String, of path: String) throws(Problem) {
    guard let volume = try? Volume.of(Paths.folder(of: target)), volume.available < size else { return }
    throw Problem(
      .noSpace, tried: "copy the database, which DuckDB is to read in place of the live file, to",
      on: Paths.folder(of: target),
      said: "it takes \(ByteSize(bytes: size).short), and there is room for \(ByteSize(bytes: volume.available).short)",
      advice:
        "Make room there, or name another folder with TMPDIR: on a file system that clones files, such as XFS or Btrfs, the one "
        + "of the database needs next to none.")
  }

  /// A header may count more blocks than anybody could list.
  private static let mostMissing = 1 << 20

  private static func copyHeaders(_ source: Int32, to sink: Int32, _ count: Int, path: String) throws(Problem) {
    let outcome = Piece(from: 0, length: count, blockSize: FileHeaders.size).run(source, sink)
    if let number = outcome.failure { throw SystemError.problem("copy", path, number) }
  }

  private init(headers: FileHeaders) { self.headers = headers }
}

/// A run of blocks that one thread reads, sums and passes on.
private struct Piece: Sendable {
  let from: Int
  let length: Int
  let blockSize: Int

  struct Outcome: Sendable {
    var damaged: [Int] = []
    var sums: [UInt64] = []
    var failure: Int32?
    var isOfWriting = false
  }

  func run(_ source: Int32, _ sink: Int32) -> Outcome {
    var outcome = Outcome()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(length, 1), alignment: 4096)
    defer { buffer.deallocate() }
    guard let base = buffer.baseAddress else { return outcome }
    var count = 0
    while count < length {
      let more = pread(source, base + count, length - count, off_t(from + count))
      if more < 0, errno == EINTR { continue }
      if more < 0 {
        outcome.failure = errno
        return outcome
      }
      if more == 0 { break }
      count += more
    }
    var written = 0
    while sink >= 0, written < count {
      let more = pwrite(sink, base + written, count - written, off_t(from + written))
      if more < 0, errno == EINTR { continue }
      if more < 0 {
        outcome.failure = errno
        outcome.isOfWriting = true
        return outcome
      }
      written += more
    }
    guard from >= FileHeaders.end else { return outcome }
    for start in stride(from: 0, to: count - blockSize + 1, by: blockSize) {
      let block = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<start + blockSize])
      outcome.sums.append(Checksum.stored(block))
      if !Checksum.isSound(block) { outcome.damaged.append((from - FileHeaders.end + start) / blockSize) }
    }
    return outcome
  }
}
