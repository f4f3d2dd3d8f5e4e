import MendArchive
import MendKit

extension Engine {
  /// Checks and archives the stores that the targets name, without keeping their writers waiting. A damaged store is
  /// archived too, as what it is.
  public func backup(_ targets: [String]) -> Report {
    changing(targets, action: "backup", isReading: true) { stores, _, report in
      for store in stores {
        let storeReport = backUp(store)
        report.stores.append(storeReport)
        if storeReport.archive != nil, storeReport.verdict == .healthy { retain(store, &report) }
      }
    }
  }

  private func backUp(_ store: ManagedStore) -> StoreReport {
    do throws(Problem) {
      if store.isThere { try runHook(.beforeBackup, for: store) }
    } catch {
      var report = StoreReport(store: store.identity, path: store.writtenPath, verdict: .unchecked)
      report.add(error)
      return report
    }
    let early = beginSnapshot(of: store)
    defer { early?.end() }
    let ahead = earlyArchive(of: store)
    defer { ahead.end() }
    let result = runChecks(store, .unheld, counting: .always, taker: ahead.take)
    // What it takes on the disk another archive may need.
    if result.verdict != .healthy { ahead.end() }
    var report = StoreReport(result)
    do throws(Problem) {
      var archived: Archived
      if result.problems.contains(where: { $0.kind == .changing }), let driver = result.driver {
        let staged = try backUpStaged(result, driver)
        report = StoreReport(staged.result)
        guard let archive = staged.archived else { return report }
        archived = archive
      } else {
        try runRuleHooks(result)
        guard Engine.isWorthArchiving(result) else { return report }
        archived = try archive(result, reason: "backup", early: early, ahead: ahead)
      }
      report.archive = archived.record.path
      if let obstacle = archived.obstacle {
        report.add(obstacle)
        report.verdict = .damaged
        report.notes.append("What can be read of it is in the archive, which counts as one of a damaged store.")
      }
      if !archived.isNew { report.notes.append("Unchanged since its last archive; no new one was written.") }
    } catch {
      report.add(error)
      if ExitCode(for: error) == .unchecked { report.verdict = .unchecked }
    }
    return report
  }

  /// What is not there has nothing to archive, and what could not be read cannot be. A file that is sound but beyond the
  /// engine here is archived byte for byte.
  private static func isWorthArchiving(_ result: CheckResult) -> Bool {
    !result.isMissing && !result.isNoFile && result.problems.allSatisfy { $0.kind == .unsupported }
  }

  /// Writers came in between: the store is copied while its lock is held for just that long, and the copy is checked and
  /// archived, so that both speak of the same state.
  private func backUpStaged(
    _ first: CheckResult, _ driver: any Driver
  ) throws(Problem) -> (result: CheckResult, archived: Archived?) {
    let staging = try makeStaging(for: first.store)
    defer { try? Paths.removeTree(staging) }
    let snapshot = try driver.snapshot(first.store.path, form: .consistent, staging: staging, patience: patience)
    defer { snapshot.close() }
    guard let file = snapshot.stagedPath else {
      snapshot.close()
      let result = runChecks(first.store, counting: .always)
      try runRuleHooks(result)
      return (result, Engine.isWorthArchiving(result) ? try archive(result, reason: "backup") : nil)
    }
    var result = runChecks(first.store, .copy(file, driver), counting: .always)
    result.takePlace(of: first, registry)
    try runRuleHooks(result)
    guard Engine.isWorthArchiving(result) else { return (result, nil) }
    if result.verdict == .damaged { return (result, try archive(result, reason: "backup")) }
    return (result, try archive(snapshot, result, driver, verdict: result.verdict, reason: "backup"))
  }
}
