import MendKit

/// What the server keeps beside the application's tables: its own catalogs, the values that it keeps apart (TOAST) and
/// materialized views; each with its b-trees.
struct EngineRelations {
  /// One of them.
  struct Relation: Sendable {
    var oid: String
    /// As findings call it.
    var shown: String
    /// `r` for a catalog, `t` for values kept apart, `m` for a materialized view.
    var kind: String
    /// The table whose values these are; of `t` only.
    var owner: String?
    var pages: Int
    var indexes: [Index] = []

    /// The table that a finding is of.
    var place: String { owner ?? shown }
  }

  /// A b-tree of one of them.
  struct Index: Sendable {
    var oid: String
    var shown: String
    var pages: Int
  }

  private(set) var relations: [Relation] = []

  /// Those that belong to everything but the application's own tables, which have their values apart among them.
  private static let ofEngine = """
    c.relpersistence <> 't' and n.nspname !~ '^pg_(temp|toast_temp)_'
    and (c.relkind in ('m', 't') or c.relkind = 'r' and n.nspname in ('pg_catalog', 'information_schema'))
    """

  init(_ connection: ServerConnection) throws(ServerFailure) {
    let rows = try connection.rows(
      """
      select c.oid, n.nspname, c.relname, c.relkind, m.nspname, o.relname,
        pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_class o on c.relkind = 't' and o.reltoastrelid = c.oid
      left join pg_catalog.pg_namespace m on m.oid = o.relnamespace
      where \(Self.ofEngine) order by c.oid
      """)
    var places: [String: Int] = [:]
    for row in rows {
      guard row.count == 7, let oid = row[0], let schema = row[1], let name = row[2], let kind = row[3] else {
        continue
      }
      var owner: String?
      if let schema = row[4], let name = row[5] { owner = DatabaseCatalog.shown(schema, name) }
      places[oid] = relations.count
      relations.append(
        Relation(
          oid: oid, shown: DatabaseCatalog.shown(schema, name), kind: kind, owner: owner, pages: Int(row[6] ?? "") ?? 0)
      )
    }
    for index in try Self.indexes(connection) {
      guard let place = places[index.of] else { continue }
      relations[place].indexes.append(Index(oid: index.oid, shown: index.shown, pages: index.pages))
    }
  }

  /// The b-trees of all of them that are in use.
  private static func indexes(
    _ connection: ServerConnection
  ) throws(ServerFailure) -> [(of: String, oid: String, shown: String, pages: Int)] {
    let rows = try connection.rows(
      """
      select i.indrelid, i.indexrelid, x.nspname, d.relname, d.relpages
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_class d on d.oid = i.indexrelid join pg_catalog.pg_namespace x on x.oid = d.relnamespace
      join pg_catalog.pg_am a on a.oid = d.relam
      where \(ofEngine) and a.amname = 'btree' and i.indisvalid and i.indisready order by 1, 2
      """)
    return rows.compactMap { row in
      guard row.count == 5, let of = row[0], let oid = row[1], let schema = row[2], let name = row[3] else {
        return nil
      }
      return (of, oid, DatabaseCatalog.shown(schema, name), Int(row[4] ?? "") ?? 0)
    }
  }
}
