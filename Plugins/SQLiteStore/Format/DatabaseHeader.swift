/// The first 100 bytes of a database file (SQLite's file format, section 1.3).
struct DatabaseHeader {
  /// `SQLite format 3` and a NUL: what every database starts with.
  static let magic = Array("SQLite format 3\u{0}".utf8)
  static let size = 100
  /// Where the two bytes of `writeVersion` and `readVersion` stand.
  static let versionsOffset = 18

  /// Bytes a page: a power of two from 512 to 65536.
  let pageSize: Int
  /// 1 for a rollback journal, 2 for a write-ahead log.
  let writeVersion: Int
  let readVersion: Int
  /// Bytes at the end of every page that SQLite leaves to others.
  let reservedBytes: Int
  /// The three fixed fractions of payloads: 64, 32, 32 in every database.
  let payloadFractions: [UInt8]
  /// Counts up with every commit in rollback mode.
  let changeCounter: UInt32
  /// The size of the database in pages, as far as the header knows it.
  let pageCount: UInt32
  /// The first trunk page of the freelist; 0 for none.
  let firstFreelistTrunk: UInt32
  /// Free pages, trunks included.
  let freePages: UInt32
  /// The schema format: 1 to 4.
  let schemaFormat: UInt32
  /// 1 UTF-8, 2 UTF-16le, 3 UTF-16be; 0 for a database without content.
  let textEncoding: UInt32
  /// Not zero when the database keeps pointer maps.
  let largestRootPage: UInt32
  /// Not zero when free pages are given back only when that is asked for.
  let isIncrementalVacuum: UInt32
  /// The change counter as it was when `pageCount` was written.
  let versionValidFor: UInt32
  /// The SQLite that wrote it last, as 3040001 for 3.40.1.
  let writerVersion: UInt32

  /// The header at the start of these bytes; nil when they hold none.
  init?(_ bytes: [UInt8]) {
    let view = BigEndian(bytes: bytes)
    guard bytes.count >= Self.size, bytes.starts(with: Self.magic), let size = view.uint16(16) else { return nil }
    pageSize = size == 1 ? 65536 : size
    guard pageSize >= 512, pageSize & (pageSize - 1) == 0 else { return nil }
    writeVersion = Int(bytes[18])
    readVersion = Int(bytes[19])
    reservedBytes = Int(bytes[20])
    guard pageSize - reservedBytes >= 480 else { return nil }
    payloadFractions = Array(bytes[21...23])
    changeCounter = view.uint32(24) ?? 0
    pageCount = view.uint32(28) ?? 0
    schemaFormat = view.uint32(44) ?? 0
    textEncoding = view.uint32(56) ?? 0
    largestRootPage = view.uint32(52) ?? 0
    firstFreelistTrunk = view.uint32(32) ?? 0
    freePages = view.uint32(36) ?? 0
    isIncrementalVacuum = view.uint32(64) ?? 0
    versionValidFor = view.uint32(92) ?? 0
    writerVersion = view.uint32(96) ?? 0
  }

  /// The size in pages, where the last writer kept it: one that does not know the field leaves the counter behind.
  var trustedPageCount: UInt32? { pageCount > 0 && versionValidFor == changeCounter ? pageCount : nil }

  /// The encoding that SQLite reads texts in, whatever else the field says: by its two lowest bits, and UTF-8 where those are
  /// zero.
  var encodingOfTexts: TextEncoding { TextEncoding(rawValue: textEncoding & 3) ?? .utf8 }

  /// The header in words: `format 4, 4096-byte pages, UTF-8, WAL, written by 3.40.1`.
  var words: String {
    let encoding = ["no text", "UTF-8", "UTF-16le", "UTF-16be"]
    let mode = readVersion == 2 ? "WAL" : "rollback journal"
    let writer = "\(writerVersion / 1_000_000).\(writerVersion / 1000 % 1000).\(writerVersion % 1000)"
    return "schema format \(schemaFormat), \(pageSize)-byte pages, "
      + "\(textEncoding < 4 ? encoding[Int(textEncoding)] : "unknown encoding"), \(mode), written by \(writer)"
  }
}
