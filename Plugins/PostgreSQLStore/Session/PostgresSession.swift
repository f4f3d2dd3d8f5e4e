import MendKit

/// A database, open for reading: a transaction that sees one state for as long as it lives, and lets writers go on.
final class PostgresSession: SQLSession, EstimatingSession {
  let facts: StoreFacts
  let address: PostgresAddress
  private(set) var connection: ServerConnection
  let patience: Double
  private var known: DatabaseCatalog?
  private(set) var verificationAccount: VerificationAccount?
  /// The rows that the verification counted, in the view of this session.
  private var counted: [String: RowsByIndex.Count] = [:]
  /// Tables that are damaged, or an index of which is, so that the server answers no question about them.
  private var uncounted: Set<String> = []
  /// Indexes that are known to disagree with their tables.
  private var suspects: Set<String> = []
  /// Tables that are known to be damaged: that their keys cannot be read is no news.
  private var damaged: Set<String> = []

  init(_ address: PostgresAddress, patience: Double) throws(Problem) {
    self.address = address
    self.patience = patience
    (connection, facts) = try Self.pastDamage(address) { () throws(Problem) in
      try Self.begin(address, patience)
    }
  }

  /// Does something, and where that stumbles over the server's own catalogs, does it once more past their indexes.
  private static func pastDamage<Result>(
    _ address: PostgresAddress, _ work: () throws(Problem) -> Result
  ) throws(Problem) -> Result {
    do throws(Problem) {
      return try work()
    } catch {
      guard error.kind == .damaged, !CatalogIndexes.areDamaged(of: address) else { throw error }
      CatalogIndexes.distrust(address, error.said)
      for _ in 0..<Self.tries {
        do throws(Problem) {
          return try work()
        } catch  where error.code == "server.unreachable" {
          // A server that panics over it starts anew.
          usleep(500_000)
        } catch {
          CatalogIndexes.trust(address)
          throw error
        }
      }
      CatalogIndexes.trust(address)
      throw error
    }
  }

  private static let tries = 40

  private static func begin(
    _ address: PostgresAddress, _ patience: Double
  ) throws(Problem) -> (ServerConnection, StoreFacts) {
    let connection = try ServerConnection(address, .view, patience: patience)
    do throws(ServerFailure) {
      let row = try connection.rows(Self.factsQuery).first ?? []
      guard row.count == 6 else { throw ServerFailure(state: "", message: "the server does not say what it is") }
      return (
        connection,
        StoreFacts(
          engine: "PostgreSQL " + (row[0] ?? ""),
          format: "\(row[1] ?? ""), \(row[2] ?? ""), data checksums \(row[3] ?? "unknown")",
          bytes: Int(row[4] ?? "") ?? 0)
      )
    } catch {
      throw error.problem("open", on: address.uri)
    }
  }

  /// Whether the server holds each page that it reads against its checksum.
  var hasChecksums: Bool { facts.format.hasSuffix("data checksums on") }

  private static let factsQuery = """
    select split_part(current_setting('server_version'), ' ', 1), pg_catalog.pg_encoding_to_char(encoding), datcollate,
      current_setting('data_checksums', true), pg_catalog.pg_database_size(oid), oid
    from pg_catalog.pg_database where datname = pg_catalog.current_database()
    """

  /// Does something, with what the server refuses as a problem of this database.
  func asking<Result>(_ tried: String, _ work: () throws(ServerFailure) -> Result) throws(Problem) -> Result {
    do throws(ServerFailure) {
      return try work()
    } catch {
      let problem = problem(error, tried)
      // What follows is asked of a new one.
      if error.isGone, problem.kind == .damaged { try? revive() }
      throw problem
    }
  }

  /// Connects again where a process of the server died, which ends all sessions. The view is a later one then.
  func revive() throws(Problem) {
    do throws(ServerFailure) {
      _ = try connection.value("select 1")
      return
    } catch {
      guard error.isGone || error.message.contains("no connection to the server") else { return }
    }
    connection.end()
    for _ in 0..<Self.tries {
      do throws(Problem) {
        (connection, _) = try Self.begin(address, patience)
        return
      } catch {
        usleep(500_000)
      }
    }
    (connection, _) = try Self.begin(address, patience)
  }

  /// A failure as a problem; of a lock, with the sessions that hold it.
  func problem(_ failure: ServerFailure, _ tried: String) -> Problem {
    var failure = failure
    // A server that does not come back was not ended by a page.
    if failure.isGone, failure.isDamage, !failure.leavesServer(address, patience: patience) {
      failure = ServerFailure(state: "08006", message: failure.message)
    }
    var problem = failure.problem(tried, on: address.uri)
    if problem.kind == .locked { problem.blockers = ServerSessions.holdingLocks(address, patience: patience) }
    return problem
  }

  func database() throws(Problem) -> DatabaseCatalog {
    if let known { return known }
    let catalog = try Self.pastDamage(address) { () throws(Problem) in
      if CatalogIndexes.areDamaged(of: address) { (connection, _) = try Self.begin(address, patience) }
      return try asking("read the definitions of") { () throws(ServerFailure) in try DatabaseCatalog(connection) }
    }
    known = catalog
    return catalog
  }

  // MARK: - What is asked of it

  func catalog() throws(Problem) -> Catalog {
    let database = try database()
    // The definitions are pg_dump's own: nothing else writes all that there is.
    let schema = SchemaDump(address, patience: patience)
    let underWay = DumpsUnderWay.share(of: address)?.schema
    return Catalog(
      tables: database.relations.map(\.table), views: database.views,
      engineIndexes: database.engineIndexes.map(\.shown),
      schema: underWay.map(\.value) ?? schema.text)
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    var verification = DatabaseVerification(self, request, try database())
    var findings = try verification.run()
    if let said = CatalogIndexes.said(of: address),
      !findings.contains(where: { $0.location.index?.hasPrefix("pg_catalog.") == true })
    {
      findings.append(
        Finding(
          "index.malformed", .error, "an index of the server's own catalogs is damaged: it was read without them",
          evidence: said))
    }
    suspects = verification.suspects
    damaged = Set(findings.filter { $0.code == "table.malformed" }.compactMap(\.location.table))
    verificationAccount = verification.account
    counted = verification.rows
    uncounted = verification.uncounted
    return findings
  }

  func rowCount(of table: Table) throws(Problem) -> Int {
    if let count = counted[table.name] { return count.rows }
    guard let relation = try database().relation(table.name) else {
      throw Problem(.missing, tried: "count the rows of", on: table.name, said: "there is no such table")
    }
    // Where pages have no checksums, the server may die of a damaged one, with all sessions.
    guard hasChecksums || !damaged.contains(table.name) else {
      throw Problem(
        .damaged, tried: "count the rows of", on: table.name, said: "pages of it are damaged", code: "store.unreadable")
    }
    return try asking("count the rows of \(table.name) in") { () throws(ServerFailure) in
      Int(try connection.value("select count(*) from \(relation.holdsRows ? "only " : "")\(relation.sql)") ?? "") ?? 0
    }
  }

  /// The density that the last VACUUM or ANALYZE found, times the size of today.
  func estimatedRowCount(of table: Table) throws(Problem) -> Int? {
    guard let relation = try database().relation(table.name) else { return nil }
    return try asking("estimate the rows of \(table.name) in") { () throws(ServerFailure) in
      try connection.value(
        """
        select (reltuples / greatest(relpages, 1)
          * (pg_catalog.pg_relation_size(oid) / current_setting('block_size')::int))::bigint
        from pg_catalog.pg_class where oid = \(relation.oid) and reltuples >= 0 and relpages > 0
        """
      ).flatMap { Int($0) }
    }
  }

  func sequences() throws(Problem) -> [SequenceState] {
    let database = try database()
    return try asking("read the sequences of") { () throws(ServerFailure) in
      try SequenceReader(connection, database).states(without: hasChecksums ? [] : damaged)
    }
  }

  func quoted(_ identifier: String) -> String {
    if let relation = known?.relation(identifier), relation.table.name == identifier { return relation.sql }
    return Quoting.name(identifier)
  }

  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]] {
    try asking("run a query on") { () throws(ServerFailure) in
      try OperatorQuery(address, snapshot: connection.snapshot, patience: patience).rows(sql, limit: limit)
    }
  }

  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)] {
    try asking("follow the foreign keys of") { () throws(ServerFailure) in
      try ForeignKeyReader(connection, without: uncounted.union(damaged)).violations()
    }
  }

  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int) {
    if let count = counted[table.name] { return ([], count.nullKeys) }
    guard let relation = try database().relation(table.name), isAnswering(table) else { return ([], 0) }
    return try asking("look for NULL keys of \(table.name) in") { () throws(ServerFailure) in
      ([], try KeyReader(connection, relation).nullCount())
    }
  }

  /// Where the verification has said why not, nobody asks again.
  private func isAnswering(_ table: Table) -> Bool { !damaged.contains(table.name) && !uncounted.contains(table.name) }

  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    guard let relation = try database().relation(table.name), isAnswering(table) else { return ([], 0) }
    return try asking("look for duplicate keys of \(table.name) in") { () throws(ServerFailure) in
      try KeyReader(connection, relation).duplicates(limit: limit)
    }
  }

  func keyIndexIsSuspect(_ table: Table) -> Bool { table.indexes.contains { suspects.contains($0.name) } }

  func isReserved(_ name: String) -> Bool { name.lowercased().hasPrefix("pg_") }

  func end() { connection.end() }
}
