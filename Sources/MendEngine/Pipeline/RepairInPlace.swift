import MendArchive
import MendKit

extension Engine {
  /// Archives a damaged store, mends a copy of it, and, when the checks pass on the copy, puts it in the store's place.
  /// Whatever goes wrong before that leaves the store as it was.
  func repairInPlace(
    _ result: CheckResult, reason: String, session: RunSession, backupHookRan: Bool = false
  ) -> StoreReport {
    var report = StoreReport(result)
    guard let driver = repairable(result, &report) else { return report }
    var repair = RepairInPlace(engine: self, driver: driver, result: result, report: report, reason: reason)
    repair.backupHookRan = backupHookRan
    repair.run(session: session)
    return repair.report
  }
}

private struct RepairInPlace {
  let engine: Engine
  let driver: any Driver
  var result: CheckResult
  var report: StoreReport
  let reason: String
  /// What the checks found when the run began.
  let before: [Finding]
  /// Whether before_backup ran.
  var backupHookRan = false
  /// Whether before_repair ran, so that after_repair has to.
  private var hookRan = false

  /// An application that stops in the hook before_repair may write once more; then archive and copy are made again.
  private static let attempts = 3

  var store: ManagedStore { result.store }

  init(engine: Engine, driver: any Driver, result: CheckResult, report: StoreReport, reason: String) {
    self.engine = engine
    self.driver = driver
    self.result = result
    self.report = report
    self.reason = reason
    before = result.findings
  }

  mutating func run(session: RunSession) {
    do throws(Problem) {
      let journal = try session.journal(of: store)
      let backups = try engine.backups(of: store, driver)
      let schema = try engine.schemaText()
      guard let plan = try firstPlan(backups, schema) else { return }
      var done: [PlannedRepair] = []
      if isForTheStoreItself(plan) {
        let isDone = try mendStoreItself(plan, backups, schema)
        if isDone { return finishHook() }
        guard try firstPlan(backups, schema) != nil else { return finishHook() }
        done = report.plan
      }
      defer { report.plan = done + report.plan.filter { !done.contains($0) } }
      if let obstacle = driver.installObstacle(store.path) { throw obstacle }
      for attempt in 1...Self.attempts {
        if try mendAndInstall(backups, schema, journal: journal) { break }
        guard attempt < Self.attempts else { throw Engine.changedMeanwhile(store) }
        result = engine.runChecks(store, counting: .always)
        guard !result.toMend.isEmpty, result.verdict != .unchecked else {
          report.verdict = result.verdict
          for problem in result.problems { report.add(problem) }
          report.findings = Engine.merged(before: before, after: result.findings)
          break
        }
      }
    } catch {
      report.add(error)
    }
    finishHook()
  }

  private mutating func finishHook() {
    guard hookRan else { return }
    do throws(Problem) {
      try engine.runHook(.afterRepair, for: store, archive: report.archive)
    } catch {
      report.add(error)
    }
  }

  /// Without a single allowed repair there is nothing to archive and nothing to copy.
  private mutating func firstPlan(_ backups: any Backups, _ schema: SchemaText?) throws(Problem) -> Plan? {
    let context = RepairContext(
      store: store.identity, driver: driver, path: store.path, scratch: nil, backups: backups, schema: schema,
      askedFor: engine.settings.askedForRepairs, patience: engine.patience, maxLoss: store.maxLoss,
      tellsProvenance: engine.settings.tellsProvenance, found: result.findings)
    let (plan, remarks) = try engine.plan(for: result.toMend, of: store, in: context, tried: TriedRepairs())
    guard plan.steps.isEmpty else { return plan }
    Engine.note(backups, in: &report)
    report.notes += remarks + plan.uncovered.map(Engine.sentence)
    report.neededLoss = Plan.neededLoss(plan.uncovered)
    return nil
  }

  // MARK: - A server's store

  /// Whether the plan is for a store that a server keeps, and no step of it costs anything or needs a new store.
  private func isForTheStoreItself(_ plan: Plan) -> Bool {
    driver is any ServerDriver
      && plan.steps.allSatisfy { step in
        step.offer.loss == .none && !step.offer.replacesStore && engine.registry.repair(step.repair)?.needsCopy == false
      }
  }

  /// Mends the store itself, after an archive of it; false where findings remain that a new store could mend. The server makes
  /// each step whole or not at all.
  private mutating func mendStoreItself(
    _ plan: Plan, _ backups: any Backups, _ schema: SchemaText?
  ) throws(Problem) -> Bool {
    if !backupHookRan { try engine.runHook(.beforeBackup, for: store) }
    backupHookRan = true
    report.archive = try engine.archive(result, reason: reason).record.path
    try engine.runHook(.beforeRepair, for: store, archive: report.archive)
    hookRan = true
    let context = RepairContext(
      store: store.identity, driver: driver, path: store.path, scratch: nil, backups: backups, schema: schema,
      askedFor: engine.settings.askedForRepairs, patience: engine.patience, maxLoss: store.maxLoss,
      tellsProvenance: engine.settings.tellsProvenance, found: result.findings)
    for step in plan.steps {
      guard let repair = engine.registry.repair(step.repair) else { continue }
      engine.observer.began(.mending(store.identity, repair: step.repair))
      do throws(Problem) {
        let outcome = try repair.mend(step.findings, in: context)
        report.plan.append(step.planned(.mended))
        report.notes += outcome.notes.filter { !report.notes.contains($0) }
        report.rows.merge(outcome.rows) { $1 }
      } catch {
        report.plan.append(step.planned(.failed))
        report.notes.append("A repair could not be carried out: \(error)")
        if ExitCode(for: error) == .unchecked { report.add(error) }
      }
    }
    let after = engine.runChecks(store, counting: .always)
    for index in report.plan.indices where report.plan[index].outcome == .mended {
      let codes = report.plan[index].because
      if after.toMend.contains(where: { codes.contains($0.finding.code) }) {
        report.plan[index].outcome = .insufficient
      }
    }
    report.checks = after.outcomes
    report.bytes = after.bytes
    report.tables = after.rows
    report.findings = Engine.merged(before: before, after: after.findings)
    for problem in after.problems { report.add(problem) }
    report.verdict = after.verdict == .healthy ? .repaired : after.verdict
    result = after
    return after.verdict != .damaged || after.toMend.isEmpty || !report.problems.isEmpty
  }

  /// False when the store changed before the copy could be put in place: nothing was done to it then.
  private mutating func mendAndInstall(
    _ backups: any Backups, _ schema: SchemaText?, journal: Journal
  ) throws(Problem) -> Bool {
    if !backupHookRan { try engine.runHook(.beforeBackup, for: store) }
    backupHookRan = true
    let archived = try engine.archive(result, reason: reason)
    report.archive = archived.record.path
    let work = WorkFolder(for: store, driver)
    var entry = Journal.Entry(store: store.identity, phase: .working, work: work.path, archive: archived.record.path)
    entry.old = Journal.FileMark(of: store.path)
    try journal.put(entry)
    defer { if let note = work.end(store.identity, journal) { report.notes.append(note) } }
    try work.make()
    var mending = try Mending(
      engine: engine, result: result, driver: driver, backups: backups, schema: schema, work: work)
    guard mending.stamp == archived.stamp else { return false }
    do throws(Problem) {
      try mending.run()
    } catch {
      guard error.kind == .changing else { throw error }
      return false
    }
    guard mending.isHealthy else {
      engine.take(mending, into: &report)
      report.rows = [:]
      report.notes.append("Nothing was changed: the checks do not pass on the mended copy.")
      return true
    }
    guard try installUnlessChanged(mending, &entry, journal: journal) else { return false }
    engine.take(mending, into: &report)
    engine.noteReplaced(store, driver, in: &report)
    verify(archived.record, mending, &entry, work: work, journal: journal)
    return true
  }

  private mutating func installUnlessChanged(
    _ mending: Mending, _ entry: inout Journal.Entry, journal: Journal
  ) throws(Problem) -> Bool {
    if !hookRan {
      try engine.runHook(.beforeRepair, for: store, archive: report.archive)
      hookRan = true
    }
    guard try driver.stamp(store.path) == mending.stamp else { return false }
    do throws(Problem) {
      try engine.install(
        mending.copy, over: store, driver, expected: mending.stamp, attributes: nil, entry: &entry, journal: journal)
    } catch {
      guard error.kind == .changing else { throw error }
      return false
    }
    return true
  }

  /// The same checks, at the place. When they find damage after all, the old content comes back.
  private mutating func verify(
    _ record: Repository.Record, _ mending: Mending, _ entry: inout Journal.Entry, work: WorkFolder, journal: Journal
  ) {
    let after = engine.runChecks(store, counting: .always)
    report.checks = after.outcomes
    report.bytes = after.bytes
    report.tables = after.rows
    report.findings = Engine.merged(before: before, after: after.findings)
    for problem in after.problems { report.add(problem) }
    guard after.damage.contains(where: { !$0.isOfPlace }) else {
      report.verdict = after.verdict == .healthy ? .repaired : after.verdict
      if after.verdict == .damaged {
        report.notes.append(
          "The content was mended; what remains is found in the file's place, which no repair changes.")
      }
      return
    }
    report.verdict = .damaged
    report.findings = after.findings
    do throws(Problem) {
      let old = try engine.unpack(record, of: store, driver, into: try work.subfolder("old"))
      try engine.install(
        old.path, over: store, driver, expected: nil, attributes: old.attributes, entry: &entry, journal: journal)
      report.notes.append("The checks failed on the repaired store in its place, so the old content was put back.")
    } catch {
      report.add(error)
      report.notes.append("The old content is in \(record.path), and could not be put back.")
    }
  }
}
