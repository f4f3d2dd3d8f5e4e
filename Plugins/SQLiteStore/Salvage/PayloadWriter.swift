/// Writes payloads that have no cell in the file that could be kept.
struct PayloadWriter {
  let file: SalvageFile

  /// The cell of a table's row; what does not fit into it goes to overflow pages. The bytes belong to the file's salvage and
  /// are kept until that ends.
  func cell(rowid: Int64, payload: [UInt8]) -> UnsafeRawBufferPointer {
    cell(Varint.bytes(UInt64(bitPattern: rowid)), payload, maximum: file.geometry.tableMaximum)
  }

  /// The cell of a row without rowid on a leaf, likewise.
  func keyedCell(payload: [UInt8]) -> UnsafeRawBufferPointer {
    cell([], payload, maximum: file.geometry.indexMaximum)
  }

  private func cell(_ rowid: [UInt8], _ payload: [UInt8], maximum: Int) -> UnsafeRawBufferPointer {
    let local = file.geometry.local(payload.count, maximum: maximum)
    var bytes = Varint.bytes(UInt64(payload.count)) + rowid + payload[..<local]
    var rest = payload[local...]
    var links: [UInt32] = []
    for _ in 0..<(rest.isEmpty ? 0 : file.geometry.overflowPages(payload.count, local: local)) {
      links.append(file.allocate())
    }
    for (index, number) in links.enumerated() {
      let page = file.blank(number)
      let part = rest.prefix(file.geometry.overflowCapacity)
      page.set32(0, index + 1 < links.count ? links[index + 1] : 0)
      UnsafeMutableRawBufferPointer(start: page + 4, count: part.count).copyBytes(from: part)
      rest = rest.dropFirst(part.count)
    }
    if let first = links.first { bytes += (0..<4).map { UInt8(truncatingIfNeeded: first >> (24 - 8 * $0)) } }
    while bytes.count < 4 { bytes.append(0) }
    return file.keep(bytes)
  }
}
