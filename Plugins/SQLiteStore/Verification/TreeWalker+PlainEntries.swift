extension TreeWalker {
  /// The cells of a leaf in one go: where each stands, whether it comes after the one before, and its hash. Of an entry with
  /// the header of the one before, only the values from the first different one on are read: the hash of those before them
  /// is known. What is not plain takes the way of `anyEntry`.
  func plainEntries(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ plan: KeyPlan
  ) -> CellRun {
    let usable = pages.usableSize
    var tiling = CellTiling(end: usable)
    guard let terms = UnsafePointer(plan.terms.baseAddress) else { return CellRun(tiling: tiling) }
    let pointers = page + header.cellPointers
    let contentStart = header.contentStart
    let room = UInt(bitPattern: usable &- contentStart)
    let maximum = geometry.indexMaximum
    let firstFree = plan.firstFree
    let prefixes = prefixes
    let none = shapes.none
    let isCollecting = isCollecting && plan.fingerprint >= 0
    var isWhole = true
    // The entry before and its shape; one that fits nothing where it has none, or stands on another page.
    var before = page
    var shape = none
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
      var first = shape.pointee.steps
      var prefix = prefixes
      var offset = 0
      if Int(shape.pointee.size) == size, end <= usable {
        offset = EntryKernel.firstByte(before, record, size: size)
      }
      if offset >= Int(shape.pointee.headerSize) {
        let last = shape.pointee.end - 1
        while first < last, Int(first.pointee.end) <= offset { first += 1 }
        let field = Int(first.pointee.column)
        let term = terms[field]
        if offset < size,
          let isAscending = EntryKernel.isAscending(before, record, at: offset, first, term.collation)
        {
          if isAscending == term.isDescending || field >= firstFree {
            settle(
              EntryKernel.Difference(field: field, isAscending: isAscending != term.isDescending), record, plan,
              page: number, at: at)
          }
        } else {
          settle(EntryKernel.difference(before, record, plan, encoding), record, plan, page: number, at: at)
        }
        prefix += field
      } else {
        if shape != none { hot.pointee.previous = before }
        let isPlain = size >= 3 && size <= maximum && end <= usable
        shape = isPlain ? entryOfShape(record, size: size, plan, after: shape, page: number, at: at) : none
        guard shape != none else {
          var cells = CellRun(isWhole: isWhole, tiling: tiling)
          anyEntry(page, header, number, cell, &cells)
          (isWhole, tiling) = (cells.isWhole, cells.tiling)
          plain &-= 1
          continue
        }
        first = shape.pointee.steps
      }
      tiling.take(at, end)
      let hash = EntryKernel.read(record, from: first, to: shape.pointee.end, prefix).hash
      low &+= hash.first
      high &+= hash.second
      before = record
      if isCollecting { collect(hash, record, plan, page: number, cell: at) }
    }
    if shape != none { hot.pointee.previous = before }
    if plan.fingerprint >= 0 { ofIndexes[plan.fingerprint].add(Fingerprint(first: low, second: high, count: plain)) }
    return CellRun(isWhole: isWhole, tiling: tiling)
  }

  /// The shape of an entry that has another one than the entry before, and how it stands to that; the shape of nothing where
  /// the entry takes the general way.
  @inline(never) private func entryOfShape(
    _ record: UnsafeRawPointer, size: Int, _ plan: KeyPlan, after shape: UnsafePointer<RecordShape>, page: UInt32,
    at cell: Int
  ) -> UnsafePointer<RecordShape> {
    let found = shapes.shape(ofEntry: record, fields: plan.fieldCount)
    guard Int(found.pointee.size) == size else { return shapes.none }
    guard let before = hot.pointee.previous, let terms = plan.terms.baseAddress else { return found }
    // The place of the shape before may be this one's now.
    let plain =
      shape == shapes.none || shape == found
      ? nil : EntryKernel.difference(before, shape.pointee, record, found.pointee, terms)
    let difference = plain ?? EntryKernel.difference(before, record, plan, encoding)
    if !difference.isAscending || difference.field >= plan.firstFree {
      settle(difference, record, plan, page: page, at: cell)
    }
    return found
  }
}
