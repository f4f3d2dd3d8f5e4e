import MendArchive
import MendKit

/// Gives one store the content that it had before the command. What it replaces is archived first, and the report says what
/// that drops.
struct PutBack {
  let engine: Engine
  let prepared: PreparedStore
  /// What the checks found after the command.
  let after: CheckResult
  let command: [String]
  private(set) var report: StoreReport
  /// Whether nothing of the work is left beside the store, so that the journal need not tell of it.
  private(set) var isCleanedUp = true
  /// What the put-back drops, to be said once it is done.
  private var drops: [String] = []
  private var tallies: [String: RowTally] = [:]
  /// The archive of what the command left.
  private var replacedBy: String?

  private var store: ManagedStore { prepared.store }

  init(engine: Engine, prepared: PreparedStore, after: CheckResult, command: [String]) {
    self.engine = engine
    self.prepared = prepared
    self.after = after
    self.command = command
    report = prepared.report
    report.findings = after.findings + prepared.report.findings.filter(\.mended)
    report.checks = after.outcomes
    report.notes += after.notes
  }

  mutating func run(session: RunSession) {
    engine.observer.began(.puttingBack(store.identity))
    do throws(Problem) {
      guard let driver = prepared.driver, let record = prepared.record else {
        throw Problem(.archive, tried: "put back", on: store.writtenPath, said: "no archive was taken of it")
      }
      let journal = try session.journal(of: store)
      try engine.runHook(.beforeRestore, for: store, archive: record.path)
      let failure: Problem?
      do throws(Problem) {
        try putBack(record, driver, journal: journal)
        failure = nil
      } catch {
        failure = error
      }
      // The application was stopped for this; it is started again whether or not it worked.
      do throws(Problem) {
        try engine.runHook(.afterRestore, for: store, archive: record.path)
      } catch {
        report.add(error)
      }
      if let failure { throw failure }
    } catch {
      report.add(error)
      report.couldNotBePutBack = true
      report.wasPutBack = false
      report.verdict = after.verdict == .healthy ? .unchecked : after.verdict
      report.archive = prepared.record?.path
      let archive = prepared.record?.path ?? "no archive"
      report.notes.append("It could not be put back. Its content from before the command is in \(archive).")
      if let replacedBy { report.notes.append("What the command left of it is in \(replacedBy).") }
      markAsLeft(session)
    }
  }

  /// Has the journal say that this run came to its end without the store being put back. Where that cannot be written,
  /// the entry from before the attempt says nearly the same.
  private func markAsLeft(_ session: RunSession) {
    guard let journal = try? session.journal(of: store),
      var entry = journal.entries.first(where: { $0.store == store.identity })
    else { return }
    entry.phase = .notPutBack
    try? journal.put(entry)
  }

  private mutating func putBack(
    _ record: Repository.Record, _ driver: any Driver, journal: Journal
  ) throws(Problem) {
    let replaced = try archiveReplaced(driver)
    if let replaced, replaced.record.path == record.path, !replaced.isNew {
      // The file was touched, but its content is what the archive holds.
      giveAttributes()
      report.notes.append("The command did not change its content.")
      settleVerdict(engine.runChecks(store, counting: .ifCheap))
      return
    }
    let work = WorkFolder(for: store, driver)
    var entry = Journal.Entry(
      store: store.identity, phase: .working, work: work.path, archive: record.path,
      command: command.joined(separator: " "))
    entry.old = Journal.FileMark(of: store.path)
    try journal.put(entry)
    try work.make()
    defer {
      if let note = work.end(store.identity, nil) {
        isCleanedUp = false
        report.notes.append(note)
      }
    }
    let old = try engine.unpack(record, of: store, driver, into: try work.subfolder("old"))
    count(old.path, driver, replaced: replaced)
    giveAttributes()
    try engine.install(
      old.path, over: store, driver, expected: replaced?.stamp, attributes: prepared.attributes ?? old.attributes,
      entry: &entry, journal: journal)
    engine.noteReplaced(store, driver, in: &report)
    let check = engine.runChecks(store, counting: .ifCheap)
    guard check.verdict != .damaged else {
      report.findings = check.findings
      throw Problem(
        .damaged, tried: "verify what was put back at", on: store.writtenPath,
        said: check.damage.first?.finding.message ?? "the checks found damage")
    }
    report.wasPutBack = true
    report.notes += drops
    report.rows.merge(tallies) { $1 }
    settleVerdict(check)
  }

  /// Gives the file that the command left the owner, mode and attributes from before it, which the installed content then
  /// takes over. The content comes back even where this user may not do so.
  private mutating func giveAttributes() {
    guard let attributes = prepared.attributes, FileStatus.exists(store.path) else { return }
    do throws(Problem) {
      let file = try FileHandle.read(store.path)
      if try FileAttributes(of: file) != attributes { try attributes.apply(to: file) }
    } catch {
      report.notes.append("Its owner and mode are as the command left them: \(error)")
    }
  }

  /// The archive of what is about to be replaced; nil when there is no file any more.
  private mutating func archiveReplaced(_ driver: any Driver) throws(Problem) -> Archived? {
    guard store.isThere, !(after.isMissing && StorePath.isURI(store.path)) else { return nil }
    var result = after
    if result.driver == nil { result.driver = driver }
    // Small stores were counted by the checks; for the manifest and for what is dropped, every store is.
    if result.rows.isEmpty, result.verdict == .healthy {
      result.rows = RowCounts.of(store.path, driver, patience: engine.patience) ?? [:]
    }
    return try engine.archive(result, reason: Manifest.reasonOfPutBack)
  }

  /// Says what the put-back drops: rows that are there now and not in the archive, and where they can be found.
  private mutating func count(_ old: String, _ driver: any Driver, replaced: Archived?) {
    let taken = prepared.record?.manifest.map { UTCTime(seconds: $0.taken).iso } ?? "before the command"
    guard let replaced else {
      drops.append("The command removed the file; its content of \(taken) was put back.")
      return
    }
    replacedBy = replaced.record.path
    drops.append("Changes made since \(taken) were undone; what was replaced is in \(replaced.record.path).")
    guard let before = RowCounts.of(old, driver, patience: engine.patience) else { return }
    guard let now = RowCounts.of(store.path, driver, patience: engine.patience) else {
      drops.append("How many rows that drops cannot be counted: the replaced content cannot be read.")
      return
    }
    for (table, rows) in now.sorted(by: { $0.key < $1.key }) {
      let kept = before[table] ?? 0
      guard rows > kept else { continue }
      tallies[table] = RowTally(kept: kept, lost: rows - kept)
      drops.append("Drops \(rows - kept) \(rows - kept == 1 ? "row" : "rows") of \(table).")
    }
    for (table, rows) in before.sorted(by: { $0.key < $1.key }) where (now[table] ?? 0) < rows {
      tallies[table] = RowTally(kept: now[table] ?? 0, fromBackup: rows - (now[table] ?? 0))
    }
  }

  private mutating func settleVerdict(_ check: CheckResult) {
    for problem in check.problems { report.add(problem) }
    report.verdict = check.verdict
    report.checks = check.outcomes
    report.bytes = check.bytes
    report.tables = check.rows
    report.findings = Engine.merged(before: report.findings, after: check.findings)
  }
}
