import MendKit

/// What tells whether anything was committed to a database.
///
/// The server has no such number of its own for a database: the position of its log and its transaction numbers are of all
/// databases together, and dbmend's own work in another one would count. So the stamp is made of what each change leaves:
///
/// - of tables, the counts of rows that were inserted, updated and deleted since the statistics were last reset;
/// - of definitions, the numbers of the transactions that wrote the visible rows of the catalogs, settings and grants among them;
/// - of sequences, their values.
///
/// A session hands in its counts up to ten seconds after its commit (`PGSTAT_IDLE_INTERVAL`), at the latest when it ends. Sessions
/// that were active within the last minute, or are in a transaction, are therefore a part of the stamp themselves, by the time
/// of their last change of state: whatever they do makes another stamp. A stamp may differ although nothing was committed; two
/// equal ones mean that nothing was. Of catalogs that this user may not read (of foreign servers and subscriptions) nothing
/// is known. Where the server does not count, or does not tell this user of others' sessions, no two
/// stamps are equal.
enum DatabaseStamp {
  static func read(_ address: PostgresAddress, patience: Double) throws(Problem) -> StoreStamp {
    let connection = try ServerConnection(address, .reading, patience: patience)
    defer { connection.end() }
    do throws(ServerFailure) {
      return try read(connection)
    } catch {
      throw error.problem("read the state of", on: address.uri)
    }
  }

  static func read(_ connection: ServerConnection) throws(ServerFailure) -> StoreStamp {
    let version = Int(try connection.value("select current_setting('server_version_num')") ?? "") ?? 0
    let certain = try connection.value(
      """
      select current_setting('track_counts') = 'on' and not exists(
        select 1 from pg_catalog.pg_stat_activity where datname = pg_catalog.current_database()
        and backend_type = 'client backend' and state_change is null)
      """)
    var parts: [String] = []
    for query in try queries(version, connection) { parts.append(try part(query, connection)) }
    if certain != "t" { parts.append(String(UInt64.random(in: 0...UInt64.max))) }
    let digest = try connection.value("select pg_catalog.md5(\(Quoting.text(parts.joined(separator: ";"))))") ?? ""
    let high = UInt64(digest.prefix(16), radix: 16) ?? 0
    let low = UInt64(digest.dropFirst(16).prefix(16), radix: 16) ?? 0
    return StoreStamp(
      size: 0, modified: 0, inode: 0, changeCounter: UInt32(truncatingIfNeeded: low), log: [high >> 1, low >> 1])
  }

  /// What cannot be read since it is damaged cannot be told from itself: then only what the server says of it counts.
  private static func part(_ query: String, _ connection: ServerConnection) throws(ServerFailure) -> String {
    do throws(ServerFailure) {
      return try connection.value(query) ?? ""
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return error.message
    }
  }

  private static func queries(_ version: Int, _ connection: ServerConnection) throws(ServerFailure) -> [String] {
    var queries = [
      // Which database, of which server; when its statistics began.
      """
      select concat_ws(',', d.oid, s.stats_reset, b.stats_reset, d.datdba, d.datacl, d.datconnlimit) from pg_catalog.pg_database d
      join pg_catalog.pg_stat_database s on s.datid = d.oid, pg_catalog.pg_stat_bgwriter b
      where d.datname = pg_catalog.current_database()
      """,
      """
      select pg_catalog.md5(string_agg(concat_ws(',', setrole, setconfig), ';' order by setrole)) from pg_catalog.pg_db_role_setting
      where setdatabase = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
      """,
      """
      select pg_catalog.md5(string_agg(concat_ws(',', relid, n_tup_ins, n_tup_upd, n_tup_del), ';' order by relid))
      from pg_catalog.pg_stat_all_tables where relid >= 16384 or relname = 'pg_largeobject'
      """,
      // Sessions that may not have handed in what they did.
      """
      select pg_catalog.md5(string_agg(concat_ws(',', pid, backend_start, state, state_change), ';' order by pid))
      from pg_catalog.pg_stat_activity where datname = pg_catalog.current_database()
        and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'
        and (state <> 'idle' or \(version >= 150000 ? "state_change > pg_catalog.clock_timestamp() - interval '60 s'" : "true"))
      """,
      "select pg_catalog.md5(string_agg(transaction::text, ';')) from pg_catalog.pg_prepared_xacts where database = current_database()",
    ]
    let catalogs = try connection.rows(
      """
      select relname from pg_catalog.pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'
        and not relisshared and pg_catalog.has_table_privilege(oid, 'select') and relname not like 'pg_statistic%' and relname not in ('pg_largeobject', 'pg_depend')
      """
    ).compactMap { $0.first ?? nil }
    let sums = catalogs.map {
      "select count(*)::text || ' ' || coalesce(sum(xmin::text::bigint), 0)::text as n from pg_catalog.\(Quoting.name($0))"
    }
    queries.append("select pg_catalog.md5(string_agg(n, ',')) from (\(sums.joined(separator: " union all "))) s")
    let sequences = try connection.rows(
      """
      select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'S' and \(DatabaseCatalog.ownSchemas) order by 1, 2
      """)
    let states = sequences.map { row in
      "select last_value::text || is_called::text as n from "
        + Quoting.name(row[0] ?? "") + "." + Quoting.name((row.last ?? nil) ?? "")
    }
    // One query for many: the server has a limit to what one may be.
    for start in stride(from: 0, to: states.count, by: 200) {
      let part = states[start..<min(start + 200, states.count)]
      queries.append("select string_agg(n, ',') from (\(part.joined(separator: " union all "))) s")
    }
    return queries
  }
}
