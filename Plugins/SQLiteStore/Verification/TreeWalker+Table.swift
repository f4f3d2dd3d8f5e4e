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
      guard let (rowid, body) = Self.rowid(page, next, usable) else {
        note(.cellOutside, number, at: at)
        isWhole = false
        continue
      }
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

  /// Reads a row's record: the classes of its values, its texts, and the hashes that its indexes must hold.
  @inline(__always) func row(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ rows: RowPlan, rowid: Int64, page: UInt32, at cell: Int
  ) {
    let end = record + size
    let readable = record + available
    var at = record + 1
    var body = record
    let first = size > 0 ? record.byte(0) : 0
    if first < 0x80 {
      body += first
    } else {
      guard let read = Varint.read(record, at: 0, end: available), read.value <= UInt64(available) else {
        return note(.record, page, at: cell, row: rowid)
      }
      at = record + read.next
      body = record + Int(truncatingIfNeeded: read.value)
    }
    let headerEnd = body
    guard headerEnd >= at, headerEnd <= readable, var operation = UnsafePointer(rows.operations.baseAddress) else {
      return note(.record, page, at: cell, row: rowid)
    }
    let operationsEnd = operation + rows.operations.count
    let slots = slots
    let highBits: UInt64 = encoding == .utf8 ? 0x8080_8080_8080_8080 : 0
    slots[0] = Hash128(integer: rowid)
    while at < headerEnd {
      var type = at.byte(0)
      at += 1
      if type >= 0x80 {
        guard let read = Varint.read(at - 1, at: 0, end: headerEnd - (at - 1)), read.value <= 0xFFFF_FFFF else {
          return note(.record, page, at: cell, row: rowid)
        }
        type = Int(truncatingIfNeeded: read.value)
        at += read.next &- 1
      }
      let start = body
      body += SerialType.size(type)
      guard body <= end else { return note(.record, page, at: cell, row: rowid) }
      var plan = RowPlan.Operation.none
      if operation < operationsEnd {
        plan = operation.pointee
        if plan.forbidden & Self.classBit(type) != 0 {
          refuse(type, operationsEnd - operation, rows, rowid, page, cell)
        }
        operation += 1
      }
      if type >= 12 {
        guard body <= readable else { continue }
        let count = (type &- 12) >> 1
        let isText = type & 1 == 1
        var bits: UInt64 = 0
        if plan.slot >= 0 {
          slots[Int(plan.slot)] = Hash128(start, count: count, isText: isText, bits: &bits)
        } else if isText {
          bits = Self.overlaid(start, count: count)
        }
        if isText, bits & highBits != 0 || highBits == 0 || plan.checksNumericText {
          checkText(start, count: count, plan, operationsEnd - operation + 1, rows, rowid, page, cell)
        }
      } else if type >= 10 {
        // Types 10 and 11 are reserved: no record has them.
        return note(.record, page, at: cell, row: rowid)
      } else if plan.slot >= 0 {
        if type != 0, type < 7 {
          slots[Int(plan.slot)] = Hash128(integer: SerialType.integer(body, ofLast: body - start))
        } else {
          let (tag, bits) = EntryKernel.rare(type, start)
          slots[Int(plan.slot)] = EntryKernel.rareHash(tag, bits)
        }
      }
    }
    guard body == end, at == headerEnd else { return note(.record, page, at: cell, row: rowid) }
    if operation < operationsEnd { takeAbsent(operationsEnd - operation, rows, rowid, page, cell) }
    if let programs {
      if !run(programs, record, size: size, rowid: rowid, page: page, at: cell) { unsure.insert(tree) }
    }
    guard var entry = UnsafePointer(rows.entries.baseAddress), let terms = rows.terms.baseAddress else { return }
    let entriesEnd = entry + rows.entries.count
    while entry < entriesEnd {
      if entry.pointee.condition >= 0, !conditionResults[Int(entry.pointee.condition)] {
        entry += 1
        continue
      }
      var combined = EntryHash()
      var term = terms + Int(entry.pointee.start)
      let termsEnd = term + Int(entry.pointee.count)
      while term < termsEnd {
        let slot = slots + Int(term.pointee)
        combined.combine(slot.pointee.first, slot.pointee.second)
        term += 1
      }
      let hash = combined.hash
      ofRows[Int(entry.pointee.fingerprint)].add(hash)
      if isCollecting {
        collect(hash, ofRow: true, Int(entry.pointee.fingerprint), rowid: rowid, page: page, cell: cell)
      }
      entry += 1
    }
  }

  /// The values of columns that were added after the row was written: the last `count` ones.
  @inline(never) private func takeAbsent(_ count: Int, _ rows: RowPlan, _ row: Int64, _ page: UInt32, _ cell: Int) {
    for column in (rows.columns.count - count)..<rows.columns.count {
      let plan = rows.columns[column]
      if plan.forbidden & plan.absentClass != 0 {
        let kind: Trouble.Kind = plan.absentClass == RowPlan.nullBit ? .null : .defaultType
        note(kind, page, at: cell, first: Int64(column), second: Int64(plan.absentClass), row: row)
      }
      if plan.slot >= 0 { slots[Int(plan.slot)] = plan.absent }
    }
  }

  /// The bit of a serial type's class, as in `RowPlan`.
  @inline(__always) static func classBit(_ type: Int) -> UInt8 {
    if type >= 12 { return type & 1 == 0 ? RowPlan.blobBit : RowPlan.textBit }
    // Two hex digits each, from the right: 0 null, 1 to 6 integer, 7 real, 8 and 9 integer, 10 and 11 reserved.
    if type < 8 { return UInt8(truncatingIfNeeded: 0x0402_0202_0202_0201 >> (type * 8)) }
    return type < 10 ? RowPlan.integerBit : RowPlan.nullBit
  }

  /// All bytes of a text, laid over each other in words of eight.
  @inline(__always) private static func overlaid(_ text: UnsafeRawPointer, count: Int) -> UInt64 {
    var bits: UInt64 = 0
    var at = 0
    while at &+ 8 <= count {
      bits |= text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      at &+= 8
    }
    if at < count {
      // The eight bytes before a value's end are always there.
      let last = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
      bits |= last &>> UInt64(truncatingIfNeeded: 64 &- 8 &* (count &- at))
    }
    return bits
  }

  /// A text that is not plain ASCII, or that could be a number where SQLite would have stored it as one. `left` columns
  /// follow it, itself included; more than there are stand for a column that the table does not have.
  @inline(never) private func checkText(
    _ text: UnsafeRawPointer, count: Int, _ plan: RowPlan.Operation, _ left: Int, _ rows: RowPlan, _ row: Int64,
    _ page: UInt32, _ cell: Int
  ) {
    let column = Int64(rows.columns.count - left)
    let bytes = UnsafeRawBufferPointer(start: text, count: count)
    if plan.checksNumericText {
      // No number has so many digits that more than this says anything.
      let start = encoding.utf8(UnsafeRawBufferPointer(rebasing: bytes.prefix(1 << 16)))
      if NumericText.isNumber(start) { note(.numericText, page, at: cell, first: column, row: row) }
    }
    if !encoding.isValid(bytes) { note(.text, page, at: cell, first: column, row: row) }
  }

  /// A value of a class that may not stand in its column.
  @inline(never) private func refuse(
    _ type: Int, _ left: Int, _ rows: RowPlan, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    let column = Int64(rows.columns.count - left)
    if Self.classBit(type) == RowPlan.nullBit {
      note(.null, page, at: cell, first: column, row: row)
    } else {
      note(.type, page, at: cell, first: column, second: Int64(type), row: row)
    }
  }
}
