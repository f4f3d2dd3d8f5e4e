import MendKit

extension IndexEvidence {
  /// What the indexes say of a row that some page holds.
  enum RowVerdict {
    /// An index holds the row's values under its rowid.
    case proved
    /// Every index holds no such row, or other values under its rowid. The name is that of one of them.
    case refuted(by: String)
    /// No index says anything.
    case unknown
  }

  /// What the indexes say of the rows of a leaf.
  struct RowCounts {
    /// Rows that an index proves and none refutes.
    var proved = 0
    /// Rows that one index proves and another refutes.
    var mixed = 0
    var refuted = 0

    /// Whether the leaf is one of the table. Rows of other tables may have a few values in common with its own, and a leaf that
    /// was not written last some rows that were deleted since.
    var speaksFor: Bool { proved > 0 && proved >= mixed && proved * 4 >= refuted }
    var speaksAgainst: Bool { !speaksFor && refuted + mixed > 0 }
  }

  /// What the indexes say of the row in a cell of a table's leaf.
  func verdict(_ page: UnsafeRawPointer, _ cell: FoundCell) -> RowVerdict {
    let said = said(page, cell)
    return said.isProved ? .proved : said.refuting.map { .refuted(by: $0) } ?? .unknown
  }

  /// Whether an index proves a row, and the name of one that refutes it.
  private func said(_ page: UnsafeRawPointer, _ cell: FoundCell) -> (isProved: Bool, refuting: String?) {
    var said: (isProved: Bool, refuting: String?) = (false, nil)
    guard !indexes.isEmpty else { return said }
    let held = entries(of: cell.rowid)
    let isRead = reader.withRecord(page, cell) { row in
      for number in indexes.indices {
        guard let entry = held.first(where: { Int($0.index) == number }) else {
          if indexes[number].isWhole { said.refuting = indexes[number].layout.name }
          continue
        }
        guard let isSame = isSame(entry, row, indexes[number].layout) else { continue }
        if isSame { said.isProved = true } else { said.refuting = indexes[number].layout.name }
      }
    }
    return isRead ? said : (false, nil)
  }

  /// How many rows of a leaf the indexes prove and refute.
  func count(_ number: UInt32) -> RowCounts {
    var counts = RowCounts()
    guard let page = file.original(number), let header = BTreePage(page, number: number), header.kind == .tableLeaf,
      header.cellPointersEnd <= file.usableSize
    else { return counts }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry) else { continue }
      let said = said(page, cell)
      switch (said.isProved, said.refuting != nil) {
      case (true, false): counts.proved += 1
      case (true, true): counts.mixed += 1
      case (false, true): counts.refuted += 1
      case (false, false): break
      }
    }
    return counts
  }

  /// Entries that are looked at to tell whether an index is the table's.
  private static let sampled = 64

  /// Whether the rows of the table that are left do not speak against an index: one of another table, whose root was exchanged
  /// with it, holds other values for most of them.
  func agrees(_ index: Index, _ row: (Int64) -> (UnsafeRawPointer, FoundCell)?) -> Bool {
    var agreeing = 0
    var differing = 0
    for number in index.pages {
      guard agreeing + differing < Self.sampled else { break }
      guard let page = reader.page(number), let header = BTreePage(page, number: number), !header.kind.isTable,
        header.cellPointersEnd <= file.usableSize
      else { continue }
      for cellIndex in stride(from: 0, to: header.cellCount, by: max(1, header.cellCount / 4)) {
        let at = page.big16(header.cellPointers + 2 * cellIndex)
        guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry),
          let rowid = reader.rowid(page, cell, fields: index.layout.terms.count), let (leaf, own) = row(rowid)
        else { continue }
        var isSame: Bool?
        _ = reader.withRecord(page, cell) { entry in
          _ = reader.withRecord(leaf, own) { isSame = Self.isSame(entry, $0, index.layout) }
        }
        if isSame == true { agreeing += 1 } else if isSame == false { differing += 1 }
      }
    }
    return agreeing >= differing
  }

  // MARK: Comparing

  private func isSame(_ entry: Entry, _ row: [KeyValue], _ layout: RowLayout.IndexLayout) -> Bool? {
    guard let page = file.original(entry.page), let header = BTreePage(page, number: entry.page),
      let cell = FoundCell.read(page, at: Int(entry.offset), kind: header.kind, geometry: file.geometry)
    else { return nil }
    var isSame: Bool?
    _ = reader.withRecord(page, cell) { isSame = Self.isSame($0, row, layout) }
    return isSame
  }

  /// Whether an entry has a row's values, as far as the entry has columns that the row stores; nil where it has none.
  static func isSame(_ entry: [KeyValue], _ row: [KeyValue], _ layout: RowLayout.IndexLayout) -> Bool? {
    var isSame: Bool?
    for (value, place) in zip(entry, layout.places) {
      guard let place, place != layout.rowidAlias, place < row.count else { continue }
      isSame = true
      let own = row[place]
      guard value.type == own.type, value.bits == own.bits, value.bytes.elementsEqual(own.bytes) else { return false }
    }
    return isSame
  }
}

extension EntryReader {
  /// Bytes before and behind a record that reading values may look at.
  private static let slack = 16

  /// Hands over the values of a record; false where it cannot be read.
  func withRecord(_ page: UnsafeRawPointer, _ cell: FoundCell, _ body: ([KeyValue]) -> Void) -> Bool {
    func hand(_ record: UnsafeRawPointer, _ size: Int) -> Bool {
      var values: [KeyValue] = []
      let count = RecordHeader.read(record, available: size, payload: size) { _, type, at in
        guard at + SerialType.size(type) <= size else { return false }
        values.append(KeyValue(type: type, body: record + at))
        return true
      }
      guard count == values.count else { return false }
      body(values)
      return true
    }
    guard cell.isSpilled else { return hand(page + cell.payloadOffset, cell.payloadSize) }
    guard let record = payload(page, cell) else { return false }
    let room = [UInt8](repeating: 0, count: Self.slack)
    return (room + record + room).withUnsafeBytes { bytes in
      bytes.baseAddress.map { hand($0 + Self.slack, record.count) } ?? false
    }
  }
}
