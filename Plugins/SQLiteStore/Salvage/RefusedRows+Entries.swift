import CSQLite
import MendKit

/// What indexes still hold of rows that their table refuses.
extension RefusedRows {
  /// Gives rows the values that an index has of them, where the table takes them so: the numbers of these rows. `conditions` are
  /// true of a row that is refused.
  func mendByIndexes(
    _ rows: Set<Int64>, _ rowid: String, of table: Table, _ conditions: Set<String>, _ copy: SQLiteWorkingCopy
  ) throws(Problem) -> Set<Int64> {
    let source = copy.quoted(table.name)
    let triggers = try copy.triggers(of: table)
    // A change of a row that an index lacks is an error, but not while the schema may be written.
    csqlite_allow_schema_writes(copy.connection.handle, 1)
    defer { csqlite_allow_schema_writes(copy.connection.handle, 0) }
    var mended: Set<Int64> = []
    for index in table.indexes {
      for (row, values) in entries(of: rows.subtracting(mended), rowid, in: index, of: table, copy) {
        let changes = zip(index.columns, values).compactMap { column, value in
          column.map { "\(copy.quoted($0)) = \(value.literal)" }
        }
        let isRefused = conditions.map { "(\($0))" }.joined(separator: " OR ")
        // The update fails where the table refuses the values, too; a statement that fails takes the whole back.
        let script = """
          \(triggers.dropped)
          UPDATE \(source) SET \(changes.joined(separator: ", ")) WHERE \(rowid) = \(row);
          CREATE TEMP TABLE dbmend_refused(none CHECK(none IS NULL));
          INSERT INTO temp.dbmend_refused SELECT 1 FROM \(source) NOT INDEXED WHERE \(rowid) = \(row) AND (\(isRefused));
          DROP TABLE temp.dbmend_refused;
          \(triggers.restored)
          """
        if (try? copy.execute(script)) != nil { mended.insert(row) }
      }
    }
    return mended
  }

  /// The entries of rows in an index whose key is columns alone, read from the index and not from the table.
  private func entries(
    of rows: Set<Int64>, _ rowid: String, in index: Index, of table: Table, _ copy: SQLiteWorkingCopy
  ) -> [(row: Int64, values: [SQLValue])] {
    let columns = index.columns.compactMap { $0 }
    guard !rows.isEmpty, !columns.isEmpty, columns.count == index.columns.count else { return [] }
    var conditions = ["\(rowid) IN (\(rows.sorted().map(String.init).joined(separator: ", ")))"]
    if index.isPartial {
      guard let condition = condition(of: index, copy) else { return [] }
      conditions.append("(\(condition)\n)")
    }
    let query = """
      SELECT \(([rowid] + columns.map(copy.quoted)).joined(separator: ", ")) FROM \(copy.quoted(table.name)) \
      INDEXED BY \(copy.quoted(index.name)) WHERE \(conditions.joined(separator: " AND "))
      """
    let plan = (try? copy.connection.query("EXPLAIN QUERY PLAN " + query)) ?? []
    guard plan.contains(where: { $0.last?.text?.contains("COVERING INDEX") == true }),
      let found = try? copy.connection.query(query)
    else { return [] }
    return found.compactMap { entry in entry.first?.integer.map { ($0, Array(entry.dropFirst())) } }
  }

  /// The condition of a partial index, as it is written.
  private func condition(of index: Index, _ copy: SQLiteWorkingCopy) -> String? {
    let name = Connection.literal(index.name)
    guard
      let sql = try? copy.connection.value("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = \(name)")?
        .text,
      var tokens = DefinitionTokens(whole: sql)
    else { return nil }
    while !tokens.take("WHERE") {
      guard !tokens.isAtEnd else { return nil }
      tokens.skip()
    }
    return tokens.written(tokens.start..<sql.utf8.count)
  }
}
