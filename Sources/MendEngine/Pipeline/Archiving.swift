import MendArchive
import MendKit

/// An archive of a store, and the state of the live store that it holds.
struct Archived {
  var record: Repository.Record
  var stamp: StoreStamp
  /// False when an earlier archive holds the same content, so that no new one was written.
  var isNew: Bool
}

extension Engine {
  /// Archives a store as it is now, synced, read back and verified: a healthy one as the engine's own consistent file, a
  /// damaged one with every file that belongs to it, byte for byte.
  func archive(_ result: CheckResult, reason: String) throws(Problem) -> Archived {
    guard let driver = result.driver else {
      throw Problem(
        .unsupported, tried: "archive", on: result.store.writtenPath, said: "no driver here knows a file of this kind",
        advice: "Name its kind in the configuration.")
    }
    observer.began(.archiving(result.store.identity))
    guard result.verdict != .damaged else {
      return try archive(result, driver, form: .raw, verdict: .damaged, reason: reason)
    }
    do throws(Problem) {
      return try archive(result, driver, form: .consistent, verdict: result.verdict, reason: reason)
    } catch {
      guard error.kind == .damaged || error.kind == .unsupported else { throw error }
      let verdict: Verdict = error.kind == .damaged ? .damaged : .unchecked
      return try archive(result, driver, form: .raw, verdict: verdict, reason: reason)
    }
  }

  private func archive(
    _ result: CheckResult, _ driver: any Driver, form: SnapshotForm, verdict: Verdict, reason: String
  ) throws(Problem) -> Archived {
    let store = result.store
    let repository = repository(of: store)
    let draft = Repository.Draft(
      store: store.identity, kind: driver.description.id, engine: result.engine, verdict: verdict, reason: reason,
      rows: result.rows, schema: result.schema, version: settings.dbmendVersion)
    let observer = observer
    return try whileChanging { staged throws(Problem) in
      var staging: String?
      if staged {
        // Paths of the store's own volume may be full or read-only; the repository has to have room anyway.
        try Paths.makeFolder(store.repository, mode: 0o700)
        staging = try Paths.makeTemporaryFolder(Paths.join(store.repository, TemporaryName.staging.prefix))
      }
      defer { if let staging { try? Paths.removeTree(staging) } }
      let snapshot = try driver.snapshot(store.path, form: form, staging: staging, patience: patience)
      defer { snapshot.close() }
      let stamp = snapshot.stamp
      let written = try repository.archiveUnlessUnchanged(
        snapshot, draft: draft, progress: { observer.progressed($0) })
      return Archived(record: written.record, stamp: stamp, isNew: written.isNew)
    }
  }

  /// Removes the archives of a store that the retention no longer keeps. What cannot be removed is a problem of the
  /// repository, not of the store.
  func retain(_ store: ManagedStore, _ report: inout Report) {
    do throws(Problem) {
      let outcome = try repository(of: store).prune(configuration.retention, only: store.identity, dryRun: false)
      for problem in outcome.problems { report.notes.append("\(problem)") }
    } catch {
      report.problems.append(error)
    }
  }

  /// Checks and archives the stores that the targets name. A damaged store is archived too, as what it is.
  public func backup(_ targets: [String]) -> Report {
    changing(targets, action: "backup") { stores, _, report in
      for store in stores {
        let result = runChecks(store, counting: .always)
        var storeReport = StoreReport(result)
        if !result.isMissing, result.problems.allSatisfy({ $0.kind == .unsupported }) {
          do throws(Problem) {
            try runHook(.beforeBackup, for: store)
            let archived = try archive(result, reason: "backup")
            storeReport.archive = archived.record.path
            if !archived.isNew { storeReport.notes.append("Unchanged since its last archive; no new one was written.") }
            retain(store, &report)
          } catch {
            storeReport.add(error)
            if ExitCode(for: error) == .unchecked { storeReport.verdict = .unchecked }
          }
        }
        report.stores.append(storeReport)
      }
    }
  }

  /// A run that changes something: resolves the targets, locks their repositories, cleans up after runs that died, does
  /// the work, and calls the operator when it failed.
  func changing(
    _ targets: [String], action: String, makingRepository: Bool = false,
    _ work: (_ stores: [ManagedStore], _ session: RunSession, _ report: inout Report) -> Void
  ) -> Report {
    let start = clock.steady()
    var report = Report()
    var stores: [ManagedStore] = []
    do throws(Problem) {
      let selection = try select(targets)
      stores = selection.stores
      report.problems = selection.problems
      let session = try openSession(stores, action: action, makingRepository: makingRepository)
      defer { session.close() }
      report.notes = session.notes
      work(stores, session, &report)
    } catch {
      report.problems.append(error)
      // Nothing was done: every store is listed as unchecked, with the process that stood in the way.
      report.stores = stores.map { store in
        StoreReport(
          store: store.identity, path: store.writtenPath, verdict: .unchecked, blockedBy: error.blockers)
      }
    }
    report = finish(report, since: start)
    runFailureHook(&report, stores: stores)
    return report
  }
}
