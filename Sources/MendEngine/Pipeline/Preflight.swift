import MendArchive
import MendKit

extension Engine {
  /// The main job: checks the stores, repairs what is damaged, archives everything, runs the command, checks again, and,
  /// when the command failed or left a store damaged, puts every store that changed back. Without a command it ends with
  /// the archives.
  public func preflight(_ targets: [String], command: [String] = []) -> Report {
    changing(targets, action: "preflight") { stores, session, report in
      var preflight = Preflight(engine: self, session: session, command: command)
      preflight.prepare(stores)
      preflight.runCommand()
      for prepared in preflight.stores { report.stores.append(prepared.report) }
      report.command = preflight.outcome
      report.notes += preflight.notes
      guard ExitCode(for: report) == .healthy else { return }
      for store in stores { retain(store, &report) }
    }
  }
}

/// One store of a pre-flight, as far as it has come.
struct PreparedStore {
  let store: ManagedStore
  var report: StoreReport
  var driver: (any Driver)?
  /// The archive from immediately before the command; nil while the store is not ready for it.
  var archived: Archived?
  /// Whether nothing of a put-back is left beside the store.
  var isCleanedUp = true
  /// Owner, mode, ACL and extended attributes from before the command. An archive that already held the content may
  /// remember older ones.
  var attributes: FileAttributes?
  var record: Repository.Record? { archived?.record }
}

private struct Preflight {
  let engine: Engine
  let session: RunSession
  let command: [String]
  var stores: [PreparedStore] = []
  var outcome: Report.CommandOutcome?
  var notes: [String] = []

  init(engine: Engine, session: RunSession, command: [String]) {
    self.engine = engine
    self.session = session
    self.command = command
  }

  // MARK: Before the command

  mutating func prepare(_ stores: [ManagedStore]) {
    // All checks and repairs come before the first archive, so that no archive is older than it need be.
    var results: [CheckResult] = []
    for store in stores {
      let hookProblem = beforeBackup(store)
      var result = engine.runChecks(store, counting: .always)
      if let problem = hookProblem ?? ruleHookProblem(result) { result.problems.append(problem) }
      var report = StoreReport(result)
      if result.verdict == .damaged {
        report = engine.repairInPlace(result, reason: "preflight", session: session, backupHookRan: true)
        if report.verdict == .repaired { result = engine.runChecks(store, counting: .always) }
      }
      results.append(result)
      self.stores.append(PreparedStore(store: store, report: report, driver: result.driver))
    }
    for (index, result) in results.enumerated() where result.verdict == .healthy { archive(index, result) }
  }

  /// What the application still holds back has to be in the store before it is checked.
  private func beforeBackup(_ store: ManagedStore) -> Problem? {
    guard store.isThere else { return nil }
    do throws(Problem) {
      try engine.runHook(.beforeBackup, for: store)
      return nil
    } catch {
      return error
    }
  }

  private func ruleHookProblem(_ result: CheckResult) -> Problem? {
    do throws(Problem) {
      try engine.runRuleHooks(result)
      return nil
    } catch {
      return error
    }
  }

  private mutating func archive(_ index: Int, _ result: CheckResult) {
    do throws(Problem) {
      // What would keep a put-back from working has to be known before there is anything to put back.
      if !command.isEmpty, let obstacle = result.driver?.installObstacle(result.store.path) { throw obstacle }
      let archived = try engine.archive(result, reason: "preflight")
      // What cannot be archived as a good store cannot be put back as one.
      if let obstacle = archived.obstacle { throw obstacle }
      stores[index].archived = archived
      if FileStatus.exists(result.store.path) {
        stores[index].attributes = try FileAttributes(of: FileHandle.read(result.store.path))
      }
      stores[index].report.archive = archived.record.path
    } catch {
      stores[index].report.add(error)
      if ExitCode(for: error) == .unchecked { stores[index].report.verdict = .unchecked }
    }
  }

  // MARK: The command, and after it

  mutating func runCommand() {
    guard !command.isEmpty else { return }
    guard stores.allSatisfy({ $0.archived != nil }) else {
      notes.append("The command was not started, because not every store is healthy and archived.")
      return
    }
    do throws(Problem) {
      try writeJournal()
    } catch {
      for index in stores.indices { stores[index].report.add(error) }
      notes.append("The command was not started.")
      return
    }
    engine.observer.began(.running(command))
    let ending = SignalGuard.during { started in
      ChildProcess.run(command, output: engine.settings.commandOutput, started: started)
    }
    outcome = Report.CommandOutcome(exit: ending.shellCode, words: command)
    note(ending)
    checkAgain()
    for prepared in stores where !prepared.report.couldNotBePutBack && prepared.isCleanedUp {
      do throws(Problem) {
        try session.journal(of: prepared.store).strike(prepared.store.identity)
      } catch {
        notes.append(WorkFolder.left(error))
      }
    }
  }

  private func writeJournal() throws(Problem) {
    var entries: [String: [Journal.Entry]] = [:]
    for prepared in stores {
      let entry = Journal.Entry(
        store: prepared.store.identity, phase: .command, old: Journal.FileMark(of: prepared.store.path),
        archive: prepared.record?.path, command: command.joined(separator: " "))
      entries[prepared.store.repository, default: []].append(entry)
    }
    for prepared in stores {
      guard let entries = entries.removeValue(forKey: prepared.store.repository) else { continue }
      try session.journal(of: prepared.store).put(entries)
    }
  }

  private mutating func note(_ ending: ChildProcess.Ending) {
    switch ending {
    case .exited: return
    case .killed(let signal): notes.append("The command was killed by signal \(signal).")
    case .notStarted(let number):
      notes.append("The command '\(command.first ?? "")' could not be started: \(SystemError.text(number)).")
    }
  }

  private mutating func checkAgain() {
    let results = engine.runChecks(stores.map(\.store), counting: .ifCheap)
    let isFailed = outcome?.exit != 0 || results.contains { $0.verdict == .damaged }
    for (index, result) in results.enumerated() {
      guard isFailed, hasChanged(stores[index]) else {
        accept(result, at: index)
        continue
      }
      var putBack = PutBack(engine: engine, prepared: stores[index], after: result, command: command)
      putBack.run(session: session)
      stores[index].report = putBack.report
      stores[index].isCleanedUp = putBack.isCleanedUp
    }
    if outcome?.exit == 0, isFailed {
      notes.append("The command ended with exit code 0 but left a store damaged.")
    }
  }

  /// Whether anything was committed to the store since its archive, as far as its stamp tells; when in doubt, it has.
  private func hasChanged(_ prepared: PreparedStore) -> Bool {
    guard let archived = prepared.archived, let driver = prepared.driver else { return true }
    guard let stamp = try? driver.stamp(prepared.store.path) else { return true }
    return stamp != archived.stamp
  }

  /// What the checks after the command say is what the report says; a repair from before it stays told.
  private mutating func accept(_ result: CheckResult, at index: Int) {
    let before = stores[index].report
    var report = StoreReport(result)
    report.verdict = result.verdict == .healthy ? before.verdict : result.verdict
    report.findings = result.findings + before.findings.filter(\.mended)
    report.plan = before.plan
    report.rows = before.rows
    report.notes = before.notes + result.notes
    report.archive = before.archive
    stores[index].report = report
  }
}
