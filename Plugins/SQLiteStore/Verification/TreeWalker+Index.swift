extension TreeWalker {
  /// Reads a part of an index b-tree: the entries of its children, and between them its own.
  func walkIndex(_ number: UInt32, parent: UInt32, level: Int) {
    guard let (page, header) = enter(number, parent: parent, level: level) else { return }
    if header.kind == .indexLeaf {
      entries(page, header, number)
      return
    }
    guard noteCells(page, header, number) else { return }
    auditPage(page, header, number)
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * cell)
      walkIndex(page.big32(at), parent: number, level: level + 1)
      takeSeparator(number, cell: cell, counts: true)
    }
    walkIndex(header.rightChild(page), parent: number, level: level + 1)
  }

  /// Where the cells of an interior page start and end; false where one is not within the page.
  func noteCells(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) -> Bool {
    for cell in 0..<header.cellCount {
      let pointer = header.cellPointers + 2 * cell
      guard let place = indexCell(page, header, pointer: pointer) else {
        note(.cellOutside, number, at: pointer, first: Int64(page.big16(pointer)))
        return false
      }
      starts[cell] = Int32(truncatingIfNeeded: place.at)
      ends[cell] = Int32(truncatingIfNeeded: place.end)
    }
    return true
  }

  private struct CellPlace {
    let at: Int
    let end: Int
    let body: Int
    let size: Int
    let local: Int
  }

  @inline(never) private func indexCell(
    _ page: UnsafeRawPointer, _ header: BTreePage, pointer: Int
  ) -> CellPlace? {
    let usable = pages.usableSize
    let at = page.big16(pointer)
    guard at >= header.contentStart, at <= usable - 4 else { return nil }
    let start = at + (header.kind == .indexLeaf ? 0 : 4)
    guard start < usable else { return nil }
    var size = page.byte(start)
    var body = start + 1
    if size >= 0x80 {
      guard let read = Varint.read(page, at: start, end: usable), read.value <= 0x7FFF_FFFF else { return nil }
      size = Int(read.value)
      body = read.next
    }
    let local = size <= geometry.indexMaximum ? size : geometry.local(size, maximum: geometry.indexMaximum)
    let end = max(body + local + (local < size ? 4 : 0), at + 4)
    return end <= usable ? CellPlace(at: at, end: end, body: body, size: size, local: local) : nil
  }

  /// Reads the entry that an interior page holds between two children: as the one before what follows, or, where it
  /// `counts`, as an entry of the tree.
  func takeSeparator(_ number: UInt32, cell: Int, counts: Bool) {
    guard let page = pages[number], let header = BTreePage(page, number: number), cell < header.cellCount,
      let place = indexCell(page, header, pointer: header.cellPointers + 2 * cell)
    else { return }
    if counts { entryCounts[tree] += 1 }
    take(
      page, place, number, readsContent ? trees[tree].key : nil, readsContent ? trees[tree].rows : nil, counts: counts)
  }

  /// Reads the cells of a leaf.
  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    let plan = trees[tree]
    var cells = CellRun(tiling: CellTiling(end: pages.usableSize))
    if let key = plan.key, readsContent, plan.rows == nil, key.isExact {
      cells = plainEntries(page, header, number, key)
    } else {
      for cell in 0..<header.cellCount { anyEntry(page, header, number, cell, &cells) }
    }
    entryCounts[tree] += header.cellCount
    guard cells.isWhole, !isPacked(header, cells.tiling), noteCells(page, header, number) else { return }
    auditPage(page, header, number)
  }

  /// What is learned of a page's cells on the way through them.
  private struct CellRun {
    /// Whether each cell is within the page.
    var isWhole = true
    var tiling: CellTiling
  }

  /// One cell of a leaf, with every check.
  @inline(never) private func anyEntry(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ cell: Int, _ cells: inout CellRun
  ) {
    let pointer = header.cellPointers + 2 * cell
    guard let place = indexCell(page, header, pointer: pointer) else {
      note(.cellOutside, number, at: pointer, first: Int64(page.big16(pointer)))
      cells.isWhole = false
      return
    }
    cells.tiling.take(place.at, place.end)
    let plan = trees[tree]
    take(page, place, number, readsContent ? plan.key : nil, readsContent ? plan.rows : nil, counts: true)
  }

  /// The cells of a leaf in one go: where each stands, whether it comes after the one before, and its hash. Of an entry with
  /// the header of the one before, only the values from the first different one on are read: the hash of those before them
  /// is known. What is not plain takes the way of `anyEntry`.
  private func plainEntries(
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

  /// Says what is wrong about how an entry differs from the one before, which may be nothing.
  @inline(never) private func settle(
    _ difference: EntryKernel.Difference, _ record: UnsafeRawPointer, _ plan: KeyPlan, page: UInt32, at cell: Int
  ) {
    switch outcome(difference, record, plan) {
    case .outOfOrder: note(.keyOrder, page, at: cell)
    case .notUnique: note(.notUnique, page, at: cell)
    default: break
    }
  }

  private func outcome(
    _ difference: EntryKernel.Difference, _ record: UnsafeRawPointer, _ plan: KeyPlan
  ) -> EntryKernel.Outcome {
    if !difference.isAscending { return .outOfOrder }
    guard plan.uniqueCount > 0, difference.field >= plan.uniqueCount else { return .sound }
    return EntryKernel.hasNull(record, first: plan.uniqueCount) ? .sound : .notUnique
  }

  @inline(never) private func take(
    _ page: UnsafeRawPointer, _ place: CellPlace, _ number: UInt32, _ key: KeyPlan?, _ rows: RowPlan?, counts: Bool
  ) {
    guard place.local == place.size else { return overflowingEntry(page, place, number, counts: counts) }
    let record = page + place.body
    if let key {
      entry(record, size: place.size, available: place.size, key, page: number, at: place.at, counts: counts)
    }
    if counts, let rows {
      row(record, size: place.size, available: place.size, rows, rowid: 0, page: number, at: place.at)
    }
  }

  @inline(never) private func overflowingEntry(
    _ page: UnsafeRawPointer, _ place: CellPlace, _ number: UInt32, counts: Bool
  ) {
    let first = page.big32(place.body + place.local)
    guard readsContent, trees[tree].key != nil || trees[tree].rows != nil else {
      if counts { _ = followOverflow(first, size: place.size, local: place.local, page: number, at: place.at) }
      return
    }
    let available = min(place.size, PayloadAssembly.largest)
    let buffer = assembly.start(page + place.body, place.local, capacity: available)
    let isWhole = followOverflow(
      first, size: place.size, local: place.local, page: number, at: place.at, into: buffer, upTo: available,
      claims: counts)
    guard isWhole else { return }
    let record = UnsafeRawPointer(buffer)
    if available < place.size { unread.insert(tree) }
    if let key = trees[tree].key {
      entry(record, size: place.size, available: available, key, page: number, at: place.at, counts: counts)
    }
    if counts, let rows = trees[tree].rows, available == place.size {
      row(record, size: place.size, available: available, rows, rowid: 0, page: number, at: place.at)
    }
  }

  /// Reads an entry's values, holds them against the entry before, and adds their hash up.
  @inline(__always) private func entry(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ plan: KeyPlan, page: UInt32, at cell: Int, counts: Bool
  ) {
    var hash = EntryHash()
    var outcome = EntryKernel.read(record, size: size, available: available, plan, hash: &hash)
    if outcome == .sound, let before = hot.pointee.previous {
      outcome = self.outcome(EntryKernel.difference(before, record, plan, encoding), record, plan)
    }
    if outcome != .sound {
      guard complain(outcome, plan, page: page, at: cell, counts: counts) else { return }
    }
    hot.pointee.previous = record
    guard counts, plan.fingerprint >= 0 else { return }
    ofIndexes[plan.fingerprint].add(hash.hash)
    if isCollecting { collect(hash.hash, record, plan, page: page, cell: cell) }
  }

  /// Notes what is wrong with an entry; whether it can be taken up nevertheless.
  @inline(never) private func complain(
    _ outcome: EntryKernel.Outcome, _ plan: KeyPlan, page: UInt32, at cell: Int, counts: Bool
  ) -> Bool {
    switch outcome {
    case .sound: return true
    case .outOfOrder: if counts { note(.keyOrder, page, at: cell) }
    case .notUnique: if counts { note(.notUnique, page, at: cell) }
    case .malformed, .fieldCount, .unread:
      // What was read of it is no entry that the next one could be held against.
      hot.pointee.previous = nil
      if outcome == .malformed { note(.record, page, at: cell) }
      if outcome == .fieldCount { note(.fieldCount, page, at: cell, first: Int64(plan.fieldCount)) }
      return false
    }
    return true
  }
}
