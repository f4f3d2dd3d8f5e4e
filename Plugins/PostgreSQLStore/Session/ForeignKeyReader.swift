import MendKit

/// Follows foreign keys: the server enforces them when rows are written, and not when a page decays.
struct ForeignKeyReader {
  private let connection: ServerConnection
  private let unanswering: Set<String>

  /// Keys from and to tables of which the server is known to answer nothing are left out.
  init(_ connection: ServerConnection, without unanswering: Set<String>) {
    self.connection = connection
    self.unanswering = unanswering
  }

  /// For each foreign key, how many rows point nowhere. A key with a NULL in it points nowhere by right.
  func violations() throws(ServerFailure) -> [(violation: ForeignKeyViolation, count: Int)] {
    let rows = try connection.rows(
      """
      select n.nspname, c.relname, m.nspname, p.relname,
        (select json_agg(json_build_array(a.attname, b.attname))::text
         from unnest(k.conkey, k.confkey) u(own, other)
         join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.own
         join pg_catalog.pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.other)
      from pg_catalog.pg_constraint k
      join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_class p on p.oid = k.confrelid join pg_catalog.pg_namespace m on m.oid = p.relnamespace
      where k.contype = 'f' and k.conparentid = 0 order by 1, 2, 3, 4
      """)
    var violations: [(violation: ForeignKeyViolation, count: Int)] = []
    for row in rows {
      guard row.count == 5, let schema = row[0], let child = row[1], let parentSchema = row[2], let parent = row[3],
        let pairs = Self.pairs(row[4]), !pairs.isEmpty,
        !unanswering.contains(DatabaseCatalog.shown(schema, child)),
        !unanswering.contains(DatabaseCatalog.shown(parentSchema, parent))
      else { continue }
      let matches = pairs.map { "c.\(Quoting.name($0.own)) = p.\(Quoting.name($0.other))" }.joined(separator: " and ")
      let keys = pairs.map { "c.\(Quoting.name($0.own)) is not null" }.joined(separator: " and ")
      let count = try connection.value(
        """
        select count(*) from \(Quoting.name(schema)).\(Quoting.name(child)) c where \(keys)
        and not exists(select 1 from \(Quoting.name(parentSchema)).\(Quoting.name(parent)) p where \(matches))
        """)
      guard let count = count.flatMap({ Int($0) }), count > 0 else { continue }
      violations.append(
        (
          ForeignKeyViolation(
            table: DatabaseCatalog.shown(schema, child), parent: DatabaseCatalog.shown(parentSchema, parent), row: nil),
          count
        ))
    }
    return violations
  }

  private static func pairs(_ text: String?) -> [(own: String, other: String)]? {
    guard let text, let value = try? JSONValue(parsing: Array(text.utf8)) else { return nil }
    return value.array?.compactMap { pair in
      guard let names = pair.array, names.count == 2, let own = names[0].string, let other = names[1].string else {
        return nil
      }
      return (own, other)
    }
  }
}
