extension TreeWalker {
  /// Reads a part of an index b-tree: the entries of its children, and between them its own.
  func walkIndex(_ number: UInt32, parent: UInt32, level: Int) {
    guard let (page, header) = enter(number, parent: parent, level: level) else { return }
    if header.kind == .indexLeaf {
      entries(page, header, number, isLeaf: true)
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

  @inline(__always) private func indexCell(
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

  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, isLeaf: Bool) {
    var pointer = header.cellPointers
    var isWhole = true
    var expectedEnd = pages.usableSize
    var isDense = true
    for cell in 0..<header.cellCount {
      guard let place = indexCell(page, header, pointer: pointer) else {
        note(.cellOutside, number, at: pointer, first: Int64(page.big16(pointer)))
        isWhole = false
        pointer += 2
        continue
      }
      pointer += 2
      starts[cell] = Int32(truncatingIfNeeded: place.at)
      ends[cell] = Int32(truncatingIfNeeded: place.end)
      if place.end != expectedEnd { isDense = false }
      expectedEnd = place.at
      take(page, place, number, counts: true)
    }
    entryCounts[tree] += header.cellCount
    guard isWhole else { return }
    if isDense, expectedEnd == header.contentStart, header.firstFreeblock == 0, header.fragmentedBytes == 0 { return }
    auditPage(page, header, number)
  }

  @inline(__always) private func take(
    _ page: UnsafeRawPointer, _ place: CellPlace, _ number: UInt32, counts: Bool
  ) {
    if place.local == place.size {
      let record = page + place.body
      if let key = trees[tree].key, readsContent {
        entry(record, size: place.size, available: place.size, key, page: number, at: place.at, counts: counts)
      }
      if counts, readsContent, let rows = trees[tree].rows {
        row(record, size: place.size, available: place.size, rows, rowid: 0, page: number, at: place.at)
      }
      return
    }
    overflowingEntry(page, place, number, counts: counts)
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
    var at = 1
    var headerEnd = size > 0 ? record.byte(0) : 0
    if headerEnd >= 0x80 {
      guard let read = Varint.read(record, at: 0, end: available), read.value <= UInt64(available) else {
        return note(.record, page, at: cell)
      }
      headerEnd = Int(read.value)
      at = read.next
    }
    guard headerEnd >= at, headerEnd <= available else { return note(.record, page, at: cell) }
    let current = currentKey == 0 ? keys.0 : keys.1
    let previous = currentKey == 0 ? keys.1 : keys.0
    let terms = plan.terms
    let termCount = terms.count
    var body = headerEnd
    var field = 0
    var hash = Hash128.seed
    var order = hasPrevious ? 0 : -1
    var firstDifference = hasPrevious ? Int.max : 0
    var hasNull = false
    while at < headerEnd {
      var type = record.byte(at)
      at += 1
      if type >= 0x80 {
        guard let read = Varint.read(record, at: at - 1, end: headerEnd), read.value <= 0xFFFF_FFFF else {
          return note(.record, page, at: cell)
        }
        type = Int(read.value)
        at = read.next
      }
      let start = body
      body += SerialType.size(type)
      guard body <= size else { return note(.record, page, at: cell) }
      if field < termCount {
        guard body <= available else { return }
        let value = KeyValue(type: type, body: record + start)
        current[field] = value
        if field < plan.uniqueCount, value.type == .null { hasNull = true }
        if order == 0 {
          let term = terms[field]
          let difference = KeyOrder.compare(previous[field], value, term.collation, encoding)
          if difference != 0 {
            // Where an application's own collation decides, any order may be right.
            order = term.collation == .custom ? -1 : term.isDescending ? -difference : difference
            firstDifference = field
          }
        }
        if plan.fingerprint >= 0 { hash.combine(value.hash) }
      }
      field += 1
    }
    guard body == size, at == headerEnd else { return note(.record, page, at: cell) }
    guard field == plan.fieldCount || !plan.isExact && field >= termCount else {
      return note(.fieldCount, page, at: cell, first: Int64(field), second: Int64(plan.fieldCount))
    }
    currentKey = 1 - currentKey
    hasPrevious = true
    guard counts else { return }
    if order >= 0 {
      note(.keyOrder, page, at: cell)
    } else if firstDifference >= plan.uniqueCount, plan.uniqueCount > 0, !hasNull {
      note(.notUnique, page, at: cell)
    }
    guard plan.fingerprint >= 0 else { return }
    ofIndexes[plan.fingerprint].add(hash)
    if collector != nil {
      let last = current[termCount - 1]
      collector?.take(hash, ofRow: false, plan.fingerprint, rowid: last.bits, page: page, cell: cell)
    }
  }
}
