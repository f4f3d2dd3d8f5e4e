/// Cells whose size alone was damaged: their pointer, their rowid and their record are as they should be, and the record ends
/// where the next cell begins.
struct CellResizing {
  /// More such cells on a page than this are not what a few changed bytes leave.
  private static let mostCells = 8

  let geometry: PayloadGeometry
  let bounds: CellScan.Bounds
  let expected: ExpectedRecord

  /// The cells at those of a page's pointers where none could be read; `read` has what could, pointer by pointer.
  func cells(_ page: UnsafeRawPointer, _ pointers: [Int], _ read: [FoundCell?]) -> [FoundCell] {
    let lost = read.indices.filter { read[$0] == nil }
    guard !lost.isEmpty, lost.count <= Self.mostCells, lost.count < pointers.count else { return [] }
    return lost.compactMap { place in
      let offset = pointers[place]
      let end = pointers.reduce(geometry.usableSize) { $1 > offset ? min($0, $1) : $0 }
      let before = read[..<place].last { $0 != nil }
      let after = read[place...].first { $0 != nil }
      return cell(page, offset, end: end, above: (before ?? nil)?.rowid, below: (after ?? nil)?.rowid)
    }
  }

  private func cell(_ page: UnsafeRawPointer, _ offset: Int, end: Int, above: Int64?, below: Int64?) -> FoundCell? {
    guard offset >= 0, end <= geometry.usableSize else { return nil }
    // The bytes that say the size, whatever they say now.
    for sizeBytes in 1...3 {
      guard offset + sizeBytes < end, let rowid = Varint.read(page, at: offset + sizeBytes, end: end) else { continue }
      let payload = end - rowid.next
      let key = Int64(bitPattern: rowid.value)
      var work = 0
      guard payload > 0, payload <= geometry.tableMaximum, Varint.bytes(UInt64(payload)).count == sizeBytes,
        bounds.contains(key), above.map({ key > $0 }) ?? true, below.map({ key < $0 }) ?? true,
        expected.accepts(page + rowid.next, available: payload, payload: payload, checksText: true, work: &work),
        expected.isUsual(page + rowid.next, available: payload, payload: payload)
      else { continue }
      return FoundCell(
        offset: offset, end: end, payloadOffset: rowid.next, payloadSize: payload, localSize: payload, rowid: key,
        overflowPage: 0, hasDamagedSize: true)
    }
    return nil
  }
}
