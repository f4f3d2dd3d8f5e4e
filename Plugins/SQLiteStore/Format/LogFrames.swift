import MendKit
import Synchronization

/// The frames of a write-ahead log, none of which is believed before its checksum was computed.
///
/// A frame's checksum goes on from that of the frame before it (section 4.2). But that one is written in the frame before, and
/// frames are only believed as far as all of them are right: so any part of the log can be verified by itself, and the parts
/// by all processors.
///
/// Unchecked, since the bytes are only read.
struct LogFrames: @unchecked Sendable {
  static let headerSize = 24
  /// How many bytes a worker takes at a time.
  private static let partSize = 1 << 20

  let header: WriteAheadLog.Header
  /// The whole log.
  let bytes: UnsafeRawBufferPointer
  /// The number of frames to be looked at.
  let count: Int

  /// Of a log's bytes the whole frames, up to `limit`.
  init(_ bytes: UnsafeRawBufferPointer, _ header: WriteAheadLog.Header, limit: Int?) {
    self.header = header
    self.bytes = bytes
    let whole = max(0, bytes.count - WriteAheadLog.headerSize) / (Self.headerSize + header.pageSize)
    count = min(whole, max(0, limit ?? whole))
  }

  /// What a run of valid frames holds.
  struct Run {
    /// The page that each frame is of.
    var pages: [UInt32] = []
    /// The number of frames up to the last commit, and the size of the database in pages after it.
    var commit: (frames: Int, pageCount: UInt32)?
  }

  /// The valid frames from the first one on.
  func valid(workers: Int) -> Run {
    let perPart = max(1, Self.partSize / (Self.headerSize + header.pageSize))
    let bound = Bound()
    let parts = Workers.map((count + perPart - 1) / perPart, workers: workers) { part in
      let first = part * perPart
      // Nothing behind an invalid frame counts.
      guard first < bound.frame.load(ordering: .relaxed) else { return Run() }
      let run = valid(first..<min(first + perPart, count))
      if run.pages.count < min(perPart, count - first) {
        bound.frame.min(first + run.pages.count, ordering: .relaxed)
      }
      return run
    }
    var all = Run()
    for part in parts {
      let first = all.pages.count
      all.pages += part.pages
      if let commit = part.commit { all.commit = (first + commit.frames, commit.pageCount) }
      if part.pages.count < perPart { break }
    }
    return all
  }

  /// The first frame that is known to be invalid.
  private final class Bound: Sendable {
    let frame = Atomic(Int.max)
  }

  /// The offset of a frame's page within the log.
  func offset(of frame: Int) -> Int {
    WriteAheadLog.headerSize + frame * (Self.headerSize + header.pageSize) + Self.headerSize
  }

  /// The valid frames at the beginning of a range.
  private func valid(_ range: Range<Int>) -> Run {
    var run = Run()
    guard let log = bytes.baseAddress else { return run }
    run.pages.reserveCapacity(range.count)
    for frame in range {
      let page = log + offset(of: frame)
      let start = page - Self.headerSize
      let number = Self.uint32(start)
      guard number > 0, Self.uint32(start + 8) == header.salts[0], Self.uint32(start + 12) == header.salts[1] else {
        break
      }
      // The sum before the first frame is the one that ends the log's header; before any other, the one that ends the header
      // of the frame before.
      var sum = LogChecksum(isBigEndian: header.isBigEndian)
      let before = frame == 0 ? start - 8 : start - header.pageSize - 8
      sum.first = Self.uint32(before)
      sum.second = Self.uint32(before + 4)
      sum.add(UnsafeRawBufferPointer(start: start, count: 8))
      sum.add(UnsafeRawBufferPointer(start: page, count: header.pageSize))
      guard sum.first == Self.uint32(start + 16), sum.second == Self.uint32(start + 20) else { break }
      run.pages.append(number)
      let pageCount = Self.uint32(start + 4)
      if pageCount > 0 { run.commit = (run.pages.count, pageCount) }
    }
    return run
  }

  @inline(__always) private static func uint32(_ at: UnsafeRawPointer) -> UInt32 {
    UInt32(bigEndian: at.loadUnaligned(as: UInt32.self))
  }
}

/// The cumulative checksum of a log's header and frames (section 4.2).
struct LogChecksum {
  /// Whether the bytes are summed as big-endian numbers; the log's header says it.
  let isBigEndian: Bool
  var first: UInt32 = 0
  var second: UInt32 = 0

  init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

  /// Takes up bytes, eight at a time.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    if isBigEndian { add(bytes) { UInt32(bigEndian: $0) } } else { add(bytes) { UInt32(littleEndian: $0) } }
  }

  @inline(__always) private mutating func add(_ bytes: UnsafeRawBufferPointer, _ number: (UInt32) -> UInt32) {
    guard var at = bytes.baseAddress else { return }
    var s0 = first
    var s1 = second
    for _ in 0..<bytes.count / 8 {
      // Each sum takes up its number before the other sum, which it would have to wait for.
      s0 = s0 &+ number(at.loadUnaligned(as: UInt32.self)) &+ s1
      s1 = s1 &+ number(at.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) &+ s0
      at += 8
    }
    first = s0
    second = s1
  }
}
