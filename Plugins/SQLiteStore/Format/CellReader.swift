import MendKit

/// Reads the values of single cells, as far as they stand in the cell itself.
struct CellReader {
  let pages: PageMap
  let encoding: TextEncoding

  /// The values of the cell at an offset of a page; as many as could be read.
  func values(page number: UInt32, cell: Int) -> [SQLValue] {
    guard let page = pages[number], let header = BTreePage(page, number: number) else { return [] }
    let usable = pages.usableSize
    let start = cell + (header.kind == .indexInterior ? 4 : 0)
    guard header.kind != .tableInterior, let size = Varint.read(page, at: start, end: usable) else { return [] }
    var body = size.next
    if header.kind == .tableLeaf {
      guard let key = Varint.read(page, at: body, end: usable) else { return [] }
      body = key.next
    }
    let geometry = PayloadGeometry(usableSize: usable)
    let maximum = header.kind == .tableLeaf ? geometry.tableMaximum : geometry.indexMaximum
    guard size.value <= 0x7FFF_FFFF else { return [] }
    let local = geometry.local(Int(size.value), maximum: maximum)
    guard body + local <= usable else { return [] }
    return values(record: page + body, available: local)
  }

  private func values(record: UnsafeRawPointer, available: Int) -> [SQLValue] {
    guard let start = Varint.read(record, at: 0, end: available), start.value <= UInt64(available) else { return [] }
    let headerEnd = Int(start.value)
    var at = start.next
    var body = headerEnd
    var values: [SQLValue] = []
    while at < headerEnd, let type = Varint.read(record, at: at, end: headerEnd), type.value <= 0xFFFF_FFFF {
      at = type.next
      let size = SerialType.size(Int(type.value))
      guard body + size <= available else { break }
      values.append(value(Int(type.value), record + body))
      body += size
    }
    return values
  }

  private func value(_ type: Int, _ body: UnsafeRawPointer) -> SQLValue {
    let value = KeyValue(type: type, body: body)
    // For comparing, a real that holds a whole number is one; here it stays what it is.
    if type == 7, value.type == .integer { return .real(Double(value.bits)) }
    return switch value.type {
    case .null: .null
    case .integer: .integer(value.bits)
    case .real: .real(Double(bitPattern: UInt64(bitPattern: value.bits)))
    case .text: .text(String(decoding: encoding.utf8(value.bytes), as: UTF8.self))
    case .blob: .blob(Array(value.bytes))
    }
  }
}
