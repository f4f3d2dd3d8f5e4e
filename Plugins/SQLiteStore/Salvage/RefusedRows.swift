import MendKit

/// Rows that their own table would refuse: in a damaged file their bytes were changed. What an index has of them that the table
/// takes is what they were; where nothing tells, they leave the table for one of their own, with all their values.
struct RefusedRows {
  let path: String

  /// What says that a row is refused.
  static let codes: [FindingCode] = ["check.violated", "column.null", "column.type"]

  /// Rows of one table and one cause that are named in one go, and the goes.
  private static let atOnce = 1000
  private static let rounds = 3

  /// Moves the rows that break a CHECK or NOT NULL constraint, or hold a value of a type that their column does not allow.
  func setAside(_ outcome: inout RepairOutcome) throws(Problem) {
    let copy = try SQLiteWorkingCopy(path)
    do throws(Problem) {
      for _ in 0..<Self.rounds {
        let found = try copy.verifyIntegrity(IntegrityRequest(findingsPerCause: Self.atOnce))
        let refused = Dictionary(grouping: found.filter { Self.codes.contains($0.code) }) { $0.location.table ?? "" }
        var moved = 0
        for (name, findings) in refused.sorted(by: { $0.key < $1.key }) {
          guard let table = try copy.catalog().table(name) else { continue }
          moved += try setAside(findings, of: table, copy, &outcome)
        }
        if moved == 0 { break }
      }
      try copy.close()
    } catch {
      try? copy.close()
      throw error
    }
  }

  private func setAside(
    _ findings: [Finding], of table: Table, _ copy: SQLiteWorkingCopy, _ outcome: inout RepairOutcome
  ) throws(Problem) -> Int {
    let rowid = ["rowid", "_rowid_", "oid"].first { table.column($0) == nil }
    let isKeyed = table.keyIsStructural && findings.allSatisfy { $0.location.row == nil }
    guard let key = isKeyed ? table.primaryKey.map(copy.quoted) : rowid.map({ [$0] }), !key.isEmpty else { return 0 }
    var rows: Set<[SQLValue]> = []
    let causes = Set(findings.flatMap { conditions($0, rowid, copy) })
    for condition in causes {
      // A condition that only the application's functions can answer names no row.
      let found = try? copy.connection.query(
        "SELECT \(key.joined(separator: ", ")) FROM \(copy.quoted(table.name)) NOT INDEXED WHERE \(condition)")
      rows.formUnion(found ?? [])
    }
    // A key that is structural in a table with rowids is the rowid under another name.
    let numbers = Set(rows.compactMap(\.rowid))
    if let rowid, (try? copy.connection.query("SELECT \(rowid) FROM \(copy.quoted(table.name)) LIMIT 0")) != nil,
      !numbers.isEmpty, numbers.count <= Self.atOnce
    {
      let mended = try mendByIndexes(numbers, rowid, of: table, causes, copy)
      rows = rows.filter { $0.rowid.map { !mended.contains($0) } ?? true }
      outcome.rows[table.name, default: RowTally(lost: nil)].fromIndex += mended.count
      if !mended.isEmpty {
        outcome.notes.append(
          "\(mended.count == 1 ? "1 row" : "\(mended.count) rows") of \(table.name) that the table's own definition refused "
            + "got values that an index has of them")
      }
      guard !rows.isEmpty else { return mended.count }
    }
    guard !rows.isEmpty else { return 0 }
    let place = try copy.freeName("dbmend_set_aside_" + table.name)
    try copy.setAside(Array(rows), key: key, of: table, into: place)
    outcome.rows[table.name, default: RowTally(lost: nil)].setAside += rows.count
    outcome.notes.append(
      "\(rows.count == 1 ? "1 row" : "\(rows.count) rows") of \(table.name) that the table's own definition refuses "
        + "stand in \(place)")
    return rows.count
  }

  /// What is true of the rows that a finding speaks of, one or the other.
  private func conditions(_ finding: Finding, _ rowid: String?, _ copy: SQLiteWorkingCopy) -> [String] {
    if finding.code == "check.violated" {
      // The library does not say which constraint it is.
      let sql = finding.location.table.flatMap { table in
        try? copy.connection.value(
          "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = \(Connection.literal(table))")?.text
      }
      let checks =
        sql.flatMap(TableExpressions.init(sql:))?.allChecks.map(\.text) ?? finding.evidence.map { [$0] } ?? []
      return checks.map { "NOT (\($0)\n)" }
    }
    if finding.code == "column.null", let column = finding.location.column {
      return ["\(copy.quoted(column)) IS NULL"]
    }
    guard let rowid, let row = finding.location.row else { return [] }
    return ["\(rowid) = \(row)"]
  }
}
