import MendKit

/// Which rows an index and its table disagree on. Runs after the library has said that they do: it names no rows, only
/// ordinals.
struct IndexComparison {
  let connection: Connection
  let table: Table
  /// What tells a row from every other, quoted: the rowid, or the primary key of a table without rowid. Every index of the
  /// table holds it.
  let key: [String]

  /// A comparison of a table's indexes with it; nil for a virtual table, whose rows are held elsewhere.
  init?(_ connection: Connection, _ table: Table) {
    guard !table.isVirtual else { return nil }
    self.connection = connection
    self.table = table
    let names = ["rowid", "_rowid_", "oid"].filter { table.column($0) == nil }
    let source = Connection.quoted(table.name)
    if let name = names.first, (try? connection.query("SELECT \(name) FROM \(source) LIMIT 0")) != nil {
      key = [name]
    } else {
      guard !table.primaryKey.isEmpty else { return nil }
      key = table.primaryKey.map(Connection.quoted)
    }
  }

  /// Keys of rows without an entry in the index, at most `limit`; nil where that cannot be asked in SQL.
  func rowsMissing(from index: Index, limit: Int) throws(Problem) -> [[SQLValue]]? {
    guard let columns = comparable(index) else { return nil }
    // In a unique index the library looks for the declared columns alone, and where these are NULL in every row it would go
    // through all of them for each: so the two are held against each other as sets.
    if index.isUnique {
      let others = columns.filter { column in !key.contains { $0.lowercased() == column.lowercased() } }
      let values = (key + others).joined(separator: ", ")
      return try connection.query(
        """
        SELECT \(key.joined(separator: ", ")) FROM (SELECT \(values) FROM \(name) NOT INDEXED
        EXCEPT SELECT \(values) FROM \(name) INDEXED BY \(Connection.quoted(index.name))) LIMIT \(limit)
        """)
    }
    let same = (columns + key).map { "i.\($0) IS t.\($0)" }.joined(separator: " AND ")
    return try connection.query(
      """
      SELECT \(listed(key, of: "t")) FROM \(name) AS t NOT INDEXED WHERE NOT EXISTS
      (SELECT 1 FROM \(name) AS i INDEXED BY \(Connection.quoted(index.name)) WHERE \(same)) LIMIT \(limit)
      """)
  }

  /// Whether the index holds anything at all.
  func hasEntries(_ index: Index) throws(Problem) -> Bool {
    try connection.query("SELECT 1 FROM \(name) INDEXED BY \(Connection.quoted(index.name)) LIMIT 1").first != nil
  }

  /// Keys of entries of the index that no row of the table stands behind, at most `limit`; nil where that cannot be asked.
  func entriesWithoutRow(in index: Index, limit: Int) throws(Problem) -> [[SQLValue]]? {
    guard let query = danglingEntries(of: index) else { return nil }
    return try connection.query("SELECT \(key.joined(separator: ", ")) FROM (\(query)) LIMIT \(limit)")
  }

  /// A query for the entries of the index that no row stands behind: the row's key and the index's columns. It reads the
  /// index alone, since all of these are in it.
  func danglingEntries(of index: Index) -> String? {
    guard let columns = comparable(index) else { return nil }
    let same = key.map { "t.\($0) IS i.\($0)" }.joined(separator: " AND ")
    let others = columns.filter { column in !key.contains { $0.lowercased() == column.lowercased() } }
    return """
      SELECT \(listed(key + others, of: "i")) FROM \(name) AS i INDEXED BY \(Connection.quoted(index.name))
      WHERE NOT EXISTS (SELECT 1 FROM \(name) AS t NOT INDEXED WHERE \(same))
      """
  }

  private var name: String { Connection.quoted(table.name) }

  private func listed(_ columns: [String], of alias: String) -> String {
    columns.map { "\(alias).\($0) AS \($0)" }.joined(separator: ", ")
  }

  private func comparable(_ index: Index) -> [String]? {
    let names = index.columns.compactMap { $0 }
    guard !index.isPartial, names.count == index.columns.count, !names.isEmpty else { return nil }
    return Set(names.map { $0.lowercased() }).count == names.count ? names.map(Connection.quoted) : nil
  }
}

extension [SQLValue] {
  /// The rowid that is the whole key of a row.
  var rowid: Int64? { count == 1 ? self[0].integer : nil }

  /// A key as a message shows it.
  var words: String { map(\.description).joined(separator: ", ") }
}
