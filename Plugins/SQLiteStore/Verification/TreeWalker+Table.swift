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
      walkTable(page.big32(at), parent: number, level: level + 1, atMost: rowid)
      previousRowid = max(previousRowid ?? rowid, rowid)
    }
    walkTable(header.rightChild(page), parent: number, level: level + 1, atMost: atMost)
  }

  private func tableLeaf(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, atMost: Int64?) {
    let usable = pages.usableSize
    let maximum = geometry.tableMaximum
    let rows = readsContent ? trees[tree].rows : nil
    let contentStart = header.contentStart
    let cellCount = header.cellCount
    var pointer = header.cellPointers
    var isWhole = true
    // Whether each cell ends where the one before it starts, as in a page that was filled in order.
    var expectedEnd = usable
    var isDense = true
    var last = previousRowid ?? Int64.min
    var hasLast = previousRowid != nil
    for cell in 0..<cellCount {
      let at = page.big16(pointer)
      pointer += 2
      guard at >= contentStart, at <= usable - 4 else {
        note(.cellOutside, number, at: pointer - 2, first: Int64(at))
        isWhole = false
        continue
      }
      var next = at + 1
      var size = page.byte(at)
      if size >= 0x80 {
        guard let read = Varint.read(page, at: at, end: usable), read.value <= 0x7FFF_FFFF else {
          note(.cellOutside, number, at: at)
          isWhole = false
          continue
        }
        size = Int(read.value)
        next = read.next
      }
      guard let key = Varint.read(page, at: next, end: usable) else {
        note(.cellOutside, number, at: at)
        isWhole = false
        continue
      }
      let rowid = Int64(bitPattern: key.value)
      let body = key.next
      let local = size <= maximum ? size : geometry.local(size, maximum: maximum)
      let end = max(body + local + (local < size ? 4 : 0), at + 4)
      guard end <= usable else {
        note(.cellOutside, number, at: at, row: rowid)
        isWhole = false
        continue
      }
      starts[cell] = Int32(truncatingIfNeeded: at)
      ends[cell] = Int32(truncatingIfNeeded: end)
      if end != expectedEnd { isDense = false }
      expectedEnd = at
      if hasLast, rowid <= last { note(.rowidOrder, number, at: at, row: rowid) }
      last = rowid
      hasLast = true
      if let rows {
        if local == size {
          row(page + body, size: size, available: size, rows, rowid: rowid, page: number, at: at)
        } else {
          overflowingRow(page + body, size: size, local: local, rows, rowid: rowid, page: number, at: at)
        }
      } else if local < size {
        _ = followOverflow(page.big32(body + local), size: size, local: local, page: number, at: at)
      }
    }
    entryCounts[tree] += cellCount
    if hasLast {
      if let atMost, last > atMost { note(.rowidOrder, number, row: last) }
      previousRowid = last
    }
    guard isWhole else { return }
    if isDense, expectedEnd == contentStart, header.firstFreeblock == 0, header.fragmentedBytes == 0 { return }
    auditPage(page, header, number)
  }

  /// A row whose payload goes on in overflow pages. Only as much of these is put together as the columns need that are read.
  private func overflowingRow(
    _ cell: UnsafeRawPointer, size: Int, local: Int, _ rows: RowPlan, rowid: Int64, page: UInt32, at: Int
  ) {
    let needed = bytesNeeded(cell, size: size, local: local, rows)
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
    guard followOverflow(first, size: size, local: local, page: page, at: at, into: buffer, upTo: needed) else { return }
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

  /// Reads a row's record: the classes of its values, its texts, and the hashes that its indexes must hold.
  @inline(__always) func row(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ rows: RowPlan, rowid: Int64, page: UInt32, at cell: Int
  ) {
    var at = 1
    var headerEnd = size > 0 ? record.byte(0) : 0
    if headerEnd >= 0x80 {
      guard let read = Varint.read(record, at: 0, end: available), read.value <= UInt64(available) else {
        return note(.record, page, at: cell, row: rowid)
      }
      headerEnd = Int(read.value)
      at = read.next
    }
    guard headerEnd >= at, headerEnd <= available else { return note(.record, page, at: cell, row: rowid) }
    var body = headerEnd
    var column = 0
    let columns = rows.columns
    let columnCount = columns.count
    let slots = slots
    slots[0] = Hash128(integer: rowid)
    while at < headerEnd {
      var type = record.byte(at)
      at += 1
      if type >= 0x80 {
        guard let read = Varint.read(record, at: at - 1, end: headerEnd), read.value <= 0xFFFF_FFFF else {
          return note(.record, page, at: cell, row: rowid)
        }
        type = Int(read.value)
        at = read.next
      }
      let start = body
      body += SerialType.size(type)
      guard body <= size else { return note(.record, page, at: cell, row: rowid) }
      if column < columnCount {
        let plan = columns[column]
        if plan.forbidden & Self.classBit(type) != 0 { refuse(type, column, record + start, rowid, page, cell) }
        if plan.checksNumericText, type >= 13, type & 1 == 1, body <= available {
          checkNumber(record + start, count: body - start, column, rowid, page, cell)
        }
        if plan.slot >= 0 { slots[Int(plan.slot)] = KeyValue(type: type, body: record + start).hash }
      }
      if type >= 13, type & 1 == 1, body <= available, !isPlain(record + start, count: body - start) {
        checkText(record + start, count: body - start, column, rowid, page, cell)
      }
      column += 1
    }
    guard body == size, at == headerEnd else { return note(.record, page, at: cell, row: rowid) }
    while column < columnCount {
      let plan = columns[column]
      if plan.forbidden & plan.absentClass != 0 {
        note(.null, page, at: cell, first: Int64(column), row: rowid)
      }
      if plan.slot >= 0 { slots[Int(plan.slot)] = plan.absent }
      column += 1
    }
    for entry in rows.entries {
      var hash = Hash128.seed
      for term in Int(entry.start)..<Int(entry.start + entry.count) {
        hash.combine(slots[Int(rows.terms[term])])
      }
      ofRows[Int(entry.fingerprint)].add(hash)
      if collector != nil {
        collector?.take(hash, ofRow: true, Int(entry.fingerprint), rowid: rowid, page: page, cell: cell)
      }
    }
  }

  /// The bit of a serial type's class, as in `RowPlan`.
  @inline(__always) static func classBit(_ type: Int) -> UInt8 {
    if type >= 12 { return type & 1 == 0 ? RowPlan.blobBit : RowPlan.textBit }
    // Two hex digits each, from the right: 0 null, 1 to 6 integer, 7 real, 8 and 9 integer, 10 and 11 reserved.
    if type < 8 { return UInt8(truncatingIfNeeded: 0x0402_0202_0202_0201 >> (type * 8)) }
    return type < 10 ? RowPlan.integerBit : RowPlan.nullBit
  }

  /// Whether a text is valid without looking closer: ASCII in a database of UTF-8.
  @inline(__always) func isPlain(_ text: UnsafeRawPointer, count: Int) -> Bool {
    guard encoding == .utf8 else { return false }
    var bits: UInt64 = 0
    var at = 0
    while at + 8 <= count {
      bits |= text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      at += 8
    }
    if at < count {
      // The eight bytes before a value's end are always there.
      bits |= UInt64(littleEndian: text.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)) >> UInt64(8 * (8 - (count - at)))
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }

  @inline(never) func checkText(
    _ text: UnsafeRawPointer, count: Int, _ column: Int, _ row: Int64?, _ page: UInt32, _ cell: Int
  ) {
    guard !encoding.isValid(UnsafeRawBufferPointer(start: text, count: count)) else { return }
    note(.text, page, at: cell, first: Int64(column), row: row)
  }

  /// A text in a column of numeric affinity that SQLite would have stored as a number.
  @inline(never) private func checkNumber(
    _ text: UnsafeRawPointer, count: Int, _ column: Int, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    let bytes = encoding.utf8(UnsafeRawBufferPointer(start: text, count: min(count, 1 << 16)))
    guard NumericText.isNumber(bytes) else { return }
    note(.numericText, page, at: cell, first: Int64(column), row: row)
  }

  /// A value of a class that may not stand in its column.
  @inline(never) private func refuse(
    _ type: Int, _ column: Int, _ body: UnsafeRawPointer, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    let bit = Self.classBit(type)
    if bit == RowPlan.nullBit {
      note(.null, page, at: cell, first: Int64(column), row: row)
    } else {
      note(.type, page, at: cell, first: Int64(column), second: Int64(type), row: row)
    }
  }
}
