import MendKit

/// Tells what indexes and their table disagree on by the rowids of their entries alone: rows of which an index has no entry, and
/// entries of rows that the table does not have. That this is all is told by the fingerprints: what is found, put right, must
/// make them equal.
struct RowidDifferences {
  let rowids: TableRowids
  private let pages: PageMap
  private let payloads: MappedPayloads
  private let leaves: [UInt32]
  private let workers: Int

  /// Leaves of the table that a worker reads at a time.
  private static let chunk = 512

  /// Reads the rowids of a table of so many rows; nil where these take more memory than there is for them.
  init?(_ pages: PageMap, table: UInt32, rowCount: Int, indexes: Int, workers: Int) {
    guard let tree = TreePages(pages, root: table),
      let rowids = TableRowids(
        LeafRows(pages: pages), tree.leaves, count: rowCount, sets: indexes, workers: workers)
    else { return nil }
    self.rowids = rowids
    self.pages = pages
    self.workers = workers
    payloads = MappedPayloads(pages)
    leaves = tree.leaves
  }

  /// An index whose fingerprint is not that of its table's rows.
  struct Subject: Sendable {
    let target: IndexTarget
    let ofIndex: Fingerprint
    let ofRows: Fingerprint
    let isOrdered: Bool
  }

  /// What differs, in the order of the subjects; nil for an index that differs in more than rowids tell. No more than `most`
  /// entries are listed.
  func differences(_ subjects: [Subject], most: Int) -> [IndexDifference?] {
    let room = most / max(1, subjects.count) / 2
    let scans = Workers.map(subjects.count, workers: workers) { place in
      scan(subjects[place].target, most: room)
    }
    let told = scans.enumerated().compactMap { place, scan in scan.map { (place: place, scan: $0) } }
    let lacking = lacking(
      told.map { place, scan in
        Wanted(
          target: subjects[place].target, rows: scan.rows, isListed: rowids.count - scan.rows.count <= room)
      })
    var differences: [IndexDifference?] = subjects.map { _ in nil }
    for ((place, scan), lacking) in zip(told, lacking) {
      differences[place] = difference(subjects[place], scan, lacking)
    }
    return differences
  }

  private func difference(_ subject: Subject, _ scan: Scan, _ lacking: Lacking?) -> IndexDifference? {
    // The index must have the table's fingerprint once it lost and got what was found.
    var sum = subject.ofIndex
    sum.remove(scan.extraSum)
    if let lacking { sum.add(lacking.sum) }
    let isExplained = lacking != nil && !scan.hasTwins && sum == subject.ofRows
    let isMuch = scan.isCut || lacking?.isListed == false
    guard isExplained || isMuch else { return nil }
    var difference = IndexDifference(entries: scan.entries, isOrdered: subject.isOrdered)
    difference.isOfAbsentRows = true
    difference.extra = scan.extra
    difference.listsExtra = !scan.isCut
    difference.listsMissing = isExplained && lacking?.isListed == true
    if isExplained {
      difference.missing = lacking?.entries ?? []
      difference.rows = scan.rows
    }
    return difference
  }

  // MARK: The index

  private struct Scan: Sendable {
    /// The rows that the index has an entry of.
    let rows: RowSet
    /// Entries of rows that the table does not have, and what they add up to.
    var extra: [EntryCollector.Entry] = []
    var extraSum = Fingerprint()
    /// Whether there are more of these than are listed.
    var isCut = false
    /// Whether there are two entries of a row.
    var hasTwins = false
    var entries = 0
  }

  /// nil where an entry is not to be told.
  private func scan(_ target: IndexTarget, most: Int) -> Scan? {
    guard let tree = TreePages(pages, root: target.root) else { return nil }
    var scan = Scan(rows: RowSet(size: rowids.size))
    for list in [tree.interior, tree.leaves] {
      for number in list {
        guard scanPage(number, target, most: most, &scan) else { return nil }
      }
    }
    return scan
  }

  private func scanPage(_ number: UInt32, _ target: IndexTarget, most: Int, _ scan: inout Scan) -> Bool {
    guard let page = pages[number], let header = BTreePage(page, number: number), !header.kind.isTable,
      header.cellPointersEnd <= pages.usableSize
    else { return false }
    let geometry = payloads.geometry
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: geometry), cell.payloadSize > 0,
        let rowid = rowid(page, cell)
      else { return false }
      if let row = rowids.number(of: rowid) {
        if !scan.rows.insert(row) { scan.hasTwins = true }
        continue
      }
      guard let hash = hash(page, cell, target) else { return false }
      scan.extraSum.add(hash)
      scan.isCut = scan.extra.count >= most
      guard !scan.isCut else { continue }
      scan.extra.append(
        EntryCollector.Entry(hash: hash, rowid: rowid, page: number, cell: Int32(truncatingIfNeeded: at)))
    }
    scan.entries += header.cellCount
    return true
  }

  private func rowid(_ page: UnsafeRawPointer, _ cell: FoundCell) -> Int64? {
    guard cell.overflowPage != 0 else { return Self.rowid(page + cell.payloadOffset, size: cell.payloadSize) }
    return payloads.read(page, cell) { record, available in
      available == cell.payloadSize ? Self.rowid(record, size: available) : nil
    }
  }

  /// The number that ends a record; nil where something else does.
  @inline(__always) private static func rowid(_ record: UnsafeRawPointer, size: Int) -> Int64? {
    guard let header = Varint.read(record, at: 0, end: size), header.value > UInt64(header.next),
      header.value <= UInt64(size)
    else { return nil }
    let last = Int(header.value) - 1
    // The type before ends with such a byte; else this one ends a longer type.
    guard last == header.next || record.byte(last - 1) < 0x80 else { return nil }
    let type = record.byte(last)
    switch type {
    case 1...6:
      let width = SerialType.size(type)
      return last + 1 + width <= size ? SerialType.integer(record + size, ofLast: width) : nil
    case 8, 9: return Int64(type - 8)
    default: return nil
    }
  }

  private func hash(_ page: UnsafeRawPointer, _ cell: FoundCell, _ target: IndexTarget) -> Hash128? {
    payloads.read(page, cell) { record, available in
      EntryKernel.hash(record, size: cell.payloadSize, available: available, target.key)
    }
  }

  // MARK: The table

  /// An index whose missing rows are looked for.
  private struct Wanted: Sendable {
    let target: IndexTarget
    /// The rows that it has an entry of.
    let rows: RowSet
    /// Whether those that it lacks are few enough to be listed.
    let isListed: Bool
  }

  /// The rows that an index lacks, and what their entries add up to.
  private struct Lacking: Sendable {
    let isListed: Bool
    var entries: [EntryCollector.Entry] = []
    var sum = Fingerprint()
  }

  /// The rows that indexes lack, by the index; nil for one that is to have an entry which only the library knows.
  private func lacking(_ wanted: [Wanted]) -> [Lacking?] {
    guard !wanted.isEmpty else { return [] }
    // Of most rows all indexes have an entry.
    let everywhere = RowSet(size: rowids.size, inAll: wanted.map(\.rows))
    let pieces = (leaves.count + Self.chunk - 1) / Self.chunk
    let parts = Workers.map(pieces, workers: workers) { piece -> [Lacking?] in
      var search = RowSearch(wanted, payloads)
      let start = piece * Self.chunk
      for leaf in leaves[start..<min(start + Self.chunk, leaves.count)] {
        LeafRows(pages: pages).forEach(leaf) { rowid, at in
          guard let row = rowids.number(of: rowid), !everywhere.contains(row) else { return }
          for (place, index) in wanted.enumerated() where !index.rows.contains(row) {
            search.take(place, leaf, at: at, rowid: rowid)
          }
        }
      }
      return search.found
    }
    return wanted.indices.map { place in
      var all = Lacking(isListed: wanted[place].isListed)
      for part in parts {
        guard let found = part[place] else { return nil }
        all.entries += found.entries
        all.sum.add(found.sum)
      }
      return all
    }
  }

  /// The rows that indexes lack, as one worker finds them.
  private struct RowSearch {
    private(set) var found: [Lacking?]
    private let wanted: [Wanted]
    private let payloads: MappedPayloads
    private var encoders: [EntryEncoder?]
    private let entry = LastRecord()

    init(_ wanted: [Wanted], _ payloads: MappedPayloads) {
      self.wanted = wanted
      self.payloads = payloads
      found = wanted.map { Lacking(isListed: $0.isListed) }
      encoders = wanted.map { _ in nil }
    }

    mutating func take(_ place: Int, _ leaf: UInt32, at offset: Int, rowid: Int64) {
      guard found[place] != nil else { return }
      guard let hash = hash(place, leaf, at: offset, rowid: rowid) else {
        found[place] = nil
        return
      }
      found[place]?.sum.add(hash)
      guard wanted[place].isListed else { return }
      found[place]?.entries.append(
        EntryCollector.Entry(hash: hash, rowid: rowid, page: leaf, cell: Int32(truncatingIfNeeded: offset)))
    }

    private mutating func hash(_ place: Int, _ leaf: UInt32, at offset: Int, rowid: Int64) -> Hash128? {
      if encoders[place] == nil { encoders[place] = wanted[place].target.encoder() }
      guard let encoder = encoders[place], let page = payloads.pages[leaf],
        let cell = FoundCell.read(page, at: offset, kind: .tableLeaf, geometry: payloads.geometry)
      else { return nil }
      return payloads.read(page, cell) { record, available in
        guard encoder.encode(record, available: available, rowid: rowid) == .entry else { return nil }
        // Beside the entry are bytes that may be read.
        encoder.entry.withUnsafeBytes { entry.take($0) }
        let size = encoder.entry.count
        return entry.start.flatMap { EntryKernel.hash($0, size: size, available: size, wanted[place].target.key) }
      }
    }
  }
}

extension Fingerprint {
  fileprivate mutating func remove(_ other: Fingerprint) {
    first &-= other.first
    second &-= other.second
    count &-= other.count
  }
}
