import MendKit

/// Full-text indexes hold nothing that their own table of contents does not hold: their module builds them anew.
struct VirtualRebuild {
  let path: String

  /// Rebuilds what can be rebuilt of virtual tables.
  func run(_ names: [String], _ outcome: inout RepairOutcome) throws(Problem) {
    guard !names.isEmpty else { return }
    let copy = try SQLiteWorkingCopy(path)
    for name in names where Self.isRebuilt(try copy.connection.value(Self.definition(of: name))?.text ?? "") {
      let table = copy.quoted(name)
      guard Self.hasContents(name, copy) else { continue }
      // A table without contents of its own refuses, and stays as it is.
      if (try? copy.execute("INSERT INTO \(table)(\(table)) VALUES('rebuild')")) != nil {
        outcome.notes.append("the full-text index \(name) was built anew from its contents")
      }
    }
    try copy.close()
  }

  /// Whether most of the rows that the index knows are there: else it is all that is left of them.
  private static func hasContents(_ name: String, _ copy: SQLiteWorkingCopy) -> Bool {
    func rows(_ part: String) -> Int? {
      try? copy.connection.integer("SELECT count(*) FROM \(copy.quoted(name + part)) NOT INDEXED")
    }
    guard let known = rows("_docsize"), let there = rows("_content") else { return true }
    return 2 * there >= known
  }

  private static func definition(of name: String) -> String {
    "SELECT lower(sql) FROM sqlite_schema WHERE type = 'table' AND name = \(Connection.literal(name))"
  }

  private static func isRebuilt(_ definition: String) -> Bool {
    guard let using = definition.range(of: " using ") else { return false }
    let module = definition[using.upperBound...].drop { $0 == " " }.prefix { $0.isLetter || $0.isNumber }
    return ["fts3", "fts4", "fts5"].contains(module)
  }
}
