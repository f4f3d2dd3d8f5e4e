import MendKit

/// Reads the layout of a database. The library is asked about tables of which the reading of the schema says nothing.
struct SchemaLayoutReader {
  let connection: Connection
  let schema: SchemaReading

  private typealias Kind = (isWithoutRowid: Bool, isStrict: Bool)

  func read() throws(Problem) -> SchemaLayout {
    var asked: Asked?
    var layout = SchemaLayout()
    layout.tables.append(Self.schemaTable)
    for (object, plain) in zip(schema.objects, schema.plain) where object.type == "table" {
      if object.root == 0 || plain == nil && ObjectDefinition(object.sql ?? "")?.isVirtual == true {
        layout.virtualTables.append((object.name, Self.module(object.sql ?? "")))
      } else if let plain, !plain.form.hasDescendingTerm {
        layout.tables.append(plain.layout)
      } else {
        if asked == nil { asked = Asked(kinds: try kinds(), stored: storedIndexes()) }
        if let asked, let table = try table(object, asked) {
          layout.tables.append(table)
        } else {
          layout.unknownRoots.append((object.name, object.name, object.root, false))
        }
      }
    }
    // Every index is one of a plain table, then.
    let count = layout.tables.reduce(0) { $0 + $1.indexes.count }
    if asked == nil, count == schema.objects.count(where: { $0.type == "index" }) { return layout }
    let known = Set(layout.tables.flatMap { $0.indexes.map(\.name) })
    for object in schema.objects where object.type == "index" && object.root > 0 && !known.contains(object.name) {
      layout.unknownRoots.append((object.name, object.table, object.root, true))
    }
    return layout
  }

  /// The layout of a schema of which every table and every index is plain; nil for any other.
  static func layout(_ schema: SchemaReading) -> SchemaLayout? {
    guard schema.isAllPlain else { return nil }
    var layout = SchemaLayout()
    layout.tables.reserveCapacity(schema.objects.count + 1)
    layout.tables.append(schemaTable)
    var indexes = 0
    for (object, plain) in zip(schema.objects, schema.plain) {
      if object.type == "index" { indexes += 1 }
      guard let plain else { continue }
      guard object.root > 0, !plain.form.hasDescendingTerm else { return nil }
      layout.tables.append(plain.layout)
      indexes -= plain.layout.indexes.count
    }
    return indexes == 0 ? layout : nil
  }

  private static let schemaTable = SchemaLayout.Table(
    name: "sqlite_schema", root: 1, sql: "",
    shape: SchemaLayout.Shape(
      sql: "",
      columns: ["type", "name", "tbl_name", "rootpage", "sql"].map {
        SchemaLayout.Column(
          name: $0, type: "", isNotNull: false, defaultSQL: nil, keyPlace: 0, isVirtual: false, isGenerated: false,
          affinity: .blob)
      }), indexes: [])

  // MARK: - From the library

  /// What is asked of the library once, for all tables.
  private struct Asked {
    let kinds: [String: Kind]
    let stored: [String: SchemaReading.Object]
  }

  private func kinds() throws(Problem) -> [String: Kind] {
    var result: [String: Kind] = [:]
    try connection.rows("PRAGMA main.table_list") { row throws(Problem) in
      result[row.text(1)] = (row.integer(4) == 1, row.integer(5) == 1)
      return true
    }
    return result
  }

  private func storedIndexes() -> [String: SchemaReading.Object] {
    Dictionary(schema.objects.filter { $0.type == "index" }.map { ($0.name, $0) }) { first, _ in first }
  }

  /// A table as the library has it; nil where it does not know it.
  private func table(_ object: SchemaReading.Object, _ asked: Asked) throws(Problem) -> SchemaLayout.Table? {
    let literal = Connection.literal(object.name)
    let columns = try columns(of: literal)
    guard !columns.isEmpty, let kind = asked.kinds[object.name] else { return nil }
    let all = try indexes(of: literal, asked)
    let keyIndex = all.first(where: \.isKey)?.index
    // The primary key of a table without rowid is the table itself.
    let own = all.filter { !($0.isKey && kind.isWithoutRowid) }.map(\.index)
    let sql = object.sql ?? ""
    return SchemaLayout.Table(
      name: object.name, root: object.root, sql: sql,
      shape: SchemaLayout.Shape(
        sql: sql, columns: columns, hasRowid: !kind.isWithoutRowid, isStrict: kind.isStrict,
        storage: kind.isWithoutRowid ? keyIndex?.terms ?? [] : [], hasKeyIndex: keyIndex != nil), indexes: own)
  }

  private func columns(of table: String) throws(Problem) -> [SchemaLayout.Column] {
    var result: [SchemaLayout.Column] = []
    try connection.rows("PRAGMA main.table_xinfo(\(table))") { row throws(Problem) in
      let type = row.text(2)
      result.append(
        SchemaLayout.Column(
          name: row.text(1), type: type, isNotNull: row.integer(3) == 1, defaultSQL: row[4].text,
          keyPlace: row.integer(5), isVirtual: row.integer(6) == 2, isGenerated: row.integer(6) >= 2,
          affinity: Affinity(declaredType: type)))
      return true
    }
    return result
  }

  private func indexes(
    of table: String, _ asked: Asked
  ) throws(Problem) -> [(index: SchemaLayout.Index, isKey: Bool)] {
    var result: [(index: SchemaLayout.Index, isKey: Bool)] = []
    try connection.rows("PRAGMA main.index_list(\(table))") { row throws(Problem) in
      let name = row.text(1)
      let object = asked.stored[name]
      result.append(
        (
          SchemaLayout.Index(
            name: name, root: object?.root ?? 0, isUnique: row.integer(2) == 1, isPartial: row.integer(4) == 1,
            sql: object?.sql, terms: try terms(of: name)), row.text(3) == "pk"
        ))
      return true
    }
    return result
  }

  private func terms(of index: String) throws(Problem) -> [SchemaLayout.Term] {
    var result: [SchemaLayout.Term] = []
    try connection.rows("PRAGMA main.index_xinfo(\(Connection.literal(index)))") { row throws(Problem) in
      let column = row.integer(1)
      result.append(
        SchemaLayout.Term(
          column: column >= 0 ? column : nil, isExpression: column == -2, isDescending: row.integer(3) == 1,
          collation: Collation(row.text(4)), isKey: row.integer(5) == 1))
      return true
    }
    return result
  }

  /// The module of a virtual table, from `CREATE VIRTUAL TABLE name USING module(…)`.
  private static func module(_ sql: String) -> String {
    let words = sql.split { $0.isWhitespace || $0 == "(" }
    guard let using = words.firstIndex(where: { $0.lowercased() == "using" }), using + 1 < words.count else {
      return ""
    }
    return words[using + 1].lowercased()
  }
}
