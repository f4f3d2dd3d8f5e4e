/// The indexes of a schema by their tables.
struct PlainIndexes {
  private struct Entry {
    /// The number of the object.
    let place: Int
    let object: SchemaReading.Object
    /// nil where there is none: the library makes the index for a constraint.
    let definition: IndexDefinition?
    /// The number of the table's next entry; -1 for none.
    var next = -1
  }

  private var entries: [Entry] = []
  /// The first and the last entry of each table that has one.
  private var lists: [(first: Int, last: Int)] = []
  /// The number of each table's list.
  private var numbers: [[UInt8]: Int] = [:]

  /// Sorts the indexes; nil where one of them may be on another table than the schema table says.
  init?(_ objects: [SchemaReading.Object]) {
    entries.reserveCapacity(objects.count)
    var table: String?
    var number = 0
    for (place, object) in objects.enumerated() where object.type == "index" {
      let definition = object.sql.flatMap(IndexDefinition.init)
      if object.sql != nil {
        guard let definition, ASCII.areSame(definition.table, object.table) else { return nil }
      }
      // Indexes most often stand behind one another, and behind their table.
      if table.map({ ASCII.areIdentical($0, object.table) }) != true {
        number = list(of: object.table)
        table = object.table
      }
      if lists[number].first < 0 {
        lists[number].first = entries.count
      } else {
        entries[lists[number].last].next = entries.count
      }
      lists[number].last = entries.count
      entries.append(Entry(place: place, object: object, definition: definition))
    }
  }

  private mutating func list(of table: String) -> Int {
    let name = Self.folded(table)
    if let number = numbers[name] { return number }
    numbers[name] = lists.count
    lists.append((-1, -1))
    return lists.count - 1
  }

  /// The indexes of a table in the library's order; nil where one of them is not plain, or not one that the definition makes.
  /// `agreeing` is told the objects whose columns say the same as their definitions.
  func indexes(
    of object: SchemaReading.Object, _ table: TableDefinition, agreeing: inout [Bool]
  ) -> [PlainTable.Index]? {
    guard let number = numbers[Self.folded(object.name)] else { return table.constraints.isEmpty ? [] : nil }
    var indexes: [PlainTable.Index] = []
    var written: [PlainTable.Index] = []
    var at = lists[number].first
    while at >= 0 {
      if let definition = entries[at].definition {
        guard let index = Self.index(entries[at].object, definition, table) else { return nil }
        written.append(index)
      } else {
        // The library makes them in the order of the constraints.
        guard indexes.count < table.constraints.count,
          let index = Self.index(entries[at].object, number: indexes.count, table)
        else { return nil }
        indexes.append(index)
      }
      at = entries[at].next
    }
    guard indexes.count == table.constraints.count else { return nil }
    at = lists[number].first
    while at >= 0 {
      let entry = entries[at]
      agreeing[entry.place] = entry.definition.map { ASCII.areSame($0.name, entry.object.name) } ?? true
      at = entry.next
    }
    indexes += written
    return indexes.reversed()
  }

  private static func index(
    _ object: SchemaReading.Object, number: Int, _ table: TableDefinition
  ) -> PlainTable.Index? {
    guard ASCII.areIdentical(object.name, "sqlite_autoindex_\(table.name)_\(number + 1)") else { return nil }
    let constraint = table.constraints[number]
    return PlainTable.Index(
      name: object.name, root: object.root, sql: nil, isUnique: true, isPartial: false,
      isPrimaryKey: constraint.isPrimaryKey, terms: constraint.terms,
      collations: constraint.terms.map { table.columns[$0.column].collation })
  }

  private static func index(
    _ object: SchemaReading.Object, _ definition: IndexDefinition, _ table: TableDefinition
  ) -> PlainTable.Index? {
    guard let named = definition.terms else { return nil }
    var terms: [TableDefinition.Term] = []
    var collations: [String] = []
    terms.reserveCapacity(named.count)
    collations.reserveCapacity(named.count)
    for term in named {
      guard let column = table.column(term.name) else { return nil }
      terms.append(TableDefinition.Term(column: column, isDescending: term.isDescending))
      collations.append(term.collation ?? table.columns[column].collation)
    }
    return PlainTable.Index(
      name: object.name, root: object.root, sql: object.sql, isUnique: definition.isUnique,
      isPartial: definition.isPartial, isPrimaryKey: false, terms: terms, collations: collations)
  }

  /// A name with ASCII case taken out, as the library compares names.
  private static func folded(_ name: String) -> [UInt8] { name.utf8.map { ASCII.lowered($0) } }
}
