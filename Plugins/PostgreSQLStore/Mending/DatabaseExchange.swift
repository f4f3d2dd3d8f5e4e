import MendKit

/// Gives a new database the name of the old one, in one transaction of the server. The old one is kept under a name with the time.
struct DatabaseExchange {
  private let maintenance: ServerMaintenance
  private let copy: PostgresAddress

  init(_ maintenance: ServerMaintenance, _ copy: PostgresAddress) {
    self.maintenance = maintenance
    self.copy = copy
  }

  /// Transactions of other databases that came in between are waited out so often.
  private static let tries = 20

  /// The name that the old database got; nil where there was none.
  func run(expected: StoreStamp?) throws(Problem) -> String? {
    do throws(ServerFailure) {
      guard let new = copy.database else { return nil }
      guard let properties = try DatabaseProperties(maintenance.connection, of: maintenance.name) else {
        try maintenance.connection.run("comment on database \(Quoting.name(new)) is null")
        try maintenance.connection.run(
          "alter database \(Quoting.name(new)) rename to \(Quoting.name(maintenance.name))")
        return nil
      }
      for statement in properties.statements(for: new) { try maintenance.connection.run(statement) }
    } catch {
      throw error.problem(
        "give the settings and grants of the old database to the new one in place of", on: maintenance.address.uri)
    }
    for _ in 0..<Self.tries {
      try refuseOthers()
      let next = try asking { () throws(ServerFailure) in try nextTransaction() }
      if let expected, try DatabaseStamp.read(maintenance.address, patience: maintenance.patience) != expected {
        throw changed
      }
      try waitForOwnSessions()
      if let old = try exchange(next, isExact: expected != nil) { return old }
    }
    throw changed
  }

  private var changed: Problem {
    Problem(
      .changing, tried: "replace", on: maintenance.address.uri,
      said: "something was committed to it, or to another database of the server, meanwhile",
      advice: "Stop the application, and run dbmend again.", code: "store.changing")
  }

  private func asking<Result>(_ work: () throws(ServerFailure) -> Result) throws(Problem) -> Result {
    do throws(ServerFailure) {
      return try work()
    } catch {
      if error.state == "55006" { throw inUse(try others()) }
      throw error.problem("replace", on: maintenance.address.uri)
    }
  }

  private func nextTransaction() throws(ServerFailure) -> String {
    try maintenance.connection.value("select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())") ?? ""
  }

  private func others() throws(Problem) -> [Blocker] {
    do throws(ServerFailure) {
      return try ServerSessions.others(maintenance.connection, database: maintenance.name)
    } catch {
      throw error.problem("ask who uses", on: maintenance.address.uri)
    }
  }

  /// A session of dbmend's own, and one that just ended, takes a moment to go.
  private func refuseOthers() throws(Problem) {
    var found: [Blocker] = []
    for _ in 0..<20 {
      found = try others()
      if found.isEmpty { return }
      usleep(100_000)
    }
    throw inUse(found)
  }

  private func waitForOwnSessions() throws(Problem) {
    for _ in 0..<20 {
      if try others().isEmpty { return }
      usleep(10_000)
    }
  }

  private func inUse(_ blockers: [Blocker]) -> Problem {
    let names = blockers.prefix(5).map { "\($0.pid) \($0.program)" }.joined(separator: "; ")
    return Problem(
      .locked, tried: "replace", on: maintenance.address.uri,
      said: "other sessions have it open: \(names.isEmpty ? "the server does not say whose" : names)",
      advice:
        "Stop the application, for example with the hook before_repair, or end the sessions with pg_terminate_backend.",
      code: "store.in-use", blockers: blockers)
  }

  /// Renames both; nil where any transaction began meanwhile, since it may have been one of the old database: then nothing
  /// was done. From the first renaming on nobody can connect to the old database until the transaction ends.
  private func exchange(_ next: String, isExact: Bool) throws(Problem) -> String? {
    guard let new = copy.database else { return nil }
    let old = try asking { () throws(ServerFailure) in try freeName() }
    return try asking { () throws(ServerFailure) in
      let connection = maintenance.connection
      try connection.run("begin")
      do throws(ServerFailure) {
        try connection.run("alter database \(Quoting.name(maintenance.name)) rename to \(Quoting.name(old))")
        let own = try connection.value("select pg_catalog.pg_current_xact_id()") ?? ""
        if isExact, own != next {
          try connection.run("rollback")
          return nil
        }
        try connection.run("alter database \(Quoting.name(new)) rename to \(Quoting.name(maintenance.name))")
        try connection.run("commit")
        return old
      } catch {
        try? connection.run("rollback")
        throw error
      }
    }
  }

  /// A name with the time, cut so that the server does not cut it.
  private func freeName() throws(ServerFailure) -> String {
    let stem = Quoting.cut(maintenance.name, to: 40) + "_" + UTCTime(seconds: Clock.system.now()).compact
    var name = stem
    var number = 2
    while try maintenance.connection.value("select 1 from pg_catalog.pg_database where datname = \(Quoting.text(name))")
      != nil
    {
      name = "\(stem)_\(number)"
      number += 1
    }
    return name
  }
}
