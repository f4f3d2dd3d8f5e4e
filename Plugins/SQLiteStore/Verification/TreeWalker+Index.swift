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

  /// Reads the cells of a leaf: the short way where they are plain, else one by one.
  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    let plan = trees[tree]
    var cells = CellRun()
    if let key = plan.key, readsContent, plan.rows == nil, !isCollecting, key.isExact,
      let plain = EntryKernel.PlainHeader(fields: key.fieldCount)
    {
      withUnsafePointer(to: key) { key in plainEntries(page, header, number, key, plain, &cells) }
    } else {
      cells.expectedEnd = pages.usableSize
      for cell in 0..<header.cellCount { anyEntry(page, header, number, cell, &cells) }
    }
    entryCounts[tree] += header.cellCount
    guard cells.isWhole else { return }
    if cells.isDense, cells.expectedEnd == header.contentStart, header.firstFreeblock == 0, header.fragmentedBytes == 0
    {
      return
    }
    auditPage(page, header, number)
  }

  /// What is learned of a page's cells on the way through them.
  private struct CellRun {
    /// Whether each cell is within the page.
    var isWhole = true
    /// Whether each cell ends where the one before it starts, as in a page that was filled in order.
    var isDense = true
    var expectedEnd = 0
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
    starts[cell] = Int32(truncatingIfNeeded: place.at)
    ends[cell] = Int32(truncatingIfNeeded: place.end)
    if place.end != cells.expectedEnd { cells.isDense = false }
    cells.expectedEnd = place.at
    let plan = trees[tree]
    take(page, place, number, readsContent ? plan.key : nil, readsContent ? plan.rows : nil, counts: true)
  }

  /// The cells of a leaf of which most have few values, each with a type of one byte, and no overflow.
  private func plainEntries(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, _ plan: UnsafePointer<KeyPlan>,
    _ plain: EntryKernel.PlainHeader, _ cells: inout CellRun
  ) {
    let maximum = min(geometry.indexMaximum, 0x7F)
    let usable = pages.usableSize
    // A plain cell has at least twelve bytes, or the page goes on behind it with as many.
    let lastStart = usable &- 12
    let contentStart = header.contentStart
    let slots = keySlots
    let firstFree = slots + plan.pointee.firstFree
    let marks = marks
    var pointer = page + header.cellPointers
    var expectedEnd = usable
    var isDense = true
    var low: UInt64 = 0
    var high: UInt64 = 0
    var summed = 0
    for cell in 0..<header.cellCount {
      let at = pointer.big16(0)
      pointer += 2
      let size = at <= lastStart ? page.byte(at) : Int.max
      let record = page + (at &+ 1)
      guard at >= contentStart, size <= maximum, size >= 3, at &+ 1 &+ size <= usable, plain.matches(record),
        hot.pointee.hasPrevious
      else {
        cells.expectedEnd = expectedEnd
        cells.isDense = isDense
        anyEntry(page, header, number, cell, &cells)
        expectedEnd = cells.expectedEnd
        isDense = cells.isDense
        continue
      }
      let end = at &+ 1 &+ size
      starts[cell] = Int32(truncatingIfNeeded: at)
      ends[cell] = Int32(truncatingIfNeeded: end)
      if end != expectedEnd { isDense = false }
      expectedEnd = at
      var hash = EntryHash()
      let isSound = EntryKernel.readPlain(
        record, headerSize: plain.size, end: page + end, slots: slots, marks: marks, encoding: encoding, hash: &hash)
      if !isSound || marks.pointee.isUnusual || marks.pointee.decidedAt >= firstFree {
        guard settle(isSound, record, size, plan.pointee, page: number, at: at) else { continue }
      }
      let entry = hash.hash
      low &+= entry.first
      high &+= entry.second
      summed &+= 1
    }
    cells.expectedEnd = expectedEnd
    cells.isDense = isDense
    if plan.pointee.fingerprint >= 0 {
      ofIndexes[plan.pointee.fingerprint].add(Fingerprint(first: low, second: high, count: summed))
    }
  }

  /// Says what was unusual about a plain entry, which may be nothing; whether it can be taken up.
  @inline(never) private func settle(
    _ isSound: Bool, _ record: UnsafeRawPointer, _ size: Int, _ plan: KeyPlan, page: UInt32, at cell: Int
  ) -> Bool {
    let found = marks.pointee
    marks.pointee.isUnusual = false
    marks.pointee.isOutOfOrder = false
    marks.pointee.hasNull = false
    guard isSound else {
      // Malformed, or the same entry twice: the general reading tells.
      hot.pointee.hasPrevious = false
      var ignored = EntryHash()
      let outcome = EntryKernel.read(
        record, size: size, available: size, plan, slots: keySlots, hasPrevious: false, encoding: encoding,
        hash: &ignored)
      guard outcome == .sound else { return complain(outcome, plan, page: page, at: cell, counts: true) }
      hot.pointee.hasPrevious = true
      note(.keyOrder, page, at: cell)
      return true
    }
    if found.isOutOfOrder {
      note(.keyOrder, page, at: cell)
    } else if found.decidedAt >= keySlots + plan.firstFree, !found.hasNull {
      note(.notUnique, page, at: cell)
    }
    return true
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
    let outcome = EntryKernel.read(
      record, size: size, available: available, plan, slots: keySlots, hasPrevious: hot.pointee.hasPrevious,
      encoding: encoding, hash: &hash)
    if outcome != .sound {
      guard complain(outcome, plan, page: page, at: cell, counts: counts) else { return }
    }
    hot.pointee.hasPrevious = true
    guard counts, plan.fingerprint >= 0 else { return }
    ofIndexes[plan.fingerprint].add(hash.hash)
    if isCollecting {
      let last = keySlots[plan.terms.count - 1]
      collect(hash.hash, ofRow: false, plan.fingerprint, rowid: Int64(last.bits), page: page, cell: cell)
    }
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
      hot.pointee.hasPrevious = false
      if outcome == .malformed { note(.record, page, at: cell) }
      if outcome == .fieldCount { note(.fieldCount, page, at: cell, first: Int64(plan.fieldCount)) }
      return false
    }
    return true
  }
}
