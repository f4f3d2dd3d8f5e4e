import MendArchive
import MendKit

extension Engine {
  /// Puts the content of an archive in the place of a store, after archiving what is there; or, with `output`, writes it to
  /// a file. The archive is named by its path, by its name in the repository, or as `latest`: the newest good one of the
  /// target. Without a target the archive's own store is meant.
  public func restore(archive: String, target: String? = nil, output: String? = nil) -> Report {
    let start = clock.steady()
    var report = Report()
    var stores: [ManagedStore] = []
    do throws(Problem) {
      let (record, store) = try source(archive, target: target, &report)
      stores = [store]
      if let output {
        report.stores.append(write(record, of: store, to: output))
      } else {
        let session = try openSession([store], action: "restore", makingRepository: true)
        defer { session.close() }
        report.notes += session.notes
        var restore = Restore(engine: self, store: store, record: record)
        restore.run(session: session)
        report.stores.append(restore.report)
      }
    } catch {
      report.problems.append(error)
    }
    report = finish(report, since: start)
    if output == nil { runFailureHook(&report, stores: stores) }
    return report
  }

  // MARK: Which archive, of which store

  private func source(
    _ archive: String, target: String?, _ report: inout Report
  ) throws(Problem) -> (Repository.Record, ManagedStore) {
    var store: ManagedStore?
    if let target {
      let selection = try select([target])
      guard selection.stores.count == 1 else {
        throw Problem(
          .usage, tried: "restore to", on: target, said: "it names \(selection.stores.count) stores",
          advice: "Name the one store that is to be restored.")
      }
      store = selection.stores.first
    }
    if archive == "latest" {
      if store == nil {
        let all = try select([]).stores
        guard all.count == 1 else {
          throw Problem(
            .usage, tried: "restore", on: "latest", said: "there are \(all.count) stores, and no target is given",
            advice: "Name the store: dbmend restore latest \(all.first?.commandLineName ?? "TARGET")")
        }
        store = all.first
      }
      guard let store else { throw noArchive(archive) }
      return (try latest(of: store, &report), store)
    }
    let record = try find(archive, store: store)
    if let problem = record.problem { throw problem }
    if let store { return (record, store) }
    guard let identity = record.manifest?.store else { throw noArchive(archive) }
    // By name only where the configuration has it: `adhoc/app.db` would be taken for a path.
    let isConfigured = configuration.environments.contains { environment in
      environment.name == identity.environment && environment.stores.contains { $0.name == identity.name }
    }
    let named = isConfigured ? try? select(["\(identity)"]).stores.first : nil
    if let named { return (record, named) }
    if let atPath = configuredStore(at: identity.path, environments: configuration.environments) {
      return (record, atPath)
    }
    guard isOurs(record, of: identity) else {
      throw Problem(
        .usage, tried: "restore", on: record.path,
        said:
          "it says that it is of \(identity.path), which no configuration here names, and it is in no repository of that store",
        advice: "If that is the place to put it, name it: dbmend restore ARCHIVE TARGET")
    }
    return (record, unconfigured(identity.path, resolved: identity.path))
  }

  /// Whether an archive may say by itself which store it belongs to: it is in the repository of that store, or in one that is used
  /// here anyway. Any other may come from anywhere, and name any file.
  private func isOurs(_ record: Repository.Record, of identity: StoreIdentity) -> Bool {
    let folder = Paths.resolved(Paths.folder(of: Paths.absolute(record.path)))
    let store = unconfigured(identity.path, resolved: identity.path)
    return !StorePath.isURI(identity.path)
      && ([store.repository] + knownRepositories().map(\.path)).contains { Paths.resolved($0) == folder }
  }

  private func noArchive(_ name: String) -> Problem {
    Problem(
      .archive, tried: "find the archive", on: name, said: "there is none of that name",
      advice: "See 'dbmend list' for the archives that there are.")
  }

  private func latest(of store: ManagedStore, _ report: inout Report) throws(Problem) -> Repository.Record {
    let repository = repository(of: store)
    let backups = repository.backups(of: store.identity)
    let newest = try backups.newestGood()
    for problem in (backups as? StoredBackups)?.skipped ?? [] {
      report.notes.append("An archive was passed over: \(problem)")
    }
    let records = try repository.records(of: store.identity)
    guard let newest else {
      let copy = records.last { $0.problem == nil && $0.manifest?.isSafetyCopy == true }
      throw Problem(
        .archive, tried: "find a good archive of", on: store.commandLineName,
        said: "\(store.repository) holds none",
        advice: copy.map { "What was replaced last is in \(Paths.name(of: $0.path)): name it to bring it back." }
          ?? "See 'dbmend list' for the archives that there are.")
    }
    for record in records where record.path == newest.path { return record }
    return try Repository.open(archiveAt: newest.path)
  }

  private func find(_ archive: String, store: ManagedStore?) throws(Problem) -> Repository.Record {
    if archive.contains("/") || FileStatus.exists(archive) { return try Repository.open(archiveAt: archive) }
    let repositories = store.map { [repository(of: $0)] } ?? knownRepositories()
    for repository in repositories {
      for record in try repository.records() {
        let name = Paths.name(of: record.path)
        if name == archive || name == archive + ".tar.zst" { return record }
      }
    }
    throw noArchive(archive)
  }

  // MARK: Into a file

  private func write(_ record: Repository.Record, of store: ManagedStore, to file: String) -> StoreReport {
    var report = StoreReport(store: store.identity, kind: record.manifest?.kind, path: store.writtenPath)
    do throws(Problem) {
      let driver = try driver(for: record, of: store)
      let work = WorkFolder(beside: Paths.resolved(file), driver)
      try refuseOutput(file, over: store, driver)
      let abandoned = AbandonedWork(registry).clear(Paths.folder(of: Paths.resolved(file)))
      try work.make()
      defer { if let note = work.end(store.identity, nil) { report.notes.append(note) } }
      let content = try unpack(record, of: store, driver, into: try work.subfolder("old"))
      let check = runChecks(store, .copy(content.path, driver), counting: .ifCheap)
      report = StoreReport(check)
      report.notes += abandoned
      report.archive = record.path
      // A copy for whoever asked: its owner and mode are kept where this user may set them.
      if let handle = try? FileHandle.update(content.path) {
        try? content.attributes.apply(to: handle)
        handle.close()
      }
      try write(try self.file(of: content.path, driver, in: work), to: file)
      report.notes.append("The content of \(record.path) was written to \(file).")
    } catch {
      report.add(error)
      report.verdict = ExitCode(for: error) == .unchecked ? .unchecked : .damaged
    }
    return report
  }

  /// The driver of an archive's kind, with the store's options where it is of that kind, too.
  func driver(for record: Repository.Record, of store: ManagedStore) throws(Problem) -> any Driver {
    guard let kind = record.manifest?.kind, let driver = registry.driver(kind) else {
      throw Problem(
        .unsupported, tried: "restore", on: record.path,
        said: "it is of the kind '\(record.manifest?.kind ?? "?")', for which there is no driver here",
        advice: "Unpack it by hand: tar -xf \(record.path)")
    }
    // Else the manifest could have a server's client ask for a file, or a file written where a server's name stands.
    guard driver is any ServerDriver == StorePath.isURI(store.path) else {
      throw Problem(
        .refused, tried: "restore", on: record.path,
        said: "it is of the kind '\(kind)', and \(store.path) is no store of that kind",
        advice: "Name the store that it belongs to, or unpack it by hand: tar -xf \(record.path)")
    }
    return store.kind == kind ? try self.driver(of: store, head: nil) ?? driver : driver
  }
}

private struct Restore {
  let engine: Engine
  let store: ManagedStore
  let record: Repository.Record
  var report: StoreReport

  init(engine: Engine, store: ManagedStore, record: Repository.Record) {
    self.engine = engine
    self.store = store
    self.record = record
    report = StoreReport(store: store.identity, path: store.writtenPath)
  }

  mutating func run(session: RunSession) {
    var before: CheckResult?
    do throws(Problem) {
      let driver = try engine.driver(for: record, of: store)
      let journal = try session.journal(of: store)
      if store.isThere {
        before = engine.runChecks(store, counting: .always)
        // Of a store on a server only its driver tells that it is not there.
        if before?.isMissing == true, StorePath.isURI(store.path) { before = nil }
        if let obstacle = driver.installObstacle(store.path) { throw obstacle }
      }
      if let before { report = StoreReport(before) }
      report.problems = []
      report.kind = driver.description.id
      try restore(driver, before: before, journal: journal)
    } catch {
      report.add(error)
      report.verdict = ExitCode(for: error) == .unchecked ? .unchecked : .damaged
    }
  }

  private mutating func restore(_ driver: any Driver, before: CheckResult?, journal: Journal) throws(Problem) {
    let work = WorkFolder(for: store, driver)
    var entry = Journal.Entry(store: store.identity, phase: .working, work: work.path)
    entry.old = Journal.FileMark(of: store.path)
    try journal.put(entry)
    defer { if let note = work.end(store.identity, journal) { report.notes.append(note) } }
    try work.make()
    let content = try engine.unpack(record, of: store, driver, into: try work.subfolder("old"))
    let check = engine.runChecks(store, .copy(content.path, driver), counting: .ifCheap)
    guard check.verdict == .healthy else {
      report.findings = check.findings
      throw check.problems.first
        ?? Problem(
          .refused, tried: "restore", on: record.path, said: "the checks find damage in its content",
          advice: "Choose another archive from 'dbmend list', or write this one to a file with --output.")
    }
    try engine.runHook(.beforeRestore, for: store, archive: record.path)
    let failure: Problem?
    do throws(Problem) {
      try install(content, driver, before: before, entry: &entry, work: work, journal: journal)
      failure = nil
    } catch {
      failure = error
    }
    do throws(Problem) {
      try engine.runHook(.afterRestore, for: store, archive: record.path)
    } catch {
      report.add(error)
    }
    if let failure { throw failure }
  }

  private mutating func install(
    _ content: (path: String, attributes: FileAttributes), _ driver: any Driver, before: CheckResult?,
    entry: inout Journal.Entry, work: WorkFolder, journal: Journal
  ) throws(Problem) {
    var replaced: Archived?
    if var before {
      if before.driver == nil { before.driver = driver }
      let archived = try engine.archive(before, reason: Manifest.reasonOfRestore)
      replaced = archived
      report.archive = archived.record.path
      entry.archive = archived.record.path
    }
    try engine.install(
      content.path, over: store, driver, expected: replaced?.stamp, attributes: content.attributes, entry: &entry,
      journal: journal)
    engine.noteReplaced(store, driver, in: &report)
    let after = engine.runChecks(store, counting: .ifCheap)
    if after.damage.contains(where: { !$0.isOfPlace }) {
      report.findings = after.findings
      try undo(replaced, driver, entry: &entry, work: work, journal: journal)
    }
    for problem in after.problems { report.add(problem) }
    report.findings = Engine.merged(before: before?.findings ?? [], after: after.findings)
    report.checks = after.outcomes
    report.bytes = after.bytes
    report.tables = after.rows
    report.verdict = after.verdict == .healthy && before?.verdict != .healthy ? .repaired : after.verdict
    let taken = record.manifest.map { " of \(UTCTime(seconds: $0.taken).iso)" } ?? ""
    report.notes.append("Restored from \(record.path)\(taken).")
    if let other = record.manifest?.store, other != store.identity {
      report.notes.append("That archive is of \(other), \(other.path).")
    }
    if let before { tally(before.rows, after.rows) }
  }

  private mutating func tally(_ before: [String: Int], _ after: [String: Int]) {
    for (table, rows) in before where rows > (after[table] ?? 0) {
      report.rows[table] = RowTally(kept: after[table] ?? 0, lost: rows - (after[table] ?? 0))
    }
  }

  /// Brings back what was there. Throws in any case: the restore did not succeed.
  private func undo(
    _ replaced: Archived?, _ driver: any Driver, entry: inout Journal.Entry, work: WorkFolder, journal: Journal
  ) throws(Problem) {
    guard let replaced else {
      throw Problem(
        .damaged, tried: "verify what was restored to", on: store.writtenPath,
        said: "the checks find damage in its place that they did not find in the archive")
    }
    let old = try engine.unpack(replaced.record, of: store, driver, into: try work.subfolder("undo"))
    try engine.install(
      old.path, over: store, driver, expected: nil, attributes: old.attributes, entry: &entry, journal: journal)
    throw Problem(
      .damaged, tried: "verify what was restored to", on: store.writtenPath,
      said: "the checks find damage in its place; what was there before was put back")
  }
}
