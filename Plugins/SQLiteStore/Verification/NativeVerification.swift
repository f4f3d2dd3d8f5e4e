import MendKit

/// What a verification found, and what it learned on the way.
struct Verification {
  var findings: [Finding] = []
  /// Indexes that are not what their tables make of them, or whose pages are damaged.
  var suspectIndexes: Set<String> = []
  /// Rows of the tables whose b-trees are whole, the library's own left out.
  var rowCounts: [String: Int] = [:]
  /// Whether that is every table.
  var countsAll = true
  /// Which way each part was verified.
  var account = VerificationAccount(engine: "sqlite")
}

/// Verifies a database by reading its file once: the structure of every b-tree, and each index against its table. SQLite is
/// asked only about what cannot be told from the records.
struct NativeVerification {
  let connection: Connection
  let view: StoreView
  let header: DatabaseHeader
  let pages: PageMap
  let schema: Schema
  let request: IntegrityRequest

  func run() throws(Problem) -> Verification {
    let encoding = header.encodingOfTexts
    let layout = try schema.layout(connection)
    let plan = try schema.plan(connection, encoding: encoding)
    let setting = WalkSetting(header, readsContent: request.isFull, perCause: request.findingsPerCause)
    let walk = FileWalk(
      pages: pages, header: header, trees: plan.trees, fingerprints: plan.comparisons.count, setting: setting,
      workers: request.workers, progress: request.progress)
    var result = walk.run()
    if result.troubles.entries.isEmpty { pages.isDone() }

    var verification = Verification()
    let words = TroubleWords(
      plan: plan, pages: pages, hasOverlay: view.hasOverlay, hasPointerMaps: setting.hasPointerMaps,
      claims: PageClaims(walk: walk).claims(of: result.pagesTwice(perCause: request.findingsPerCause)))
    verification.findings = HeaderReview(header: header, pages: pages, trees: plan.trees).findings
    verification.findings += schema.review()
    verification.findings += layout.constraintMismatches
    verification.findings += words.findings(result.troubles)
    verification.findings += words.findings(freelist: result.freelist, perCause: request.findingsPerCause)
    verification.findings += words.findings(unused: result.unused)
    verification.rowCounts.reserveCapacity(plan.tableTrees.count)
    for (table, tree) in plan.tableTrees where !CatalogReader.isOfEngine(table) {
      if result.troubles.brokenTrees.contains(tree) {
        verification.countsAll = false
      } else {
        verification.rowCounts[table] = result.entryCounts[tree]
      }
    }
    for finding in verification.findings where finding.severity >= .error {
      if let index = finding.location.index { verification.suspectIndexes.insert(index) }
    }
    if request.isFull {
      try compareContent(plan, walk, &result, words, &verification)
      try askEngine(plan, layout, result, &verification)
    }
    tell(plan, layout, result, &verification)
    if !result.troubles.entries.isEmpty {
      let whole = WholeTables(plan: plan, result: result, hasContent: request.isFull).names
      for (place, finding) in verification.findings.enumerated() where finding.code == "table.malformed" {
        verification.findings[place].hidesNoRow = finding.location.table.map(whole.contains) ?? false
      }
    }
    // Zeros that stand for what could not be read, or pages of two states, prove nothing.
    try view.confirmUnheld()
    try pages.confirmRead()
    verification.findings.sort { $0.severity > $1.severity }
    return verification
  }

  /// Each index against its table, where both could be read to their ends. Fingerprints that differ are those of bytes, and a
  /// number may be stored in several ways: what the values say decides.
  private func compareContent(
    _ plan: VerificationPlan, _ walk: FileWalk, _ result: inout FileWalk.Result, _ words: TroubleWords,
    _ verification: inout Verification
  ) throws(Problem) {
    let broken = result.troubles.brokenTrees.union(result.unread)
    let differing = plan.comparisons.filter { comparison in
      !broken.contains(comparison.indexTree) && !broken.contains(comparison.tableTree)
        && !(comparison.isComputed && result.unsure.contains(comparison.tableTree))
        && result.ofIndexes[comparison.fingerprint] != result.ofRows[comparison.fingerprint]
    }
    guard !differing.isEmpty else { return }
    let byTable = Dictionary(grouping: differing) { $0.table.name }.sorted { $0.key < $1.key }
    for (_, comparisons) in byTable {
      let differences = IndexDifferences(walk: walk, comparisons: comparisons, words: words, result: result)
      let (findings, sound) = differences.findings(perCause: request.findingsPerCause)
      verification.findings += findings
      for comparison in comparisons {
        if sound.contains(comparison.fingerprint) {
          result.ofRows[comparison.fingerprint] = result.ofIndexes[comparison.fingerprint]
        } else {
          verification.suspectIndexes.insert(comparison.index.name)
        }
      }
    }
  }

  /// What only SQLite can tell, table by table.
  private func askEngine(
    _ plan: VerificationPlan, _ layout: SchemaLayout, _ result: FileWalk.Result,
    _ verification: inout Verification
  ) throws(Problem) {
    var needs = plan.engineNeeds
    for tree in result.unread {
      needs[plan.trees[tree].table, default: []].insert(
        .index(name: plan.trees[tree].name, because: "has a value of more than 8 MiB"))
    }
    for tree in result.unsure {
      let table = plan.trees[tree].table
      for comparison in plan.comparisons where comparison.tableTree == tree && comparison.isComputed {
        needs[table, default: []].insert(
          .index(name: comparison.index.name, because: "has an expression that only SQLite can evaluate"))
      }
      if !(plan.checks[tree] ?? []).isEmpty { needs[table, default: []].insert(.rows(because: "CHECK constraints")) }
    }
    let broken = Set(result.troubles.brokenTrees.compactMap { $0 >= 0 ? plan.trees[$0].table : nil })
    let catalog = needs.isEmpty ? Catalog(tables: [], schema: "") : try schema.catalog(connection)
    var engine = EngineIntegrityCheck(connection: connection, view: view, catalog: catalog, request: request)
    for (table, ofTable) in needs.sorted(by: { $0.key < $1.key }) where !broken.contains(table) {
      let needsIndexes = ofTable.contains { if case .index = $0 { true } else { false } }
      engine.scope = .table(table, holdsIndexes: needsIndexes)
      let found: EngineIntegrityCheck.Result
      do throws(Problem) {
        found = try engine.run()
      } catch {
        // A function or a collation that only the application has: what it takes part in cannot be told here.
        guard error.kind == .system, error.code == nil else { throw error }
        verification.account.unverified[table] = "SQLite refuses: \(error.said)"
        continue
      }
      verification.account.byEngine[table] = ofTable.map(\.words).sorted().joined(separator: ", ")
      verification.suspectIndexes.formUnion(found.suspectIndexes)
      for finding in found.findings
      where !plan.isVerified(finding) && !verification.findings.contains(where: { $0.isSameTrouble(as: finding) }) {
        verification.findings.append(finding)
      }
    }
    for table in layout.virtualTables {
      let check = VirtualTableCheck(connection: connection, name: table.name, module: table.module)
      switch try check.run() {
      case .nothingOwn: break
      case .sound: verification.account.byEngine[table.name] = "a virtual table of \(table.module)"
      case .damaged(let said):
        verification.account.byEngine[table.name] = "a virtual table of \(table.module)"
        verification.findings.append(
          Finding(
            "virtual-table.malformed", .error, at: .init(table: table.name),
            "virtual table \(table.name) (\(table.module)) finds its own content damaged", evidence: said))
      case .unknown(let reason): verification.account.unverified[table.name] = reason
      }
    }
  }

  /// Counts what was verified here, and makes findings of what nobody could verify.
  private func tell(
    _ plan: VerificationPlan, _ layout: SchemaLayout, _ result: FileWalk.Result, _ verification: inout Verification
  ) {
    for unknown in layout.unknownRoots {
      verification.account.unverified[unknown.name] = "its definition is not understood"
    }
    let broken = result.troubles.brokenTrees.union(result.unread)
    verification.account.tables = plan.tableTrees.count { table, tree in
      plan.trees[tree].root != 1 && !broken.contains(tree) && verification.account.byEngine[table] == nil
        && verification.account.unverified[table] == nil
    }
    if request.isFull {
      verification.account.indexes = plan.comparisons.count {
        !broken.contains($0.indexTree) && !broken.contains($0.tableTree)
          && !($0.isComputed && result.unsure.contains($0.tableTree))
      }
    }
    for (name, reason) in verification.account.unverified.sorted(by: { $0.key < $1.key }) {
      verification.findings.append(
        Finding(
          "table.unverified", .info, at: .init(table: name), "table \(name) could not be verified wholly",
          evidence: reason))
    }
  }
}
