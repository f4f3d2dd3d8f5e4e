import MendKit

/// Rows of a damaged database with a NULL where its definition allows none: the server takes no such row. For the time of a restore
/// nothing is NOT NULL; then these rows go to a table of their own, and it is as it was.
struct NullRows {
  /// A column that allows no NULL.
  private struct Column {
    var schema: String
    var table: String
    var name: String
    var sql: String { Quoting.name(schema) + "." + Quoting.name(table) }
  }

  private let columns: [Column]

  /// Lets every column of a new database have NULLs that can: those of keys get their promise back with the key.
  init(loosening new: ServerConnection) throws(ServerFailure) {
    let rows = try new.rows(
      """
      select n.nspname, c.relname, a.attname from pg_catalog.pg_attribute a
      join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and a.attnotnull and a.attidentity = ''
        and \(DatabaseCatalog.ownSchemas) order by 1, 2, a.attnum
      """)
    var columns: [Column] = []
    for row in rows where row.count == 3 {
      let column = Column(schema: row[0] ?? "", table: row[1] ?? "", name: row[2] ?? "")
      // One that a table inherits stays as it is.
      guard (try? new.run("alter table only \(column.sql) alter \(Quoting.name(column.name)) drop not null")) != nil
      else { continue }
      columns.append(column)
    }
    self.columns = columns
  }

  /// Sets the rows aside, and has the columns allow no NULL again.
  func settle(_ copy: PostgresAddress, _ new: ServerConnection) throws(ServerFailure) {
    for column in columns {
      let name = Quoting.name(column.name)
      if try new.value("select 1 from only \(column.sql) where \(name) is null limit 1") != nil {
        let place = try AsideTable.free(for: column.table, in: column.schema, new)
        let aside = Quoting.name(column.schema) + "." + Quoting.name(place)
        try new.run(
          """
          begin;
          create table \(aside) as select * from only \(column.sql) where \(name) is null;
          delete from only \(column.sql) where \(name) is null;
          commit
          """)
        let moved = try new.value("select count(*) from \(aside)").flatMap { Int($0) } ?? 0
        let kept = try new.value("select count(*) from only \(column.sql)").flatMap { Int($0) } ?? 0
        DuplicateRows.note(
          DuplicateRows.Aside(
            table: DatabaseCatalog.shown(column.schema, column.table), reason: "without a value in \(column.name)",
            place: DatabaseCatalog.shown(column.schema, place), rows: moved, kept: kept, isNull: true),
          of: copy)
      }
      try new.run("alter table only \(column.sql) alter \(name) set not null")
    }
  }
}
