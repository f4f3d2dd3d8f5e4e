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
  /// For each object, whether it is known that its columns say the same as its definition.
  var agreeing: [Bool]

  /// Sorts the indexes; nil where one of them may be on another table than the schema table says.
  init?(_ objects: [SchemaReading.Object]) {
    agreeing = [Bool](repeating: false, count: objects.count)
    entries.reserveCapacity(objects.count)
    var table: String?
    var number = 0
    for (place, object) in objects.enumerated() where object.type == "index" {
      let definition = object.sql.flatMap(IndexDefinition.init)
      if object.sql != nil {
        guard let definition, ASCII.areSame(definition.table, object.table) else { return nil }
        agreeing[place] = ASCII.areSame(definition.name, object.name)
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

  /// The indexes of a table in the library's order, which has the newest first; nil where one of them is not plain, or not
  /// one that the definition makes.
  mutating func indexes(of object: SchemaReading.Object, _ table: TableDefinition) -> [SchemaLayout.Index]? {
    guard let number = numbers[Self.folded(object.name)] else { return table.constraints.isEmpty ? [] : nil }
    var indexes: [SchemaLayout.Index] = []
    var at = lists[number].first
    while at >= 0 {
      let entry = entries[at]
      at = entry.next
      guard entry.definition == nil else { continue }
      // The library makes them in the order of the constraints.
      guard indexes.count < table.constraints.count,
        Self.isAutomatic(entry.object.name, of: table.name, number: indexes.count + 1)
      else { return nil }
      agreeing[entry.place] = true
      indexes.append(Self.index(entry.object, table.constraints[indexes.count], table))
    }
    guard indexes.count == table.constraints.count else { return nil }
    at = lists[number].first
    while at >= 0 {
      let entry = entries[at]
      at = entry.next
      guard let definition = entry.definition else { continue }
      guard let index = Self.index(entry.object, definition, table) else { return nil }
      indexes.append(index)
    }
    indexes.reverse()
    return indexes
  }

  /// Whether a name is `sqlite_autoindex_TABLE_NUMBER`.
  private static func isAutomatic(_ name: String, of table: String, number: Int) -> Bool {
    let prefix: StaticString = "sqlite_autoindex_"
    var name = name
    var table = table
    return name.withUTF8 { name in
      table.withUTF8 { table in
        let tableEnd = prefix.utf8CodeUnitCount + table.count
        guard name.count > tableEnd + 1,
          name.starts(with: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)),
          name[prefix.utf8CodeUnitCount..<tableEnd].elementsEqual(table), name[tableEnd] == UInt8(ascii: "_")
        else { return false }
        return name[(tableEnd + 1)...].elementsEqual(String(number).utf8)
      }
    }
  }

  private static func index(
    _ object: SchemaReading.Object, _ constraint: TableDefinition.Constraint, _ table: TableDefinition
  ) -> SchemaLayout.Index {
    var terms: [SchemaLayout.Term] = []
    terms.reserveCapacity(constraint.terms.count + 1)
    for term in constraint.terms {
      terms.append(Self.term(term.column, term.isDescending, table.columns[term.column].collation))
    }
    terms.append(.rowid)
    return SchemaLayout.Index(
      name: object.name, root: object.root, isUnique: true, isPartial: false, sql: nil, terms: terms)
  }

  private static func index(
    _ object: SchemaReading.Object, _ definition: IndexDefinition, _ table: TableDefinition
  ) -> SchemaLayout.Index? {
    guard let named = definition.terms else { return nil }
    var terms: [SchemaLayout.Term] = []
    terms.reserveCapacity(named.count + 1)
    for term in named {
      guard let column = table.column(term.name) else { return nil }
      terms.append(Self.term(column, term.isDescending, term.collation ?? table.columns[column].collation))
    }
    terms.append(.rowid)
    return SchemaLayout.Index(
      name: object.name, root: object.root, isUnique: definition.isUnique, isPartial: definition.isPartial,
      sql: object.sql, terms: terms)
  }

  private static func term(_ column: Int, _ isDescending: Bool, _ collation: String) -> SchemaLayout.Term {
    SchemaLayout.Term(
      column: column, isExpression: false, isDescending: isDescending, collation: Collation(collation), isKey: true)
  }

  /// A name with ASCII case taken out, as the library compares names.
  private static func folded(_ name: String) -> [UInt8] { name.utf8.map { ASCII.lowered($0) } }
}
