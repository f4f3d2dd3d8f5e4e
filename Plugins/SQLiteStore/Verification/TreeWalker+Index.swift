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

  /// Reads the cells of a leaf: the short way where none of them overflows, else one by one.
  private func entries(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    let plan = trees[tree]
    var cells = CellRun()
    if let key = plan.key, readsContent, plan.rows == nil, key.isExact, places(page, header, &cells) {
      plainEntries(page, header.cellCount, number, key)
    } else {
      cells = CellRun()
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

  /// Where a leaf's cells and their records stand; false where one of them is empty, overflows, or is not within the page.
  private func places(_ page: UnsafeRawPointer, _ header: BTreePage, _ cells: inout CellRun) -> Bool {
    let maximum = geometry.indexMaximum
    let usable = pages.usableSize
    let contentStart = header.contentStart
    let starts = starts
    let records = records
    let ends = ends
    let pointers = page + header.cellPointers
    var expectedEnd = usable
    var isDense = true
    for cell in 0..<header.cellCount {
      let at = pointers.big16(2 &* cell)
      guard at >= contentStart, at < usable else { return false }
      var size = page.byte(at)
      var record = at &+ 1
      if size >= 0x80 {
        let low = page.byte(record)
        guard low < 0x80 else { return false }
        size = (size & 0x7F) &<< 7 | low
        record &+= 1
      }
      let end = record &+ size
      guard size >= 3, size <= maximum, end <= usable else { return false }
      starts[cell] = Int32(truncatingIfNeeded: at)
      records[cell] = Int32(truncatingIfNeeded: record)
      ends[cell] = Int32(truncatingIfNeeded: end)
      if end != expectedEnd { isDense = false }
      expectedEnd = at
    }
    cells.expectedEnd = expectedEnd
    cells.isDense = isDense
    return true
  }

  /// The entries of a leaf whose cells were noted in `starts`, `records` and `ends`: in runs of one shape.
  private func plainEntries(_ page: UnsafeRawPointer, _ count: Int, _ number: UInt32, _ plan: KeyPlan) {
    guard let terms = UnsafePointer(plan.terms.baseAddress) else { return }
    var sum = Fingerprint()
    var cell = 0
    // The first value of the entry before, where that was of a shape.
    var first: ShapeStep?
    while cell < count {
      let record = page + Int(records[cell])
      let size = Int(ends[cell] &- records[cell])
      let shape = shapes.shape(ofEntry: record, fields: plan.fieldCount)
      guard shape.pointee.size == size else {
        entry(record, size: size, available: size, plan, page: number, at: Int(starts[cell]), counts: true)
        cell += 1
        first = nil
        continue
      }
      let steps = shapes.steps(of: shape)
      if let before = hot.pointee.previous {
        let plain = first.flatMap {
          EntryKernel.firstDifference(before, $0, record, steps.pointee, terms.pointee)
        }
        let difference = plain ?? EntryKernel.difference(before, record, plan, encoding)
        if !difference.isAscending || difference.field >= plan.firstFree {
          settle(difference, record, plan, page: number, at: Int(starts[cell]))
        }
      }
      let end = run(page, from: cell, to: count, shape)
      if isCollecting {
        collectRun(page, from: cell, to: end, shape, number, plan, &sum)
      } else {
        sum.add(run: page, records + cell, end - cell, steps, steps: shape.pointee.stepCount)
      }
      compare(page, from: cell, to: end, shape, number, plan)
      hot.pointee.previous = page + Int(records[end - 1])
      first = steps.pointee
      cell = end
    }
    if plan.fingerprint >= 0 { ofIndexes[plan.fingerprint].add(sum) }
  }

  /// Where a run of entries of one shape ends.
  private func run(
    _ page: UnsafeRawPointer, from first: Int, to count: Int, _ shape: UnsafePointer<RecordShape>
  ) -> Int {
    let size = Int32(truncatingIfNeeded: shape.pointee.size)
    let shape = shape.pointee
    let records = records
    let ends = ends
    var cell = first &+ 1
    while cell < count, ends[cell] &- records[cell] == size, shape.matches(page + Int(records[cell])) { cell &+= 1 }
    return cell
  }

  /// Adds up the entries of a run, and shows them to the collector.
  @inline(never) private func collectRun(
    _ page: UnsafeRawPointer, from first: Int, to end: Int, _ shape: UnsafePointer<RecordShape>, _ number: UInt32,
    _ plan: KeyPlan, _ sum: inout Fingerprint
  ) {
    guard let collector, plan.fingerprint >= 0 else { return }
    let steps = shapes.steps(of: shape)
    let stepCount = shape.pointee.stepCount
    for cell in first..<end {
      let record = page + Int(records[cell])
      var hash = EntryHash()
      EntryKernel.read(record, steps, count: stepCount, hash: &hash)
      let entry = hash.hash
      sum.add(entry)
      guard collector.take(entry, ofRow: false, plan.fingerprint) else { continue }
      let last = EntryKernel.value(record, field: plan.terms.count - 1)
      collector.keep(
        EntryCollector.Entry(hash: entry, rowid: last.bits, page: number, cell: starts[cell]), ofRow: false,
        plan.fingerprint)
    }
  }

  /// Holds each entry of a run but the first against the one before.
  private func compare(
    _ page: UnsafeRawPointer, from first: Int, to end: Int, _ shape: UnsafePointer<RecordShape>, _ number: UInt32,
    _ plan: KeyPlan
  ) {
    guard let terms = UnsafePointer(plan.terms.baseAddress) else { return }
    let size = shape.pointee.size
    let headerSize = shape.pointee.headerSize
    let steps = shapes.steps(of: shape)
    let firstFree = plan.firstFree
    let records = records
    var before = page + Int(records[first])
    var cell = first &+ 1
    while cell < end {
      let record = page + Int(records[cell])
      let plain = EntryKernel.plainDifference(before, record, headerSize: headerSize, size: size, steps, terms)
      let difference = plain ?? EntryKernel.difference(before, record, plan, encoding)
      if !difference.isAscending || difference.field >= firstFree {
        settle(difference, record, plan, page: number, at: Int(starts[cell]))
      }
      before = record
      cell &+= 1
    }
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
