extension TreeWalker {
  /// The highest bit of each byte: set where a text is not ASCII.
  private static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// The rows of a leaf that stand wholly in their cells, as noted in `records`, `sizes` and `rowids`: their values first, then
  /// what the indexes must hold of them, index by index.
  func plainRows(_ page: UnsafeRawPointer, _ count: Int, _ number: UInt32, _ rows: RowPlan) {
    let isPlain = programs == nil
    let records = records
    let sizes = sizes
    let rowids = rowids
    let batch = batch
    let capacity = batchCapacity
    let slotCount = rows.slotCount
    var shape = shapes.none
    var taken = 0
    var values = batch
    for cell in 0..<count where records[cell] != TreeWalker.noRecord {
      let record = page + Int(records[cell])
      let size = Int(sizes[cell])
      if isPlain, !shape.pointee.matches(record) { shape = shapes.shape(ofRow: record, rows) }
      guard isPlain, Int(shape.pointee.size) == size else {
        row(record, size: size, available: size, rows, rowid: rowids[cell], page: number, at: Int(starts[cell]))
        continue
      }
      values.pointee = Hash128(integer: rowids[cell])
      var step = shape.pointee.steps
      let stepsEnd = shape.pointee.end
      while step < stepsEnd {
        let text = take(record, step, values + Int(step.pointee.slot))
        if text & Self.highBits != 0 { checkText(record, step.pointee, cell, number) }
        step += 1
      }
      batchCells[taken] = Int32(truncatingIfNeeded: cell)
      taken &+= 1
      values += slotCount
      if taken == capacity {
        addEntries(taken, rows, number)
        taken = 0
        values = batch
      }
    }
    if taken > 0 { addEntries(taken, rows, number) }
  }

  /// Takes up one value of a row; all bytes of a text, laid over each other.
  @inline(__always) private func take(
    _ record: UnsafeRawPointer, _ step: UnsafePointer<ShapeStep>, _ value: UnsafeMutablePointer<Hash128>
  ) -> UInt64 {
    let action = step.pointee.action
    if action == ShapeStep.Action.integer {
      let end = record + Int(step.pointee.end)
      value.pointee = Hash128(integer: SerialType.integer(end, shift: Int(step.pointee.shift)))
      return 0
    }
    let start = record + Int(step.pointee.start)
    let count = Int(step.pointee.end &- step.pointee.start)
    if action == ShapeStep.Action.text {
      var bits: UInt64 = 0
      value.pointee = Hash128(start, count: count, salt: step.pointee.salt, bits: &bits)
      return bits
    }
    if action == ShapeStep.Action.look { return Self.overlaid(start, count: count) }
    value.pointee = EntryKernel.value(record, step)
    return 0
  }

  /// Adds up what the indexes must hold of the first rows in `batch`.
  private func addEntries(_ count: Int, _ rows: RowPlan, _ page: UInt32) {
    guard let terms = UnsafePointer(rows.terms.baseAddress) else { return }
    let batch = UnsafePointer(batch)
    let hashes = entryHashes
    let slotCount = rows.slotCount
    for entry in rows.entries {
      let slots = terms + Int(entry.start)
      var sum = Fingerprint()
      var hash = hashes
      let hashesEnd = hashes + count
      // Most indexes have one column, or two, and the rowid.
      switch entry.count {
      case 2:
        var (first, last) = (batch + Int(slots[0]), batch + Int(slots[1]))
        while hash < hashesEnd {
          let values = EntryHash(first.pointee, last.pointee)
          hash.pointee = values
          sum.add(values.hash)
          (first, last, hash) = (first + slotCount, last + slotCount, hash + 1)
        }
      case 3:
        var (first, second, last) = (batch + Int(slots[0]), batch + Int(slots[1]), batch + Int(slots[2]))
        while hash < hashesEnd {
          var values = EntryHash(first.pointee, second.pointee)
          values.combine(last.pointee)
          hash.pointee = values
          sum.add(values.hash)
          (first, second, last, hash) = (first + slotCount, second + slotCount, last + slotCount, hash + 1)
        }
      default:
        var row = batch
        while hash < hashesEnd {
          var values = EntryHash()
          for term in 0..<Int(entry.count) { values.combine(row[Int(slots[term])]) }
          hash.pointee = values
          sum.add(values.hash)
          (row, hash) = (row + slotCount, hash + 1)
        }
      }
      ofRows[Int(entry.fingerprint)].add(sum)
      if isCollecting { collectBatch(count, Int(entry.fingerprint), page) }
    }
  }

  /// Shows the entries of one index for the rows in `batch` to the collector; their hashes are in `entryHashes`.
  @inline(never) private func collectBatch(_ count: Int, _ fingerprint: Int, _ page: UInt32) {
    guard let collector else { return }
    for row in 0..<count {
      let hash = entryHashes[row].hash
      guard collector.take(hash, ofRow: true, fingerprint) else { continue }
      let cell = Int(batchCells[row])
      collector.keep(
        EntryCollector.Entry(hash: hash, rowid: rowids[cell], page: page, cell: starts[cell]), ofRow: true, fingerprint)
    }
  }

  /// Holds a text that is not plain ASCII against the database's encoding.
  @inline(never) private func checkText(_ record: UnsafeRawPointer, _ step: ShapeStep, _ cell: Int, _ page: UInt32) {
    let count = Int(step.end - step.start)
    checkText(
      record + Int(step.start), count: count, column: Int(step.column), rowids[cell], page, Int(starts[cell]))
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
    let facts = facts
    let highBits = encoding == .utf8 ? Self.highBits : 0
    slots[0] = Hash128(integer: rowid)
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
      if fact.kind == TypeFact.Kind.integer {
        guard plan.slot >= 0 else { continue }
        slots[Int(plan.slot)] = Hash128(integer: SerialType.integer(body, shift: Int(fact.shift)))
      } else if fact.kind <= TypeFact.Kind.blob {
        guard body <= readable else { continue }
        let isText = fact.kind == TypeFact.Kind.text
        var bits: UInt64 = 0
        if plan.slot >= 0 {
          let salt = Hash128.salt(count: body - start, isText: isText)
          slots[Int(plan.slot)] = Hash128(start, count: body - start, salt: salt, bits: &bits)
        } else if isText {
          bits = Self.overlaid(start, count: body - start)
        }
        if isText, bits & highBits != 0 || highBits == 0 || plan.checksNumericText {
          let column = rows.columns.count - (operationsEnd - operation + 1)
          if plan.checksNumericText { checkNumericText(start, count: body - start, column: column, rowid, page, cell) }
          checkText(start, count: body - start, column: column, rowid, page, cell)
        }
      } else {
        guard fact.kind != TypeFact.Kind.reserved else { return note(.record, page, at: cell, row: rowid) }
        guard plan.slot >= 0 else { continue }
        if fact.kind == TypeFact.Kind.real, let bits = EntryKernel.broken(start) {
          slots[Int(plan.slot)] = Hash128(real: bits)
        } else {
          slots[Int(plan.slot)] = EntryKernel.rare(type, start)
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
      let hash = Self.hash(of: entry, terms, slots)
      ofRows[Int(entry.pointee.fingerprint)].add(hash)
      if isCollecting { collect(hash, ofRow: Int(entry.pointee.fingerprint), rowid: rowid, page: page, cell: cell) }
      entry += 1
    }
  }

  /// The hash of a row's entry in an index, from those of its columns.
  @inline(__always) private static func hash(
    of entry: UnsafePointer<RowPlan.Entry>, _ terms: UnsafePointer<Int32>, _ slots: UnsafePointer<Hash128>
  ) -> Hash128 {
    var combined = EntryHash()
    var term = terms + Int(entry.pointee.start)
    let termsEnd = term + Int(entry.pointee.count)
    while term < termsEnd {
      let slot = slots + Int(term.pointee)
      combined.combine(slot.pointee.first, slot.pointee.second)
      term += 1
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
      if plan.slot >= 0 { slots[Int(plan.slot)] = plan.absent }
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
  @inline(never) private func checkText(
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
