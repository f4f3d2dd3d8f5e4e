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

  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    let plan = trees[tree]
    let key = readsContent ? plan.key : nil
    let rows = readsContent ? plan.rows : nil
    let plain = rows == nil && !isCollecting && key?.isExact ?? false
      ? EntryKernel.PlainHeader(fields: key?.fieldCount ?? 0) : nil
    let maximum = min(geometry.indexMaximum, 0x7F)
    let usable = pages.usableSize
    let contentStart = header.contentStart
    let starts = starts
    let ends = ends
    var isWhole = true
    var expectedEnd = usable
    var isDense = true
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers &+ 2 &* cell)
      // What is not plain is looked at again below, with every check. A plain cell has at least twelve bytes, or the page
      // goes on behind it with as many.
      if at >= contentStart, at <= usable &- 12 {
        let size = page.byte(at)
        var end = at &+ 1 &+ size
        if end < at &+ 4 { end = at &+ 4 }
        if size <= maximum, end <= usable {
          starts[cell] = Int32(truncatingIfNeeded: at)
          ends[cell] = Int32(truncatingIfNeeded: end)
          if end != expectedEnd { isDense = false }
          expectedEnd = at
          let record = page + (at &+ 1)
          if let key {
            if let plain, plain.matches(record), hot.pointee.hasPrevious {
              plainEntry(record, size: size, plain, key, page: number, at: at)
            } else {
              entry(record, size: size, available: size, key, page: number, at: at, counts: true)
            }
          }
          if let rows { row(record, size: size, available: size, rows, rowid: 0, page: number, at: at) }
          continue
        }
      }
      guard let place = indexCell(page, header, pointer: header.cellPointers + 2 * cell) else {
        note(.cellOutside, number, at: header.cellPointers + 2 * cell, first: Int64(at))
        isWhole = false
        continue
      }
      starts[cell] = Int32(truncatingIfNeeded: place.at)
      ends[cell] = Int32(truncatingIfNeeded: place.end)
      if place.end != expectedEnd { isDense = false }
      expectedEnd = place.at
      take(page, place, number, key, rows, counts: true)
    }
    entryCounts[tree] += header.cellCount
    guard isWhole else { return }
    if isDense, expectedEnd == header.contentStart, header.firstFreeblock == 0, header.fragmentedBytes == 0 { return }
    auditPage(page, header, number)
  }

  /// An entry as most are: few values, each with a type of one byte.
  @inline(__always) private func plainEntry(
    _ record: UnsafeRawPointer, size: Int, _ plain: EntryKernel.PlainHeader, _ plan: KeyPlan, page: UInt32, at cell: Int
  ) {
    let marks = marks
    var hash = EntryHash()
    let isSound = EntryKernel.readPlain(
      record, headerSize: plain.size, end: record + size, slots: keySlots, marks: marks, encoding: encoding, hash: &hash)
    if !isSound || marks.pointee.isUnusual || marks.pointee.decidedAt >= keySlots + plan.firstFree {
      guard settle(isSound, record, size, plan, page: page, at: cell) else { return }
    }
    guard plan.fingerprint >= 0 else { return }
    ofIndexes[plan.fingerprint].add(hash.hash)
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
