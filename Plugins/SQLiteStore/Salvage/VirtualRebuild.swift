import CSQLite
import MendKit

/// Mends what modules keep in tables of their own: a full-text index holds nothing that its table of contents does not hold, and
/// its module builds it anew; an R-Tree is put together of its nodes.
struct VirtualRebuild {
  let path: String

  /// Mends what can be mended of virtual tables: those that were found damaged, they themselves or their modules' own tables, and
  /// those whose own tables were changed.
  func run(_ names: [String], _ outcome: inout RepairOutcome) throws(Problem) {
    for table in try tables() {
      let isNamed = names.contains { $0 == table.name || table.owns($0) }
      guard isNamed || outcome.rows.keys.contains(where: table.owns) else { continue }
      // One working copy for each: what a module cannot do must not undo what another has done.
      let copy = try SQLiteWorkingCopy(path)
      do throws(Problem) {
        if isNamed || Self.isDamaged(table, copy) { try mend(table, copy, &outcome) }
        try copy.close()
      } catch {
        outcome.notes.append("the virtual table \(table.name) could not be mended: \(error.said)")
        try? copy.close()
      }
    }
  }

  /// A virtual table whose module's own tables can be mended.
  private struct Table {
    let name: String
    let sql: String
    let definition: VirtualDefinition

    /// Whether another table is one of the module's own.
    func owns(_ other: String) -> Bool { other.hasPrefix(name + "_") }
  }

  private func tables() throws(Problem) -> [Table] {
    let copy = try SQLiteWorkingCopy(path)
    defer { try? copy.close() }
    return try copy.connection.query(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND ifnull(rootpage, 0) = 0 ORDER BY rowid"
    ).compactMap { row in
      guard let name = row[0].text, let sql = row[1].text, let definition = VirtualDefinition(sql),
        definition.isFullText || definition.isRTree
      else { return nil }
      return Table(name: name, sql: sql, definition: definition)
    }
  }

  private func mend(_ table: Table, _ copy: SQLiteWorkingCopy, _ outcome: inout RepairOutcome) throws(Problem) {
    // The module's own tables may be written to.
    csqlite_allow_schema_writes(copy.connection.handle, 1)
    defer { csqlite_allow_schema_writes(copy.connection.handle, 0) }
    let empty = EmptyVirtualTable(table.name, definition: table.sql)
    for part in empty?.parts ?? [] {
      let name = Connection.literal(table.name + part.end)
      let isThere = "SELECT count(*) FROM sqlite_schema WHERE name = \(name) COLLATE NOCASE"
      if try copy.connection.integer(isThere) == 0 { try copy.execute(part.sql) }
    }
    if table.definition.isRTree {
      _ = try RTreeMend(name: table.name, copy: copy).run(table.definition, &outcome)
    } else {
      try FullTextMend(name: table.name, definition: table.definition, copy: copy, empty: empty).run(&outcome)
    }
  }

  /// Whether a module says that its tables do not fit together.
  private static func isDamaged(_ table: Table, _ copy: SQLiteWorkingCopy) -> Bool {
    let check = VirtualTableCheck(connection: copy.connection, name: table.name, module: table.definition.module)
    if case .damaged? = try? check.run() { return true }
    return false
  }
}
