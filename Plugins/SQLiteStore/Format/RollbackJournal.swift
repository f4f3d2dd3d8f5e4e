import MendKit

/// A rollback journal (SQLite's file format, section 3): the content that pages had before a transaction, and how long
/// the file was.
struct RollbackJournal {
  static let magic: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]

  let pageSize: Int
  /// The size of the database before the transaction, in pages.
  let pageCount: UInt32
  /// The offset within the journal of each page's content before the transaction, by page number.
  let pages: PageTable
  /// The largest number of a page that a valid record is of, those beyond the database's size included; 0 for none.
  let largestPage: UInt32
  /// Whether every record that a header counts was there and valid.
  let isWhole: Bool

  /// Reads a journal; nil when it holds nothing to roll back: an empty one, one whose header was zeroed, or one of a
  /// transaction over several files whose super-journal is gone, which means that it was committed.
  init?(_ file: FileHandle) throws(Problem) {
    let size = try file.status().size
    let start = try file.read(28, at: 0)
    let view = BigEndian(bytes: start)
    guard start.count == 28, start.starts(with: Self.magic), let sector = view.uint32(20), sector >= 32,
      sector <= 65536, sector & (sector - 1) == 0, let bytes = view.uint32(24), bytes >= 512, bytes <= 65536,
      bytes & (bytes - 1) == 0, let original = view.uint32(16)
    else { return nil }
    if let name = try Self.superJournal(file, size: size), !FileStatus.exists(name) { return nil }
    pageSize = Int(bytes)
    pageCount = original

    var pages = PageTable()
    var segment = 0
    var isWhole = true
    var largestPage: UInt32 = 0
    let recordSize = 8 + pageSize
    segments: while segment + 28 <= size {
      let header = BigEndian(bytes: try file.read(28, at: segment))
      guard header.bytes.starts(with: Self.magic), let count = header.uint32(8), let nonce = header.uint32(12) else {
        break
      }
      var at = segment + Int(sector)
      // All ones stand for "up to the end of the file". A count of 0 was never synced: none of its pages was changed yet.
      let isOpen = count == 0xFFFF_FFFF
      let records = isOpen ? max(0, (size - at) / recordSize) : Int(count)
      for _ in 0..<records {
        guard at + recordSize <= size else {
          isWhole = false
          break segments
        }
        let record = try file.read(recordSize, at: at)
        let view = BigEndian(bytes: record)
        guard record.count == recordSize, let page = view.uint32(0), page > 0,
          Self.checksum(record[4..<4 + pageSize], nonce: nonce) == view.uint32(4 + pageSize)
        else {
          isWhole = false
          break segments
        }
        largestPage = max(largestPage, page)
        if page <= original, pages[page] == nil { pages.set(page, to: at + 4) }
        at += recordSize
      }
      if isOpen { break }
      segment = (at + Int(sector) - 1) / Int(sector) * Int(sector)
    }
    self.pages = pages
    self.isWhole = isWhole
    self.largestPage = largestPage
  }

  /// The checksum of a record: the nonce and every 200th byte, from the end (section 3).
  static func checksum(_ page: ArraySlice<UInt8>, nonce: UInt32) -> UInt32 {
    var sum = nonce
    var at = page.count - 200
    while at > 0 {
      sum = sum &+ UInt32(page[page.startIndex + at])
      at -= 200
    }
    return sum
  }

  /// The super-journal that the journal's last bytes name, if any.
  private static func superJournal(_ file: FileHandle, size: Int) throws(Problem) -> String? {
    guard size > 28 + 16 else { return nil }
    let tail = BigEndian(bytes: try file.read(16, at: size - 16))
    guard tail.bytes.count == 16, tail.bytes[8...].elementsEqual(magic), let length = tail.uint32(0), length > 0,
      length < 4096, Int(length) + 20 < size
    else { return nil }
    let name = try file.read(Int(length), at: size - 16 - Int(length))
    let sum = name.reduce(UInt32(0)) { $0 &+ UInt32(truncatingIfNeeded: Int8(bitPattern: $1)) }
    guard sum == tail.uint32(4) else { return nil }
    return String(decoding: name, as: UTF8.self)
  }
}
