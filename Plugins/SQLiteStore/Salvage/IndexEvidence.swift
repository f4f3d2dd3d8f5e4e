import MendKit

/// What the indexes of a table still hold of the rows that are missing in it.
struct IndexEvidence {
  /// An entry: where it stands, so that memory follows the number of rows and not their size.
  struct Entry: Sendable {
    let rowid: Int64
    let page: UInt32
    let offset: UInt16
    let index: UInt16
  }

  /// An index that takes part.
  struct Index {
    let layout: RowLayout.IndexLayout
    let pages: [UInt32]
    /// Whether no page of it was lost: else that it has no entry of a row says nothing.
    var isWhole = true
  }

  /// The entries of missing rows, in the order of their rowids.
  private(set) var entries: [Entry] = []
  /// The indexes that hold any entry at all, in their order: one without was lost as a whole, and one that holds a page of
  /// something else is not what it seems. These speak neither for a row nor against one.
  private(set) var indexes: [Index] = []
  /// Whether an index was left out since it has more entries of such rows than memory is for.
  private(set) var isCutShort = false
  let file: SalvageFile
  let reader: EntryReader

  private static let chunk = 512
  /// Entries that are held in memory.
  private static let mostEntries = 4 << 20

  /// Reads the entries of rows that are missing. `row` finds rows that are not, which tell whether an index is the table's.
  init(
    _ file: SalvageFile, _ candidates: [Index], missing: GapRanges, row: (Int64) -> (UnsafeRawPointer, FoundCell)?
  ) {
    self.file = file
    reader = EntryReader(file)
    let reader = reader
    for candidate in candidates {
      guard let number = UInt16(exactly: indexes.count) else { return }
      let pages = candidate.pages
      let fields = candidate.layout.terms.count
      let (terms, encoding, isWhole) = (candidate.layout.terms, file.encoding, candidate.isWhole)
      guard agrees(candidate, row) else { continue }
      let parts = Workers.map((pages.count + Self.chunk - 1) / Self.chunk, workers: Workers.processors) { part in
        let chunk = pages[part * Self.chunk..<min((part + 1) * Self.chunk, pages.count)]
        let order = IndexOrder(reader, terms, encoding)
        guard chunk.allSatisfy({ order.isKept(at: $0, isWhole: isWhole) }) else {
          return EntryReader.Part(isWhole: false)
        }
        return reader.entries(chunk, index: number, fields: fields, missing)
      }
      // An entry whose rowid cannot be told, or a page that is out of order, says that the index is not what it seems.
      guard parts.allSatisfy({ $0.isWhole }), parts.contains(where: { $0.count > 0 }) else { continue }
      guard entries.count + parts.reduce(0, { $0 + $1.entries.count }) <= Self.mostEntries || indexes.isEmpty else {
        isCutShort = true
        continue
      }
      indexes.append(candidate)
      for part in parts { entries += part.entries }
    }
    entries.sort { ($0.rowid, $0.index) < ($1.rowid, $1.index) }
  }

  /// The rowids that some index holds, each with its entries.
  func forEachRow(_ body: (Int64, ArraySlice<Entry>) -> Void) {
    var first = 0
    while first < entries.count {
      var end = first + 1
      while end < entries.count, entries[end].rowid == entries[first].rowid { end += 1 }
      body(entries[first].rowid, entries[first..<end])
      first = end
    }
  }

  /// Whether an index says of every row whether it was there.
  var isTold: Bool { indexes.contains { $0.isWhole } }

  /// Whether no index has two of these entries, and every one that is whole has one: else one of them refutes the row.
  func isProof(_ entries: ArraySlice<Entry>) -> Bool {
    let ofWhole = entries.count { indexes[Int($0.index)].isWhole }
    return !entries.isEmpty && ofWhole == indexes.count { $0.isWhole }
      && zip(entries, entries.dropFirst()).allSatisfy { $0.index != $1.index }
  }

  /// The entries of one row; empty where no index holds any.
  func entries(of rowid: Int64) -> ArraySlice<Entry> {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].rowid < rowid { low = middle + 1 } else { high = middle }
    }
    var end = low
    while end < entries.count, entries[end].rowid == rowid { end += 1 }
    return entries[low..<end]
  }

  /// The values that entries hold of a row, by their place in the table's record; nil where two contradict each other.
  func values(_ entries: ArraySlice<Entry>) -> [Int: StoredField]? {
    var values: [Int: StoredField] = [:]
    for entry in entries {
      guard let page = file.original(entry.page), let header = BTreePage(page, number: entry.page),
        let cell = FoundCell.read(page, at: Int(entry.offset), kind: header.kind, geometry: file.geometry),
        let record = reader.payload(page, cell), let fields = RecordParts.fields(record)
      else { return nil }
      for (place, field) in zip(indexes[Int(entry.index)].layout.places, fields) {
        guard let place else { continue }
        if let known = values[place], known != field { return nil }
        values[place] = field
      }
    }
    return values
  }
}
