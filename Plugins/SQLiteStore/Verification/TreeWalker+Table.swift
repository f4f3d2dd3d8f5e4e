extension TreeWalker {
  /// Reads a part of a table b-tree. The rowids in it are at most `atMost`, and greater than the one read last.
  func walkTable(_ number: UInt32, parent: UInt32, level: Int, atMost: Int64?) {
    guard let (page, header) = enter(number, parent: parent, level: level) else { return }
    guard header.kind == .tableInterior else { return tableLeaf(page, header, number, atMost: atMost) }
    let usable = pages.usableSize
    var isWhole = true
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * cell)
      guard at >= header.contentStart, at + 5 <= usable, let key = Varint.read(page, at: at + 4, end: usable) else {
        note(.cellOutside, number, at: header.cellPointers + 2 * cell, first: Int64(at))
        isWhole = false
        continue
      }
      starts[cell] = Int32(at)
      ends[cell] = Int32(key.next)
    }
    if isWhole { auditPage(page, header, number) }
    // The buffers above are the children's too, so the cells are read again.
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * cell)
      guard at >= header.contentStart, at + 5 <= usable, let key = Varint.read(page, at: at + 4, end: usable) else {
        continue
      }
      let rowid = Int64(bitPattern: key.value)
      if let previousRowid, rowid < previousRowid { note(.rowidOrder, number, at: at, row: rowid) }
      if let atMost, rowid > atMost { note(.rowidOrder, number, at: at, row: rowid) }
      prefetchChild(behind: cell, page, header)
      walkTable(page.big32(at), parent: number, level: level + 1, atMost: rowid)
      previousRowid = max(previousRowid ?? rowid, rowid)
    }
    walkTable(header.rightChild(page), parent: number, level: level + 1, atMost: atMost)
  }

  private func tableLeaf(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, atMost: Int64?) {
    let usable = pages.usableSize
    let maximum = geometry.tableMaximum
    let contentStart = header.contentStart
    let starts = starts
    let records = records
    let ends = ends
    let rowids = rowids
    let pointers = page + header.cellPointers
    var isWhole = true
    var tiling = CellTiling(end: usable)
    var overflows = false
    var last = previousRowid ?? Int64.min
    var hasLast = previousRowid != nil
    for cell in 0..<header.cellCount {
      records[cell] = Self.noRecord
      let at = pointers.big16(2 &* cell)
      guard at >= contentStart, at <= usable - 4 else {
        note(.cellOutside, number, at: header.cellPointers + 2 * cell, first: Int64(at))
        isWhole = false
        continue
      }
      var next = at &+ 1
      var size = page.byte(at)
      if size >= 0x80 {
        let low = page.byte(next)
        if low < 0x80 {
          size = (size & 0x7F) &<< 7 | low
          next &+= 1
        } else if let read = Varint.read(page, at: at, end: usable), read.value <= 0x7FFF_FFFF {
          size = Int(read.value)
          next = read.next
        } else {
          note(.cellOutside, number, at: at)
          isWhole = false
          continue
        }
      }
      guard let (rowid, body) = Self.rowid(page, next, usable) else {
        note(.cellOutside, number, at: at)
        isWhole = false
        continue
      }
      var end = body &+ size
      if size > maximum {
        overflows = true
        end = body &+ geometry.local(size, maximum: maximum) &+ 4
      } else {
        records[cell] = Int32(truncatingIfNeeded: body)
        sizes[cell] = Int32(truncatingIfNeeded: size)
      }
      if end < at &+ 4 { end = at &+ 4 }
      guard end <= usable else {
        note(.cellOutside, number, at: at, row: rowid)
        records[cell] = Self.noRecord
        isWhole = false
        continue
      }
      starts[cell] = Int32(truncatingIfNeeded: at)
      ends[cell] = Int32(truncatingIfNeeded: end)
      rowids[cell] = rowid
      tiling.take(at, end)
      if hasLast, rowid <= last { note(.rowidOrder, number, at: at, row: rowid) }
      last = rowid
      hasLast = true
    }
    if overflows { overflowingRows(page, header, number) }
    if let rows { plainRows(page, header.cellCount, number, rows) }
    entryCounts[tree] += header.cellCount
    if hasLast {
      if let atMost, last > atMost { note(.rowidOrder, number, row: last) }
      previousRowid = last
    }
    if isWhole, !isPacked(header, tiling) { auditPage(page, header, number) }
  }

  /// Stands in `records` for a cell whose record is not wholly within its page.
  static let noRecord: Int32 = -1

  /// The rows of a leaf that go on in overflow pages.
  @inline(never) private func overflowingRows(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * cell)
      guard at >= header.contentStart, at <= pages.usableSize - 4,
        let size = Varint.read(page, at: at, end: pages.usableSize), size.value <= 0x7FFF_FFFF,
        size.value > UInt64(geometry.tableMaximum),
        let (rowid, body) = Self.rowid(page, size.next, pages.usableSize)
      else { continue }
      let local = geometry.local(Int(size.value), maximum: geometry.tableMaximum)
      guard body + local + 4 <= pages.usableSize else { continue }
      if let rows {
        overflowingRow(
          page + body, size: Int(size.value), local: local, rows, rowid: rowid, page: number, at: at)
      } else {
        _ = followOverflow(page.big32(body + local), size: Int(size.value), local: local, page: number, at: at)
      }
    }
  }

  /// A rowid, mostly of one to four bytes, and the offset after it.
  @inline(__always) private static func rowid(_ page: UnsafeRawPointer, _ at: Int, _ end: Int) -> (Int64, Int)? {
    guard at &+ 4 <= end else {
      return Varint.read(page, at: at, end: end).map { (Int64(bitPattern: $0.value), $0.next) }
    }
    let a = page.byte(at)
    if a < 0x80 { return (Int64(a), at &+ 1) }
    let b = page.byte(at &+ 1)
    if b < 0x80 { return (Int64((a & 0x7F) &<< 7 | b), at &+ 2) }
    let c = page.byte(at &+ 2)
    if c < 0x80 { return (Int64((a & 0x7F) &<< 14 | (b & 0x7F) &<< 7 | c), at &+ 3) }
    let d = page.byte(at &+ 3)
    if d < 0x80 {
      return (Int64((a & 0x7F) &<< 21 | (b & 0x7F) &<< 14 | (c & 0x7F) &<< 7 | d), at &+ 4)
    }
    return Varint.read(page, at: at, end: end).map { (Int64(bitPattern: $0.value), $0.next) }
  }

  /// A row whose payload goes on in overflow pages. Only as much of these is put together as the columns need that are read.
  private func overflowingRow(
    _ cell: UnsafeRawPointer, size: Int, local: Int, _ rows: RowPlan, rowid: Int64, page: UInt32, at: Int
  ) {
    let needed = programs == nil ? bytesNeeded(cell, size: size, local: local, rows) : size
    let first = cell.big32(local)
    if needed <= local {
      guard followOverflow(first, size: size, local: local, page: page, at: at) else { return }
      return row(cell, size: size, available: local, rows, rowid: rowid, page: page, at: at)
    }
    guard needed <= PayloadAssembly.largest else {
      guard followOverflow(first, size: size, local: local, page: page, at: at) else { return }
      // What does not fit into memory is left to the engine, which has its own way with it.
      unread.insert(tree)
      return
    }
    let buffer = assembly.start(cell, local, capacity: needed)
    guard followOverflow(first, size: size, local: local, page: page, at: at, into: buffer, upTo: needed) else {
      return
    }
    row(UnsafeRawPointer(buffer), size: size, available: needed, rows, rowid: rowid, page: page, at: at)
  }

  /// Bytes of a payload from its start up to the end of the last column that is read. The whole of it where the header
  /// itself does not stand in the cell.
  private func bytesNeeded(_ cell: UnsafeRawPointer, size: Int, local: Int, _ rows: RowPlan) -> Int {
    guard let start = Varint.read(cell, at: 0, end: local), start.value <= UInt64(local) else { return size }
    let headerEnd = Int(start.value)
    var at = start.next
    var body = headerEnd
    var needed = headerEnd
    var column = 0
    while at < headerEnd {
      guard let type = Varint.read(cell, at: at, end: headerEnd), type.value <= 0xFFFF_FFFF else { return needed }
      at = type.next
      body += SerialType.size(Int(type.value))
      let isText = type.value >= 13 && type.value & 1 == 1
      let isHashed = column < rows.columns.count && rows.columns[column].slot >= 0
      if isText || isHashed { needed = body }
      column += 1
    }
    return min(needed, size)
  }
}
