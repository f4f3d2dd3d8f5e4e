import MendKit

/// A b-tree that no row of the schema names, by its root.
struct LostTree {
  let root: UInt32
  /// Whether it is of a table with rowids; else it is of an index, or of a table without.
  let isTable: Bool
  /// Whether the root is its only page.
  let isLeaf: Bool
  /// What its rows look like; nil where it has none.
  let rows: TreeSample?
}

/// What the rows of a tree look like, of those on its first pages.
struct TreeSample {
  /// How many values a row has.
  private(set) var counts: ClosedRange<Int>
  /// The classes of values in each column, as the bits of `SerialType`.
  private(set) var classes: [UInt8] = []
  /// The keys of a table's rows.
  private(set) var rowids: ClosedRange<Int64>

  /// Pages of a tree that are looked at.
  private static let mostPages = 64

  /// Reads on down from a root; nil where no row is found.
  init?(root: UInt32, _ file: SalvageFile, _ survey: FileSurvey) {
    var pages = [root]
    var met: Set<UInt32> = []
    var sample: TreeSample?
    while let number = pages.popLast(), met.count < Self.mostPages {
      guard met.insert(number).inserted, survey[number].isSound, let page = file.original(number),
        let header = BTreePage(page, number: number)
      else { continue }
      if !header.kind.isLeaf { pages.append(header.rightChild(page)) }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        if !header.kind.isLeaf { pages.append(page.big32(at)) }
        guard header.kind != .tableInterior,
          let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry)
        else { continue }
        var row: [UInt8] = []
        let count = RecordHeader.read(
          page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize
        ) { _, type, _ in
          row.append(SerialType.classBit(type))
          return true
        }
        guard count != nil, !row.isEmpty else { continue }
        if sample == nil { sample = TreeSample(counts: row.count...row.count, rowids: cell.rowid...cell.rowid) }
        sample?.take(row, cell.rowid)
      }
    }
    guard let sample else { return nil }
    self = sample
  }

  private init(counts: ClosedRange<Int>, rowids: ClosedRange<Int64>) {
    self.counts = counts
    self.rowids = rowids
  }

  private mutating func take(_ row: [UInt8], _ rowid: Int64) {
    counts = min(counts.lowerBound, row.count)...max(counts.upperBound, row.count)
    rowids = min(rowids.lowerBound, rowid)...max(rowids.upperBound, rowid)
    for (column, bit) in row.enumerated() {
      if column == classes.count { classes.append(0) }
      classes[column] |= bit
    }
  }

  /// The fit of rows of which every column holds what is usual: worth more than many others.
  private static let bestFit = 100.0

  /// How well the rows are those of a table: nil where it cannot hold them, else 1 and more.
  func fit(_ expected: ExpectedRecord) -> Double? {
    guard counts.lowerBound >= expected.counts.lowerBound, counts.upperBound <= expected.counts.upperBound,
      classes.count <= expected.columns.count
    else { return nil }
    var usual = 0
    for (classes, column) in zip(classes, expected.columns) {
      if column.isRowidAlias {
        guard classes == SerialType.nullBit else { return nil }
      } else {
        guard classes & ~column.allowed == 0 else { return nil }
        // A column that never holds anything is mostly the one that stands for the rowid.
        guard classes != SerialType.nullBit, classes & ~(column.usual | SerialType.nullBit) == 0 else { continue }
      }
      usual += 1
    }
    let isWhole = counts.upperBound == expected.columns.count
    // Two tables whose columns all hold what is usual say more than any order of them.
    guard usual < expected.columns.count || !isWhole else { return Self.bestFit }
    return 1 + Double(usual) / Double(max(1, expected.columns.count)) + (isWhole ? 1 : 0)
  }
}

extension Salvager {
  /// The trees that no row of the schema names and no page points to, by their roots, in the order of the file. Free pages,
  /// which hold what was deleted, are none.
  func lostTrees() -> [LostTree] {
    guard file.filePages > 1 else { return [] }
    var isTaken = [Bool](repeating: false, count: Int(file.filePages) + 1)
    func take(_ page: UInt32) { if page <= file.filePages { isTaken[Int(page)] = true } }
    for object in objects { take(object.root) }
    for page in freePages() { take(page) }
    for number in 2...file.filePages where survey[number].isSound {
      guard let page = file.original(number), let header = BTreePage(page, number: number), !header.kind.isLeaf else {
        continue
      }
      take(header.rightChild(page))
      for index in 0..<header.cellCount { take(page.big32(page.big16(header.cellPointers + 2 * index))) }
    }
    return (2...file.filePages).compactMap { number in
      let facts = survey[number]
      guard !isTaken[Int(number)], facts.isSound, claims.isFree(number) else { return nil }
      let isTable = facts.form == .tableLeaf || facts.form == .tableInterior
      let isLeaf = facts.form == .tableLeaf || facts.form == .indexLeaf
      return LostTree(root: number, isTable: isTable, isLeaf: isLeaf, rows: TreeSample(root: number, file, survey))
    }
  }

  /// The rows of a tree of entries that is no index of a table: one of a table without rowid. An index's entries end with
  /// rowids, of which no two are the same.
  func rows(ofKeyed tree: LostTree) -> [StrayRow] {
    var rows: [StrayRow] = []
    var rowids: Set<Int64> = []
    var isIndex = true
    var pages = [tree.root]
    var met: Set<UInt32> = []
    while let number = pages.popLast() {
      guard met.insert(number).inserted, survey[number].isSound, let page = file.original(number),
        let header = BTreePage(page, number: number), !header.kind.isTable
      else { continue }
      if !header.kind.isLeaf { pages.append(header.rightChild(page)) }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        if !header.kind.isLeaf { pages.append(page.big32(at)) }
        guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry),
          let chain = !cell.isSpilled ? [] : OverflowChain(file, cell).pages(claims)
        else { continue }
        let record = OverflowChain(file, cell).payload(page, chain)
        let last = record.withUnsafeBytes { bytes -> KeyValue? in
          guard let start = bytes.baseAddress, RecordHeader.isSound(start, size: bytes.count, local: bytes.count) else {
            return nil
          }
          var cursor = ValueCursor(start)
          var last = cursor.next()
          while !cursor.isAtEnd { last = cursor.next() }
          return last.value
        }
        guard let last else { continue }
        if last.type != .integer || !rowids.insert(last.bits).inserted { isIndex = false }
        rows.append(StrayRow(page: number, cell: index, rowid: 0, record: record))
      }
    }
    return isIndex ? [] : rows
  }
}
