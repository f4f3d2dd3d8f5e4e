import MendKit

/// A database, open for writing: a working copy, or, for what is mended at no loss, the database itself.
final class PostgresWorkingCopy: WorkingCopy {
  private let address: PostgresAddress
  private let patience: Double
  private let connection: ServerConnection
  private var reader: PostgresSession?
  /// Where rows stand that were set aside, by their table.
  private var asidePlaces: [String: String] = [:]
  let facts: StoreFacts

  init(_ address: PostgresAddress, patience: Double) throws(Problem) {
    self.address = address
    self.patience = patience
    let session = try PostgresSession(address, patience: patience)
    facts = session.facts
    session.end()
    connection = try ServerConnection(address, .writing, patience: patience)
  }

  /// A view of the database as it is now. No view is held while something is written: some statements wait for it to end.
  private func session() throws(Problem) -> PostgresSession {
    if let reader { return reader }
    let session = try PostgresSession(address, patience: patience)
    reader = session
    return session
  }

  private func letGo() {
    reader?.end()
    reader = nil
  }

  private func asking<Result>(_ tried: String, _ work: () throws(ServerFailure) -> Result) throws(Problem) -> Result {
    letGo()
    do throws(ServerFailure) {
      return try work()
    } catch {
      var problem = error.problem(tried, on: address.uri)
      if problem.kind == .locked { problem.blockers = ServerSessions.holdingLocks(address, patience: patience) }
      throw problem
    }
  }

  // MARK: - Writing

  /// Runs statements in one transaction.
  func execute(_ sql: String) throws(Problem) {
    letGo()
    let variables = address.environment(
      patience: patience,
      options: ["lock_timeout=\(max(1, Int(patience * 1000)))", "default_transaction_read_only=off"])
    let outcome = try PostgresPrograms.psql().run(
      ["-X", "-q", "-w", "-1", "-v", "ON_ERROR_STOP=1", "-d", address.uri, "-f", "-"], input: Array(sql.utf8),
      environment: variables)
    guard !outcome.isSuccess else { return }
    let words = outcome.lastWords
    throw Problem(
      words.contains("permission denied") || words.contains("must be owner") ? .denied : .program,
      tried: "run statements on",
      on: address.uri, said: words)
  }

  /// Builds indexes anew beside the old ones, which stay in use until then.
  func rebuildIndexes(_ names: [String]) throws(Problem) -> RepairOutcome {
    let database = try session().database()
    var outcome = try asking("set rows aside in") { () throws(ServerFailure) in
      try ContradictedRows.setAside(in: address, connection)
    }
    for name in names {
      guard let index = database.anyIndex(name) else { continue }
      let isOfEngine = index.schema == "pg_catalog"
      try asking("build the index \(name) anew in") { () throws(ServerFailure) in
        if isOfEngine { try rebuildOfEngine(index) } else { try rebuild(index) }
      }
      outcome.notes.append(
        isOfEngine
          ? "built the index \(name) of the server's own anew"
          : "built the index \(name) anew, while the table stayed in use")
    }
    return outcome
  }

  private func rebuild(_ index: DatabaseCatalog.IndexRelation) throws(ServerFailure) {
    let before = try leftBehind(index)
    do throws(ServerFailure) {
      try connection.run("reindex index concurrently \(index.sql)")
    } catch {
      // What was begun and is of no use is not left behind.
      for name in try leftBehind(index) where !before.contains(name) {
        try? connection.run("drop index concurrently if exists \(name)")
      }
      // An index of an exclusion constraint cannot be built concurrently.
      guard error.state == "0A000" else { throw error }
      try connection.run("reindex index \(index.sql)")
    }
  }

  /// An index of the server's catalogs: on a connection that does not use them, and for a moment under a lock.
  private func rebuildOfEngine(_ index: DatabaseCatalog.IndexRelation) throws(ServerFailure) {
    let past: ServerConnection
    do throws(Problem) {
      past = try ServerConnection(address, .writing, patience: patience, pastSystemIndexes: true)
    } catch {
      throw ServerFailure(state: "", message: error.said)
    }
    defer { past.end() }
    try past.run("reindex index \(index.sql)")
    CatalogIndexes.trust(address)
  }

  /// Indexes that a failed REINDEX CONCURRENTLY leaves: `NAME_ccnew`, not valid.
  private func leftBehind(_ index: DatabaseCatalog.IndexRelation) throws(ServerFailure) -> [String] {
    let rows = try connection.rows(
      """
      select n.nspname, c.relname from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where i.indrelid = (select indrelid from pg_catalog.pg_index where indexrelid = \(index.oid)) and not i.indisvalid
        and c.relname ~ '_ccnew[0-9]*$'
      """)
    return rows.map { row in Quoting.name(row[0] ?? "") + "." + Quoting.name((row.last ?? nil) ?? "") }
  }

  func rewrite() throws(Problem) {
    throw Problem(
      .unsupported, tried: "write anew", on: address.uri, said: "a database of a server is dumped and restored instead")
  }

  /// Sets each sequence to the largest value in the column that draws from it, where it is behind; in one transaction.
  func resetSequences(_ tables: [String]) throws(Problem) {
    let database = try session().database()
    try asking("set the sequences of") { () throws(ServerFailure) in
      var statements: [String] = []
      for use in try SequenceReader(connection, database).uses()
      where use.isRising && tables.contains(use.relation.table.name) {
        let column = Quoting.name(use.column)
        // Whoever draws a value meanwhile only makes it larger.
        statements.append(
          """
          select pg_catalog.setval(\(Quoting.text(use.sequence))::regclass, m) from
          (select max(\(column))::bigint as m from \(use.relation.sql)) t where m > \(use.last)
          """)
      }
      guard !statements.isEmpty else { return }
      try connection.run("begin")
      do throws(ServerFailure) {
        for statement in statements { _ = try connection.rows(statement) }
        try connection.run("commit")
      } catch {
        try? connection.run("rollback")
        throw error
      }
    }
  }

  func setAsideNullKeys(of table: Table, into name: String) throws(Problem) -> Int {
    // A new database takes no such row to begin with: they were set aside while it was filled.
    let asides = DuplicateRows.asides(of: address).filter { $0.isNull && $0.table == table.name }
    if !asides.isEmpty {
      asidePlaces[table.name] = asides.map(\.place).joined(separator: " and ")
      return asides.reduce(0) { $0 + $1.rows }
    }
    guard let relation = try session().database().relation(table.name) else { return 0 }
    return try asking("set rows of \(table.name) aside in") { () throws(ServerFailure) in
      let aside = try AsideTable.free(for: relation.name, in: relation.schema, connection)
      let target = Quoting.name(relation.schema) + "." + Quoting.name(aside)
      let keys = relation.table.primaryKey.map(Quoting.name).joined(separator: ", ")
      let condition = "num_nulls(\(keys)) > 0"
      try connection.run("begin")
      do throws(ServerFailure) {
        try connection.run("set local enable_indexscan = off")
        try connection.run("set local enable_bitmapscan = off")
        let count = Int(try connection.value("select count(*) from only \(relation.sql) where \(condition)") ?? "") ?? 0
        // Types and defaults go along, and nothing that would refuse a NULL.
        try connection.run("create table \(target) as select * from only \(relation.sql) where \(condition)")
        try connection.run("delete from only \(relation.sql) where \(condition)")
        try connection.run("commit")
        asidePlaces[table.name] = DatabaseCatalog.shown(relation.schema, aside)
        return count
      } catch {
        try? connection.run("rollback")
        throw error
      }
    }
  }

  func placeAside(of table: Table) -> String? { asidePlaces[table.name] }

  func close() throws(Problem) { end() }

  func end() {
    letGo()
    connection.end()
  }

  // MARK: - Reading

  func catalog() throws(Problem) -> Catalog { try session().catalog() }
  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    try session().verifyIntegrity(request)
  }
  func rowCount(of table: Table) throws(Problem) -> Int { try session().rowCount(of: table) }
  func sequences() throws(Problem) -> [SequenceState] { try session().sequences() }
  func quoted(_ identifier: String) -> String { (try? session())?.quoted(identifier) ?? Quoting.name(identifier) }
  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]] { try session().query(sql, limit: limit) }
  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)] {
    try session().foreignKeyViolations(limit: limit)
  }
  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int) {
    try session().nullKeys(of: table, limit: limit)
  }
  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    try session().duplicateKeys(of: table, limit: limit)
  }
  func keyIndexIsSuspect(_ table: Table) -> Bool { false }
  func isReserved(_ name: String) -> Bool { name.lowercased().hasPrefix("pg_") }
}
