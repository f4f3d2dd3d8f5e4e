import MendKit

/// The tables of a database as its catalog has them, with the names that the rest of dbmend calls them by: those in the
/// schema `public` by their own name, all others as `schema.table`.
struct DatabaseCatalog {
  /// A table.
  struct Relation {
    var oid: String
    var schema: String
    var name: String
    /// `r` for a plain table, `p` for a partitioned one, `f` for a foreign one.
    var kind: String
    var table: Table
    var indexes: [IndexRelation] = []
    /// The columns that hold texts.
    var texts: [TextColumn] = []
    /// The columns that are computed from others: no row is given a value for them.
    var generated: Set<String> = []
    /// The names of the others.
    var storedColumns: [String] { table.columns.map(\.name).filter { !generated.contains($0) } }
    /// The schema-qualified name in SQL.
    var sql: String { Quoting.name(schema) + "." + Quoting.name(name) }
    /// A b-tree over all rows.
    var indexOfAllRows: IndexRelation? {
      zip(indexes, table.indexes).first { relation, index in
        relation.method == "btree" && relation.isValid && relation.isReady && !index.isPartial
      }?.0
    }
    /// Whether it has rows of its own.
    var holdsRows: Bool { kind == "r" }
  }

  /// A column that holds texts.
  struct TextColumn {
    var name: String
    /// Whether it is of the type `character`, whose values are filled up with blanks. To take these off takes long.
    var isPadded: Bool
  }

  /// An index.
  struct IndexRelation {
    var oid: String
    var schema: String
    var name: String
    /// As findings call it.
    var shown: String
    /// `btree`, `hash`, `gin`, …
    var method: String
    var isValid: Bool
    var isReady: Bool
    /// Whether a PRIMARY KEY, UNIQUE or EXCLUDE constraint rests on it.
    var ofConstraint: Bool
    var sql: String { Quoting.name(schema) + "." + Quoting.name(name) }
  }

  private(set) var relations: [Relation] = []
  private(set) var views: [String] = []
  /// B-trees of the server's own catalogs, of values kept apart and of materialized views.
  private(set) var engineIndexes: [IndexRelation] = []
  private var byName: [String: Int] = [:]

  init(_ connection: ServerConnection) throws(ServerFailure) {
    try readTables(connection)
    try readColumns(connection)
    try readIndexes(connection)
    try readEngineIndexes(connection)
    views = try connection.rows(Self.viewQuery).compactMap { row in
      row.count == 2 ? Self.shown(row[0] ?? "", row[1] ?? "") : nil
    }
  }

  /// The table of a name that `Table.name` has.
  func relation(_ name: String) -> Relation? {
    if let index = byName[name] { return relations[index] }
    return relations.first { $0.table.name.lowercased() == name.lowercased() }
  }

  /// The index of a name that `Index.name` has.
  func index(_ name: String) -> IndexRelation? {
    for relation in relations { if let index = relation.indexes.first(where: { $0.shown == name }) { return index } }
    return nil
  }

  /// The index of a name, also one that is no application's.
  func anyIndex(_ name: String) -> IndexRelation? { index(name) ?? engineIndexes.first { $0.shown == name } }

  /// A name as the rest of dbmend has it.
  static func shown(_ schema: String, _ name: String) -> String {
    schema == "public" && !name.contains(".") ? name : "\(schema).\(name)"
  }

  // MARK: - Reading

  /// Schemas that are PostgreSQL's own, and what other sessions keep for themselves.
  static let ownSchemas = """
    n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(temp|toast_temp)_'
    """

  private static let viewQuery = """
    select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and \(ownSchemas) order by 1, 2
    """

  private mutating func readTables(_ connection: ServerConnection) throws(ServerFailure) {
    let rows = try connection.rows(
      """
      select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and \(Self.ownSchemas) order by 2, 3
      """)
    for row in rows {
      guard row.count == 4, let oid = row[0], let schema = row[1], let name = row[2], let kind = row[3] else {
        continue
      }
      let shown = Self.shown(schema, name)
      let table = Table(
        name: shown, columns: [], primaryKey: [], keyIsStructural: false, isVirtual: kind != "r")
      byName[shown] = relations.count
      relations.append(Relation(oid: oid, schema: schema, name: name, kind: kind, table: table))
    }
  }

  private mutating func readColumns(_ connection: ServerConnection) throws(ServerFailure) {
    var places: [String: Int] = [:]
    for (index, relation) in relations.enumerated() { places[relation.oid] = index }
    let rows = try connection.rows(
      """
      select a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attidentity <> '' or coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid) like 'nextval(%', false),
        y.typcategory = 'S' or a.atttypid in ('json'::pg_catalog.regtype, 'xml'::pg_catalog.regtype),
        a.atttypid = 'bpchar'::pg_catalog.regtype, a.attgenerated <> ''
      from pg_catalog.pg_attribute a join pg_catalog.pg_type y on y.oid = a.atttypid join pg_catalog.pg_class c on c.oid = a.attrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where c.relkind in ('r', 'p', 'f') and a.attnum > 0 and not a.attisdropped and \(Self.ownSchemas)
      order by a.attrelid, a.attnum
      """)
    for row in rows {
      guard row.count == 8, let place = row[0].flatMap({ places[$0] }), let name = row[1] else { continue }
      relations[place].table.columns.append(Column(name: name, type: row[2] ?? "", isNotNull: row[3] == "t"))
      if row[4] == "t" { relations[place].table.hasSequence = true }
      if row[7] == "t" { relations[place].generated.insert(name) }
      if row[5] == "t" { relations[place].texts.append(TextColumn(name: name, isPadded: row[6] == "t")) }
    }
  }

  private mutating func readIndexes(_ connection: ServerConnection) throws(ServerFailure) {
    var places: [String: Int] = [:]
    for (index, relation) in relations.enumerated() { places[relation.oid] = index }
    let rows = try connection.rows(
      """
      select i.indrelid, i.indexrelid, n.nspname, c.relname, m.amname, i.indisunique, i.indisprimary,
        i.indpred is not null, i.indisvalid, i.indisready,
        exists(select 1 from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
        (select pg_catalog.json_agg(a.attname order by k.place)::text from
          pg_catalog.unnest(i.indkey::int2[]) with ordinality k(number, place)
          left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
          where k.place <= i.indnkeyatts)
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_am m on m.oid = c.relam
      join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace
      where \(Self.ownSchemas) and c.relkind = 'i' order by 3, 4
      """)
    for row in rows {
      guard row.count == 12, let place = row[0].flatMap({ places[$0] }), let oid = row[1], let schema = row[2],
        let name = row[3]
      else { continue }
      let index = IndexRelation(
        oid: oid, schema: schema, name: name, shown: Self.shown(schema, name), method: row[4] ?? "",
        isValid: row[8] == "t", isReady: row[9] == "t", ofConstraint: row[10] == "t")
      let columns = Self.names(row[11])
      relations[place].indexes.append(index)
      // An index that is not valid refuses nothing.
      relations[place].table.indexes.append(
        Index(
          name: index.shown, isUnique: row[5] == "t" && index.isValid && index.isReady, isPartial: row[7] == "t",
          columns: columns, isImplicit: index.ofConstraint))
      if row[6] == "t" { relations[place].table.primaryKey = columns.compactMap(\.self) }
    }
  }

  private mutating func readEngineIndexes(_ connection: ServerConnection) throws(ServerFailure) {
    let rows = try connection.rows(
      """
      select c.oid, n.nspname, c.relname, m.amname, i.indisvalid, i.indisready from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam
      join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where t.relpersistence <> 't' and n.nspname !~ '^pg_(temp|toast_temp)_'
        and (t.relkind in ('t', 'm') or n.nspname in ('pg_catalog', 'information_schema'))
      """)
    engineIndexes = rows.compactMap { row in
      guard row.count == 6, let oid = row[0], let schema = row[1], let name = row[2] else { return nil }
      return IndexRelation(
        oid: oid, schema: schema, name: name, shown: Self.shown(schema, name), method: row[3] ?? "",
        isValid: row[4] == "t", isReady: row[5] == "t", ofConstraint: false)
    }
  }

  private static func names(_ text: String?) -> [String?] {
    guard let text, let value = try? JSONValue(parsing: Array(text.utf8)) else { return [] }
    return (value.array ?? []).map(\.string)
  }
}
