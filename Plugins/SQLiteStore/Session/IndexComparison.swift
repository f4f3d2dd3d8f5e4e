import MendKit

/// Which rows an index and its table disagree on. Runs after the library has said that they do: it names no rows, only
/// ordinals.
struct IndexComparison {
  let connection: Connection
  let table: Table
  /// Whether the table has rowids.
  let hasRowid: Bool

  /// Rowids of rows without an entry in the index, at most `limit`; nil where that cannot be asked in SQL.
  func rowsMissing(from index: Index, limit: Int) throws(Problem) -> [Int64]? {
    guard hasRowid, let columns = comparable(index) else { return nil }
    let same = columns.map { "i.\($0) IS t.\($0)" } + ["i.rowid = t.rowid"]
    return try rowids(
      """
      SELECT t.rowid FROM \(name) AS t NOT INDEXED WHERE NOT EXISTS
      (SELECT 1 FROM \(name) AS i INDEXED BY \(Connection.quoted(index.name)) WHERE \(same.joined(separator: " AND ")))
      """, limit: limit)
  }

  /// Rowids of entries of the index that no row of the table stands behind, at most `limit`; nil where that cannot be asked.
  func entriesWithoutRow(in index: Index, limit: Int) throws(Problem) -> [Int64]? {
    guard let query = danglingEntries(of: index) else { return nil }
    return try rowids("SELECT rowid FROM (\(query))", limit: limit)
  }

  /// A query for the entries of the index that no row stands behind: `rowid` and the index's columns. It reads the index
  /// alone, since the columns are all in it.
  func danglingEntries(of index: Index) -> String? {
    guard hasRowid, let columns = comparable(index) else { return nil }
    let listed = (["rowid"] + columns).map { "i.\($0) AS \($0)" }.joined(separator: ", ")
    return """
      SELECT \(listed) FROM \(name) AS i INDEXED BY \(Connection.quoted(index.name)) WHERE NOT EXISTS
      (SELECT 1 FROM \(name) AS t NOT INDEXED WHERE t.rowid = i.rowid)
      """
  }

  private var name: String { Connection.quoted(table.name) }

  private func comparable(_ index: Index) -> [String]? {
    let names = index.columns.compactMap { $0 }
    guard !index.isPartial, names.count == index.columns.count, !names.isEmpty else { return nil }
    return Set(names.map { $0.lowercased() }).count == names.count ? names.map(Connection.quoted) : nil
  }

  private func rowids(_ sql: String, limit: Int) throws(Problem) -> [Int64] {
    try connection.query("\(sql) LIMIT \(limit)").compactMap { $0.first?.integer }
  }
}
