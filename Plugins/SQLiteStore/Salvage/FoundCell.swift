/// Where a cell stands on a page that nobody vouches for: every offset is checked against the page's usable bytes.
struct FoundCell: Sendable, Hashable {
  /// Where the cell begins.
  var offset: Int
  /// Where it ends; a cell takes four bytes at least.
  var end: Int
  /// Where the payload begins; for a cell of an interior table page, which has none, where the cell ends.
  var payloadOffset: Int
  /// Bytes of the whole payload.
  var payloadSize: Int
  /// Bytes of it that stand in the cell.
  var localSize: Int
  /// The key of a table's cell; 0 in an index.
  var rowid: Int64
  /// The first overflow page; 0 for none, or where the damage made it so.
  var overflowPage: UInt32
  /// Whether the cell says another size than its record, which is believed.
  var hasDamagedSize = false

  /// Whether the payload goes on in overflow pages.
  var isSpilled: Bool { localSize < payloadSize }

  /// The cell at an offset of a page of some kind; nil where no cell can stand there.
  @inline(__always) static func read(
    _ page: UnsafeRawPointer, at offset: Int, kind: BTreePage.Kind, geometry: PayloadGeometry
  ) -> FoundCell? {
    let usable = geometry.usableSize
    guard offset >= 0, offset + 4 <= usable else { return nil }
    var at = offset + (kind.isLeaf ? 0 : 4)
    var payload = 0
    if kind != .tableInterior {
      guard let size = Varint.read(page, at: at, end: usable), size.value <= 0x7FFF_FFFF else { return nil }
      payload = Int(size.value)
      at = size.next
    }
    var rowid: Int64 = 0
    if kind.isTable {
      guard let key = Varint.read(page, at: at, end: usable) else { return nil }
      rowid = Int64(bitPattern: key.value)
      at = key.next
    }
    let local = geometry.local(payload, maximum: kind.isTable ? geometry.tableMaximum : geometry.indexMaximum)
    var end = at + local
    guard local >= 0, end <= usable else { return nil }
    var overflow: UInt32 = 0
    if local < payload {
      guard end + 4 <= usable else { return nil }
      overflow = page.big32(end)
      end += 4
    }
    return FoundCell(
      offset: offset, end: max(end, offset + 4), payloadOffset: at, payloadSize: payload, localSize: local,
      rowid: rowid, overflowPage: overflow)
  }
}

/// The header of a record: its serial types (SQLite's file format, section 2.1).
enum RecordHeader {
  /// The most columns that a table can be made with (SQLITE_MAX_COLUMN at its highest).
  static let mostColumns = 32767

  /// Calls `body` with each value's column, serial type and offset in the record, as long as it says true. The number of
  /// columns where the types are legal and their sizes sum up to the payload exactly; nil where not, or where the header
  /// goes on beyond `available`.
  @inline(__always) static func read(
    _ record: UnsafeRawPointer, available: Int, payload: Int, _ body: (Int, Int, Int) -> Bool
  ) -> Int? {
    guard let size = Varint.read(record, at: 0, end: available), size.value <= UInt64(available) else { return nil }
    let headerEnd = Int(size.value)
    guard headerEnd >= size.next, headerEnd <= payload else { return nil }
    var at = size.next
    var value = headerEnd
    var column = 0
    while at < headerEnd {
      guard column < mostColumns, let read = Varint.read(record, at: at, end: headerEnd), read.value <= 0xFFFF_FFFF
      else { return nil }
      let type = Int(read.value)
      guard type != 10, type != 11, body(column, type, value) else { return nil }
      at = read.next
      value += SerialType.size(type)
      guard value <= payload else { return nil }
      column += 1
    }
    return value == payload ? column : nil
  }
}
