import MendKit

/// Reads b-trees in the order of their keys, each page once: one worker's share of a verification.
final class TreeWalker {
  /// The deepest tree that SQLite reads.
  static let deepest = 20

  let pages: PageMap
  let trees: [TreePlan]
  let geometry: PayloadGeometry
  let pointerMap: PointerMap?
  let encoding: TextEncoding
  /// Whether values are read, or only the structure.
  let readsContent: Bool

  /// The pages that this worker met.
  let seen: PageSet
  var troubles: TroubleBook
  /// Fingerprints that index b-trees add up to, and those that their tables' rows add up to.
  let ofIndexes: UnsafeMutableBufferPointer<Fingerprint>
  let ofRows: UnsafeMutableBufferPointer<Fingerprint>
  /// Rows or entries of each tree.
  let entryCounts: UnsafeMutableBufferPointer<Int>
  /// On which level each tree's leaves stand; 0 as long as none was met.
  var leafLevels: [Int]
  /// Trees with a payload that is too large to be put together here.
  var unread: Set<Int> = []
  /// What is done with entries beyond adding them up; nil in the first pass.
  var collector: EntryCollector? { didSet { isCollecting = collector != nil } }
  private(set) var isCollecting = false

  // What the page at hand needs.
  let audit: PageAudit
  let starts: UnsafeMutablePointer<Int32>
  let records: UnsafeMutablePointer<Int32>
  let ends: UnsafeMutablePointer<Int32>
  let sizes: UnsafeMutablePointer<Int32>
  let rowids: UnsafeMutablePointer<Int64>
  private(set) var tree = 0
  /// How the content of the tree at hand is read, out of its plan; nil where it is not read, or not known.
  private(set) var key: KeyPlan?
  private(set) var rows: RowPlan?
  private var hasRowids = false

  let facts: UnsafePointer<TypeFact>
  let entryShapes: EntryShapes
  let rowShapes: RowShapes
  let hasConstants: Bool
  let hot: UnsafeMutablePointer<Hot>
  var previousRowid: Int64?
  /// Where the columns of a row stand that indexes hold: slot 0 is the rowid, whose bytes are beside it.
  let sources: UnsafeMutablePointer<ValueSource>
  let rowidBytes: UnsafeMutablePointer<Int64>
  /// The hashes of what expressions computed for indexes, by the same slots.
  let slots: UnsafeMutablePointer<Hash128>
  /// Entries that rows make, laid down until their hashes are taken.
  private let entryStore: UnsafeMutableRawPointer
  let entryRooms: UnsafeMutableRawPointer
  /// The forms of the entries of each row that was laid down.
  let rowForms: UnsafeMutablePointer<UnsafePointer<EntryForm>>
  let entryBuffer = EntryBuffer()
  var assembly: PayloadAssembly
  /// The programs of the tree at hand, and what they need and gave for the row at hand.
  private(set) var programs: RowPrograms?
  let scratch = ExpressionScratch()
  var rowValues: [StoredValue] = []
  var conditionResults: [Bool] = []
  /// Trees with a row for which only SQLite knows what an expression is.
  var unsure: Set<Int> = []

  /// What changes with every entry, behind a pointer: the accesses to a class's own properties are checked at run time.
  struct Hot {
    /// The record of the entry before the one at hand, where that was sound.
    var previous: UnsafeRawPointer?
  }

  init(pages: PageMap, trees: [TreePlan], fingerprints: Int, setting: WalkSetting) {
    self.pages = pages
    self.trees = trees
    geometry = PayloadGeometry(usableSize: pages.usableSize)
    pointerMap = setting.hasPointerMaps ? PointerMap(pageSize: pages.pageSize, usableSize: pages.usableSize) : nil
    encoding = setting.encoding
    readsContent = setting.readsContent
    seen = PageSet(pageCount: pages.pageCount)
    troubles = TroubleBook(perCause: setting.perCause)
    ofIndexes = .allocate(capacity: fingerprints)
    ofIndexes.initialize(repeating: Fingerprint())
    ofRows = .allocate(capacity: fingerprints)
    ofRows.initialize(repeating: Fingerprint())
    entryCounts = .allocate(capacity: trees.count)
    entryCounts.initialize(repeating: 0)
    leafLevels = Array(repeating: 0, count: trees.count)
    audit = PageAudit(usableSize: pages.usableSize)
    let mostCells = pages.pageSize / 6 + 1
    starts = .allocate(capacity: mostCells)
    records = .allocate(capacity: mostCells)
    ends = .allocate(capacity: mostCells)
    sizes = .allocate(capacity: mostCells)
    rowids = .allocate(capacity: mostCells)
    facts = TypeFact.table()
    hasConstants = setting.hasConstants
    entryShapes = EntryShapes(facts: facts)
    rowShapes = RowShapes(facts: facts, isUTF8: setting.encoding == .utf8, hasConstants: setting.hasConstants)
    hot = .allocate(capacity: 1)
    hot.initialize(to: Hot())
    let mostSlots = trees.reduce(1) { max($0, $1.rows?.slotCount ?? 0) }
    slots = .allocate(capacity: mostSlots)
    slots.initialize(repeating: .null, count: mostSlots)
    sources = .allocate(capacity: mostSlots)
    sources.initialize(repeating: .null, count: mostSlots)
    rowidBytes = .allocate(capacity: 2)
    rowidBytes.initialize(repeating: 0, count: 2)
    // Eight bytes before an entry are readable.
    entryStore = .allocate(byteCount: (Self.mostRooms + 1) * EntryForm.room, alignment: 64)
    entryStore.initializeMemory(as: UInt8.self, repeating: 0, count: (Self.mostRooms + 1) * EntryForm.room)
    entryRooms = entryStore + EntryForm.room
    rowForms = .allocate(capacity: Self.mostRows)
    assembly = PayloadAssembly()
  }

  deinit {
    ofIndexes.deallocate()
    ofRows.deallocate()
    entryCounts.deallocate()
    starts.deallocate()
    records.deallocate()
    ends.deallocate()
    sizes.deallocate()
    rowids.deallocate()
    facts.deallocate()
    hot.deallocate()
    slots.deallocate()
    sources.deallocate()
    rowidBytes.deallocate()
    entryStore.deallocate()
    rowForms.deallocate()
  }

  /// Reads one unit of work.
  func walk(_ unit: WalkUnit) {
    begin(unit.tree)
    hot.pointee.previous = nil
    previousRowid = unit.above
    if hasRowids {
      walkTable(unit.page, parent: unit.parent, level: unit.level, atMost: unit.atMost)
    } else {
      if let before = unit.before { takeSeparator(before.page, cell: before.cell, counts: false) }
      walkIndex(unit.page, parent: unit.parent, level: unit.level)
      if let after = unit.after { takeSeparator(after.page, cell: after.cell, counts: true) }
    }
  }

  /// Turns to a tree by its number; below 0 to what belongs to none.
  func begin(_ number: Int) {
    tree = number
    let plan = number >= 0 ? trees[number] : nil
    hasRowids = plan?.hasRowids ?? false
    key = readsContent ? plan?.key : nil
    rows = readsContent ? plan?.rows : nil
    programs = readsContent ? plan?.programs : nil
  }

  /// Shows a row's entry to the collector.
  @inline(never) func collect(_ hash: Hash128, ofRow fingerprint: Int, rowid: Int64, page: UInt32, cell: Int) {
    guard let collector, collector.take(hash, ofRow: true, fingerprint) else { return }
    collector.keep(
      EntryCollector.Entry(hash: hash, rowid: rowid, page: page, cell: Int32(truncatingIfNeeded: cell)), ofRow: true,
      fingerprint)
  }

  /// Shows an index's entry to the collector.
  @inline(never) func collect(_ hash: Hash128, _ record: UnsafeRawPointer, _ plan: KeyPlan, page: UInt32, cell: Int) {
    guard let collector, collector.take(hash, ofRow: false, plan.fingerprint) else { return }
    let last = EntryKernel.value(record, field: plan.terms.count - 1)
    collector.keep(
      EntryCollector.Entry(hash: hash, rowid: last.bits, page: page, cell: Int32(truncatingIfNeeded: cell)),
      ofRow: false, plan.fingerprint)
  }

  /// Takes a page for the tree at hand; nil when it is not there, belongs to something else already, or is no b-tree page of
  /// the tree's kind.
  func enter(_ number: UInt32, parent: UInt32, level: Int) -> (page: UnsafeRawPointer, header: BTreePage)? {
    guard let page = claim(number, from: parent) else { return nil }
    if let pointerMap { expect(parent == 0 ? .root : .child, parent: parent, of: number, pointerMap) }
    guard let header = BTreePage(page, number: number), header.kind.isTable == hasRowids else {
      let start = number == 1 ? DatabaseHeader.size : 0
      note(.pageKind, number, at: start, first: Int64(page.byte(start)))
      return nil
    }
    guard level <= Self.deepest else {
      note(.tooDeep, number, first: Int64(level))
      return nil
    }
    let usable = pages.usableSize
    guard header.cellCount <= (pages.pageSize - 8) / 6, header.cellPointersEnd <= usable else {
      note(.cellCount, number, at: header.start + 3, first: Int64(header.cellCount))
      return nil
    }
    guard header.contentStart <= usable, header.contentStart >= header.cellPointersEnd else {
      note(.contentStart, number, at: header.start + 5, first: Int64(header.contentStart))
      return nil
    }
    // Only a root may be empty; only on page one may an interior one be, since it must hold the header too.
    if header.cellCount == 0, parent != 0 || !header.kind.isLeaf && number != 1 { note(.noCells, number) }
    if header.kind.isLeaf {
      if leafLevels[tree] == 0 { leafLevels[tree] = level }
      if leafLevels[tree] != level {
        note(.depth, number, first: Int64(level), second: Int64(leafLevels[tree]))
      }
    }
    return (page, header)
  }

  /// Has the child behind a cell's fetched while that one is read.
  @inline(__always) func prefetchChild(behind cell: Int, _ page: UnsafeRawPointer, _ header: BTreePage) {
    guard cell + 1 < header.cellCount else { return pages.prefetch(header.rightChild(page)) }
    let at = page.big16(header.cellPointers + 2 * (cell + 1))
    if at + 4 <= pages.usableSize { pages.prefetch(page.big32(at)) }
  }

  /// Marks a page as met; nil when there is none of that number, or it was met before.
  func claim(_ number: UInt32, from parent: UInt32) -> UnsafeRawPointer? {
    guard let page = pages[number] else {
      note(.pageOutOfRange, parent == 0 ? number : parent, first: Int64(number))
      return nil
    }
    guard seen.insert(number) else {
      note(.pageTwice, number, first: Int64(parent))
      return nil
    }
    return page
  }

  /// Holds a page's entry in the pointer map against what the page is.
  func expect(_ kind: PointerMap.Entry, parent: UInt32, of number: UInt32, _ map: PointerMap) {
    guard number > 1, let page = pages[map.mapPage(of: number)] else { return }
    let at = map.offset(of: number)
    guard at >= 0, at + 5 <= pages.usableSize else { return }
    let found = page.byte(at)
    let foundParent = page.big32(at + 1)
    if found != Int(kind.rawValue) || foundParent != parent {
      note(.pointerMap, number, first: Int64(found), second: Int64(foundParent))
    }
  }

  /// Whether the cells of a page fill its content area, and it says so.
  @inline(__always) func isPacked(_ header: BTreePage, _ tiling: CellTiling) -> Bool {
    header.firstFreeblock == 0 && header.fragmentedBytes == 0 && tiling.fills(from: header.contentStart)
  }

  /// Audits the page whose cells were noted in `starts` and `ends`.
  func auditPage(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32) {
    var tiling = CellTiling(end: pages.usableSize)
    for cell in 0..<header.cellCount { tiling.take(Int(starts[cell]), Int(ends[cell])) }
    guard !isPacked(header, tiling) else { return }
    switch audit.audit(page, header, starts: starts, ends: ends) {
    case nil: break
    case .freeblock(let at): note(.freeblock, number, at: at)
    case .overlap(let at): note(.cellsOverlap, number, at: at)
    case .fragments(let found):
      note(.fragments, number, at: header.start + 7, first: Int64(header.fragmentedBytes), second: Int64(found))
    }
  }

  @inline(never) func note(
    _ kind: Trouble.Kind, _ page: UInt32, at offset: Int = -1, first: Int64 = 0, second: Int64 = 0, row: Int64? = nil
  ) {
    troubles.note(
      Trouble(kind: kind, tree: tree, page: page, offset: offset, first: first, second: second, row: row))
  }
}
