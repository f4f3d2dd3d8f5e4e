import MendKit

/// Finds sequences whose one row cannot be read: no value can be drawn from such a one.
enum SequenceSurvey {
  /// A sequence that is damaged.
  struct Damaged {
    /// As reports call it.
    var shown: String
    /// Schema-qualified, in SQL.
    var sql: String
    var said: String
  }

  static func damaged(_ connection: ServerConnection) throws(ServerFailure) -> [Damaged] {
    let rows = try connection.rows(
      """
      select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'S' and c.relpersistence <> 't' and pg_catalog.has_table_privilege(c.oid, 'select')
        and pg_catalog.has_schema_privilege(n.oid, 'usage') and \(DatabaseCatalog.ownSchemas) order by 1, 2
      """)
    let names = rows.compactMap { row -> (schema: String, name: String)? in
      guard row.count == 2, let schema = row[0], let name = row[1] else { return nil }
      return (schema, name)
    }
    var damaged: [Damaged] = []
    for start in stride(from: 0, to: names.count, by: 200) {
      let part = Array(names[start..<min(start + 200, names.count)])
      // Many at once; one by one only where that stumbles.
      let sql = part.map { "select last_value from \(Quoting.name($0.schema)).\(Quoting.name($0.name))" }
      if let count = try? connection.value("select count(*) from (\(sql.joined(separator: " union all "))) s"),
        Int(count) == part.count
      {
        continue
      }
      for (name, query) in zip(part, sql) {
        if let said = try trouble(query, connection) {
          damaged.append(
            Damaged(
              shown: DatabaseCatalog.shown(name.schema, name.name),
              sql: Quoting.name(name.schema) + "." + Quoting.name(name.name), said: said))
        }
      }
    }
    return damaged
  }

  private static func trouble(_ query: String, _ connection: ServerConnection) throws(ServerFailure) -> String? {
    do throws(ServerFailure) {
      return try connection.rows(query).isEmpty ? "its page holds no row" : nil
    } catch {
      if error.state == "42P01" { return nil }
      guard error.isDamage, !error.isGone else { throw error }
      return error.message
    }
  }
}
