import CSQLite
import MendKit

/// How the tables and indexes of a schema are stored: what the verification needs to know of them, as SQLite itself reads
/// their definitions.
struct SchemaLayout {
  /// A column as it is stored.
  struct Column {
    let name: String
    let type: String
    let isNotNull: Bool
    let defaultSQL: String?
    /// The place in the primary key, from 1; 0 for none.
    let keyPlace: Int
    let isVirtual: Bool
    let isGenerated: Bool
    let affinity: Affinity
  }

  /// One value of an index's entries.
  struct Term {
    /// The column's number; nil for the rowid.
    let column: Int?
    let isExpression: Bool
    let isDescending: Bool
    let collation: Collation
    /// Whether it is declared, rather than added to tell rows apart.
    let isKey: Bool
  }

  struct Index {
    let name: String
    let root: UInt32
    let isUnique: Bool
    let isPartial: Bool
    let sql: String?
    var terms: [Term]
  }

  struct Table {
    let name: String
    let root: UInt32
    let sql: String
    let hasRowid: Bool
    let isStrict: Bool
    let columns: [Column]
    var indexes: [Index]
    /// The terms of a table without rowid, in the order of its records.
    var storage: [Term]

    /// The column that is another name of the rowid.
    var rowidColumn: Int? {
      guard hasRowid else { return nil }
      let key = columns.indices.filter { columns[$0].keyPlace > 0 }
      guard key.count == 1, columns[key[0]].type.uppercased() == "INTEGER", !hasKeyIndex else { return nil }
      return key[0]
    }
    var hasKeyIndex = false

    /// The numbers of the columns in the order in which records hold them.
    var recordOrder: [Int] {
      hasRowid ? columns.indices.filter { !columns[$0].isVirtual } : storage.compactMap(\.column)
    }
  }

  /// The rows of the schema table.
  var objects: [SchemaLayoutReader.Object] = []
  var tables: [Table] = []
  /// Virtual tables and the modules that they are of.
  var virtualTables: [(name: String, module: String)] = []
  /// Roots of objects that could not be understood.
  var unknownRoots: [(name: String, table: String, root: UInt32, isIndex: Bool)] = []
}

/// Column affinity (datatype3.html, section 3.1).
enum Affinity {
  case blob, text, numeric, integer, real

  init(declaredType: String) {
    // Only the letters of ASCII are folded, as SQLite does.
    let type = String(decoding: declaredType.utf8.map { $0 >= 97 && $0 <= 122 ? $0 - 32 : $0 }, as: UTF8.self)
    if type.contains("INT") {
      self = .integer
    } else if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") {
      self = .text
    } else if type.contains("BLOB") || type.isEmpty {
      self = .blob
    } else if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
      self = .real
    } else {
      self = .numeric
    }
  }
}

extension String {
  fileprivate func contains(_ part: StaticString) -> Bool { range(of: "\(part)") != nil }
}

/// Reads the layout through a connection.
struct SchemaLayoutReader {
  let connection: Connection

  /// A row of the schema table.
  struct Object {
    let type: String
    let name: String
    let table: String
    let root: UInt32
    let sql: String?
  }

  /// The rows of the schema table.
  func objects() throws(Problem) -> [Object] {
    var objects: [Object] = []
    try connection.rows("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema") { row throws(Problem) in
      objects.append(
        Object(
          type: row.text(0), name: row.text(1), table: row.text(2), root: UInt32(clamping: row.integer(3)),
          sql: row[4].text))
      return true
    }
    return objects
  }

  func read() throws(Problem) -> SchemaLayout {
    let objects = try objects()
    let columns = try columns()
    let kinds = try kinds()
    let indexes = try indexes(objects)
    var layout = SchemaLayout()
    layout.objects = objects
    layout.tables.append(Self.schemaTable)
    for object in objects {
      switch object.type {
      case "table" where object.root == 0:
        layout.virtualTables.append((object.name, Self.module(object.sql ?? "")))
      case "table":
        guard let own = columns[object.name], let kind = kinds[object.name] else {
          layout.unknownRoots.append((object.name, object.name, object.root, false))
          continue
        }
        var table = SchemaLayout.Table(
          name: object.name, root: object.root, sql: object.sql ?? "", hasRowid: !kind.isWithoutRowid,
          isStrict: kind.isStrict, columns: own, indexes: [], storage: [])
        for index in indexes[object.name] ?? [] {
          if index.isKey { table.hasKeyIndex = true }
          if index.isKey, kind.isWithoutRowid {
            table.storage = index.index.terms
          } else {
            table.indexes.append(index.index)
          }
        }
        layout.tables.append(table)
      default: break
      }
    }
    let known = Set(layout.tables.flatMap { $0.indexes.map(\.name) })
    for object in objects where object.type == "index" && object.root > 0 && !known.contains(object.name) {
      layout.unknownRoots.append((object.name, object.table, object.root, true))
    }
    return layout
  }

  private static let schemaTable = SchemaLayout.Table(
    name: "sqlite_schema", root: 1, sql: "", hasRowid: true, isStrict: false,
    columns: ["type", "name", "tbl_name", "rootpage", "sql"].map {
      SchemaLayout.Column(
        name: $0, type: "", isNotNull: false, defaultSQL: nil, keyPlace: 0, isVirtual: false, isGenerated: false,
        affinity: .blob)
    }, indexes: [], storage: [])

  private func columns() throws(Problem) -> [String: [SchemaLayout.Column]] {
    var result: [String: [SchemaLayout.Column]] = [:]
    try connection.rows(
      """
      SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
      FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0 ORDER BY m.rowid, c.cid
      """
    ) { row throws(Problem) in
      let type = row.text(2)
      result[row.text(0), default: []].append(
        SchemaLayout.Column(
          name: row.text(1), type: type, isNotNull: row.integer(3) == 1, defaultSQL: row[4].text,
          keyPlace: row.integer(5), isVirtual: row.integer(6) == 2, isGenerated: row.integer(6) >= 2,
          affinity: Affinity(declaredType: type)))
      return true
    }
    return result
  }

  private func kinds() throws(Problem) -> [String: (isWithoutRowid: Bool, isStrict: Bool)] {
    var result: [String: (isWithoutRowid: Bool, isStrict: Bool)] = [:]
    try connection.rows("SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main'") { row throws(Problem) in
      result[row.text(0)] = (row.integer(1) == 1, row.integer(2) == 1)
      return true
    }
    return result
  }

  private func indexes(
    _ objects: [Object]
  ) throws(Problem) -> [String: [(index: SchemaLayout.Index, isKey: Bool)]] {
    let stored = Dictionary(objects.filter { $0.type == "index" }.map { ($0.name, $0) }) { first, _ in first }
    var result: [String: [(index: SchemaLayout.Index, isKey: Bool)]] = [:]
    try connection.rows(
      """
      SELECT m.name, i.name, i."unique", i.origin, i.partial, c.cid, c."desc", c.coll, c.key FROM sqlite_schema AS m,
      pragma_index_list(m.name) AS i, pragma_index_xinfo(i.name) AS c
      WHERE m.type = 'table' AND m.rootpage > 0 ORDER BY m.rowid, i.seq, c.seqno
      """
    ) { row throws(Problem) in
      let term = SchemaLayout.Term(
        column: row.integer(5) >= 0 ? row.integer(5) : nil, isExpression: row.integer(5) == -2,
        isDescending: row.integer(6) == 1, collation: Collation(row.text(7)), isKey: row.integer(8) == 1)
      var ofTable = result[row.text(0)] ?? []
      if ofTable.last?.index.name == row.text(1) {
        ofTable[ofTable.count - 1].index.terms.append(term)
      } else {
        let object = stored[row.text(1)]
        ofTable.append(
          (
            SchemaLayout.Index(
              name: row.text(1), root: object?.root ?? 0, isUnique: row.integer(2) == 1, isPartial: row.integer(4) == 1,
              sql: object?.sql, terms: [term]), row.text(3) == "pk"
          ))
      }
      result[row.text(0)] = ofTable
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
