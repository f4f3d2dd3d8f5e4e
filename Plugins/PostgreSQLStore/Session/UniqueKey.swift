import MendKit

/// What a unique index promises: that no two rows have the same key.
struct UniqueKey: Sendable {
  /// The table, as reports call it.
  var table: String
  var schema: String
  var name: String
  /// The index, as reports call it.
  var index: String
  /// Columns and expressions, in SQL.
  private var keys: [String]
  /// Which rows are in the index, in SQL; nil for all.
  private var predicate: String?
  private var nullsAreEqual: Bool

  /// The table in SQL.
  var sql: String { Quoting.name(schema) + "." + Quoting.name(name) }
  var columns: String { keys.joined(separator: ", ") }

  /// The rows that the promise is for.
  var condition: String {
    var parts = predicate.map { ["(\($0))"] } ?? []
    if !nullsAreEqual { parts.append("pg_catalog.num_nulls(\(columns)) = 0") }
    return parts.isEmpty ? "true" : parts.joined(separator: " and ")
  }

  /// The keys that several rows have.
  var duplicates: String {
    "select \(columns) from only \(sql) where \(condition) group by \(columns) having count(*) > 1"
  }

  /// All promises of a database about plain tables, but for those that call a function which somebody wrote.
  static func all(_ connection: ServerConnection) throws(ServerFailure) -> [UniqueKey] {
    let version = Int(try connection.value("select current_setting('server_version_num')") ?? "") ?? 0
    let rows = try connection.rows(
      """
      select n.nspname, t.relname, x.nspname, c.relname,
        (select pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, false) order by k)::text
          from pg_catalog.generate_series(1, i.indnkeyatts) k),
        pg_catalog.pg_get_expr(i.indpred, i.indrelid), \(version >= 150_000 ? "i.indnullsnotdistinct" : "false")
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_namespace x on x.oid = c.relnamespace
      join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace
      where i.indisunique and t.relkind = 'r' and t.relpersistence <> 't' and \(DatabaseCatalog.ownSchemas)
        and not exists(select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and d.objid = i.indexrelid and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
      order by i.indisprimary desc, 1, 2, 4
      """)
    return rows.compactMap { row in
      guard row.count == 7, let schema = row[0], let table = row[1], let indexSchema = row[2], let index = row[3],
        let list = row[4], let value = try? JSONValue(parsing: Array(list.utf8))
      else { return nil }
      let keys = (value.array ?? []).compactMap(\.string).map { "(\($0))" }
      guard !keys.isEmpty else { return nil }
      return UniqueKey(
        table: DatabaseCatalog.shown(schema, table), schema: schema, name: table,
        index: DatabaseCatalog.shown(indexSchema, index), keys: keys, predicate: row[5], nullsAreEqual: row[6] == "t")
    }
  }
}
