import CSQLite
import MendKit

/// Reads a database's schema into the common terms of a catalog.
struct CatalogReader {
  let connection: Connection

  /// The catalog of the main database.
  func read() throws(Problem) -> Catalog {
    let columns = try columns()
    let indexes = try indexes()
    var tables: [Table] = []
    let listed = try connection.query(
      "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')")
    let order = try connection.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
    let kinds = Dictionary(listed.map { ($0[0].description, $0) }) { first, _ in first }
    for name in order.compactMap({ $0[0].text }) where !name.lowercased().hasPrefix("sqlite_") {
      guard let kind = kinds[name] else { continue }
      let isVirtual = kind[1].text == "virtual"
      tables.append(
        table(
          name, isVirtual: isVirtual, hasNoRowid: kind[2].integer == 1,
          columns: isVirtual ? try virtualColumns(of: name) : columns[name] ?? [], indexes: indexes[name] ?? []))
    }
    let views = try connection.query("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY rowid")
    return Catalog(tables: tables, views: views.compactMap { $0[0].text }, schema: try schema())
  }

  private typealias KeyedColumn = (column: Column, key: Int)

  private func columns() throws(Problem) -> [String: [KeyedColumn]] {
    var result: [String: [KeyedColumn]] = [:]
    try connection.rows(
      """
      SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c
      WHERE m.type = 'table' AND m.rootpage > 0 AND c.hidden IN (0, 2, 3) ORDER BY m.rowid, c.cid
      """
    ) { row throws(Problem) in
      let column = Column(name: row.text(1), type: row.text(2), isNotNull: row.integer(3) == 1)
      result[row.text(0), default: []].append((column, row.integer(4)))
      return true
    }
    return result
  }

  /// The columns that a virtual table's module tells of; none where the module is not here.
  private func virtualColumns(of name: String) throws(Problem) -> [KeyedColumn] {
    do throws(Problem) {
      return try connection.query(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(\(Connection.literal(name))) WHERE hidden IN (0, 2, 3)"
      ).map { row in
        let column = Column(name: row[0].text ?? "", type: row[1].text ?? "", isNotNull: row[2].integer == 1)
        return (column, Int(row[3].integer ?? 0))
      }
    } catch {
      guard error.kind == .system, error.code == nil else { throw error }
      return []
    }
  }

  private func indexes() throws(Problem) -> [String: [(index: Index, isPrimaryKey: Bool)]] {
    var result: [String: [(index: Index, isPrimaryKey: Bool)]] = [:]
    try connection.rows(
      """
      SELECT m.name, i.name, i."unique", i.origin, i.partial, c.name FROM sqlite_schema AS m, pragma_index_list(m.name) AS i,
      pragma_index_xinfo(i.name) AS c WHERE m.type = 'table' AND c.key = 1 ORDER BY m.rowid, i.seq, c.seqno
      """
    ) { row throws(Problem) in
      var ofTable = result[row.text(0)] ?? []
      let column = row[5].text
      if let last = ofTable.last, last.index.name == row.text(1) {
        ofTable[ofTable.count - 1].index.columns.append(column)
      } else {
        let index = Index(
          name: row.text(1), isUnique: row.integer(2) == 1, isPartial: row.integer(4) == 1, columns: [column],
          isImplicit: row.text(3) != "c")
        ofTable.append((index, row.text(3) == "pk"))
      }
      result[row.text(0)] = ofTable
      return true
    }
    return result
  }

  private func table(
    _ name: String, isVirtual: Bool, hasNoRowid: Bool, columns: [KeyedColumn],
    indexes: [(index: Index, isPrimaryKey: Bool)]
  ) -> Table {
    let key = columns.filter { $0.key > 0 }.sorted { $0.key < $1.key }.map(\.column.name)
    let isRowidAlias = !key.isEmpty && !hasNoRowid && !indexes.contains { $0.isPrimaryKey }
    return Table(
      name: name, columns: columns.map(\.column), primaryKey: key, keyIsStructural: isRowidAlias || hasNoRowid,
      hasSequence: isRowidAlias && key.count == 1 && isAutoincrement(name, key[0]), isVirtual: isVirtual,
      // The primary key of a table without rowid is the table itself, not an index on it.
      indexes: indexes.filter { !($0.isPrimaryKey && hasNoRowid) }.map(\.index))
  }

  private func isAutoincrement(_ table: String, _ column: String) -> Bool {
    var flag: Int32 = 0
    let code = sqlite3_table_column_metadata(connection.handle, "main", table, column, nil, nil, nil, nil, &flag)
    return code == SQLITE_OK && flag != 0
  }

  /// Tables first, then what rests on them. The engine's own tables are left out: they come by themselves; so are the
  /// tables that a virtual table's module makes.
  private func schema() throws(Problem) -> String {
    let rows = try connection.query(
      """
      SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow' AND schema = 'main')
      AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow' AND schema = 'main')
      ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid
      """)
    return rows.compactMap { $0[0].text }.map { $0 + ";\n" }.joined()
  }
}
