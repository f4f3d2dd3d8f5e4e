import CSQLite
import MendKit

/// Puts a database's schema into the common terms of a catalog. The library is asked about tables of which the reading of the
/// schema says nothing.
struct CatalogReader {
  let connection: Connection
  let schema: SchemaReading

  /// What the library says of a table beside its columns. Kept by the bytes of its name: to the library, names that only
  /// look the same are different.
  private struct Kind {
    let type: String
    let hasNoRowid: Bool
  }

  private typealias KeyedColumn = (column: Column, key: Int)
  private typealias OwnedIndex = (index: Index, isPrimaryKey: Bool)

  /// The catalog of the main database.
  func read() throws(Problem) -> Catalog {
    // Without a virtual table there are none that a module made for it, and no plain definition is of a virtual table.
    if schema.isAllPlain { return Self.catalog(ofPlain: schema) }
    let kinds = try kinds()
    var tables: [Table] = []
    tables.reserveCapacity(schema.objects.count)
    for (object, plain) in zip(schema.objects, schema.plain)
    where object.type == "table" && !Self.isOfEngine(object.name) {
      let kind = kinds[Array(object.name.utf8)]
      if let plain, kind?.type == "table" {
        tables.append(Self.table(plain))
      } else if let kind, kind.type == "table" || kind.type == "virtual" {
        tables.append(try table(object.name, kind))
      }
    }
    let objects = schema.objects
    let shadows = Set(kinds.filter { $0.value.type == "shadow" }.keys)
    return Catalog(tables: tables, views: Self.views(objects), schema: Self.text(objects, shadows: shadows))
  }

  /// The catalog of a schema of which every table is plain, so that nothing has to be asked: made by all processors where the
  /// tables are many.
  private static func catalog(ofPlain schema: SchemaReading) -> Catalog {
    let objects = schema.objects
    let parts = Workers.parts(objects.count, workers: Workers.processors) { range in
      range.compactMap { isOfEngine(objects[$0].name) ? nil : schema.plain[$0].map(table) }
    }
    let tables = parts.count == 1 ? parts[0] : Array(parts.joined())
    return Catalog(tables: tables, views: views(objects), schema: text(objects, shadows: []))
  }

  private static func views(_ objects: [SchemaReading.Object]) -> [String] {
    objects.filter { $0.type == "view" }.map(\.name)
  }

  private static func table(_ plain: PlainTable) -> Table {
    let form = plain.form
    return Table(
      name: plain.layout.name, columns: form.columns, primaryKey: form.primaryKey,
      keyIsStructural: form.isRowidAlias, hasSequence: form.isAutoincrement,
      indexes: zip(plain.layout.indexes, form.indexes).map { index, form in
        Index(
          name: index.name, isUnique: form.isUnique, isPartial: form.isPartial, columns: form.columns,
          isImplicit: index.sql == nil)
      })
  }

  private func kinds() throws(Problem) -> [[UInt8]: Kind] {
    var result: [[UInt8]: Kind] = [:]
    try connection.rows("PRAGMA main.table_list") { row throws(Problem) in
      result[Array(row.text(1).utf8)] = Kind(type: row.text(2), hasNoRowid: row.integer(4) == 1)
      return true
    }
    return result
  }

  private func table(_ name: String, _ kind: Kind) throws(Problem) -> Table {
    let literal = Connection.literal(name)
    let isVirtual = kind.type == "virtual"
    let columns = isVirtual ? try virtualColumns(of: literal) : try columns(of: literal)
    let indexes = isVirtual ? [] : try indexes(of: literal)
    let key = columns.filter { $0.key > 0 }.sorted { $0.key < $1.key }.map(\.column.name)
    let isRowidAlias = !key.isEmpty && !kind.hasNoRowid && !indexes.contains { $0.isPrimaryKey }
    return Table(
      name: name, columns: columns.map(\.column), primaryKey: key, keyIsStructural: isRowidAlias || kind.hasNoRowid,
      hasSequence: isRowidAlias && key.count == 1 && isAutoincrement(name, key[0]), isVirtual: isVirtual,
      // The primary key of a table without rowid is the table itself, not an index on it.
      indexes: indexes.filter { !($0.isPrimaryKey && kind.hasNoRowid) }.map(\.index))
  }

  /// The columns in their order, those that a virtual table hides left out.
  private func columns(of table: String) throws(Problem) -> [KeyedColumn] {
    var result: [KeyedColumn] = []
    try connection.rows("PRAGMA main.table_xinfo(\(table))") { row throws(Problem) in
      guard row.integer(6) != 1 else { return true }
      let column = Column(name: row.text(1), type: row.text(2), isNotNull: row.integer(3) == 1)
      result.append((column, row.integer(5)))
      return true
    }
    return result
  }

  /// The columns that a virtual table's module tells of; none where the module is not here, or refuses the tables that it
  /// keeps its content in. What is wrong with these is for the verification to say, and no other table's matter.
  private func virtualColumns(of table: String) throws(Problem) -> [KeyedColumn] {
    do throws(Problem) { return try columns(of: table) } catch {
      guard error.kind == .damaged || error.kind == .system && error.code == nil else { throw error }
      return []
    }
  }

  private func indexes(of table: String) throws(Problem) -> [OwnedIndex] {
    var result: [OwnedIndex] = []
    try connection.rows("PRAGMA main.index_list(\(table))") { row throws(Problem) in
      let name = row.text(1)
      let index = Index(
        name: name, isUnique: row.integer(2) == 1, isPartial: row.integer(4) == 1, columns: try columns(ofIndex: name),
        isImplicit: row.text(3) != "c")
      result.append((index, row.text(3) == "pk"))
      return true
    }
    return result
  }

  /// The columns of an index's key, without those that only lead back to the row.
  private func columns(ofIndex name: String) throws(Problem) -> [String?] {
    var result: [String?] = []
    try connection.rows("PRAGMA main.index_xinfo(\(Connection.literal(name)))") { row throws(Problem) in
      if row.integer(5) == 1 { result.append(row[2].text) }
      return true
    }
    return result
  }

  private func isAutoincrement(_ table: String, _ column: String) -> Bool {
    var flag: Int32 = 0
    let code = sqlite3_table_column_metadata(connection.handle, "main", table, column, nil, nil, nil, nil, &flag)
    return code == SQLITE_OK && flag != 0
  }

  /// Tables first, then what rests on them. The engine's own tables are left out: they come by themselves; so are the
  /// tables that a virtual table's module makes.
  private static func text(_ objects: [SchemaReading.Object], shadows: Set<[UInt8]>) -> String {
    var texts: [[UInt8]] = [[], [], [], []]
    for object in objects {
      guard var sql = object.sql, !isOfEngine(object.name) else { continue }
      if !shadows.isEmpty, shadows.contains(Array(object.name.utf8)) || shadows.contains(Array(object.table.utf8)) {
        continue
      }
      let place = object.type == "table" ? 0 : object.type == "index" ? 1 : object.type == "view" ? 2 : 3
      sql.withUTF8 { texts[place].append(contentsOf: $0) }
      texts[place].append(UInt8(ascii: ";"))
      texts[place].append(UInt8(ascii: "\n"))
    }
    return texts.map { String(decoding: $0, as: UTF8.self) }.joined()
  }

  /// Whether a table is one that the library makes for itself.
  static func isOfEngine(_ name: String) -> Bool { ASCII.hasPrefix(name, "sqlite_") }
}
