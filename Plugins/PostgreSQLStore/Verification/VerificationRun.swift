import MendKit

/// Takes pieces of verification one after another, on a connection of its own.
struct VerificationRun {
  /// What all connections of a verification have in common.
  struct Setting: Sendable {
    var address: PostgresAddress
    var patience: Double
    var request: IntegrityRequest
    var functions: PageFunctions
    /// The view that all of them see.
    var snapshot: String?
    /// Which tables are verified by now.
    var gate: TableGate
    /// Whether the server takes no page for one whose content is damaged.
    var hasChecksums: Bool
  }

  /// What came of a share of the work.
  struct Result: Sendable {
    var findings: [Finding] = []
    /// How many rows of a table an index knows.
    var known: [String: Int] = [:]
    /// The rows of tables, and those with a NULL in the key.
    var rows: [String: RowsByIndex.Count] = [:]
    /// Tables whose rows cannot be counted, since a page or an index of them is damaged.
    var uncounted: Set<String> = []
    /// What could not be verified, and why, by the table.
    var unverified: [String: [String]] = [:]
    /// What amcheck finds damaged.
    var items: DamagedItems.Items = [:]
    /// Rows of which table and index hold different values.
    var contradictions: [Contradiction] = []

    mutating func add(_ other: Result) {
      findings += other.findings
      known.merge(other.known) { $1 }
      rows.merge(other.rows) { $1 }
      uncounted.formUnion(other.uncounted)
      unverified.merge(other.unverified) { $0 + $1 }
      items.merge(other.items) { one, other in one.merging(other) { $0.merging($1) { $1 } } }
      contradictions += other.contradictions
    }
  }

  private var setting: Setting
  private var connection: ServerConnection
  private var result = Result()

  init(_ setting: Setting) throws(Problem) {
    self.setting = setting
    connection = try Self.connect(setting)
  }

  private static func connect(_ setting: Setting) throws(Problem) -> ServerConnection {
    let functions = setting.functions
    let connection = try ServerConnection(
      setting.address,
      functions.needsMaking ? .workOn(snapshot: setting.snapshot) : .viewOf(snapshot: setting.snapshot),
      patience: setting.patience)
    do throws(ServerFailure) {
      try functions.prepare(connection)
    } catch {
      throw error.problem("make functions for the time of the check in", on: setting.address.uri)
    }
    return connection
  }

  /// Works until the queue is empty.
  mutating func run(_ queue: UnitQueue) throws(Problem) -> Result {
    defer { connection.end() }
    do throws(Problem) {
      while let unit = queue.take() { try perform(unit) }
    } catch {
      setting.gate.open()
      throw error
    }
    return result
  }

  /// Whoever is thrown out when another's process died tries again so often.
  private static let tries = 5

  private mutating func perform(_ unit: VerificationUnit) throws(Problem) {
    var deaths = 0
    for _ in 0..<Self.tries {
      do throws(ServerFailure) {
        return try work(unit)
      } catch {
        guard error.isGone else {
          // A table that was dropped meanwhile is no damage.
          if ["42P01", "42704", "XX000"].contains(error.state), error.message.contains("could not open relation") {
            if case .blocks(let relation, _, _) = unit.work { setting.gate.verified(relation, damagedBlocks: [nil]) }
            return
          }
          throw error.problem("verify \(unit.shown) in", on: setting.address.uri)
        }
        // A server that was stopped did not die of a page.
        guard error.isDamage else { throw error.problem("verify \(unit.shown) in", on: setting.address.uri) }
        if !error.isDeathOfAnother { deaths += 1 }
        try connectAgain(after: error)
        if unit.parts.count > 1 {
          for part in unit.parts { try perform(part) }
          return
        }
        // Twice in the same place is no accident.
        guard deaths > 1 else { continue }
        let location = unit.location
        result.findings.append(
          Finding(
            location.index == nil ? "table.malformed" : "index.malformed", .error, at: location,
            "the server process died while it read \(unit.shown)", evidence: error.message))
        if case .blocks(let relation, _, _) = unit.work { setting.gate.verified(relation, damagedBlocks: [nil]) }
        return
      }
    }
  }

  /// A server in which a process died ends all sessions, and is back within seconds.
  private mutating func connectAgain(after failure: ServerFailure) throws(Problem) {
    // The session that held the common view is gone, too.
    setting.snapshot = nil
    for _ in 0..<40 {
      if let connection = try? Self.connect(setting) {
        self.connection = connection
        return
      }
      usleep(500_000)
    }
    throw ServerFailure(state: "08006", message: failure.message).problem("connect again to", on: setting.address.uri)
  }

  private mutating func work(_ unit: VerificationUnit) throws(ServerFailure) {
    switch unit.work {
    case .blocks(let relation, let first, let last):
      let verification = TableVerification(connection, relation, setting.functions, setting.request)
      let places = try verification.places(first, last)
      for place in places {
        guard let block = place.block, let item = place.item, DamagedItems.isUnusable(place.said) else { continue }
        result.items[relation.table.name, default: [:]][block, default: [:]][item] = place.said
      }
      result.findings += verification.findings(places)
      setting.gate.verified(relation, damagedBlocks: Set(places.map(\.block)))
    case .texts(let relation, let first, let last):
      guard setting.gate.isSound(relation) else { return }
      do throws(ServerFailure) {
        let texts = try InvalidTexts(connection, relation).findings(
          first, last, shown: setting.request.findingsPerCause)
        result.findings += texts.findings
        if !texts.items.isEmpty { result.items[relation.table.name, default: [:]].merge(texts.items) { $1 } }
      } catch {
        // What is wrong with pages and indexes their own verification says.
        guard error.isDamage, !error.isGone else { throw error }
      }
    case .tree(let index, let relation):
      try verify(index, of: relation)
    case .lookups(let index, let relation):
      guard setting.hasChecksums || setting.gate.isSound(relation) else {
        result.unverified[relation.table.name, default: []].append(
          "\(index.shown) was not held against the rows of the table, which is damaged")
        return
      }
      try look(up: index, relation)
    case .rows(let relation):
      try count(relation)
    case .reading(let relation):
      result.findings += try TableVerification(connection, relation, setting.functions, setting.request).reading()
    case .kept(let relations):
      result.findings += try EngineRelationCheck(connection, setting.functions, setting.request).findings(relations)
    }
  }

  // MARK: - Rows

  private mutating func count(_ relation: DatabaseCatalog.Relation) throws(ServerFailure) {
    let name = relation.table.name
    guard setting.hasChecksums || setting.gate.isSound(relation) else {
      result.uncounted.insert(name)
      result.known[name] = try DamagedCount(connection, relation, setting.functions).rows(
        besides: setting.gate.damagedBlocks(of: relation))
      return
    }
    do throws(ServerFailure) {
      let blanks = try BlankPages(connection, relation, setting.functions, setting.request).look()
      result.findings += blanks.findings
      if let reason = blanks.unverified { result.unverified[name, default: []].append(reason) }
      let rows = RowsByIndex(connection, relation)
      guard blanks.entries == nil else {
        let count = try rows.countByTable()
        result.rows[name] = count
        result.known[name] = count.rows + (blanks.entries ?? 0)
        return
      }
      switch try rows.compare() {
      case .same(let count, let byIndex):
        result.rows[name] = count
        result.known[name] = byIndex
      case .missing(let missing, let known):
        result.known[name] = known
        result.findings.append(missingRows(name, missing, of: known))
      case .broken(let said, let known):
        result.known[name] = known
        result.findings.append(
          Finding(
            "table.malformed", .error, at: Finding.Location(table: name), "the table \(name) cannot be read to its end",
            evidence: said))
      case .untold: result.uncounted.insert(name)
      }
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      // Where a page cannot be used, the verification of the table or of its index says so.
      result.uncounted.insert(name)
    }
  }

  private func missingRows(_ name: String, _ missing: Int, of known: Int) -> Finding {
    Finding(
      "table.malformed", .error, at: Finding.Location(table: name),
      "\(missing == 1 ? "1 row" : "\(missing) rows") of \(name) that an index knows \(missing == 1 ? "is" : "are") not in the table: pages of it were cut off, or became zeros",
      evidence: "\(known) rows by the index, \(known - missing) in the table", count: missing)
  }

  // MARK: - Indexes

  private mutating func look(
    up index: DatabaseCatalog.IndexRelation, _ relation: DatabaseCatalog.Relation
  ) throws(ServerFailure) {
    switch try IndexLookups(connection, relation, index, setting.functions).run() {
    case .found: return
    case .finding(let finding): result.findings.append(finding)
    case .unverified(let reason): result.unverified[relation.table.name, default: []].append(reason)
    }
  }

  private mutating func verify(
    _ index: DatabaseCatalog.IndexRelation, of relation: DatabaseCatalog.Relation
  ) throws(ServerFailure) {
    let trees = TreeVerification(connection, setting.functions)
    // The rows of a damaged table are not asked for.
    let isFull = setting.request.isFull && setting.gate.isSound(relation)
    switch try trees.verify(index.oid, full: isFull) {
    case .sound: return
    case .notAgainstRows:
      result.unverified[relation.table.name, default: []].append(
        "\(index.shown) is younger than the view of this check, and was not held against the rows")
    case .damaged(let failure):
      let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
      // A page of the table that cannot be read is said of the table.
      if DamagedPlace(failure.message).isOf(path) { return }
      // Only rows have transactions.
      if failure.isOfTransaction {
        result.findings.append(
          Finding(
            "table.malformed", .error, at: Finding.Location(table: relation.table.name),
            "a row of \(relation.table.name) is damaged: the server knows nothing of its transaction",
            evidence: failure.message))
        return
      }
      let finding = TreeVerification.finding(
        failure, of: index.shown, at: Finding.Location(table: relation.table.name, index: index.shown))
      if finding.code == "index.entry-missing", try tellApart(finding, index, relation) { return }
      result.findings.append(finding)
    }
  }

  /// Whether the index lacks rows, or has them with other values, and what is to be said of that; false where nobody can tell.
  private mutating func tellApart(
    _ finding: Finding, _ index: DatabaseCatalog.IndexRelation, _ relation: DatabaseCatalog.Relation
  ) throws(ServerFailure) -> Bool {
    let outcome: KeyDifferences.Outcome?
    do throws(ServerFailure) {
      outcome = try KeyDifferences(connection, relation, index).look()
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return false
    }
    guard let outcome, !outcome.contradictions.isEmpty else { return false }
    result.contradictions += outcome.contradictions
    result.findings += Contradiction.findings(outcome.contradictions, shown: setting.request.findingsPerCause)
    guard outcome.missing > 0 else { return true }
    var finding = finding
    finding.count = outcome.missing
    result.findings.append(finding)
    return true
  }
}
