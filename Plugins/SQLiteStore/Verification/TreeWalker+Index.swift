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
      prefetchChild(behind: cell, page, header)
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
    take(page, place, number, counts: counts)
  }

  /// Reads the cells of a leaf.
  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    var cells = CellRun(tiling: CellTiling(end: pages.usableSize))
    if let key, rows == nil, key.isExact {
      cells = plainEntries(page, header, number, key)
    } else {
      for cell in 0..<header.cellCount { anyEntry(page, header, number, cell, &cells) }
    }
    entryCounts[tree] += header.cellCount
    guard cells.isWhole, !isPacked(header, cells.tiling), noteCells(page, header, number) else { return }
    auditPage(page, header, number)
  }

  /// What is learned of a page's cells on the way through them.
  struct CellRun {
    /// Whether each cell is within the page.
    var isWhole = true
    var tiling: CellTiling
  }

  /// One cell of a leaf, with every check.
  @inline(never) func anyEntry(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ cell: Int, _ cells: inout CellRun
  ) {
    let pointer = header.cellPointers + 2 * cell
    guard let place = indexCell(page, header, pointer: pointer) else {
      note(.cellOutside, number, at: pointer, first: Int64(page.big16(pointer)))
      cells.isWhole = false
      return
    }
    cells.tiling.take(place.at, place.end)
    take(page, place, number, counts: true)
  }

  /// Says what is wrong about how an entry differs from the one before, which may be nothing.
  @inline(never) func settle(
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
    _ page: UnsafeRawPointer, _ place: CellPlace, _ number: UInt32, counts: Bool
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
    guard key != nil || rows != nil else {
      if counts { _ = followOverflow(first, size: place.size, local: place.local, page: number, at: place.at) }
      return
    }
    let available = min(place.size, PayloadAssembly.largest)
    let buffer = assembly.start(page + place.body, place.local, capacity: available)
    let isWhole = followOverflow(
      first, size: place.size, local: place.local, page: number, at: place.at, into: buffer, upTo: available,
      claims: counts)
    guard isWhole else { return assembly.takeBack() }
    let record = UnsafeRawPointer(buffer)
    if available < place.size { unread.insert(tree) }
    if let key {
      entry(record, size: place.size, available: available, key, page: number, at: place.at, counts: counts)
    }
    if counts, let rows, available == place.size {
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
    let isByBytes = plan.isByBytes && !isCollecting
    ofIndexes[plan.fingerprint].add(isByBytes ? BytesHash(record: record, size: available).hash : hash.hash)
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
