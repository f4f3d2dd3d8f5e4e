import MendKit

/// Values of rows in which one bit is not what it was, as an index proves: it holds the same value but for that bit, and holds it
/// where that value belongs and the row's would not.
///
/// Whole numbers are left out: a row that is one write behind its index looks just like that.
struct FlippedBits {
  /// A byte of a row, and what it was.
  struct Correction: Hashable {
    let page: UInt32
    let offset: Int
    let byte: UInt8
  }

  /// What an index says of the value of a row.
  private struct Opinion {
    let index: String
    let rowid: Int64
    let correction: Correction
    /// Whether the row's value would stand elsewhere in the index.
    let isProof: Bool
  }

  let file: SalvageFile
  private let reader: PayloadReader

  /// Rows that are held against their entries, of one index: where more differ, it is not for a few bits.
  private static let mostRows = 10_000

  init(_ file: SalvageFile) {
    self.file = file
    reader = PayloadReader(file)
  }

  /// The bytes to be corrected, with how many rows they are of. What the table and its indexes agree on then is taken off the
  /// differences.
  func find(_ differences: inout TableDifferences) -> (bytes: Set<Correction>, rows: Int) {
    var opinions: [Opinion] = []
    for (name, target) in differences.targets.sorted(by: { $0.key < $1.key }) {
      guard let difference = differences.indexes[name], difference.listsMissing, difference.listsExtra,
        difference.missing.count <= Self.mostRows, difference.extra.count <= Self.mostRows
      else { continue }
      let entries = Dictionary(grouping: difference.extra, by: \.rowid)
      for row in difference.missing {
        guard let entry = entries[row.rowid], entry.count == 1, let opinion = opinion(target, row, entry[0]) else {
          continue
        }
        opinions.append(opinion)
      }
      reader.release()
    }
    let proved = Set(opinions.filter(\.isProof).map(\.correction))
    var rows: Set<Int64> = []
    for opinion in opinions where proved.contains(opinion.correction) {
      rows.insert(opinion.rowid)
      differences.indexes[opinion.index]?.missing.removeAll { $0.rowid == opinion.rowid }
      differences.indexes[opinion.index]?.extra.removeAll { $0.rowid == opinion.rowid }
    }
    return (proved, rows.count)
  }

  /// What an index says of a row that has no entry, by the entry of its rowid.
  private func opinion(
    _ target: IndexTarget, _ row: EntryCollector.Entry, _ entry: EntryCollector.Entry
  ) -> Opinion? {
    guard let own = reader.record(row.page, at: Int(row.cell)),
      let held = reader.record(entry.page, at: Int(entry.cell)),
      own.cell.rowid == row.rowid, own.available == own.size, held.available == held.size,
      let stored = fields(own), let values = fields(held)
    else { return nil }
    let index = target.comparison.index
    let shape = target.comparison.table.shape
    var flipped: (entryAt: Int, rowAt: Int, byte: UInt8)?
    for (place, term) in index.terms.enumerated() {
      guard let column = term.column, !term.isExpression, column != shape.rowidColumn else { continue }
      guard let at = shape.recordOrder.firstIndex(of: column), at < stored.count, place < values.count else {
        return nil
      }
      let (mine, its) = (stored[at], values[place])
      guard !isSame(own.start + mine.at, mine.type, held.start + its.at, its.type) else { continue }
      guard flipped == nil, mine.type == its.type, SerialType.classBit(mine.type) != SerialType.integerBit,
        let at = flippedByte(own.start + mine.at, held.start + its.at, mine.size)
      else { return nil }
      flipped = (its.at + at, mine.at + at, UInt8(held.start.byte(its.at + at)))
    }
    guard let flipped, let place = place(of: own.cell, on: row.page, flipped.rowAt) else { return nil }
    let byte = UInt8(own.start.byte(flipped.rowAt))
    return Opinion(
      index: index.name, rowid: row.rowid,
      correction: Correction(page: place.page, offset: place.offset, byte: flipped.byte),
      isProof: isOutOfPlace(target, entry, held, with: byte, at: flipped.entryAt))
  }

  private func fields(_ record: PayloadReader.Record) -> [(type: Int, at: Int, size: Int)]? {
    var fields: [(type: Int, at: Int, size: Int)] = []
    let count = RecordHeader.read(record.start, available: record.available, payload: record.size) { _, type, at in
      fields.append((type, at, SerialType.size(type)))
      return true
    }
    return count == fields.count ? fields : nil
  }

  /// Whether two values are the same; a real that holds a whole number may be stored as one.
  private func isSame(_ one: UnsafeRawPointer, _ type: Int, _ other: UnsafeRawPointer, _ otherType: Int) -> Bool {
    guard type != otherType else { return memcmp(one, other, SerialType.size(type)) == 0 }
    let (mine, its) = (KeyValue(type: type, body: one), KeyValue(type: otherType, body: other))
    return mine.type == its.type && mine.bits == its.bits && mine.type != .text && mine.type != .blob
  }

  /// The byte in which two values differ, where that is by one bit and no other byte does.
  private func flippedByte(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ size: Int) -> Int? {
    var found: Int?
    for at in 0..<size where one.byte(at) != other.byte(at) {
      guard found == nil, (one.byte(at) ^ other.byte(at)).nonzeroBitCount == 1 else { return nil }
      found = at
    }
    return found
  }

  /// Where a byte of a cell's payload stands.
  private func place(of cell: FoundCell, on page: UInt32, _ at: Int) -> (page: UInt32, offset: Int)? {
    guard at >= cell.localSize else { return (page, cell.payloadOffset + at) }
    let behind = at - cell.localSize
    let chain = reader.chain(of: cell)
    let link = behind / file.geometry.overflowCapacity
    return link < chain.count ? (chain[link], 4 + behind % file.geometry.overflowCapacity) : nil
  }

  /// Whether an entry stands in order between those before and behind it on its page, and with another byte would not.
  private func isOutOfPlace(
    _ target: IndexTarget, _ entry: EntryCollector.Entry, _ held: PayloadReader.Record, with byte: UInt8, at place: Int
  ) -> Bool {
    let cells = reader.cells(of: entry.page)
    guard let own = cells.firstIndex(where: { $0.offset == Int(entry.cell) }) else { return false }
    let before = own > 0 ? reader.record(entry.page, cells[own - 1]) : nil
    let behind = own + 1 < cells.count ? reader.record(entry.page, cells[own + 1]) : nil
    for record in [held, before, behind].compactMap(\.self) {
      guard record.available == record.size, fields(record)?.count == target.key.terms.count else { return false }
    }
    func isInOrder(_ record: UnsafeRawPointer) -> Bool {
      (before.map { isBefore($0.start, record, target) } ?? true)
        && (behind.map { isBefore(record, $0.start, target) } ?? true)
    }
    guard isInOrder(held.start) else { return false }
    // Reading values may look at bytes before and behind them.
    let room = [UInt8](repeating: 0, count: 16)
    var other = room + UnsafeRawBufferPointer(start: held.start, count: held.size) + room
    other[room.count + place] = byte
    return other.withUnsafeBytes { bytes in bytes.baseAddress.map { !isInOrder($0 + room.count) } ?? false }
  }

  private func isBefore(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ target: IndexTarget) -> Bool {
    EntryKernel.difference(one, other, target.key, target.encoding).isAscending
  }
}
