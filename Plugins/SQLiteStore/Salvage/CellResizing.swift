/// Cells whose size alone was damaged: their pointer, their rowid and their record are as they should be, and the record ends
/// where the next cell or free block begins.
struct CellResizing {
  /// More such cells on a page than this are not what a few changed bytes leave.
  private static let mostCells = 8

  let geometry: PayloadGeometry
  let kind: BTreePage.Kind
  let bounds: CellScan.Bounds
  let expected: ExpectedRecord

  /// The cells at those of a page's pointers where none could be read; `read` has what could, pointer by pointer.
  func cells(_ page: UnsafeRawPointer, _ header: BTreePage, _ pointers: [Int], _ read: [FoundCell?]) -> [FoundCell] {
    let lost = read.indices.filter { read[$0] == nil }
    guard !lost.isEmpty, lost.count <= Self.mostCells, lost.count < pointers.count else { return [] }
    let free = PageSurvey.freeblocks(page, header, usable: geometry.usableSize) ?? []
    return lost.compactMap { place in
      let offset = pointers[place]
      let end = (pointers + free.map(\.start)).reduce(geometry.usableSize) { $1 > offset ? min($0, $1) : $0 }
      let before = read[..<place].last { $0 != nil }
      let after = read[place...].first { $0 != nil }
      return cell(page, offset, end: end, above: (before ?? nil)?.rowid, below: (after ?? nil)?.rowid)
    }
  }

  private func cell(_ page: UnsafeRawPointer, _ offset: Int, end: Int, above: Int64?, below: Int64?) -> FoundCell? {
    guard offset >= 0, end <= geometry.usableSize else { return nil }
    let start = offset + (kind.isLeaf ? 0 : 4)
    // The bytes that say the size, whatever they say now.
    for sizeBytes in 1...3 where start + sizeBytes < end {
      var at = start + sizeBytes
      var key: Int64 = 0
      if kind.isTable {
        guard let rowid = Varint.read(page, at: at, end: end) else { continue }
        at = rowid.next
        key = Int64(bitPattern: rowid.value)
      }
      guard let payload = RecordHeader.length(page + at, available: end - at), payload <= Int(Int32.max),
        Varint.size(UInt64(payload)) == sizeBytes
      else { continue }
      let local = geometry.local(payload, maximum: kind.isTable ? geometry.tableMaximum : geometry.indexMaximum)
      let isSpilled = local < payload
      var work = 0
      guard max(at + local + (isSpilled ? 4 : 0), offset + 4) == end, at + local <= end,
        !kind.isTable || bounds.contains(key) && above.map({ key > $0 }) ?? true && below.map({ key < $0 }) ?? true,
        expected.accepts(page + at, available: local, payload: payload, checksText: true, work: &work),
        expected.isUsual(page + at, available: local, payload: payload)
      else { continue }
      return FoundCell(
        offset: offset, end: end, payloadOffset: at, payloadSize: payload, localSize: local, rowid: key,
        overflowPage: isSpilled ? page.big32(at + local) : 0, hasDamagedSize: true)
    }
    return nil
  }
}

extension FoundCell {
  /// The bytes of a cell from an offset within it on, with the size that its record has.
  func resized(_ page: UnsafeRawPointer, from start: Int) -> [UInt8] {
    let size = Varint.bytes(UInt64(payloadSize))
    return size + UnsafeRawBufferPointer(start: page + start + size.count, count: end - start - size.count)
  }
}

extension RecordHeader {
  /// How long a record is by its own header; nil where that goes on beyond `available`.
  fileprivate static func length(_ record: UnsafeRawPointer, available: Int) -> Int? {
    var length = 0
    guard let size = Varint.read(record, at: 0, end: available), size.value <= UInt64(available) else { return nil }
    let end = Int(size.value)
    var at = size.next
    var columns = 0
    while at < end {
      guard columns < mostColumns, let type = Varint.read(record, at: at, end: end), type.value <= 0xFFFF_FFFF else {
        return nil
      }
      length += SerialType.size(Int(type.value))
      at = type.next
      columns += 1
    }
    return at == end ? end + length : nil
  }
}
