import CSQLite
import MendKit

/// Builds indexes of one table anew, and loses nothing that only they still hold.
struct IndexRebuild {
  let copy: SQLiteWorkingCopy
  let table: Table
  /// Indexes whose b-trees claim pages of something else.
  let sharing: Set<String>
  /// Indexes of which entries were lost: they say nothing against a row.
  let incomplete: Set<String>
  /// What was read past the library of the table and its indexes; nil where that cannot be.
  let differences: TableDifferences?
  let inPlace: IndexesInPlace?

  /// Sets aside what table and indexes disagree on. Whether pages of the table were changed.
  func setAside(_ indexes: [Index], outcome: inout RepairOutcome) throws(Problem) -> Bool {
    var tally = RowTally()
    var refuted = 0
    if let comparison = IndexComparison(copy.connection, table) {
      for index in indexes { tally.setAside += try setAsideEntries(of: index, comparison) }
      refuted = try setAsideRefutedRows(indexes, comparison)
      tally.setAside += refuted
    }
    tally.kept = differences.map { $0.rowCount - refuted } ?? 0
    outcome.rows[table.name] = tally
    if tally.setAside > 0 {
      outcome.notes.append(
        "rows and index entries of \(table.name) that contradict each other stand in dbmend_set_aside tables")
    }
    return refuted > 0
  }

  /// Entries that no row stands behind may be all that is left of a row: they are kept in a table of their own.
  private func setAsideEntries(of index: Index, _ comparison: IndexComparison) throws(Problem) -> Int {
    guard let query = comparison.danglingEntries(of: index) else { return 0 }
    if let count = try setAsideEntriesRead(of: index, comparison, query) { return count }
    do throws(Problem) {
      guard try copy.connection.query("SELECT 1 FROM (\(query)) LIMIT 1").first != nil else { return 0 }
      let target = copy.quoted(try copy.freeName("dbmend_set_aside_" + index.name))
      try copy.execute("CREATE TABLE \(target) AS \(query)")
      return try copy.connection.integer("SELECT count(*) FROM \(target)") ?? 0
    } catch {
      // An index whose b-tree cannot be read has no entries that could be told apart.
      guard error.kind == .damaged || error.kind == .system else { throw error }
      return 0
    }
  }

  /// Likewise, by what was read past the library; nil where that does not have all of it.
  private func setAsideEntriesRead(
    of index: Index, _ comparison: IndexComparison, _ query: String
  ) throws(Problem) -> Int? {
    guard let difference = differences?.indexes[index.name], difference.listsExtra, let inPlace,
      comparison.key.count == 1, ["rowid", "_rowid_", "oid"].contains(comparison.key[0])
    else { return nil }
    let dangling =
      difference.isOfAbsentRows ? difference.extra : try withoutRow(difference.extra, comparison)
    guard !dangling.isEmpty else { return 0 }
    let columns = index.columns.compactMap { $0 }
    let others = columns.indices.filter { columns[$0].lowercased() != comparison.key[0] }
    let batches = stride(from: 0, to: dangling.count, by: Self.batch).map {
      dangling[$0..<min($0 + Self.batch, dangling.count)]
    }
    let isWhole = batches.allSatisfy { inPlace.values(of: $0).allSatisfy { $0.count == columns.count + 1 } }
    guard isWhole else { return nil }
    let target = copy.quoted(try copy.freeName("dbmend_set_aside_" + index.name))
    try copy.execute("CREATE TABLE \(target) AS SELECT * FROM (\(query)) LIMIT 0")
    for batch in batches {
      let rows = zip(batch, inPlace.values(of: batch)).map { entry, values in
        "(" + ([.integer(entry.rowid)] + others.map { values[$0] }).map(\.literal).joined(separator: ", ") + ")"
      }
      try copy.execute("INSERT INTO \(target) VALUES \(rows.joined(separator: ", "))")
    }
    return dangling.count
  }

  /// Rows that one statement adds.
  private static let batch = 5000

  /// The entries whose rows are not in the table.
  private func withoutRow(
    _ entries: [EntryCollector.Entry], _ comparison: IndexComparison
  ) throws(Problem) -> [EntryCollector.Entry] {
    var present: Set<Int64> = []
    for start in stride(from: 0, to: entries.count, by: 500) {
      let rowids = entries[start..<min(start + 500, entries.count)].map { String($0.rowid) }.joined(separator: ", ")
      try copy.connection.rows(
        "SELECT \(comparison.key[0]) FROM \(copy.quoted(table.name)) NOT INDEXED WHERE \(comparison.key[0]) IN (\(rowids))"
      ) { row throws(Problem) in
        if let rowid = row[0].integer { present.insert(rowid) }
        return true
      }
    }
    return entries.filter { !present.contains($0.rowid) }
  }

  /// Rows that every one of several indexes lacks were probably deleted; rebuilding would bring them back.
  private func setAsideRefutedRows(_ indexes: [Index], _ comparison: IndexComparison) throws(Problem) -> Int {
    let whole = table.indexes.filter { !$0.isPartial && !$0.columns.contains(nil) }
    guard whole.count > 1, Set(whole.map(\.name)).isSubset(of: indexes.map(\.name)),
      incomplete.isDisjoint(with: whole.map(\.name))
    else { return 0 }
    guard let refuted = try rowsLacked(byAll: whole, comparison), !refuted.isEmpty else { return 0 }
    try copy.setAside(
      Array(refuted), key: comparison.key, of: table, into: try copy.freeName("dbmend_set_aside_" + table.name))
    return refuted.count
  }

  /// The keys of rows that every one of several indexes lacks; nil where that cannot be told.
  private func rowsLacked(byAll indexes: [Index], _ comparison: IndexComparison) throws(Problem) -> Set<[SQLValue]>? {
    if comparison.key == ["rowid"], let rows = differences?.rowsLacked(byAll: indexes.map(\.name)) {
      return Set(rows.map { [.integer($0)] })
    }
    var lacked: Set<[SQLValue]>?
    for index in indexes {
      do throws(Problem) {
        // An index without any entry was lost as a whole: it says nothing of single rows.
        guard try comparison.hasEntries(index) else { return nil }
        guard let rows = try comparison.rowsMissing(from: index, limit: .max) else { return nil }
        lacked = lacked.map { $0.intersection(rows) } ?? Set(rows)
      } catch {
        guard error.kind == .damaged || error.kind == .system else { throw error }
        return nil
      }
    }
    return lacked
  }

  /// Has the library build an index.
  func rebuild(_ index: Index) throws(Problem) {
    // The engine walks the old tree to free its pages. It must not where they are another's, and cannot where the tree is
    // malformed.
    guard !sharing.contains(index.name) else { return try rebuildApart(index) }
    do throws(Problem) {
      try copy.connection.execute("REINDEX \(copy.quoted(index.name))")
    } catch {
      guard error.kind == .damaged, error.code != "constraint.violated" else { throw error }
      try rebuildApart(index)
    }
  }

  private func rebuildApart(_ index: Index) throws(Problem) {
    try cutLoose(index)
    try copy.connection.execute("REINDEX \(copy.quoted(index.name))")
    try copy.connection.execute("VACUUM")
  }

  /// Makes the index's root an empty leaf, so that there is nothing left to walk. The pages below it are nobody's then;
  /// VACUUM drops them.
  private func cutLoose(_ index: Index) throws(Problem) {
    let name = Connection.literal(index.name)
    guard let root = try copy.connection.integer("SELECT rootpage FROM sqlite_schema WHERE name = \(name)"), root > 1,
      let pageSize = try copy.connection.integer("PRAGMA page_size")
    else {
      throw Problem(
        .damaged, tried: "find the root page of index", on: index.name, said: "the schema does not name one")
    }
    try copy.rewritePage(root, size: pageSize) { reserved in
      // B-tree page header (section 1.6) of an empty index leaf, whose cell content starts at the end of the page.
      var page = [UInt8](repeating: 0, count: pageSize)
      let usable = pageSize - reserved
      page[0] = 10
      page[5] = UInt8(usable >> 8 & 255)
      page[6] = UInt8(usable & 255)
      return page
    }
  }
}
