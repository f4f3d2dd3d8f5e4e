import MendKit

/// Holds a database against what its pages should be, by PostgreSQL's own verification, the extension `amcheck`. Where that is
/// not there and may not be used, every row is read instead.
struct DatabaseVerification {
  let session: PostgresSession
  private let request: IntegrityRequest
  let database: DatabaseCatalog
  /// Indexes that do not agree with their tables.
  private(set) var suspects: Set<String> = []
  private(set) var account = VerificationAccount(engine: "postgresql")
  /// The rows of the tables that were counted on the way.
  private(set) var rows: [String: RowsByIndex.Count] = [:]
  /// Tables whose rows cannot be counted.
  private(set) var uncounted: Set<String> = []

  init(_ session: PostgresSession, _ request: IntegrityRequest, _ database: DatabaseCatalog) {
    self.session = session
    self.request = request
    self.database = database
  }

  mutating func run() throws(Problem) -> [Finding] {
    // First, since reading a damaged page counts as a failure of its own.
    var findings = try checksumFailures() + invalidIndexes() + damagedSequences() + hiddenRows()
    if request.asksEngine {
      return try findings + EngineVerification(session.address, session.patience, database).run()
    }
    let connection = session.connection
    let functions = try session.asking("look for the extensions amcheck and pageinspect in") {
      () throws(ServerFailure) in try PageFunctions.find(connection)
    }
    let sizes = try sizes()
    var kept: [EngineRelations.Relation] = []
    if functions.amcheck != .unavailable {
      kept = try session.asking("read the catalogs of") { () throws(ServerFailure) in
        try EngineRelations(connection).relations
      }
    }
    let units = units(functions, sizes, kept)
    var result = try run(units, functions)
    try session.revive()
    DamagedItems.remember(result.items, of: session.address)
    let damaged = Set(result.findings.filter { $0.code == "table.malformed" }.compactMap(\.location.table))
    result.findings = withoutEchoes(result.findings)
    findings += inOrder(result.findings)
    // A row with a text that no server takes is lost to a new database, too.
    let losing = damaged.union(result.findings.filter { $0.code == "text.invalid" }.compactMap(\.location.table))
    RowsByIndex.remember(result.known.filter { losing.contains($0.key) }, of: session.address)
    (rows, uncounted) = (result.rows, result.uncounted)
    // A row that is not in an index because its page cannot be read is the table's trouble, and said of the table.
    findings.removeAll { finding in
      finding.code == "index.entry-missing" && damaged.contains(finding.location.table ?? "")
        && database.index(finding.location.index ?? "") != nil
    }
    // Nor is a torn chain of row versions an index's trouble where the table is known to be damaged.
    findings.removeAll { finding in
      finding.code == "index.malformed" && damaged.contains(finding.location.table ?? "")
        && (finding.evidence ?? "").contains("failed to find parent tuple for heap-only tuple")
    }
    findings = try withDuplicates(withoutConsequences(findings, kept))
    suspects.formUnion(
      findings.filter { $0.code.matches("index.*") || $0.code == "row.contradicted" }.compactMap(\.location.index))
    DamagedItems.remember(indexes: suspects, of: session.address)
    Contradiction.remember(result.contradictions, of: session.address)
    tell(functions, result.unverified)
    // Whoever reads the definitions from here on, pg_dump among them, does so past these indexes.
    if let broken = findings.first(where: { $0.location.index?.hasPrefix("pg_catalog.") == true }) {
      CatalogIndexes.distrust(session.address, broken.evidence ?? broken.message)
    }
    return findings
  }

  /// That a table cannot be counted is no news where it is known which pages are damaged.
  private func withoutEchoes(_ findings: [Finding]) -> [Finding] {
    let placed = Set(
      findings.filter { $0.code == "table.malformed" && $0.location.page != nil }.compactMap(\.location.table))
    return findings.filter { finding in
      finding.code != "table.malformed" || finding.location.page != nil
        || !placed.contains(finding.location.table ?? "")
    }
  }

  /// A value that is kept apart is found by an index: where that is damaged, nothing is known of the value.
  private func withoutConsequences(_ findings: [Finding], _ kept: [EngineRelations.Relation]) -> [Finding] {
    let trees = Set(kept.filter { $0.kind == "t" }.flatMap(\.indexes).map(\.shown))
    let tables = Set(
      findings.filter { $0.code.matches("index.*") && trees.contains($0.location.index ?? "") }.compactMap(
        \.location.table))
    return findings.filter { finding in
      finding.code != "table.malformed" || !tables.contains(finding.location.table ?? "")
        || !(finding.location.page == nil || (finding.evidence ?? "").contains("toast value"))
    }
  }

  /// A unique index that lacks rows may have let others of the same key in: then it cannot be built anew.
  private func withDuplicates(_ findings: [Finding]) throws(Problem) -> [Finding] {
    let suspects = Set(
      findings.filter { $0.code.matches("index.*") || $0.code == "row.contradicted" }.compactMap(\.location.index))
    guard !suspects.isEmpty else { return findings }
    let damaged = Set(findings.filter { $0.code == "table.malformed" }.compactMap(\.location.table))
    var found: [Finding] = []
    let keys = try session.asking("read the unique indexes of") { () throws(ServerFailure) in
      try UniqueKey.all(session.connection)
    }
    for key in keys where suspects.contains(key.index) && !damaged.contains(key.table) {
      // Where the server answers no question about the table, it is known why.
      guard !uncounted.contains(key.table) else { continue }
      let count = try session.asking("look for duplicate keys of \(key.table) in") { () throws(ServerFailure) in
        try Self.duplicates(key, session.connection)
      }
      guard count > 0 else { continue }
      found.append(
        Finding(
          "index.not-unique", .error, at: Finding.Location(table: key.table, index: key.index),
          "\(count == 1 ? "1 key" : "\(count) keys") of the unique index \(key.index) \(count == 1 ? "belongs" : "belong") to more than one row",
          count: count))
    }
    let broken = Set(found.compactMap(\.location.index))
    return findings.filter { !$0.code.matches("index.*") || !broken.contains($0.location.index ?? "") } + found
  }

  /// How many keys several rows have; none where a damaged index keeps the server from answering.
  private static func duplicates(_ key: UniqueKey, _ connection: ServerConnection) throws(ServerFailure) -> Int {
    do throws(ServerFailure) {
      return try KeyReader.withoutIndexes(connection) { () throws(ServerFailure) in
        try connection.value("select count(*) from (\(key.duplicates)) g").flatMap { Int($0) } ?? 0
      }
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return 0
    }
  }

  /// Connections work side by side: their findings are put into the order of the tables.
  private func inOrder(_ findings: [Finding]) -> [Finding] {
    var places: [String: Int] = [:]
    for (number, relation) in database.relations.enumerated() { places[relation.table.name] = number }
    func place(_ finding: Finding) -> (Int, Int, Int) {
      let table = finding.location.table.flatMap { places[$0] } ?? places.count
      return (table, finding.location.index == nil ? 0 : 1, finding.location.page ?? 0)
    }
    let ordered = findings.enumerated().sorted { one, other in
      let (first, second) = (place(one.element), place(other.element))
      return first == second ? one.offset < other.offset : first < second
    }
    return ordered.map(\.element)
  }

  // MARK: - What is read

  private func units(
    _ functions: PageFunctions, _ sizes: [String: Int], _ kept: [EngineRelations.Relation]
  ) -> [VerificationUnit] {
    var units: [VerificationUnit] = []
    let readsTexts = request.isFull && DumpsUnderWay.share(of: session.address)?.readsTexts != true
    for relation in database.relations where relation.holdsRows {
      let blocks = sizes[relation.oid] ?? 0
      guard functions.amcheck != .unavailable else {
        units.append(VerificationUnit(work: .reading(relation), cost: blocks))
        continue
      }
      for start in stride(from: 0, to: blocks, by: Self.blocksOfUnit) {
        let end = min(start + Self.blocksOfUnit, blocks)
        units.append(VerificationUnit(work: .blocks(relation, start, end - 1), cost: end - start))
        guard readsTexts, !relation.texts.isEmpty else { continue }
        units.append(VerificationUnit(work: .texts(relation, start, end - 1), cost: end - start))
      }
      for index in relation.indexes where index.method == "btree" && index.isValid && index.isReady {
        units.append(VerificationUnit(work: .tree(index, relation), cost: 4 * blocks + (sizes[index.oid] ?? 0)))
      }
      guard request.isFull else { continue }
      units.append(VerificationUnit(work: .rows(relation), cost: blocks))
      for index in relation.indexes where index.method != "btree" && index.isValid && index.isReady {
        units.append(VerificationUnit(work: .lookups(index, relation), cost: (sizes[index.oid] ?? 0) + 100))
      }
    }
    // Many small ones are asked for at once.
    var batch: [EngineRelations.Relation] = []
    var pages = 0
    for relation in kept {
      batch.append(relation)
      pages += 1 + relation.pages + relation.indexes.reduce(0) { $0 + 1 + $1.pages }
      guard batch.count >= Self.mostOfBatch || pages >= Self.pagesOfBatch else { continue }
      units.append(VerificationUnit(work: .kept(batch), cost: pages))
      (batch, pages) = ([], 0)
    }
    if !batch.isEmpty { units.append(VerificationUnit(work: .kept(batch), cost: pages)) }
    return units
  }

  /// A large table is verified in parts of 64 MiB.
  private static let blocksOfUnit = 8192
  private static let mostOfBatch = 50
  private static let pagesOfBatch = 500

  private func run(
    _ units: [VerificationUnit], _ functions: PageFunctions
  ) throws(Problem) -> VerificationRun.Result {
    guard !units.isEmpty else { return VerificationRun.Result() }
    let total = units.reduce(0) { $0 + $1.cost }
    let workers = total < Self.smallPages ? 1 : max(1, min(request.workers, units.count))
    let queue = UnitQueue(units, pagesFirst: !session.hasChecksums, request.progress)
    let setting = VerificationRun.Setting(
      address: session.address, patience: session.patience, request: request, functions: functions,
      snapshot: session.connection.snapshot, gate: TableGate(units, isOpen: session.hasChecksums),
      hasChecksums: session.hasChecksums)
    let outcomes = Workers.map(workers, workers: workers) { worker -> Swift.Result<VerificationRun.Result, Problem> in
      do throws(Problem) {
        let connected: VerificationRun?
        do throws(Problem) { connected = try VerificationRun(setting) } catch {
          // Where the server gives no more connections, one does all the work.
          guard worker > 0 else { throw error }
          connected = nil
        }
        guard var run = connected else { return .success(VerificationRun.Result()) }
        return .success(try run.run(queue))
      } catch {
        return .failure(error)
      }
    }
    var result = VerificationRun.Result()
    for outcome in outcomes { result.add(try outcome.get()) }
    return result
  }

  /// Below this many pages of 8 KiB a second connection costs more than it saves.
  private static let smallPages = 4000

  /// The sizes of the application's tables and indexes in blocks.
  private func sizes() throws(Problem) -> [String: Int] {
    let rows = try session.asking("read the sizes of") { () throws(ServerFailure) in
      try session.connection.rows(
        """
        select c.oid, case when c.relkind = 'i' then c.relpages
          else pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int end
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'i') and c.relpersistence <> 't' and \(DatabaseCatalog.ownSchemas)
        """)
    }
    var sizes: [String: Int] = [:]
    for row in rows where row.count == 2 { if let oid = row[0] { sizes[oid] = Int(row[1] ?? "") } }
    return sizes
  }

  private mutating func tell(_ functions: PageFunctions, _ unverified: [String: [String]]) {
    for relation in database.relations where relation.holdsRows {
      let name = relation.table.name
      guard functions.amcheck != .unavailable else {
        account.unverified[name] = "every row was read; indexes are verified with the extension amcheck only"
        continue
      }
      account.byEngine[name] = "amcheck"
      if let reasons = unverified[name], !reasons.isEmpty {
        account.unverified[name] = reasons.sorted().joined(separator: "; ")
      }
    }
  }
}
