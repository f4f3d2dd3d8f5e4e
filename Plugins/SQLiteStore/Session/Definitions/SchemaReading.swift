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

  /// Whether there is no table that the library has to be asked about; nor, then, one that a virtual table's module made.
  let isAllPlain: Bool
  /// The objects of which it is not known yet whether their columns say the same as their definitions.
  let unreviewed: [Object]

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
    guard !asksLibrary, var indexes = PlainIndexes(objects) else {
      plain = objects.map { _ in nil }
      isAllPlain = !objects.contains { $0.type == "table" }
      unreviewed = objects
      return
    }
    var plain: [PlainTable?] = []
    plain.reserveCapacity(objects.count)
    var isAllPlain = true
    for (place, object) in objects.enumerated() {
      let isTable = object.type == "table"
      let table = isTable ? PlainTable(object, &indexes) : nil
      if isTable, table == nil { isAllPlain = false }
      if table != nil { indexes.agreeing[place] = ASCII.areSame(object.name, object.table) }
      plain.append(table)
    }
    self.plain = plain
    self.isAllPlain = isAllPlain
    unreviewed = zip(objects, indexes.agreeing).compactMap { $1 ? nil : $0 }
  }
}

/// A table as its plain definition has it.
struct PlainTable {
  /// How it and its indexes are stored.
  let layout: SchemaLayout.Table
  /// The numbers of the primary key's columns, in key order.
  let primaryKey: [Int]
  /// Whether the primary key is the rowid itself.
  let isRowidAlias: Bool
  let isAutoincrement: Bool

  /// Whether an index has a descending column. In an old format of the file, which is not known here, it has none.
  var hasDescendingTerm: Bool { layout.indexes.contains { $0.terms.contains(where: \.isDescending) } }

  fileprivate init?(_ object: SchemaReading.Object, _ indexes: inout PlainIndexes) {
    guard let sql = object.sql, let definition = TableDefinition(sql),
      ASCII.areIdentical(definition.name, object.name), let own = indexes.indexes(of: object, definition)
    else { return nil }
    primaryKey = definition.primaryKey
    isRowidAlias = definition.isRowidAlias
    isAutoincrement = definition.isAutoincrement
    var columns: [SchemaLayout.Column] = []
    columns.reserveCapacity(definition.columns.count)
    for (number, column) in definition.columns.enumerated() {
      columns.append(
        SchemaLayout.Column(
          name: column.name, type: column.type, isNotNull: column.isNotNull, defaultSQL: column.defaultSQL,
          keyPlace: (primaryKey.firstIndex(of: number) ?? -1) + 1, isVirtual: false, isGenerated: false,
          affinity: Affinity(declaredType: column.type)))
    }
    layout = SchemaLayout.Table(
      name: object.name, root: object.root, sql: sql, hasRowid: true, isStrict: false, columns: columns, indexes: own,
      storage: [], hasKeyIndex: definition.constraints.contains(where: \.isPrimaryKey))
  }
}
