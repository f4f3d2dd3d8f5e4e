import MendKit

/// The indexes of a schema by their tables.
struct PlainIndexes: Sendable {
  private let objects: [SchemaReading.Object]
  private let definitions: [Definition]
  /// Of each object that is a table, its first and last index; of each index, the one behind it. -1 for none.
  private var first: [Int]
  private var last: [Int]
  private var next: [Int]
  /// For each object, whether it is known that its columns say the same as its definition.
  var agreeing: [Bool]
  /// Whether each index stands behind its table, as the library needs it.
  private(set) var areInOrder = true

  /// Sorts the indexes; nil where one of them may be on another table than the schema table says.
  init?(_ objects: [SchemaReading.Object], _ definitions: [Definition]) {
    self.objects = objects
    self.definitions = definitions
    let none = [Int](repeating: -1, count: objects.count)
    (first, last, next) = (none, none, none)
    agreeing = [Bool](repeating: false, count: objects.count)
    var places: [[UInt8]: Int]?
    var table = -1
    for (place, object) in objects.enumerated() {
      if object.type == "table" { table = place }
      guard object.type == "index" else { continue }
      if object.sql != nil {
        guard case .index(let definition) = definitions[place], ASCII.areSame(definition.table, object.table) else {
          return nil
        }
        agreeing[place] = ASCII.areSame(definition.name, object.name)
      }
      // Indexes most often stand behind one another, and behind their table.
      if table < 0 || !ASCII.areIdentical(objects[table].name, object.table) {
        if places == nil { places = Self.places(objects) }
        guard let found = places?[Self.folded(object.table)] else {
          areInOrder = false
          continue
        }
        table = found
      }
      if table > place { areInOrder = false }
      if first[table] < 0 { first[table] = place } else { next[last[table]] = place }
      last[table] = place
    }
  }

  private static func places(_ objects: [SchemaReading.Object]) -> [[UInt8]: Int] {
    var places: [[UInt8]: Int] = [:]
    for (place, object) in objects.enumerated() where object.type == "table" {
      let name = folded(object.name)
      if places[name] == nil { places[name] = place }
    }
    return places
  }

  /// Notes that a table is plain: the indexes without a definition are those that its own one makes, then.
  mutating func agree(_ table: Int) {
    agreeing[table] = ASCII.areSame(objects[table].name, objects[table].table)
    var at = first[table]
    while at >= 0 {
      if objects[at].sql == nil { agreeing[at] = true }
      at = next[at]
    }
  }

  /// The indexes of a table in the library's order, which has the newest first; nil where one of them is not plain, or not
  /// one that the definition makes.
  func indexes(of place: Int, _ table: TableDefinition) -> [SchemaLayout.Index]? {
    var count = 0
    var at = first[place]
    while at >= 0 {
      count += 1
      at = next[at]
    }
    var indexes: [SchemaLayout.Index] = []
    indexes.reserveCapacity(count)
    at = first[place]
    while at >= 0 {
      defer { at = next[at] }
      guard objects[at].sql == nil else { continue }
      // The library makes them in the order of the constraints.
      guard indexes.count < table.constraints.count,
        Self.isAutomatic(objects[at].name, of: table.name, number: indexes.count + 1)
      else { return nil }
      indexes.append(Self.index(objects[at], table.constraints[indexes.count], table))
    }
    guard indexes.count == table.constraints.count else { return nil }
    at = first[place]
    while at >= 0 {
      defer { at = next[at] }
      guard case .index(let definition) = definitions[at] else { continue }
      guard let index = Self.index(objects[at], definition, table) else { return nil }
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
