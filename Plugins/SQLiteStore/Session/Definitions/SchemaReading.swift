import MendKit

/// The schema table, and what plain definitions in it say of the tables. Read once for whoever wants to know of the schema:
/// asking the library about a table takes three statements and more for its indexes, which for thousands of tables takes
/// longer than reading their rows.
struct SchemaReading {
  /// A row of the schema table.
  struct Object {
    let type: String
    let name: String
    let table: String
    let root: UInt32
    let sql: String?
  }

  let objects: [Object]
  /// For each object that is a table with a plain definition and plain indexes, what they say; nil for any other, of which the
  /// library has to be asked.
  let plain: [PlainTable?]

  /// The tables that the library has to be asked about are there; so are, perhaps, tables that a virtual table's module made.
  var isAllPlain: Bool { !zip(objects, plain).contains { $0.type == "table" && $1 == nil } }

  /// Reads the schema table. `asksLibrary` leaves every definition to the library, for tests that hold both ways against
  /// each other.
  init(_ connection: Connection, asksLibrary: Bool = false) throws(Problem) {
    var objects: [Object] = []
    try connection.rows(
      "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid"
    ) { row throws(Problem) in
      objects.append(
        Object(
          type: row.text(0), name: row.text(1), table: row.text(2), root: UInt32(clamping: row.integer(3)),
          sql: row[4].text))
      return true
    }
    self.init(objects, asksLibrary: asksLibrary)
  }

  init(_ objects: [Object], asksLibrary: Bool = false) {
    self.objects = objects
    guard !asksLibrary, let indexes = PlainIndexes(objects) else {
      plain = objects.map { _ in nil }
      return
    }
    plain = objects.map { $0.type == "table" ? PlainTable($0, indexes) : nil }
  }
}

/// A table as its plain definition has it.
struct PlainTable {
  /// An index of it.
  struct Index {
    let name: String
    let root: UInt32
    let sql: String?
    let isUnique: Bool
    let isPartial: Bool
    /// Whether the library made it for the primary key.
    let isPrimaryKey: Bool
    let terms: [TableDefinition.Term]
    let collations: [String]
  }

  let definition: TableDefinition
  /// In the library's order, which has the newest first.
  let indexes: [Index]

  /// Whether an index has a descending column. In an old format of the file, which is not known here, it has none.
  var hasDescendingTerm: Bool { indexes.contains { $0.terms.contains(where: \.isDescending) } }

  fileprivate init?(_ object: SchemaReading.Object, _ indexes: PlainIndexes) {
    guard let sql = object.sql, let definition = TableDefinition(sql),
      definition.name.utf8.elementsEqual(object.name.utf8), let own = indexes.indexes(of: object, definition)
    else { return nil }
    self.definition = definition
    self.indexes = own
  }
}

/// The indexes of a schema by their tables.
private struct PlainIndexes {
  private struct Owned {
    var written: [(object: SchemaReading.Object, definition: IndexDefinition)] = []
    /// Those without a definition: the library makes them for constraints.
    var implicit: [[UInt8]: SchemaReading.Object] = [:]
  }

  private var owned: [[UInt8]: Owned] = [:]

  /// Sorts the indexes; nil where one of them may be on another table than the schema table says.
  init?(_ objects: [SchemaReading.Object]) {
    for object in objects where object.type == "index" {
      let table = Self.folded(object.table)
      guard let sql = object.sql else {
        owned[table, default: Owned()].implicit[Array(object.name.utf8)] = object
        continue
      }
      guard let definition = IndexDefinition(sql), Self.folded(definition.table) == table else { return nil }
      owned[table, default: Owned()].written.append((object, definition))
    }
  }

  /// The indexes of a table in the library's order; nil where one of them is not plain, or not one that the definition makes.
  func indexes(of object: SchemaReading.Object, _ table: TableDefinition) -> [PlainTable.Index]? {
    let owned = owned[Self.folded(object.name)] ?? Owned()
    guard owned.implicit.count == table.constraints.count else { return nil }
    var indexes: [PlainTable.Index] = []
    for (number, constraint) in table.constraints.enumerated() {
      let name = "sqlite_autoindex_\(table.name)_\(number + 1)"
      guard let implicit = owned.implicit[Array(name.utf8)] else { return nil }
      indexes.append(
        PlainTable.Index(
          name: name, root: implicit.root, sql: nil, isUnique: true, isPartial: false,
          isPrimaryKey: constraint.isPrimaryKey, terms: constraint.terms,
          collations: constraint.terms.map { table.columns[$0.column].collation }))
    }
    for (object, definition) in owned.written {
      guard let index = Self.index(object, definition, table) else { return nil }
      indexes.append(index)
    }
    return indexes.reversed()
  }

  private static func index(
    _ object: SchemaReading.Object, _ definition: IndexDefinition, _ table: TableDefinition
  ) -> PlainTable.Index? {
    guard let named = definition.terms else { return nil }
    var terms: [TableDefinition.Term] = []
    for term in named {
      guard let column = table.column(term.name) else { return nil }
      terms.append(TableDefinition.Term(column: column, isDescending: term.isDescending))
    }
    return PlainTable.Index(
      name: object.name, root: object.root, sql: object.sql, isUnique: definition.isUnique,
      isPartial: definition.isPartial, isPrimaryKey: false, terms: terms,
      collations: zip(named, terms).map { $0.collation ?? table.columns[$1.column].collation })
  }

  /// A name with ASCII case taken out, as the library compares names.
  private static func folded(_ name: String) -> [UInt8] {
    Array(name.utf8).map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }
}
