import MendKit
import Synchronization

/// Rows of a new database whose key another row has: no index can be built over both. The one that stands first stays, and the
/// others go to a table of their own.
struct DuplicateRows {
  /// The rows of one table that were set aside.
  struct Aside: Sendable {
    /// The table, as reports call it.
    var table: String
    /// What is wrong with them, as a part of a sentence.
    var reason: String
    /// Where they are now.
    var place: String
    var rows: Int
    /// How many rows of the table stay.
    var kept: Int
    /// Whether they lack a value, rather than having the key of another row.
    var isNull = false

    var sentence: String {
      "\(rows == 1 ? "1 row" : "\(rows) rows") of \(table) \(reason) \(rows == 1 ? "is" : "are") set aside in \(place)"
    }
  }

  private static let known = Mutex<[String: [Aside]]>([:])

  /// What was set aside while this process filled a copy.
  static func asides(of copy: PostgresAddress) -> [Aside] { known.withLock { $0[copy.uri] ?? [] } }

  /// Notes that rows were set aside.
  static func note(_ aside: Aside, of copy: PostgresAddress) {
    known.withLock { $0[copy.uri, default: []].append(aside) }
  }

  /// Sets rows of a new database aside that break a promise of the old one; how many tables have such rows. Indexes and triggers
  /// are not made yet.
  static func setAside(
    _ copy: PostgresAddress, old: ServerConnection, new: ServerConnection
  ) throws(ServerFailure) -> Int {
    var count = 0
    for key in try UniqueKey.all(old) {
      let isBroken = try new.value("\(key.duplicates) limit 1") != nil
      guard isBroken else { continue }
      note(try setAside(key, new), of: copy)
      count += 1
    }
    return count
  }

  private static func setAside(_ key: UniqueKey, _ new: ServerConnection) throws(ServerFailure) -> Aside {
    let name = try AsideTable.free(for: key.name, in: key.schema, new)
    let aside = Quoting.name(key.schema) + "." + Quoting.name(name)
    try new.run("begin")
    do throws(ServerFailure) {
      // Types go along, and nothing that would refuse a row.
      try new.run("create table \(aside) as select * from only \(key.sql) limit 0")
      try new.run(
        """
        with dbmend_gone as (
          delete from only \(key.sql) where ctid = any(array(select dbmend_place from (
            select ctid as dbmend_place, pg_catalog.row_number() over (partition by \(key.columns) order by ctid) as dbmend_number
            from only \(key.sql) where \(key.condition)) dbmend_rows where dbmend_number > 1)) returning *
        ) insert into \(aside) select * from dbmend_gone
        """)
      let moved = try new.value("select count(*) from \(aside)")
      let kept = try new.value("select count(*) from only \(key.sql)")
      try new.run("commit")
      return Aside(
        table: key.table, reason: "whose key in \(key.index) another row has",
        place: DatabaseCatalog.shown(key.schema, name), rows: Int(moved ?? "") ?? 0,
        kept: Int(kept ?? "") ?? 0)
    } catch {
      try? new.run("rollback")
      throw error
    }
  }
}

/// The tables that rows are set aside in: beside their own, under a name that nothing has yet.
enum AsideTable {
  /// The server cuts longer names.
  private static let longest = 63

  static func free(for table: String, in schema: String, _ connection: ServerConnection) throws(ServerFailure) -> String
  {
    let stem = Quoting.cut("dbmend_set_aside_" + table, to: longest - 4)
    var name = stem
    var number = 2
    while try connection.value(
      """
      select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = \(Quoting.text(schema)) and c.relname = \(Quoting.text(name))
      """) != nil
    {
      name = "\(stem)_\(number)"
      number += 1
    }
    return name
  }
}
