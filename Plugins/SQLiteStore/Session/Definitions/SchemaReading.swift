import MendKit

/// The schema table, and what plain definitions in it say of the tables. Read once for whoever wants to know of the schema:
/// asking the library about a table takes three statements and more for its indexes, which for thousands of tables takes
/// longer than reading their rows.
struct SchemaReading: Sendable {
  /// A row of the schema table.
  struct Object: Equatable {
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
  /// Whether every version of the library takes the schema as it is, so that it need not be asked. Where the roots are is left
  /// out, and what only the bytes of a text tell.
  let isAccepted: Bool

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

  /// Reads the definitions of these objects, by several workers where they are many.
  init(_ objects: [Object], asksLibrary: Bool = false, workers: Int = 1) {
    self.objects = objects
    let definitions =
      asksLibrary ? [] : Workers.inParts(objects.count, workers: workers) { part in objects[part].map(Definition.init) }
    guard !asksLibrary, var indexes = PlainIndexes(objects, definitions) else {
      plain = objects.map { _ in nil }
      isAllPlain = !objects.contains { $0.type == "table" }
      unreviewed = objects
      isAccepted = false
      return
    }
    let sorted = indexes
    plain = Workers.inParts(objects.count, workers: workers) { part in
      part.map { PlainTable(objects[$0], $0, definitions[$0], sorted) }
    }
    for (place, table) in plain.enumerated() where table != nil { indexes.agree(place) }
    isAllPlain = zip(objects, plain).allSatisfy { $0.type != "table" || $1 != nil }
    unreviewed = zip(objects, indexes.agreeing).compactMap { $1 ? nil : $0 }
    isAccepted = isAllPlain && unreviewed.isEmpty && indexes.areInOrder && Self.areAccepted(objects, definitions)
  }

  /// Whether the library has nothing to say against any of the definitions, nor against their names together.
  private static func areAccepted(_ objects: [Object], _ definitions: [Definition]) -> Bool {
    for (object, definition) in zip(objects, definitions) {
      if object.type == "index", object.sql == nil { continue }
      guard definition.isAccepted, (object.sql?.utf8.count ?? 0) <= mostBytes,
        !ASCII.hasPrefix(object.name, "sqlite_") || enginesOwn.contains(object.name)
      else { return false }
    }
    return areDistinct(objects.map { UInt64($0.root) } + [0, 1])
      // Where two names have one hash they may be the same.
      && areDistinct(objects.map { $0.name.utf8.reduce(0xCBF2_9CE4_8422_2325) { hash($0, ASCII.lowered($1)) } })
  }

  /// FNV-1a.
  private static func hash(_ sum: UInt64, _ byte: UInt8) -> UInt64 { (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }

  private static func areDistinct(_ numbers: [UInt64]) -> Bool {
    let sorted = numbers.sorted()
    return zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 }
  }

  /// A definition of more bytes is left to the library, which has a bound that was not always the same.
  private static let mostBytes = 64 << 10
  /// Tables that the library makes for itself.
  private static let enginesOwn: Set = ["sqlite_sequence", "sqlite_stat1", "sqlite_stat4"]
}

/// A table as its plain definition has it.
struct PlainTable: Sendable {
  /// How it and its indexes are stored.
  let layout: SchemaLayout.Table
  /// The numbers of the primary key's columns, in key order.
  let primaryKey: [Int]
  /// Whether the primary key is the rowid itself.
  let isRowidAlias: Bool
  let isAutoincrement: Bool

  /// Whether an index has a descending column. In an old format of the file, which is not known here, it has none.
  var hasDescendingTerm: Bool { layout.indexes.contains { $0.terms.contains(where: \.isDescending) } }

  fileprivate init?(
    _ object: SchemaReading.Object, _ place: Int, _ definition: Definition, _ indexes: PlainIndexes
  ) {
    guard let sql = object.sql, case .table(let definition) = definition,
      ASCII.areIdentical(definition.name, object.name), let own = indexes.indexes(of: place, definition)
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
