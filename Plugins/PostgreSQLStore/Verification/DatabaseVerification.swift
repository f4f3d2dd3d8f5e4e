import MendKit

/// Holds a database against what its pages should be, by PostgreSQL's own verification, the extension `amcheck`. Where that is
/// not there and may not be used, every row is read instead.
struct DatabaseVerification {
  private let session: PostgresSession
  private let request: IntegrityRequest
  private let database: DatabaseCatalog
  /// Indexes that do not agree with their tables.
  private(set) var suspects: Set<String> = []
  private(set) var account = VerificationAccount(engine: "postgresql")

  init(_ session: PostgresSession, _ request: IntegrityRequest, _ database: DatabaseCatalog) {
    self.session = session
    self.request = request
    self.database = database
  }

  mutating func run() throws(Problem) -> [Finding] {
    // First, since reading a damaged page counts as a failure of its own.
    var findings = try checksumFailures() + invalidIndexes()
    if request.asksEngine {
      return try findings + EngineVerification(session.address, session.patience, database).run()
    }
    let way = try session.asking("look for the extension amcheck in") { () throws(ServerFailure) in
      try AmcheckWay.find(session.connection)
    }
    let units = units(way)
    let results = try run(units, way)
    findings += results.flatMap(\.findings)
    RowsByIndex.remember(
      results.reduce(into: [:]) { $0.merge($1.known) { $1 } }, of: session.address)
    // A row that is not in an index because its page cannot be read is the table's trouble, and said of the table.
    let damaged = Set(findings.filter { $0.code == "table.malformed" }.compactMap(\.location.table))
    findings.removeAll { finding in
      finding.code == "index.entry-missing" && damaged.contains(finding.location.table ?? "")
    }
    suspects.formUnion(findings.filter { $0.code.matches("index.*") }.compactMap(\.location.index))
    tell(units, way)
    return findings
  }

  // MARK: - What the catalog tells

  private func invalidIndexes() -> [Finding] {
    var findings: [Finding] = []
    for relation in database.relations {
      for index in relation.indexes where !index.isValid || !index.isReady {
        findings.append(
          Finding(
            "index.invalid", .error, at: Finding.Location(table: relation.table.name, index: index.shown),
            "the index \(index.shown) is not valid: queries do not use it, and it refuses no duplicates",
            evidence: "indisvalid \(index.isValid), indisready \(index.isReady); a CREATE INDEX CONCURRENTLY failed"))
      }
    }
    return findings
  }

  private func checksumFailures() throws(Problem) -> [Finding] {
    let row = try session.asking("ask for checksum failures of") { () throws(ServerFailure) in
      try session.connection.rows(
        """
        select checksum_failures, checksum_last_failure from pg_catalog.pg_stat_database
        where datname = pg_catalog.current_database() and checksum_failures > 0
        """
      ).first
    }
    guard let row, row.count == 2, let count = Int(row[0] ?? "") else { return [] }
    return [
      Finding(
        "checksum.failures", .warning,
        "the server has met \(count == 1 ? "1 page" : "\(count) pages") of this database whose data checksum is wrong",
        evidence: row[1].map { "the last one at \($0) UTC; the count goes back with pg_stat_reset()" }, count: count)
    ]
  }

  // MARK: - What is read

  private func units(_ way: AmcheckWay) -> [VerificationUnit] {
    var units: [VerificationUnit] = []
    for relation in database.relations where relation.holdsRows {
      units.append(VerificationUnit(relation: relation, index: nil))
      guard way != .unavailable else { continue }
      for index in relation.indexes where index.method == "btree" && index.isValid && index.isReady {
        units.append(VerificationUnit(relation: relation, index: index))
      }
    }
    return units
  }

  /// Extensions are seen only within the transaction that makes them: then one connection does all of it.
  private func run(_ units: [VerificationUnit], _ way: AmcheckWay) throws(Problem) -> [VerificationRun.Result] {
    let sizes = try sizes()
    let ordered = units.sorted { (sizes[$0.oid] ?? 0, $1.oid) > (sizes[$1.oid] ?? 0, $0.oid) }
    let total = ordered.reduce(0) { $0 + (sizes[$1.oid] ?? 0) }
    let workers = way == .makeable || total < Self.smallPages ? 1 : max(1, min(request.workers, units.count))
    // The largest first, each to whoever has least to do.
    var shares = [[VerificationUnit]](repeating: [], count: workers)
    var loads = [Int](repeating: 0, count: workers)
    for unit in ordered {
      let least = loads.indices.min { loads[$0] < loads[$1] } ?? 0
      shares[least].append(unit)
      loads[least] += 1 + (sizes[unit.oid] ?? 0)
    }
    let (address, patience, request) = (session.address, session.patience, request)
    let given = shares
    let outcomes = Workers.map(workers, workers: workers) { worker -> Swift.Result<VerificationRun.Result, Problem> in
      do throws(Problem) {
        return .success(try VerificationRun(address, patience, request, way).run(given[worker]))
      } catch {
        return .failure(error)
      }
    }
    var results: [VerificationRun.Result] = []
    for outcome in outcomes { results.append(try outcome.get()) }
    return results
  }

  /// Below this many pages of 8 KiB a second connection costs more than it saves.
  private static let smallPages = 2000

  private func sizes() throws(Problem) -> [String: Int] {
    let rows = try session.asking("read the sizes of") { () throws(ServerFailure) in
      try session.connection.rows("select oid, relpages from pg_catalog.pg_class where relpages > 0")
    }
    var sizes: [String: Int] = [:]
    for row in rows where row.count == 2 { if let oid = row[0] { sizes[oid] = Int(row[1] ?? "") } }
    return sizes
  }

  private mutating func tell(_ units: [VerificationUnit], _ way: AmcheckWay) {
    for relation in database.relations where relation.holdsRows {
      let name = relation.table.name
      switch way {
      case .unavailable:
        account.unverified[name] = "every row was read; indexes are verified with the extension amcheck only"
      case .present, .makeable:
        account.byEngine[name] = "amcheck"
        let others = relation.indexes.filter { $0.method != "btree" }
        if !others.isEmpty {
          let list = others.map { "\($0.shown) (\($0.method))" }.joined(separator: ", ")
          account.unverified[name] = "amcheck verifies b-trees only: \(list) was not held against the table"
        }
      }
    }
  }
}

/// One table, or one index of it.
struct VerificationUnit: Sendable {
  var relation: DatabaseCatalog.Relation
  var index: DatabaseCatalog.IndexRelation?
  var oid: String { index?.oid ?? relation.oid }
}

/// How `amcheck` can be had.
enum AmcheckWay: Equatable {
  /// It is in the database, in this schema.
  case present(schema: String)
  /// It may be made: that happens in a transaction which is rolled back, so that nothing of it stays.
  case makeable
  /// It is not there, or this user may not use it.
  case unavailable

  static func find(_ connection: ServerConnection) throws(ServerFailure) -> AmcheckWay {
    let schema = try connection.value(
      """
      select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
      where e.extname = 'amcheck' and e.extversion::text >= '1.3'
      """)
    if let schema {
      let mayUse = try connection.value(
        """
        select bool_and(pg_catalog.has_function_privilege(p.oid, 'execute')) from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = \(Quoting.text(schema)) and p.proname in ('verify_heapam', 'bt_index_check')
        """)
      return mayUse == "t" ? .present(schema: schema) : .unavailable
    }
    let mayMake = try connection.value(
      """
      select rolsuper and not pg_catalog.pg_is_in_recovery() and exists(
        select 1 from pg_catalog.pg_available_extension_versions where name = 'amcheck' and version >= '1.3'
      ) and not exists(select 1 from pg_catalog.pg_extension where extname = 'amcheck')
      from pg_catalog.pg_roles where rolname = current_user
      """)
    return mayMake == "t" ? .makeable : .unavailable
  }
}
