import MendKit

/// Mends what modules keep in tables of their own: a full-text index holds nothing that its table of contents does not hold, and
/// its module builds it anew; an R-Tree is put together of its nodes.
struct VirtualRebuild {
  let path: String

  /// Mends what can be mended of virtual tables: those that were found damaged, and those whose own tables were changed.
  func run(_ names: [String], _ outcome: inout RepairOutcome) throws(Problem) {
    for table in try tables() where names.contains(table.name) || outcome.rows.keys.contains(where: table.owns) {
      // One working copy for each: what a module cannot do must not undo what another has done.
      let copy = try SQLiteWorkingCopy(path)
      do throws(Problem) {
        if names.contains(table.name) || Self.isDamaged(table, copy) { try mend(table, copy, &outcome) }
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
    let module: String
    let definition: String

    /// Whether another table is one of the module's own.
    func owns(_ other: String) -> Bool { other.hasPrefix(name + "_") }
  }

  private func tables() throws(Problem) -> [Table] {
    let copy = try SQLiteWorkingCopy(path)
    defer { try? copy.close() }
    return try copy.connection.query(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND ifnull(rootpage, 0) = 0 ORDER BY rowid"
    ).compactMap { row in
      guard let name = row[0].text, let definition = row[1].text, let module = Self.module(definition) else {
        return nil
      }
      return Table(name: name, module: module, definition: definition)
    }
  }

  private func mend(_ table: Table, _ copy: SQLiteWorkingCopy, _ outcome: inout RepairOutcome) throws(Problem) {
    guard table.module.hasPrefix("fts") else {
      _ = try RTreeMend(name: table.name, copy: copy).run(definition: table.definition, &outcome)
      return
    }
    // A table without contents of its own refuses, and stays as it is.
    let name = copy.quoted(table.name)
    guard Self.hasContents(table.name, copy),
      (try? copy.execute("INSERT INTO \(name)(\(name)) VALUES('rebuild')")) != nil
    else { return }
    outcome.notes.append("the full-text index \(table.name) was built anew from its contents")
  }

  /// Whether a module says that its tables do not fit together.
  private static func isDamaged(_ table: Table, _ copy: SQLiteWorkingCopy) -> Bool {
    let check = VirtualTableCheck(connection: copy.connection, name: table.name, module: table.module)
    if case .damaged? = try? check.run() { return true }
    return false
  }

  /// Whether most of the rows that the index knows are there: else it is all that is left of them.
  private static func hasContents(_ name: String, _ copy: SQLiteWorkingCopy) -> Bool {
    func rows(_ part: String) -> Int? {
      try? copy.connection.integer("SELECT count(*) FROM \(copy.quoted(name + part)) NOT INDEXED")
    }
    guard let known = rows("_docsize"), let there = rows("_content") else { return true }
    return 2 * there >= known
  }

  /// The module of a definition, where it is one whose tables can be mended.
  private static func module(_ definition: String) -> String? {
    let words = definition.lowercased()
    guard let using = words.range(of: " using ") else { return nil }
    let module = words[using.upperBound...].drop { $0 == " " }.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return ["fts3", "fts4", "fts5", "rtree", "rtree_i32"].contains(module) ? String(module) : nil
  }
}
