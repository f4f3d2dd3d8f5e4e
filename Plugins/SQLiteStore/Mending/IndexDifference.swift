/// What an index and its table disagree on.
struct IndexDifference {
  /// Rows without an entry: where their cells stand.
  var missing: [EntryCollector.Entry] = []
  /// Entries that no row makes: where they stand.
  var extra: [EntryCollector.Entry] = []
  /// Whether all rows without an entry, and all entries that no row makes, are listed: else there are too many.
  var listsMissing = true
  var listsExtra = true
  /// Whether the table has no row of the rowids of `extra`, rather than another one.
  var isOfAbsentRows = false
  /// The rows that have an entry, where nothing but rows and entries without one another differs.
  var rows: RowSet?
  /// Entries of the index.
  let entries: Int
  /// Whether its entries stand in order, no two of them with a key that only one may have.
  let isOrdered: Bool

  /// Whether nothing is to be done.
  var isNone: Bool { isOrdered && listsMissing && listsExtra && missing.isEmpty && extra.isEmpty }

  init(entries: Int, isOrdered: Bool) {
    self.entries = entries
    self.isOrdered = isOrdered
  }

  init(_ difference: EntryDifferences.Difference, isOrdered: Bool) {
    missing = difference.missing
    extra = difference.extra
    listsMissing = !difference.isFull
    listsExtra = !difference.isFull
    entries = difference.entries
    self.isOrdered = isOrdered
  }
}

/// What the indexes of a table and the table disagree on, read natively of a working copy.
struct TableDifferences {
  let table: String
  let rowCount: Int
  /// By the index's name: those that could be read.
  var indexes: [String: IndexDifference] = [:]
  var targets: [String: IndexTarget] = [:]
  /// The table's rows, where an index says by their numbers which of them it has.
  var rowids: TableRowids?

  /// The rows that every one of some indexes lacks; nil where not all of them tell. None where one has no entry at all: it was
  /// lost as a whole, and says nothing of single rows.
  func rowsLacked(byAll names: [String]) -> [Int64]? {
    var listed: Set<Int64>?
    var sets: [RowSet] = []
    for name in names {
      guard let difference = indexes[name] else { return nil }
      guard difference.entries > 0 else { return [] }
      if difference.listsMissing {
        let rows = Set(difference.missing.map(\.rowid))
        listed = listed?.intersection(rows) ?? rows
      } else {
        guard let rows = difference.rows, rowids != nil else { return nil }
        sets.append(rows)
      }
    }
    guard let rowids, !sets.isEmpty else { return listed.map(Array.init) }
    func isLacked(_ number: Int) -> Bool { !sets.contains { $0.contains(number) } }
    if let listed { return listed.filter { rowids.number(of: $0).map(isLacked) ?? false } }
    return (0..<rowids.size).compactMap { isLacked($0) ? rowids.rowid(of: $0) : nil }
  }

  /// Lets go of what only `rowsLacked` needs.
  mutating func forgetRows() {
    rowids = nil
    for name in indexes.keys { indexes[name]?.rows = nil }
  }
}
