import MendKit

/// Reads the entries of index pages of a mapped file.
struct EntryReader: Sendable {
  let start: UInt
  let pageSize: Int
  let usableSize: Int
  let filePages: UInt32

  init(_ file: SalvageFile) {
    start = UInt(bitPattern: file.mapping.start)
    pageSize = file.pageSize
    usableSize = file.usableSize
    filePages = file.filePages
  }

  struct Part: Sendable {
    var entries: [IndexEvidence.Entry] = []
    /// Entries that were looked at.
    var count = 0
    var isWhole = true
  }

  func page(_ number: UInt32) -> UnsafeRawPointer? {
    guard number > 0, number <= filePages else { return nil }
    return UnsafeRawPointer(bitPattern: start + UInt(number - 1) * UInt(pageSize))
  }

  /// The entries of rows that are missing, of an index whose entries have so many fields.
  func entries(_ pages: ArraySlice<UInt32>, index: UInt16, fields: Int, _ missing: GapRanges) -> Part {
    var part = Part()
    let geometry = PayloadGeometry(usableSize: usableSize)
    for number in pages {
      // An overflow page of the index is no b-tree page, or looks like one by chance: its cells make no sense then.
      guard let page = page(number), let header = BTreePage(page, number: number), !header.kind.isTable,
        header.cellPointersEnd <= usableSize
      else { continue }
      for cellIndex in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * cellIndex)
        guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: geometry),
          let rowid = rowid(page, cell, fields: fields)
        else {
          part.isWhole = false
          return part
        }
        part.count += 1
        if missing.contains(rowid) {
          part.entries.append(
            IndexEvidence.Entry(rowid: rowid, page: number, offset: UInt16(truncatingIfNeeded: at), index: index))
        }
      }
    }
    return part
  }

  /// The rowid that ends an entry; nil where the entry has another number of fields, or ends with something else.
  func rowid(_ page: UnsafeRawPointer, _ cell: FoundCell, fields: Int) -> Int64? {
    guard cell.isSpilled else {
      return rowid(page + cell.payloadOffset, size: cell.payloadSize, fields: fields)
    }
    return payload(page, cell)?.withUnsafeBytes { bytes in
      bytes.baseAddress.flatMap { rowid($0, size: bytes.count, fields: fields) }
    }
  }

  private func rowid(_ record: UnsafeRawPointer, size: Int, fields: Int) -> Int64? {
    var last = 0
    var place = 0
    let count = RecordHeader.read(record, available: size, payload: size) { _, type, at in
      last = type
      place = at
      return true
    }
    guard count == fields else { return nil }
    switch last {
    case 1...6:
      // The eight bytes before a number's end need not be the record's.
      var value: Int64 = 0
      for at in place..<place + SerialType.size(last) {
        let byte = record.byte(at)
        value = at == place ? Int64(Int8(truncatingIfNeeded: byte)) : value << 8 | Int64(byte)
      }
      return value
    case 8, 9: return Int64(last - 8)
    default: return nil
    }
  }

  /// A payload, put together of its cell and its overflow pages; nil where the chain ends early.
  func payload(_ page: UnsafeRawPointer, _ cell: FoundCell) -> [UInt8]? {
    let geometry = PayloadGeometry(usableSize: usableSize)
    var bytes = [UInt8](UnsafeRawBufferPointer(start: page + cell.payloadOffset, count: cell.localSize))
    let count = geometry.overflowPages(cell.payloadSize, local: cell.localSize)
    guard count <= Int(filePages) else { return nil }
    var next = cell.overflowPage
    for _ in 0..<count {
      guard let content = self.page(next) else { return nil }
      let part = min(geometry.overflowCapacity, cell.payloadSize - bytes.count)
      bytes += UnsafeRawBufferPointer(start: content + 4, count: part)
      next = content.big32(0)
    }
    return bytes.count == cell.payloadSize ? bytes : nil
  }
}
