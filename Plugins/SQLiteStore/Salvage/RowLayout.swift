import MendKit

/// Where the columns of a table stand in its records and in those of its indexes.
struct RowLayout {
  /// Columns that are stored, in the order of the record.
  var columns: [String] = []
  /// The place of the column that is another name for the rowid, which records leave NULL.
  var rowidAlias: Int?
  /// The indexes that hold every row, by their names.
  var indexes: [String: IndexLayout] = [:]

  struct IndexLayout {
    let name: String
    /// The place of the column that is another name for the rowid.
    var rowidAlias: Int?
    /// For each of the index's values, the rowid excepted, the place of its column in the record; nil for an expression.
    var places: [Int?] = []
    /// How its entries are ordered, by these values and at last by the rowid.
    var terms: [KeyPlan.Term] = []
  }

  /// Asks the library about a table of a schema that was tried in a database in memory; nil where it has no such table, or one
  /// without rowids.
  init?(_ table: String, in memory: Connection) {
    do throws(Problem) {
      try read(table, memory)
    } catch {
      return nil
    }
    if columns.isEmpty { return nil }
  }

  private mutating func read(_ name: String, _ memory: Connection) throws(Problem) {
    let literal = Connection.literal(name)
    guard try memory.integer("SELECT count(*) FROM pragma_table_list WHERE name = \(literal) AND wr = 0") == 1 else {
      return
    }
    var places: [Int: Int] = [:]
    var keys = 0
    var alias: Int?
    try memory.rows("PRAGMA table_xinfo(\(literal))") { row throws(Problem) in
      if row.integer(5) > 0 {
        keys += 1
        if ASCII.areSame(row.text(2), "INTEGER") { alias = columns.count }
      }
      // A virtual generated column is not stored.
      if row.integer(6) != 2 {
        places[row.integer(0)] = columns.count
        columns.append(row.text(1))
      }
      return true
    }
    var names: [String] = []
    var hasKeyIndex = false
    try memory.rows("PRAGMA index_list(\(literal))") { row throws(Problem) in
      if row.text(3) == "pk" { hasKeyIndex = true }
      if row.integer(4) == 0 { names.append(row.text(1)) }
      return true
    }
    if keys == 1, !hasKeyIndex { rowidAlias = alias }
    for name in names {
      var index = IndexLayout(name: name, rowidAlias: rowidAlias)
      try memory.rows("PRAGMA index_xinfo(\(Connection.literal(name)))") { row throws(Problem) in
        index.terms.append(KeyPlan.Term(collation: Collation(row.text(4)), isDescending: row.integer(3) == 1))
        if row.integer(5) == 1 { index.places.append(places[row.integer(1)]) }
        return true
      }
      if index.terms.count == index.places.count + 1 { indexes[name] = index }
    }
  }
}
