import MendKit

/// A write-ahead log as far as it is valid (SQLite's file format, section 4): which frame holds the newest committed
/// version of each page.
struct WriteAheadLog {
  static let headerSize = 32
  static let frameHeaderSize = 24

  let pageSize: Int
  /// The two salts of the header: they change whenever the log is started over.
  let salts: [UInt32]
  /// The offset within the log of each page's newest committed content, by page number.
  let pages: [UInt32: Int]
  /// The size of the database in pages after the last commit; 0 when nothing was committed.
  let pageCount: UInt32
  /// The number of frames up to the last commit.
  let frames: Int

  /// Reads a log up to its last committed frame; nil when the file holds no valid header. With `limit`, frames beyond it are
  /// left out, as the index of a live log says; with `salts`, a log of others is no log.
  init?(_ file: FileHandle, limit: Int? = nil, salts expected: [UInt32]? = nil) throws(Problem) {
    let header = try file.read(Self.headerSize, at: 0)
    let view = BigEndian(bytes: header)
    guard header.count == Self.headerSize, let magic = view.uint32(0), magic & ~1 == 0x377F_0682,
      view.uint32(4) == 3_007_000, let size = view.uint32(8), size >= 512, size <= 65536, size & (size - 1) == 0,
      let salt1 = view.uint32(16), let salt2 = view.uint32(20)
    else { return nil }
    var sum = Checksum(isBigEndian: magic & 1 == 1)
    sum.add(header[0..<24])
    guard sum.first == view.uint32(24), sum.second == view.uint32(28) else { return nil }
    pageSize = Int(size)
    salts = [salt1, salt2]
    if let expected, expected != salts { return nil }

    var pages: [UInt32: Int] = [:]
    var uncommitted: [(UInt32, Int)] = []
    var pageCount: UInt32 = 0
    var frames = 0
    var offset = Self.headerSize
    var read = 0
    let frameSize = Self.frameHeaderSize + pageSize
    while limit.map({ read < $0 }) ?? true {
      let frame = try file.read(frameSize, at: offset)
      let view = BigEndian(bytes: frame)
      guard frame.count == frameSize, let page = view.uint32(0), page > 0, view.uint32(8) == salt1,
        view.uint32(12) == salt2, let commit = view.uint32(4)
      else { break }
      sum.add(frame[0..<8])
      sum.add(frame[Self.frameHeaderSize...])
      guard sum.first == view.uint32(16), sum.second == view.uint32(20) else { break }
      uncommitted.append((page, offset + Self.frameHeaderSize))
      read += 1
      offset += frameSize
      if commit > 0 {
        for (page, at) in uncommitted { pages[page] = at }
        uncommitted.removeAll(keepingCapacity: true)
        pageCount = commit
        frames = read
      }
    }
    self.pages = pages.filter { $0.key <= pageCount }
    self.pageCount = pageCount
    self.frames = frames
  }

  /// The cumulative checksum of headers and frames (section 4.2).
  struct Checksum {
    let isBigEndian: Bool
    var first: UInt32 = 0
    var second: UInt32 = 0

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    /// Takes up bytes, eight at a time.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
      var s0 = first
      var s1 = second
      let isBigEndian = isBigEndian
      bytes.withUnsafeBytes { buffer in
        var at = 0
        while at + 8 <= buffer.count {
          let x0 = buffer.loadUnaligned(fromByteOffset: at, as: UInt32.self)
          let x1 = buffer.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)
          s0 = s0 &+ (isBigEndian ? UInt32(bigEndian: x0) : UInt32(littleEndian: x0)) &+ s1
          s1 = s1 &+ (isBigEndian ? UInt32(bigEndian: x1) : UInt32(littleEndian: x1)) &+ s0
          at += 8
        }
      }
      first = s0
      second = s1
    }
  }
}
