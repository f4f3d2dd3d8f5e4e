import MendKit

/// Where the columns of a table without rowid stand in its records and in those of its indexes.
struct KeyedLayout {
  /// The columns in the order of the record: those of the primary key first.
  private(set) var columns: [String] = []
  /// How many of them the primary key has.
  private(set) var keyCount = 0
  /// The indexes that hold every row, by their names.
  private(set) var indexes: [String: Index] = [:]

  struct Index {
    let name: String
    /// For each of the index's values the place of its column in the record; nil for an expression.
    var places: [Int?] = []
    /// How its entries are ordered.
    var terms: [KeyPlan.Term] = []
  }

  /// Asks the library about a table of a schema that was tried in a database in memory; nil where it has no such table.
  init?(_ table: String, in memory: Connection) {
    do throws(Problem) {
      try read(Connection.literal(table), memory)
    } catch {
      return nil
    }
    if keyCount == 0 { return nil }
  }

  private mutating func read(_ literal: String, _ memory: Connection) throws(Problem) {
    guard try memory.integer("SELECT count(*) FROM pragma_table_list WHERE name = \(literal) AND wr = 1") == 1 else {
      return
    }
    var key: String?
    var names: [String] = []
    try memory.rows("PRAGMA index_list(\(literal))") { row throws(Problem) in
      if row.text(3) == "pk" { key = row.text(1) } else if row.integer(4) == 0 { names.append(row.text(1)) }
      return true
    }
    guard let key else { return }
    var places: [Int: Int] = [:]
    try memory.rows("PRAGMA index_xinfo(\(Connection.literal(key)))") { row throws(Problem) in
      places[row.integer(1)] = columns.count
      columns.append(row.text(2))
      if row.integer(5) == 1 { keyCount += 1 }
      return true
    }
    for name in names {
      var index = Index(name: name)
      try memory.rows("PRAGMA index_xinfo(\(Connection.literal(name)))") { row throws(Problem) in
        index.terms.append(KeyPlan.Term(collation: Collation(row.text(4)), isDescending: row.integer(3) == 1))
        index.places.append(places[row.integer(1)])
        return true
      }
      // The key stands in every entry, or the entry says of no row that it is there.
      if (0..<keyCount).allSatisfy(index.places.contains) { indexes[name] = index }
    }
  }
}
