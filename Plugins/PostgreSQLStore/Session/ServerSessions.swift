import MendKit

/// The sessions that others have at a database.
enum ServerSessions {
  /// All others at a database, as the server tells this user of them.
  static func others(_ connection: ServerConnection, database: String) throws(ServerFailure) -> [Blocker] {
    try blockers(
      connection,
      "a.datname = \(Quoting.text(database)) and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type <> 'autovacuum worker'"
    )
  }

  /// Those that hold a lock which somebody waits for.
  static func holdingLocks(_ address: PostgresAddress, patience: Double) -> [Blocker] {
    guard let connection = try? ServerConnection(address, .reading, patience: patience) else { return [] }
    defer { connection.end() }
    let found = try? blockers(
      connection,
      """
      a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid() and exists(
        select 1 from pg_catalog.pg_locks l where l.pid = a.pid and l.granted and l.mode like '%Exclusive%'
        and l.mode <> 'RowExclusiveLock' and l.locktype = 'relation')
      """)
    return found ?? []
  }

  private static func blockers(_ connection: ServerConnection, _ condition: String) throws(ServerFailure) -> [Blocker] {
    let rows = try connection.rows(
      """
      select a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.usename, ''),
        coalesce(a.client_addr::text, 'local'), coalesce(a.state, '')
      from pg_catalog.pg_stat_activity a where \(condition) order by a.backend_start
      """)
    return rows.compactMap { row in
      guard row.count == 5, let pid = Int(row[0] ?? "") else { return nil }
      let who = [row[2], row[3], row[4]].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ", ")
      return Blocker(pid: pid, program: (row[1] ?? "") + (who.isEmpty ? "" : " (\(who))"))
    }
  }
}
