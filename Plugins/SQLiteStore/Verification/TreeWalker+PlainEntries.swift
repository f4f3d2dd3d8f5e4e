extension TreeWalker {
  /// The cells of a leaf in one go: where each stands, whether it comes after the one before, and its hash. Two entries with
  /// the same header are in the order of the first word in which they differ, mostly. What is not plain takes the way of
  /// `anyEntry`.
  func plainEntries(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ plan: KeyPlan
  ) -> CellRun {
    let usable = pages.usableSize
    var tiling = CellTiling(end: usable)
    let pointers = page + header.cellPointers
    let contentStart = header.contentStart
    let room = UInt(bitPattern: usable &- contentStart)
    let isCollecting = isCollecting && plan.fingerprint >= 0
    let isByBytes = plan.isByBytes && !isCollecting
    let none = entryShapes.none
    var isWhole = true
    // The entry before and its shape; one that fits nothing where it has none, or stands on another page.
    var before = page
    var shape = none
    var shapeSize = -1
    var headerSize = Int.max
    var bytewise = 0
    var special: UInt64 = 0
    var salt = BytesHash()
    var (low, high): (UInt64, UInt64) = (0, 0)
    var plain = header.cellCount
    for cell in 0..<header.cellCount {
      let at = pointers.big16(2 &* cell)
      var body = at &+ 1
      var size = 0
      if UInt(bitPattern: at &- contentStart) < room {
        size = page.byte(at)
        if size >= 0x80 {
          let low = page.byte(body)
          // What is longer overflows.
          size = low < 0x80 ? (size & 0x7F) &<< 7 | low : 0
          body &+= 1
        }
      }
      let end = body &+ size
      let record = page + body
      var offset = 0
      if size == shapeSize, end <= usable {
        // Sixteen bytes at a time, and without a branch on where in them the difference is.
        repeat {
          let first =
            (before + offset).loadUnaligned(as: UInt64.self) ^ (record + offset).loadUnaligned(as: UInt64.self)
          let second =
            (before + offset).loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            ^ (record + offset).loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          if first | second != 0 {
            let bits = UInt64(littleEndian: first != 0 ? first : second)
            offset &+= (first != 0 ? 0 : 8) &+ bits.trailingZeroBitCount &>> 3
            break
          }
          offset &+= 16
        } while offset < size
        if offset < bytewise, offset >= headerSize, special &>> UInt64(truncatingIfNeeded: offset) & 1 == 0 {
          if before.byte(offset) > record.byte(offset) { note(.keyOrder, number, at: at) }
        } else if offset >= headerSize {
          follow(before, record, at: offset, shape, plan, page: number, cell: at)
        }
      }
      if offset < headerSize {
        if shape != none { hot.pointee.previous = before }
        let isPlain = size >= 3 && size <= geometry.indexMaximum && end <= usable
        shape = isPlain ? entryOfShape(record, size: size, plan, after: shape, page: number, at: at) : none
        shapeSize = Int(shape.pointee.size)
        headerSize = Int(shape.pointee.headerSize)
        bytewise = Int(shape.pointee.bytewise)
        special = shape.pointee.special
        salt = shape.pointee.salt
        guard shape != none else {
          var cells = CellRun(isWhole: isWhole, tiling: tiling)
          anyEntry(page, header, number, cell, &cells)
          (isWhole, tiling) = (cells.isWhole, cells.tiling)
          plain &-= 1
          continue
        }
      }
      tiling.take(at, end)
      before = record
      let hash: Hash128
      if isByBytes {
        var entry = salt
        entry.take(record + headerSize, size &- headerSize)
        hash = entry.hash
      } else {
        hash = EntryKernel.hash(record, shape.pointee)
        if isCollecting { collect(hash, record, plan, page: number, cell: at) }
      }
      low &+= hash.first
      high &+= hash.second
    }
    if shape != none { hot.pointee.previous = before }
    if plan.fingerprint >= 0 { ofIndexes[plan.fingerprint].add(Fingerprint(first: low, second: high, count: plain)) }
    return CellRun(isWhole: isWhole, tiling: tiling)
  }

  /// How an entry stands to the one before, which has the same header, where the words in which they differ do not tell, or
  /// a value in which they may not differ alone.
  @inline(never) private func follow(
    _ before: UnsafeRawPointer, _ record: UnsafeRawPointer, at offset: Int, _ shape: UnsafePointer<EntryShape>,
    _ plan: KeyPlan, page: UInt32, cell: Int
  ) {
    var step = shape.pointee.steps
    let last = shape.pointee.end - 1
    while step < last, Int(step.pointee.end) <= offset { step += 1 }
    let field = Int(step.pointee.field)
    let term = plan.terms[field]
    if offset < Int(shape.pointee.size),
      let isAscending = EntryKernel.isAscending(before, record, at: offset, step, term.collation)
    {
      guard isAscending == term.isDescending || field >= plan.firstFree else { return }
      settle(
        EntryKernel.Difference(field: field, isAscending: isAscending != term.isDescending), record, plan, page: page,
        at: cell)
    } else {
      settle(EntryKernel.difference(before, record, plan, encoding), record, plan, page: page, at: cell)
    }
  }

  /// The shape of an entry that has another one than the entry before, and how it stands to that; the shape of nothing where
  /// the entry takes the general way.
  @inline(never) private func entryOfShape(
    _ record: UnsafeRawPointer, size: Int, _ plan: KeyPlan, after shape: UnsafePointer<EntryShape>, page: UInt32,
    at cell: Int
  ) -> UnsafePointer<EntryShape> {
    let found = entryShapes.shape(of: record, plan)
    guard Int(found.pointee.size) == size else { return entryShapes.none }
    guard let before = hot.pointee.previous, let terms = plan.terms.baseAddress else { return found }
    // The place of the shape before may be this one's now.
    let plain =
      shape == entryShapes.none || shape == found
      ? nil : EntryKernel.difference(before, shape.pointee, record, found.pointee, terms)
    let difference = plain ?? EntryKernel.difference(before, record, plan, encoding)
    if !difference.isAscending || difference.field >= plan.firstFree {
      settle(difference, record, plan, page: page, at: cell)
    }
    return found
  }
}
