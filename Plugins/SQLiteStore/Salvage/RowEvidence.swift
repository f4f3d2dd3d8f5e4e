import MendKit

/// What the whole indexes of a table say of the rows that may stand in its gaps: an index holds for every row its rowid and
/// some of its values.
struct RowEvidence {
  enum Verdict {
    /// An index holds the row's values under its rowid.
    case proved
    /// A whole index holds no such row, or other values under its rowid.
    case refuted
    /// No index says anything.
    case unknown
  }

  /// An index whose tree is whole.
  struct Source {
    let name: String
    /// The fields of the table's record that its key has, in order; -1 for the rowid.
    let fields: [Int]
    /// The number under which its pages are claimed.
    let owner: Int32
  }

  /// One index's entries: the hash of the key by rowid.
  private struct Entries {
    let name: String
    let fields: [Int]
    var hashes: [Int64: UInt64] = [:]
  }

  private let file: SalvageFile
  private var entries: [[Entries]]

  /// Entries that are held in memory for all tables together.
  private static let mostEntries = 3_000_000

  /// Reads the entries of the indexes of each table, those whose rowids `isWanted` says yes to.
  init(_ file: SalvageFile, _ survey: FileSurvey, _ tables: [SalvagedTable], _ claims: PageClaimTable) {
    self.file = file
    entries = tables.map { _ in [] }
    var left = Self.mostEntries
    for (place, table) in tables.enumerated() where !table.sources.isEmpty {
      let ranges = table.slots.filter { $0.state != .sound || $0.page == table.root }
      guard !ranges.isEmpty else { continue }
      for source in table.sources {
        var read = Entries(name: source.name, fields: source.fields)
        guard
          self.read(
            source, survey, claims, &read, &left, table, isWanted: { rowid in ranges.contains { $0.holds(rowid) } })
        else { continue }
        entries[place].append(read)
      }
    }
  }

  /// Whether anything can be said of a table's rows.
  func speaks(of table: Int) -> Bool { !entries[table].isEmpty }

  /// What the indexes of a table say of the row in a cell. `name` is the index that refutes it.
  func verdict(_ table: Int, _ page: UnsafeRawPointer, _ cell: FoundCell) -> (verdict: Verdict, name: String) {
    var result: (verdict: Verdict, name: String) = (.unknown, "")
    for index in entries[table] {
      guard let held = index.hashes[cell.rowid] else {
        if result.verdict == .unknown { result = (.refuted, index.name) }
        continue
      }
      guard let own = Self.hash(page, cell, index.fields) else { continue }
      if own == held { return (.proved, "") }
      result = (.refuted, index.name)
    }
    return result
  }

  /// How many rows of a leaf the indexes of a table prove and refute.
  func count(_ table: Int, _ number: UInt32) -> (proved: Int, refuted: Int) {
    var counts = (proved: 0, refuted: 0)
    guard !entries[table].isEmpty, let page = file.original(number), let header = BTreePage(page, number: number) else {
      return counts
    }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry) else { continue }
      switch verdict(table, page, cell).verdict {
      case .proved: counts.proved += 1
      case .refuted: counts.refuted += 1
      case .unknown: break
      }
    }
    return counts
  }

  // MARK: Reading

  /// False where the index is not one of this table, as far as its rows that are left tell.
  private func read(
    _ source: Source, _ survey: FileSurvey, _ claims: PageClaimTable, _ read: inout Entries, _ left: inout Int,
    _ table: SalvagedTable, isWanted: (Int64) -> Bool
  ) -> Bool {
    var agreeing = 0
    var differing = 0
    for number in claims.pages(of: source.owner) {
      let form = survey[number].form
      guard form == .indexLeaf || form == .indexInterior, let page = file.original(number),
        let header = BTreePage(page, number: number)
      else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry),
          cell.overflowPage == 0
        else { return false }
        guard let entry = Self.entry(page, cell, fields: source.fields.count) else { return false }
        if isWanted(entry.rowid) {
          left -= 1
          guard left > 0 else { return false }
          read.hashes[entry.rowid] = entry.hash
        }
        guard index % 16 == 0, agreeing + differing < 64, let row = table.row(entry.rowid, file),
          let own = Self.hash(row.page, row.cell, source.fields)
        else { continue }
        if own == entry.hash { agreeing += 1 } else { differing += 1 }
      }
    }
    return !read.hashes.isEmpty && agreeing >= differing
  }

  /// The rowid of an index entry, and the hash of what stands before it.
  private static func entry(_ page: UnsafeRawPointer, _ cell: FoundCell, fields: Int) -> (rowid: Int64, hash: UInt64)? {
    guard RecordHeader.isSound(page + cell.payloadOffset, size: cell.payloadSize, local: cell.localSize) else {
      return nil
    }
    var cursor = ValueCursor(page + cell.payloadOffset)
    var hash: UInt64 = 0
    for _ in 0..<fields { hash = mix(hash, cursor.next().value.hash) }
    guard !cursor.isAtEnd else { return nil }
    let last = cursor.next().value
    guard cursor.isAtEnd, last.type == .integer else { return nil }
    return (last.bits, hash)
  }

  /// The hash of the fields of a row that an index holds; nil where not all of them stand in its cell.
  private static func hash(_ page: UnsafeRawPointer, _ cell: FoundCell, _ fields: [Int]) -> UInt64? {
    guard let most = fields.max() else { return nil }
    var values: [Hash128] = []
    let record = page + cell.payloadOffset
    let count = RecordHeader.read(record, available: cell.localSize, payload: cell.payloadSize) { column, type, at in
      guard column <= most, at + SerialType.size(type) <= cell.localSize else { return true }
      if values.count == column { values.append(KeyValue(type: type, body: record + at).hash) }
      return true
    }
    guard count != nil else { return nil }
    var hash: UInt64 = 0
    for field in fields {
      guard field < values.count else { return nil }
      hash = mix(hash, field < 0 ? Hash128(integer: cell.rowid) : values[field])
    }
    return hash
  }

  private static func mix(_ sum: UInt64, _ hash: Hash128) -> UInt64 {
    var mixed = (sum ^ hash.first) &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ mixed >> 29 ^ hash.second) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ mixed >> 32
  }
}

extension SalvagedTable {
  /// The row of a rowid on a leaf that is in order; nil where there is none.
  func row(_ rowid: Int64, _ file: SalvageFile) -> (page: UnsafeRawPointer, cell: FoundCell)? {
    guard let slot = slots.first(where: { $0.state == .sound && $0.holds(rowid) }), let page = file.original(slot.page),
      let header = BTreePage(page, number: slot.page)
    else { return nil }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry) else { return nil }
      if cell.rowid == rowid { return (page, cell) }
    }
    return nil
  }
}
