import MendKit

/// Tables that a salvage adds to its result: rows of a backup that nothing proves or refutes, and where rows came from.
struct SalvageTables {
  let path: String

  /// Copies rows of a backup that stood in gaps to tables of their own; how many, by the table that they may belong to.
  func setAside(_ unproved: [GapFill.Unproved], from backup: String) throws(Problem) -> (
    rows: [String: Int], notes: [String]
  ) {
    var counts: [String: Int] = [:]
    var notes: [String] = []
    try onCopy { (copy) throws(Problem) in
      try copy.connection.execute("ATTACH \(Connection.literal(backup)) AS dbmend_backup")
      defer { try? copy.connection.execute("DETACH dbmend_backup") }
      for one in unproved {
        let count = try setAside(one, copy, &notes)
        if count > 0 { counts[one.table] = count }
      }
    }
    return (counts, notes)
  }

  private func setAside(
    _ one: GapFill.Unproved, _ copy: SQLiteWorkingCopy, _ notes: inout [String]
  ) throws(Problem) -> Int {
    let name = try copy.freeName("dbmend_set_aside_" + one.table)
    let target = copy.quoted(name)
    let source = "dbmend_backup." + copy.quoted(one.table)
    let columns = try copy.connection.query(
      "SELECT name FROM pragma_table_xinfo(\(Connection.literal(one.table)), 'main') WHERE hidden IN (0, 3)"
    ).compactMap { $0.first?.text }
    guard let rowid = Self.rowidName(columns) else { return 0 }
    let list = columns.map(copy.quoted).joined(separator: ", ")
    try copy.connection.execute(
      "CREATE TABLE \(target) AS SELECT \(rowid) AS dbmend_rowid, \(list) FROM \(source) LIMIT 0")
    for range in one.missing.ranges {
      try copy.connection.execute(
        """
        INSERT INTO \(target) SELECT \(rowid), \(list) FROM \(source) AS s
        WHERE \(rowid) BETWEEN \(SQLValue.integer(range.first).literal) AND \(SQLValue.integer(range.last).literal)
        AND NOT EXISTS (SELECT 1 FROM main.\(copy.quoted(one.table)) AS t NOT INDEXED WHERE t.\(rowid) = s.\(rowid))
        """)
    }
    let count = try copy.connection.integer("SELECT count(*) FROM \(target)") ?? 0
    if count == 0 {
      try copy.connection.execute("DROP TABLE \(target)")
    } else {
      notes.append(Self.words(count, one.table, name))
    }
    return count
  }

  /// Makes tables of rows without rowid that a backup has; what was done, in words.
  func setAside(_ unproved: [GapFill.UnprovedKeys]) throws(Problem) -> [String] {
    var notes: [String] = []
    try onCopy { (copy) throws(Problem) in
      for one in unproved {
        let name = try copy.freeName("dbmend_set_aside_" + one.table)
        let columns = one.columns.map(copy.quoted).joined(separator: ", ")
        try copy.execute(
          "CREATE TABLE \(copy.quoted(name)) AS SELECT \(columns) FROM \(copy.quoted(one.table)) LIMIT 0")
        for start in stride(from: 0, to: one.rows.count, by: Self.atOnce) {
          let values = one.rows[start..<min(start + Self.atOnce, one.rows.count)].map { row in
            "(" + one.columns.indices.map { ($0 < row.count ? row[$0] : .null).literal }.joined(separator: ", ") + ")"
          }
          try copy.execute("INSERT INTO \(copy.quoted(name)) VALUES \(values.joined(separator: ", "))")
        }
        notes.append(Self.words(one.rows.count, one.table, name))
      }
    }
    return notes
  }

  /// Rows of one statement.
  private static let atOnce = 500

  private static func words(_ count: Int, _ table: String, _ name: String) -> String {
    "\(count) rows that the backup has where \(table) could not be read stand in \(name): no index tells whether "
      + "they were there to the last; with --max-loss changes they are put into the table"
  }

  /// A name of the rowid that no column has.
  private static func rowidName(_ columns: [String]) -> String? {
    ["rowid", "_rowid_", "oid"].first { name in !columns.contains { ASCII.areSame($0, name) } }
  }

  /// Says of each row that no page of its table held where it came from.
  func tell(_ origins: [GapFill.Origin]) throws(Problem) {
    try onCopy { (copy) throws(Problem) in
      let target = copy.quoted(try copy.freeName("dbmend_provenance"))
      var script = "CREATE TABLE \(target)(table_name TEXT, row_id INTEGER, source TEXT, page INTEGER, row_key TEXT);\n"
      for start in stride(from: 0, to: origins.count, by: Self.atOnce) {
        let values = origins[start..<min(start + Self.atOnce, origins.count)].map { origin in
          let key = origin.key.isEmpty ? nil : origin.key.map(\.literal).joined(separator: ", ")
          return
            "(\(Connection.literal(origin.table)), \((origin.rowid.map { .integer($0) } ?? SQLValue.null).literal), "
            + "'\(origin.source.rawValue)', \(origin.page), \(key.map(Connection.literal) ?? "NULL"))"
        }
        script += "INSERT INTO \(target) VALUES \(values.joined(separator: ", "));\n"
      }
      try copy.execute(script)
    }
  }

  private func onCopy(_ work: (SQLiteWorkingCopy) throws(Problem) -> Void) throws(Problem) {
    let copy = try SQLiteWorkingCopy(path)
    do throws(Problem) {
      try work(copy)
      try copy.close()
    } catch {
      try? copy.close()
      throw error
    }
  }
}
