import MendKit

/// Mends a working copy: plan, repair, check again, and, where that was not enough, the next repair, until the checks find
/// nothing or no allowed repair is left. Touches nothing outside of its work folder.
struct Mending {
  let engine: Engine
  let store: ManagedStore
  let driver: any Driver
  let backups: any Backups
  let schema: SchemaText?
  let work: WorkFolder
  /// What the checks found in the store in its place.
  let original: [RuledFinding]
  /// All of it, whether it is to be mended or not.
  let found: [Finding]

  /// The copy as it stands.
  private(set) var copy: String
  /// The state of the live store that the copy was made from.
  private(set) var stamp: StoreStamp
  /// What is still to be mended on the copy.
  private(set) var findings: [RuledFinding]
  /// What the last checks of the copy said; nil while no repair was accepted.
  private(set) var check: CheckResult?
  /// Every repair that ran, with what became of it.
  private(set) var steps: [PlannedRepair] = []
  /// The rows of every table that a repair touched.
  private(set) var rows: [String: RowTally] = [:]
  private(set) var notes: [String] = []
  /// Why repairs could not be carried out.
  private(set) var failures: [Problem] = []
  private(set) var uncovered: [Plan.Uncovered] = []
  private var tried = TriedRepairs()
  /// Repairs that met a failure of a device, and get a second chance.
  private var isRetried: Set<String> = []

  /// More repairs than this are no plan any more.
  static let stepLimit = 16

  /// Makes the first copy.
  init(
    engine: Engine, result: CheckResult, driver: any Driver, backups: any Backups, schema: SchemaText?,
    work: WorkFolder
  ) throws(Problem) {
    self.engine = engine
    self.driver = driver
    self.backups = backups
    self.schema = schema
    self.work = work
    store = result.store
    original = result.toMend
    found = result.findings
    findings = result.toMend
    (copy, stamp) = try engine.copy(result.store, driver, into: work)
  }

  /// Whether the checks of the content pass on the copy.
  var isHealthy: Bool { check?.verdict == .healthy }

  mutating func run() throws(Problem) {
    try climb()
    // Now, since the copy has another place as soon as it is installed.
    rows = tallies()
  }

  private mutating func climb() throws(Problem) {
    while !findings.isEmpty, steps.count < Mending.stepLimit {
      let offers = RepairContext(
        store: store.identity, driver: driver, path: check == nil ? store.path : copy, scratch: nil, backups: backups,
        schema: schema, askedFor: engine.settings.askedForRepairs, patience: engine.patience, maxLoss: store.maxLoss,
        tellsProvenance: engine.settings.tellsProvenance, found: found)
      let (plan, remarks) = try engine.plan(for: findings, of: store, in: offers, tried: tried)
      for remark in remarks where !notes.contains(remark) { notes.append(remark) }
      uncovered = plan.uncovered
      guard !plan.steps.isEmpty else { return }
      try carryOut(plan)
    }
  }

  /// Runs the steps until one does not do what it was chosen for; the rest is then planned anew.
  private mutating func carryOut(_ plan: Plan) throws(Problem) {
    for step in plan.steps {
      let present = step.findings.filter { finding in
        findings.contains { $0.finding.isSameTrouble(as: finding) }
      }
      guard !present.isEmpty, tried.allows(step.repair), let repair = engine.registry.repair(step.repair) else {
        continue
      }
      engine.observer.began(.mending(store.identity, repair: step.repair))
      let isMended: Bool
      do throws(Problem) {
        isMended = try mend(present, step, repair)
      } catch {
        // What costs more is not chosen for want of room or memory, nor for what a device does when it is asked again.
        if error.isOfMachine || (error.kind == .system && isRetried.contains(step.repair) && isOwn(error)) { throw error }
        if error.kind == .system, isRetried.insert(step.repair).inserted {
          if !step.offer.replacesStore { try startOver() }
          return
        }
        steps.append(step.planned(.failed))
        failures.append(error)
        tried.add(failed: step.repair)
        // A copy on which a repair broke off is of no use; one that was to be replaced was not touched.
        if !step.offer.replacesStore { try startOver() }
        return
      }
      steps.append(step.planned(isMended ? .mended : .insufficient))
      guard isMended else { return }
    }
  }

  /// Whether the findings that the step was there for are gone.
  private mutating func mend(_ present: [Finding], _ step: Plan.Step, _ repair: any Repair) throws(Problem) -> Bool {
    var target = copy
    if step.offer.replacesStore { target = try place(in: try work.subfolder("new")) }
    let scratch = try work.subfolder("scratch")
    defer { try? Paths.removeTree(scratch) }
    let context = RepairContext(
      store: store.identity, driver: driver, path: target, scratch: scratch, backups: backups, schema: schema,
      askedFor: engine.settings.askedForRepairs, patience: engine.patience, maxLoss: store.maxLoss,
      tellsProvenance: engine.settings.tellsProvenance, found: found)
    let outcome = try repair.mend(present, in: context)
    try driver.settle(target)

    let result = engine.runChecks(store, .copy(target, driver))
    if let problem = result.problems.first { throw problem }
    // What a check of the place found cannot be looked for on a copy: the checks at the place decide in the end.
    let ofPlace = findings.filter { ruled in
      ruled.isOfPlace && !present.contains { ruled.finding.isSameTrouble(as: $0) }
    }
    let remaining = result.toMend + ofPlace
    let left = present.filter { finding in remaining.contains { $0.finding.isSameTrouble(as: finding) } }
    if !left.isEmpty { tried.add(insufficient: step.repair, for: left) }

    if step.offer.replacesStore {
      // A whole new store that is no better than the copy is not taken.
      guard left.isEmpty || remaining.count < findings.count else { return false }
      rows = [:]
      copy = target
    }
    merge(outcome)
    tried.add(done: step.repair)
    check = result
    findings = remaining
    return left.isEmpty
  }

  /// Where a whole new store goes that takes the place of the copy.
  private func place(in folder: String) throws(Problem) -> String {
    guard let driver = driver as? any ServerDriver else { return Paths.join(folder, Paths.name(of: copy)) }
    return try driver.placeForCopy(of: store.path, in: folder)
  }

  private mutating func merge(_ outcome: RepairOutcome) {
    for (table, tally) in outcome.rows {
      guard let before = rows[table] else {
        rows[table] = tally
        continue
      }
      var lost: Int?
      if let one = before.lost, let other = tally.lost { lost = one + other }
      rows[table] = RowTally(
        kept: tally.kept, fromIndex: before.fromIndex + tally.fromIndex,
        fromBackup: before.fromBackup + tally.fromBackup, setAside: before.setAside + tally.setAside, lost: lost,
        lostRanges: before.lostRanges + tally.lostRanges.filter { !before.lostRanges.contains($0) })
    }
    for note in outcome.notes where !notes.contains(note) { notes.append(note) }
  }

  /// Takes a fresh copy of the live store, which must not have changed meanwhile.
  private mutating func startOver() throws(Problem) {
    if driver is any ServerDriver { driver.discard(copy) } else { try Paths.removeTree(Paths.folder(of: copy)) }
    let fresh = try engine.copy(store, driver, into: work)
    guard fresh.stamp == stamp else { throw Engine.changedMeanwhile(store) }
    copy = fresh.path
    findings = original
    check = nil
    rows = [:]
    notes = []
    tried.startOver()
  }

  /// A failure on the copy in terms of the store: the copy is gone when the report is read, and so is what could be done
  /// about it.
  func inTermsOfStore(_ failure: Problem) -> Problem {
    guard failure.subject.hasPrefix(work.path + "/") || failure.subject == copy else { return failure }
    var failure = failure
    failure.subject = "a copy of \(store.writtenPath)"
    failure.advice = nil
    return failure
  }

  /// Whether a failure is one of the work folder: the store and its backups have no part in it.
  private func isOwn(_ failure: Problem) -> Bool { failure.subject.hasPrefix(work.path + "/") }

  /// The rows of every table that a repair touched, with what is there in the end counted as kept where it can be counted.
  private func tallies() -> [String: RowTally] {
    guard !rows.isEmpty, let counted = RowCounts.of(copy, driver, patience: engine.patience) else { return rows }
    var result = rows
    for (table, tally) in rows {
      guard let now = counted[table] else { continue }
      result[table]?.kept = max(0, now - tally.fromIndex - tally.fromBackup)
    }
    return result
  }
}

extension Engine {
  static func changedMeanwhile(_ store: ManagedStore) -> Problem {
    Problem(
      .changing, tried: "mend", on: store.writtenPath, said: "something wrote to it while it was being mended",
      advice: "Stop the application, for example with the hook before_repair, and run dbmend again.")
  }
}
