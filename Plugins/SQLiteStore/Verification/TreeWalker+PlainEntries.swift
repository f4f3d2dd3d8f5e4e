extension TreeWalker {
  /// The cells of a leaf: where each stands, whether it comes after the one before, and its hash. Entries of one shape that
  /// follow each other are taken together: first the order of all of them, then their hashes. What is not plain takes the way
  /// of `anyEntry`.
  func plainEntries(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ plan: KeyPlan
  ) -> CellRun {
    let leaf = EntryLeaf(page, header, number, usable: pages.usableSize)
    let none = entryShapes.none
    var cells = CellRun(tiling: CellTiling(end: leaf.usable))
    var sum = Fingerprint()
    // The shape of the entry before; one that fits nothing where it has none, or stands on another page.
    var shape = none
    var cell = 0
    while cell < leaf.count {
      shape = entryOfShape(leaf, cell, plan, after: shape)
      guard shape != none else {
        anyEntry(page, header, number, cell, &cells)
        cell &+= 1
        continue
      }
      let end = entriesInOrder(leaf, from: cell, shape, plan, &cells.tiling)
      if plan.fingerprint >= 0 { add(leaf, cell..<end, shape.pointee, plan, to: &sum) }
      cell = end
    }
    if plan.fingerprint >= 0 { ofIndexes[plan.fingerprint].add(sum) }
    return cells
  }

  /// Goes over an entry and those behind it that have the same shape; the number of the first one that has not. Two entries with
  /// the same header are in the order of the first byte in which they differ, mostly.
  @inline(never) private func entriesInOrder(
    _ leaf: EntryLeaf, from first: Int, _ shape: UnsafePointer<EntryShape>, _ plan: KeyPlan, _ tiling: inout CellTiling
  ) -> Int {
    let (page, pointers, contentStart) = (leaf.page, leaf.pointers, leaf.contentStart)
    let span = Int(shape.pointee.span)
    let lead = Int(shape.pointee.lead)
    let bytewise = Int(shape.pointee.bytewise)
    let signs = shape.pointee.signs
    // The last place at which a cell of this size may stand, from the start of the content on.
    let room = UInt(bitPattern: leaf.usable &- span &- contentStart)
    var cells = tiling
    var at = leaf.offset(first)
    cells.take(at, at &+ span)
    var before = page + at
    var cell = first &+ 1
    while cell < leaf.count {
      at = pointers.big16(2 &* cell)
      guard UInt(bitPattern: at &- contentStart) <= room else { break }
      let next = page + at
      var offset = EntryKernel.common(before, next)
      if offset == 16 { offset = EntryKernel.common(before, next, from: 16, to: span) }
      // The size and the header are the same up to here.
      guard offset >= lead else { break }
      if offset < bytewise, EntryKernel.isByteOrder(before, next, sign: Int(signs[offset])) {
        if before.byte(offset) > next.byte(offset) { note(.keyOrder, leaf.number, at: at) }
      } else {
        follow(before, next, at: offset, shape, plan, page: leaf.number, cell: at)
      }
      cells.take(at, at &+ span)
      before = next
      cell &+= 1
    }
    tiling = cells
    hot.pointee.previous = before + Int(shape.pointee.prefix)
    return cell
  }

  /// Adds up the hashes of entries of a shape.
  @inline(__always) private func add(
    _ leaf: EntryLeaf, _ cells: Range<Int>, _ shape: EntryShape, _ plan: KeyPlan, to sum: inout Fingerprint
  ) {
    guard !plan.isByBytes || isCollecting else { return sum.add(EntryKernel.sum(leaf, cells, shape)) }
    for cell in cells {
      let at = leaf.offset(cell)
      let record = leaf.page + at + Int(shape.prefix)
      let hash = EntryKernel.hash(record, shape)
      sum.add(hash)
      if isCollecting { collect(hash, record, plan, page: leaf.number, cell: at) }
    }
  }

  /// How an entry stands to the one before, which has the same header, where the first byte in which they differ does not tell,
  /// or a value in which they may not differ alone. Both are given by their cells.
  @inline(never) private func follow(
    _ before: UnsafeRawPointer, _ next: UnsafeRawPointer, at offset: Int, _ shape: UnsafePointer<EntryShape>,
    _ plan: KeyPlan, page: UInt32, cell: Int
  ) {
    let prefix = Int(shape.pointee.prefix)
    let (before, record, offset) = (before + prefix, next + prefix, offset &- prefix)
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
    _ leaf: EntryLeaf, _ cell: Int, _ plan: KeyPlan, after shape: UnsafePointer<EntryShape>
  ) -> UnsafePointer<EntryShape> {
    let none = entryShapes.none
    let at = leaf.offset(cell)
    guard at >= leaf.contentStart, at < leaf.usable else { return none }
    let next = leaf.page + at
    var size = next.byte(0)
    var prefix = 1
    if size >= 0x80 {
      let low = next.byte(1)
      // What is longer overflows.
      guard low < 0x80 else { return none }
      size = (size & 0x7F) &<< 7 | low
      prefix = 2
    }
    guard size >= 3, size <= geometry.indexMaximum, at &+ prefix &+ size <= leaf.usable else { return none }
    let record = next + prefix
    let found = entryShapes.shape(of: record, plan)
    guard Int(found.pointee.size) == size, Int(found.pointee.prefix) == prefix else { return none }
    guard let before = hot.pointee.previous, let terms = plan.terms.baseAddress else { return found }
    // The place of the shape before may be this one's now.
    let isKnown = shape != none && shape != found
    if isKnown, EntryKernel.isAscending(before, shape, record, found) { return found }
    let plain =
      isKnown ? EntryKernel.difference(before, shape.pointee, record, found.pointee, terms) : nil
    let difference = plain ?? EntryKernel.difference(before, record, plan, encoding)
    if !difference.isAscending || difference.field >= plan.firstFree {
      settle(difference, record, plan, page: leaf.number, at: at)
    }
    return found
  }
}
