import MendArchive
import MendKit

/// An archive of a store, and the state of the live store that it holds.
struct Archived {
  var record: Repository.Record
  var stamp: StoreStamp
  /// False when an earlier archive holds the same content, so that no new one was written.
  var isNew: Bool
  /// What kept a store that the checks found healthy from being archived as one; nil where nothing did.
  var obstacle: Problem?
}

extension Engine {
  /// Archives a store as it is now, synced, read back and verified: a healthy one as the engine's own consistent file, a
  /// damaged one with every file that belongs to it, byte for byte. Of a healthy one the snapshot may be under way, or the archive
  /// itself.
  func archive(
    _ result: CheckResult, reason: String, early: EarlySnapshot? = nil, ahead: EarlyArchive? = nil
  ) throws(Problem) -> Archived {
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
      let observer = observer
      let draft = draft(result, driver, verdict: result.verdict, reason: reason)
      if let archived = try ahead?.finish(draft, progress: { observer.progressed($0) }) { return archived }
      return try archive(result, driver, form: .consistent, verdict: result.verdict, reason: reason, early: early)
    } catch {
      guard error.kind == .damaged || error.kind == .unsupported else { throw error }
      let verdict: Verdict = error.kind == .damaged ? .damaged : .unchecked
      var archived = try archive(result, driver, form: .raw, verdict: verdict, reason: reason)
      if error.kind == .damaged { archived.obstacle = error }
      return archived
    }
  }

  private func archive(
    _ result: CheckResult, _ driver: any Driver, form: SnapshotForm, verdict: Verdict, reason: String,
    early: EarlySnapshot? = nil
  ) throws(Problem) -> Archived {
    try whileChanging { staged throws(Problem) in
      if let snapshot = try early?.take() {
        return try archive(snapshot, result, driver, verdict: verdict, reason: reason)
      }
      let staging = staged ? try makeStaging(for: result.store) : nil
      defer { if let staging { try? Paths.removeTree(staging) } }
      let snapshot = try driver.snapshot(result.store.path, form: form, staging: staging, patience: patience)
      return try archive(snapshot, result, driver, verdict: verdict, reason: reason)
    }
  }

  /// A folder in the repository for what is copied while a lock is held: there has to be room for the archive anyway.
  func makeStaging(for store: ManagedStore) throws(Problem) -> String {
    try Paths.makeFolder(store.repository, mode: 0o700)
    return try Paths.makeTemporaryFolder(Paths.join(store.repository, TemporaryName.staging.prefix))
  }

  /// Archives a snapshot, and closes it.
  func archive(
    _ snapshot: StoreSnapshot, _ result: CheckResult, _ driver: any Driver, verdict: Verdict, reason: String
  ) throws(Problem) -> Archived {
    defer { snapshot.close() }
    var draft = draft(result, driver, verdict: verdict, reason: reason)
    if let rows = snapshot.rows { draft.rows.merge(rows) { $1 } }
    let stamp = snapshot.stamp
    let observer = observer
    let written = try repository(of: result.store).archiveUnlessUnchanged(
      snapshot, draft: draft, progress: { observer.progressed($0) })
    return Archived(record: written.record, stamp: stamp, isNew: written.isNew)
  }

  private func draft(
    _ result: CheckResult, _ driver: any Driver, verdict: Verdict, reason: String
  ) -> Repository.Draft {
    Repository.Draft(
      store: result.store.identity, kind: driver.description.id, engine: result.engine, verdict: verdict,
      reason: reason, rows: result.rows, schema: result.schema, version: settings.dbmendVersion)
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
}
