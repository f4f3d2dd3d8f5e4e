import MendArchive
import MendKit

extension Engine {
  /// Puts new content in the place of a store that is one file, for programs that would write over it: the content is checked
  /// first, what is there is archived, and the new file takes its name in one step. Of the archives that this made before, the
  /// newest `keeping` stay. Writers take turns: each waits for the ones before.
  public func write(_ content: [UInt8], to target: String, keeping: Int) -> Report {
    let start = clock.steady()
    var report = Report()
    do throws(Problem) {
      let selection = try select([target])
      report.problems = selection.problems
      guard selection.stores.count == 1, let store = selection.stores.first else {
        throw Problem(
          .usage, tried: "write to", on: target, said: "it names \(selection.stores.count) stores",
          advice: "Name the one file that is to be written.")
      }
      let session = try openSession(
        [store], action: "write", makingRepository: true, patience: max(patience, Self.turnsPatience))
      defer { session.close() }
      report.notes += session.notes
      var writing = Writing(engine: self, store: store, content: content)
      writing.run(session: session)
      report.stores.append(writing.report)
      if writing.isWritten { retainWritten(store, keeping, &report) }
    } catch {
      report.problems.append(error)
    }
    return finish(report, since: start)
  }

  /// How long a writer waits for its turn at least, in seconds.
  private static let turnsPatience = 60.0

  /// What other commands archived is kept as the configuration says.
  private func retainWritten(_ store: ManagedStore, _ keeping: Int, _ report: inout Report) {
    var policy = RetentionPolicy()
    policy.keepLast = keeping
    policy.keepDamaged = configuration.retention.keepDamaged
    do throws(Problem) {
      let outcome = try repository(of: store).prune(
        policy, only: store.identity, reason: Writing.reason, dryRun: false)
      for problem in outcome.problems { report.notes.append("\(problem)") }
    } catch {
      report.problems.append(error)
    }
  }
}

private struct Writing {
  static let reason = "write"

  let engine: Engine
  let store: ManagedStore
  let content: [UInt8]
  var report: StoreReport
  /// Whether the content has taken its place.
  private(set) var isWritten = false

  init(engine: Engine, store: ManagedStore, content: [UInt8]) {
    self.engine = engine
    self.store = store
    self.content = content
    report = StoreReport(store: store.identity, path: store.writtenPath)
  }

  mutating func run(session: RunSession) {
    do throws(Problem) {
      try write(journal: try session.journal(of: store))
    } catch {
      report.add(error)
      report.verdict = ExitCode(for: error) == .unchecked ? .unchecked : .damaged
    }
  }

  private mutating func write(journal: Journal) throws(Problem) {
    let head = FileHead(
      path: store.path, bytes: Array(content.prefix(StoreFile.headSize)), size: content.count)
    guard let driver = try engine.driver(of: store, head: head) else {
      throw Problem(
        .damaged, tried: "recognise the new content for", on: store.writtenPath, said: "no driver here knows its kind",
        advice: "Name the kind of the store in dbmend.yaml.", code: "file.unknown-kind")
    }
    report.kind = driver.description.id
    if let obstacle = driver.installObstacle(store.path) { throw obstacle }

    let work = WorkFolder(for: store, driver)
    var entry = Journal.Entry(store: store.identity, phase: .working, work: work.path)
    entry.old = Journal.FileMark(of: store.path)
    try journal.put(entry)
    defer { if let note = work.end(store.identity, journal) { report.notes.append(note) } }
    try work.make()
    let copy = Paths.join(try work.subfolder("new"), Paths.name(of: store.path))
    let file = try FileHandle.create(copy, mode: 0o644)
    try file.write(content, at: 0)
    try file.sync()
    file.close()

    let check = engine.runChecks(store, .copy(copy, driver), counting: .ifCheap)
    report = StoreReport(check)
    guard check.verdict == .healthy else {
      report.notes.append("The new content was not written; the file is as it was.")
      return
    }
    var expected: StoreStamp?
    if store.isThere {
      guard !isThereAlready() else {
        report.notes.append("The file has this content already.")
        return
      }
      let old = engine.runChecks(store, counting: .always)
      let archived = try engine.archive(old, reason: Self.reason)
      report.archive = archived.record.path
      entry.archive = archived.record.path
      expected = archived.stamp
    }
    try engine.install(
      copy, over: store, driver, expected: expected, attributes: nil, entry: &entry, journal: journal)
    isWritten = true
    report.notes.append("Wrote \(content.count) bytes.")
  }

  private func isThereAlready() -> Bool {
    guard let file = try? FileHandle.read(store.path), (try? file.status().size) == content.count else { return false }
    return (try? file.readAll(limit: content.count)) == content
  }
}
