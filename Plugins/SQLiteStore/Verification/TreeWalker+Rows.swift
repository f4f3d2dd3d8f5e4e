extension TreeWalker {
  /// The highest bit of each byte: set where a text is not ASCII.
  static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// The rows of a leaf that stand wholly in their cells, one by one.
  func anyRows(_ page: UnsafeRawPointer, _ count: Int, _ number: UInt32, _ rows: RowPlan) {
    for cell in 0..<count where records[cell] != TreeWalker.noRecord {
      let size = Int(sizes[cell])
      row(
        page + Int(records[cell]), size: size, available: size, rows, rowid: rowids[cell], page: number,
        at: Int(starts[cell]))
    }
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
    let sources = sources
    let facts = facts
    let highBits = encoding == .utf8 ? Self.highBits : 0
    sources[0] = source(ofRowid: rowid)
    while at < headerEnd {
      var type = at.byte(0)
      at += 1
      let start = body
      var fact = facts[type & 0x7F]
      if type < 0x80 {
        body += Int(fact.size)
      } else {
        guard let read = Varint.read(at - 1, at: 0, end: headerEnd - (at - 1)), read.value <= 0xFFFF_FFFF else {
          return note(.record, page, at: cell, row: rowid)
        }
        type = Int(truncatingIfNeeded: read.value)
        at += read.next &- 1
        body += SerialType.size(type)
        fact = type >= 12 ? facts[12 &+ type & 1] : facts[type]
      }
      guard body <= end else { return note(.record, page, at: cell, row: rowid) }
      var plan = RowPlan.Operation.none
      if operation < operationsEnd {
        plan = operation.pointee
        if plan.forbidden & fact.classBit != 0 { refuse(type, operationsEnd - operation, rows, rowid, page, cell) }
        operation += 1
      }
      guard fact.kind != TypeFact.Kind.reserved else { return note(.record, page, at: cell, row: rowid) }
      if plan.slot >= 0 {
        sources[Int(plan.slot)] = body <= readable ? ValueSource(type: type, start: start) : .null
      }
      guard fact.kind == TypeFact.Kind.text, body <= readable else { continue }
      let bits = Self.overlaid(start, count: body - start)
      guard bits & highBits != 0 || highBits == 0 || plan.checksNumericText else { continue }
      let column = rows.columns.count - (operationsEnd - operation + 1)
      if plan.checksNumericText { checkNumericText(start, count: body - start, column: column, rowid, page, cell) }
      checkText(start, count: body - start, column: column, rowid, page, cell)
    }
    guard body == end, at == headerEnd else { return note(.record, page, at: cell, row: rowid) }
    if operation < operationsEnd { takeAbsent(operationsEnd - operation, rows, rowid, page, cell) }
    if let programs {
      if !run(programs, record, size: size, rowid: rowid, page: page, at: cell) { unsure.insert(tree) }
    }
    for entry in rows.entries {
      guard entry.condition < 0 || conditionResults[Int(entry.condition)] else { continue }
      let hash = hash(of: entry, rows)
      ofRows[Int(entry.fingerprint)].add(hash)
      if isCollecting { collect(hash, ofRow: Int(entry.fingerprint), rowid: rowid, page: page, cell: cell) }
    }
  }

  /// The rowid as a record would hold it.
  private func source(ofRowid rowid: Int64) -> ValueSource {
    rowidBytes[1] = rowid.bigEndian
    let type = SerialType.type(of: rowid, hasConstants: hasConstants)
    return ValueSource(type: type, start: UnsafeRawPointer(rowidBytes + 2) - SerialType.size(type))
  }

  /// The hash of the entry that an index must hold of the row whose values stand in `sources`.
  private func hash(of entry: RowPlan.Entry, _ rows: RowPlan) -> Hash128 {
    let terms = UnsafeBufferPointer(rebasing: rows.terms[Int(entry.start)..<Int(entry.start + entry.count)])
    guard !rows.isByBytes || isCollecting else { return entryBuffer.hash(terms, of: sources) }
    var combined = EntryHash()
    for term in terms {
      let source = sources[Int(term)]
      combined.combine(source.type == ValueSource.computed.type ? slots[Int(term)] : source.hash)
    }
    return combined.hash
  }

  /// The values of columns that were added after the row was written: the last `count` ones.
  @inline(never) private func takeAbsent(_ count: Int, _ rows: RowPlan, _ row: Int64, _ page: UInt32, _ cell: Int) {
    for column in (rows.columns.count - count)..<rows.columns.count {
      let plan = rows.columns[column]
      if plan.forbidden & plan.absentClass != 0 {
        let kind: Trouble.Kind = plan.absentClass == RowPlan.nullBit ? .null : .defaultType
        note(kind, page, at: cell, first: Int64(column), second: Int64(plan.absentClass), row: row)
      }
      if plan.slot >= 0 { sources[Int(plan.slot)] = plan.absent }
    }
  }

  /// All bytes of a text, laid over each other in words of eight.
  @inline(__always) private static func overlaid(_ text: UnsafeRawPointer, count: Int) -> UInt64 {
    var bits: UInt64 = 0
    var at = text
    var rest = count
    while rest > 16 {
      bits |= at.loadUnaligned(as: UInt64.self) | at.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      at += 16
      rest &-= 16
    }
    // The eight bytes before a value's end are always there.
    let last = UInt64(littleEndian: at.loadUnaligned(fromByteOffset: rest &- 8, as: UInt64.self))
    if rest > 8 {
      bits |= at.loadUnaligned(as: UInt64.self) | last
    } else if rest > 0 {
      bits |= last &>> UInt64(truncatingIfNeeded: 64 &- 8 &* rest)
    }
    return bits
  }

  /// A text that is not plain ASCII.
  @inline(never) func checkText(
    _ text: UnsafeRawPointer, count: Int, column: Int, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    guard !encoding.isValid(UnsafeRawBufferPointer(start: text, count: count)) else { return }
    note(.text, page, at: cell, first: Int64(column), row: row)
  }

  /// A text that could be a number where SQLite would have stored it as one.
  @inline(never) private func checkNumericText(
    _ text: UnsafeRawPointer, count: Int, column: Int, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    // No number has so many digits that more than this says anything.
    let start = encoding.utf8(UnsafeRawBufferPointer(start: text, count: min(count, 1 << 16)))
    guard NumericText.isNumber(start) else { return }
    note(.numericText, page, at: cell, first: Int64(column), row: row)
  }

  /// A value of a class that may not stand in its column.
  @inline(never) private func refuse(
    _ type: Int, _ left: Int, _ rows: RowPlan, _ row: Int64, _ page: UInt32, _ cell: Int
  ) {
    let column = Int64(rows.columns.count - left)
    if SerialType.classBit(type) == RowPlan.nullBit {
      note(.null, page, at: cell, first: column, row: row)
    } else {
      note(.type, page, at: cell, first: column, second: Int64(type), row: row)
    }
  }
}
