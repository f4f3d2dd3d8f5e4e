/// A write-ahead log as far as it is valid (SQLite's file format, section 4): which frame holds the newest committed
/// version of each page.
struct WriteAheadLog {
  static let headerSize = 32

  let pageSize: Int
  /// The two salts of the header: they change whenever the log is started over.
  let salts: [UInt32]
  /// The offset within the log of each page's newest committed content.
  let pages: PageTable
  /// The size of the database in pages after the last commit; 0 when nothing was committed.
  let pageCount: UInt32
  /// The number of frames up to the last commit.
  let frames: Int

  /// Reads a log's bytes up to the last committed frame; nil when they hold no valid header. With `limit`, frames beyond it
  /// are left out, as the index of a live log says; with `salts`, a log of others is no log.
  init?(_ bytes: UnsafeRawBufferPointer, limit: Int? = nil, salts expected: [UInt32]? = nil, workers: Int = 1) {
    guard let header = Header(bytes) else { return nil }
    if let expected, expected != header.salts { return nil }
    pageSize = header.pageSize
    salts = header.salts
    let log = LogFrames(bytes, header, limit: limit)
    let valid = log.valid(workers: workers)
    pageCount = valid.commit?.pageCount ?? 0
    frames = valid.commit?.frames ?? 0
    var pages = PageTable()
    for (frame, page) in valid.pages[..<frames].enumerated() where page <= pageCount {
      pages.set(page, to: log.offset(of: frame))
    }
    self.pages = pages
  }

  /// What a log begins with (section 4.1).
  struct Header {
    let pageSize: Int
    let salts: [UInt32]
    /// The byte order that the checksums are made in.
    let isBigEndian: Bool

    /// nil when the bytes are no valid header.
    init?(_ bytes: UnsafeRawBufferPointer) {
      guard bytes.count >= WriteAheadLog.headerSize else { return nil }
      let view = BigEndian(bytes: Array(bytes[..<WriteAheadLog.headerSize]))
      guard let magic = view.uint32(0), magic & ~1 == 0x377F_0682, view.uint32(4) == 3_007_000,
        let size = view.uint32(8), size >= 512, size <= 65536, size & (size - 1) == 0,
        let salt1 = view.uint32(16), let salt2 = view.uint32(20)
      else { return nil }
      isBigEndian = magic & 1 == 1
      var sum = LogChecksum(isBigEndian: isBigEndian)
      sum.add(UnsafeRawBufferPointer(rebasing: bytes[..<24]))
      guard sum.first == view.uint32(24), sum.second == view.uint32(28) else { return nil }
      pageSize = Int(size)
      salts = [salt1, salt2]
    }
  }
}
