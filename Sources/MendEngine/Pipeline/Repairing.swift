import MendArchive
import MendKit

/// How far `repair` goes.
public enum RepairMode: Sendable, Hashable {
  /// Say what would be done and why, without trying it; change nothing.
  case outline
  /// Say what would be done and why, and what it comes to on a copy; change nothing.
  case plan
  /// Mend the store in its place.
  case inPlace
  /// Write the mended store to a file and leave the original untouched.
  case output(String)
}

extension Engine {
  /// Repairs the store that the target names. `from` is an archive, or a file of the same kind, to take the place of the
  /// store's own archives.
  public func repair(_ target: String, mode: RepairMode, from source: String? = nil) -> Report {
    guard mode == .inPlace else { return readOnlyRepair(target, mode: mode, from: source) }
    return changing([target], action: "repair") { stores, session, report in
      guard var store = only(stores, target, &report) else { return }
      store.source = source
      let result = runChecks(store, counting: .always)
      if let stopped = stoppedByRuleHook(result) { return report.stores.append(stopped) }
      let repaired = repairInPlace(result, reason: "repair", session: session)
      report.stores.append(repaired)
      if repaired.verdict == .repaired { retain(store, &report) }
    }
  }

  /// What is to be said of a store for which the hook of a rule stopped the run; nil where none did.
  private func stoppedByRuleHook(_ result: CheckResult) -> StoreReport? {
    do throws(Problem) {
      try runRuleHooks(result)
      return nil
    } catch {
      var report = StoreReport(result)
      report.add(error)
      return report
    }
  }

  private func only(_ stores: [ManagedStore], _ target: String, _ report: inout Report) -> ManagedStore? {
    if stores.count == 1 { return stores.first }
    let names = stores.prefix(5).map(\.commandLineName).joined(separator: ", ")
    report.problems.append(
      Problem(
        .usage, tried: "repair", on: target, said: "it names \(stores.count) stores, and one is repaired at a time",
        advice: "Name one of: \(names)"))
    return nil
  }

  /// The archives that repairs may draw on: the store's own, or what stands for them.
  func backups(of store: ManagedStore, _ driver: any Driver) throws(Problem) -> any Backups {
    guard let source = store.source else { return repository(of: store).backups(of: store.identity) }
    return try SourceBackups(source, engine: self, driver: driver)
  }

  // MARK: Without touching the store

  private func readOnlyRepair(_ target: String, mode: RepairMode, from source: String?) -> Report {
    let start = clock.steady()
    var report = Report()
    do throws(Problem) {
      let selection = try select([target])
      report.problems = selection.problems
      if var store = only(selection.stores, target, &report) {
        store.source = source
        let result = runChecks(store, counting: .ifCheap)
        if case .output(let file) = mode {
          report.stores.append(stoppedByRuleHook(result) ?? repair(result, into: file))
        } else {
          report.stores.append(explain(result, trial: mode == .plan))
        }
      }
    } catch {
      report.problems.append(error)
    }
    return finish(report, since: start)
  }

  /// Whether a target is a store that no configuration speaks of.
  public func isAdhoc(_ target: String) -> Bool {
    guard let selection = try? select([target]) else { return false }
    return selection.stores.contains { $0.identity.isAdhoc }
  }

  /// The plan for a store in its place, and why there is none where there is none.
  private func explain(_ result: CheckResult, trial: Bool) -> StoreReport {
    var report = StoreReport(result)
    guard let driver = repairable(result, &report) else { return report }
    do throws(Problem) {
      let context = RepairContext(
        store: result.store.identity, driver: driver, path: result.store.path, scratch: nil,
        backups: try backups(of: result.store, driver), schema: try schemaText(),
        askedFor: settings.askedForRepairs, patience: patience, maxLoss: result.store.maxLoss,
        tellsProvenance: settings.tellsProvenance, found: result.findings)
      let (plan, remarks) = try plan(for: result.toMend, of: result.store, in: context, tried: TriedRepairs())
      report.plan = plan.steps.map { $0.planned() }
      Engine.note(context.backups, in: &report)
      report.notes += remarks
      report.neededLoss = Plan.neededLoss(plan.uncovered)
      // What the plan leaves uncovered may be gone with the rest.
      let isAnswered = trial && !plan.steps.isEmpty && tryOut(result, driver, &report)
      if !isAnswered { report.notes += plan.steps.flatMap(\.offer.details) + plan.uncovered.map(Engine.sentence) }
    } catch {
      report.add(error)
    }
    return report
  }

  /// The driver, where there is something that a repair could work on; else the report says why not.
  func repairable(_ result: CheckResult, _ report: inout StoreReport) -> (any Driver)? {
    guard result.verdict != .unchecked, !result.toMend.isEmpty else { return nil }
    guard !result.isMissing else {
      let newest = try? repository(of: result.store).records(of: result.store.identity).last
      report.notes.append(
        newest == nil
          ? "A missing store is not repaired; dbmend creates no store where none is."
          : "A missing store is not repaired. To bring its newest good archive back run: "
            + "dbmend restore latest \(result.store.commandLineName)")
      return nil
    }
    if result.driver == nil {
      report.notes.append(
        "No driver knows this file, so nothing here can repair it; name its kind in the configuration.")
    }
    return result.driver
  }

  /// Names the archives that were passed over because they cannot be read.
  static func note(_ backups: (any Backups)?, in report: inout StoreReport) {
    guard let stored = backups as? StoredBackups else { return }
    for problem in stored.skipped {
      let note = "An archive was passed over: \(problem)"
      if !report.notes.contains(note) { report.notes.append(note) }
    }
  }

  static func sentence(_ uncovered: Plan.Uncovered) -> String { "\(uncovered.finding.code): \(uncovered.reason)." }

  private func repair(_ result: CheckResult, into file: String) -> StoreReport {
    var report = StoreReport(result)
    guard let driver = repairable(result, &report) else {
      if report.verdict == .healthy { report.notes.append("There is nothing to mend; \(file) was not written.") }
      return report
    }
    let work = WorkFolder(beside: Paths.resolved(file), driver)
    do throws(Problem) {
      try refuseOutput(file, over: result.store, driver)
      let backups = try backups(of: result.store, driver)
      let schema = try schemaText()
      report.notes += AbandonedWork(registry).clear(Paths.folder(of: Paths.resolved(file)))
      try work.make()
      defer { if let note = work.end(result.store.identity, nil) { report.notes.append(note) } }
      var mending = try Mending(
        engine: self, result: result, driver: driver, backups: backups, schema: schema, work: work)
      try mending.run()
      take(mending, into: &report)
      try driver.settle(mending.copy)
      try write(try self.file(of: mending.copy, driver, in: work), to: file)
      report.notes.append("The result was written to \(file); the original is untouched.")
      let after = mending.check?.findings ?? result.findings
      let ofPlace = mending.findings.filter(\.isOfPlace).map(\.finding)
      report.findings = Engine.merged(before: result.findings, after: after + ofPlace)
      report.verdict = mending.findings.contains { $0.finding.counts(from: settings.failOn) } ? .damaged : .repaired
    } catch {
      report.add(error)
    }
    return report
  }

  /// Throws where a file may not be written: one that is there and may not be replaced, and in any case a store, which
  /// would be replaced without an archive of it.
  func refuseOutput(_ file: String, over store: ManagedStore, _ driver: any Driver) throws(Problem) {
    let resolved = Paths.resolved(file)
    let isStore =
      FileStatus.isSame(file, store.path) || driver.sidecars(of: store.path).contains(resolved)
      || configuredStore(at: resolved, environments: configuration.environments) != nil
    if isStore {
      throw Problem(
        .usage, tried: "write", on: file, said: "it belongs to a store, and --output leaves stores untouched",
        advice: "Name another file; without --output the store is changed in its place, after an archive of it.")
    }
    guard FileStatus.exists(file) else { return }
    // The rename that puts the result in place would turn a device such as /dev/null into a file.
    if let kind = try? FileStatus.of(file).kind, kind != .file {
      throw Problem(
        .refused, tried: "write", on: file, said: "it is a \(kind.rawValue), not a file", advice: "Name another file.")
    }
    if !settings.replacesOutput { throw Engine.taken(file) }
  }

  private static func taken(_ file: String) -> Problem {
    Problem(
      .refused, tried: "write", on: file, said: "a file of that name is there already",
      advice: "Name another file, or give --yes to replace it.")
  }

  /// A finished copy as a file.
  func file(of copy: String, _ driver: any Driver, in work: WorkFolder) throws(Problem) -> String {
    guard let driver = driver as? any ServerDriver else { return copy }
    let file = Paths.join(try work.subfolder("output"), "output")
    try driver.export(copy, to: file)
    return file
  }

  /// Gives a finished copy its name as output.
  func write(_ copy: String, to file: String) throws(Problem) {
    let handle = try FileHandle.read(copy)
    defer { handle.close() }
    try handle.sync()
    // A link stays one, and what it leads to is written.
    let place = Paths.resolved(file)
    if settings.replacesOutput { return try Durable.rename(copy, to: place) }
    guard try Durable.renameIfFree(copy, to: place) else { throw Engine.taken(file) }
  }

  /// What the work on a copy says, in the report of its store.
  func take(_ mending: Mending, into report: inout StoreReport) {
    report.plan = mending.steps
    Engine.note(mending.backups, in: &report)
    report.rows = mending.rows
    for note in mending.notes where !report.notes.contains(note) { report.notes.append(note) }
    for failure in mending.failures {
      report.notes.append("A repair could not be carried out: \(mending.inTermsOfStore(failure))")
    }
    guard !mending.isHealthy else { return }
    report.notes += mending.uncovered.map(Engine.sentence)
    report.neededLoss = Plan.neededLoss(mending.uncovered)
    // What kept every repair from its work, and is no matter of the store, decides the exit code: a full disk, a lock. That of a
    // plugin is among the findings.
    for failure in mending.failures where ExitCode(for: failure) == .unchecked {
      if failure.code?.matches("plugin.*") != true { report.add(failure) }
    }
  }

  /// What was found before, what of it is gone being marked as mended, and what is new.
  static func merged(before: [Finding], after: [Finding]) -> [Finding] {
    var findings: [Finding] = []
    for finding in before where !after.contains(where: { $0.isSameTrouble(as: finding) }) {
      var finding = finding
      finding.mended = true
      findings.append(finding)
    }
    return after + findings
  }
}
