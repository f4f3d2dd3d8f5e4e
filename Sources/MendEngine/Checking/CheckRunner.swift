import MendKit

extension Engine {
  /// Which checks run, and on what.
  enum CheckScope {
    /// Every check, on the store in its place.
    case place
    /// Likewise, without keeping the store's writers waiting: when one of them writes, the checks come to a problem of kind
    /// `changing`.
    case unheld
    /// The checks of the content, on a copy.
    case copy(String, any Driver)
  }

  /// When the rows of every table are counted.
  enum RowCounting {
    case never
    /// Where the store is so small that nobody notices.
    case ifCheap
    /// Always, and the schema read: for an archive's manifest.
    case always

    static let cheapSize = 64_000_000
  }

  /// Runs the checks of one store in their order, on one session. Nothing is created or changed.
  /// `workers` is the number of threads that a check may use. `taker` gets what they read of a store of which each byte is read once.
  func runChecks(
    _ store: ManagedStore, _ scope: CheckScope = .place, counting: RowCounting = .never,
    workers: Int = Workers.processors, taker: ((StoreSnapshot) -> Void)? = nil
  ) -> CheckResult {
    var run = CheckRun(engine: self, store: store, scope: scope, workers: workers, taker: taker)
    run.runAll()
    run.count(counting)
    run.confirm()
    run.end()
    return run.result
  }
}

private struct CheckRun {
  let engine: Engine
  let store: ManagedStore
  let isCopy: Bool
  let context: CheckContext
  let rules: RuleBook
  var result: CheckResult
  /// Why the store cannot be looked into at all.
  private var obstacle: Problem?
  private var reported: [Problem] = []

  init(
    engine: Engine, store: ManagedStore, scope: Engine.CheckScope, workers: Int, taker: ((StoreSnapshot) -> Void)?
  ) {
    self.engine = engine
    self.store = store
    result = CheckResult(
      store: store, failOn: engine.settings.failOn, mendsMeant: engine.settings.mendsMeant)
    rules = engine.ruleBook(for: store)
    let path: String
    var head: FileHead?
    var holdsWriters = true
    if case .unheld = scope { holdsWriters = false }
    switch scope {
    case .place, .unheld:
      path = store.path
      isCopy = false
      result.bytes = try? FileStatus.of(path).size
      do throws(Problem) {
        let found = try StoreFile.head(of: path)
        result.driver = try engine.driver(of: store, head: found)
        // What stands where another kind of thing should is not read.
        if found.isFolder != (result.driver?.keepsFolders ?? false) {
          throw StoreFile.notAFile(path, found.isFolder ? .folder : .file)
        }
        head = found
      } catch {
        obstacle = error
        result.driver = store.kind.flatMap { engine.registry.driver($0) }
      }
    case .copy(let copy, let driver):
      path = copy
      isCopy = true
      result.bytes = try? FileStatus.of(path).size
      result.driver = driver
    }
    let observer = engine.observer
    context = CheckContext(
      store: store.identity, path: path, driver: result.driver, head: head,
      backups: Self.backups(of: store, result.driver, engine), repository: store.repository,
      folder: engine.configuration.file.map { Paths.folder(of: $0) },
      patience: engine.patience, holdsWriters: holdsWriters, workers: workers, taker: taker,
      progress: { observer.progressed($0) })
  }

  /// What the store is held against: its archives. A folder, of which each file is mended by itself, is held against what takes
  /// their place in a repair, since nothing else tells which files to take from it.
  private static func backups(of store: ManagedStore, _ driver: (any Driver)?, _ engine: Engine) -> any Backups {
    if store.source != nil, let driver = driver as? any FileByFileDriver,
      let backups = try? engine.backups(of: store, driver)
    {
      return backups
    }
    return engine.repository(of: store).backups(of: store.identity)
  }

  /// What ends soon is told before it ends.
  private mutating func warnOfEnds() {
    var told: Set<Int> = []
    for ruled in result.ruled {
      guard let acceptance = ruled.finding.acceptance, acceptance.endsSoon, told.insert(ruled.rule ?? -1).inserted
      else {
        continue
      }
      result.notes.append(
        "\(ruled.finding.code) is \(acceptance.words); from \(acceptance.until.next) on it is an error, by the rule "
          + "\(acceptance.rule ?? "that accepts it").")
    }
  }

  mutating func runAll() {
    for configured in store.checks {
      guard let check = engine.registry.check(configured.id) else {
        result.problems.append(
          Problem(
            .configuration, tried: "run the check", on: configured.id, said: "no plugin has that id",
            advice: "See 'dbmend plugins'."))
        continue
      }
      if isCopy && check.looksAtPlace { continue }
      run(check, configured)
    }
    warnOfEnds()
  }

  private mutating func run(_ check: any Check, _ configured: Configuration.ConfiguredCheck) {
    engine.observer.began(.checking(store.identity, check: configured.title))
    let start = engine.clock.steady()
    context.account = nil
    context.said = nil
    context.measures = []
    let verdict: Verdict
    do throws(Problem) {
      if let obstacle, !check.looksAtPlace { throw obstacle }
      let options = Options(configured.options, defaults: check.description)
      let findings = try check.findings(in: context, options: options)
      verdict = take(findings, from: configured, isOfPlace: check.looksAtPlace)
    } catch {
      verdict = take(error, from: configured, isOfPlace: check.looksAtPlace)
    }
    let seconds = engine.clock.steady() - start
    var outcome = CheckOutcome(
      check: configured.title, verdict: verdict, seconds: seconds, verified: context.account)
    outcome.said = context.said
    outcome.measures = context.measures
    result.outcomes.append(outcome)
  }

  /// Applies the rules. The same trouble that an earlier check found is not listed again.
  private mutating func take(
    _ findings: [Finding], from configured: Configuration.ConfiguredCheck, isOfPlace: Bool
  ) -> Verdict {
    var verdict = Verdict.healthy
    let earlier = result.ruled
    let place = RuleBook.Place(store: store.identity, kind: result.driver?.description.id ?? store.kind)
    for finding in findings {
      let decision = rules.decide(finding, of: place, by: configured)
      if engine.settings.explains { explain(finding, from: configured, decision, in: place) }
      guard var ruled = decision.ruled else { continue }
      ruled.isOfPlace = isOfPlace
      ruled.finding.check = configured.title
      ruled.finding.name = configured.name
      if ruled.finding.counts(from: result.failOn) { verdict = .damaged }
      if earlier.contains(where: { $0.finding.isSameTrouble(as: ruled.finding) }) { continue }
      result.ruled.append(ruled)
    }
    if findings.isEmpty { explain(configured, "found nothing") }
    context.previous = result.findings
    return verdict
  }

  /// A problem that is damage becomes a finding, once; any other says that the store could not be checked.
  private mutating func take(
    _ problem: Problem, from configured: Configuration.ConfiguredCheck, isOfPlace: Bool
  ) -> Verdict {
    if reported.contains(problem) { return .unchecked }
    reported.append(problem)
    switch problem.kind {
    case .missing, .damaged:
      let finding = finding(for: problem)
      if isConsequence(finding) {
        result.notes.append("\(configured.title) could not run on the damaged store: \(problem.said)")
        return .unchecked
      }
      return take([finding], from: configured, isOfPlace: isOfPlace)
    default:
      result.problems.append(problem)
      explain(configured, "could not run: \(problem.said)")
      return .unchecked
    }
  }

  private func finding(for problem: Problem) -> Finding {
    let isMissing = problem.kind == .missing
    let subject = problem.subject == context.path ? store.writtenPath : problem.subject
    let code = problem.code ?? (isMissing ? "file.missing" : "store.unreadable")
    return Finding(
      code, isMissing ? .error : .fatal, "could not \(problem.tried) \(subject): \(problem.said)")
  }

  /// Once a check found what is broken, another that stumbles over it adds nothing: were it a finding of its own, it would
  /// ask for a greater repair than the cause does. After the repair the checks run again, so nothing is overlooked.
  private func isConsequence(_ finding: Finding) -> Bool {
    let earlier = result.findings.filter { $0.severity >= .error }
    if earlier.contains(where: { $0.isSameTrouble(as: finding) }) { return false }
    // Only what is damaged has a plugin from outside give up in this way.
    if context.openSession != nil || finding.code.matches("plugin.*") { return !earlier.isEmpty }
    // What stands under the name is no store: the check of the file has said so in more fitting words.
    return earlier.contains { $0.code.matches("file.*") }
  }

  private mutating func explain(_ configured: Configuration.ConfiguredCheck, _ decision: String) {
    guard engine.settings.explains else { return }
    result.explanations.append(
      Explanation(
        store: store.identity, check: configured.title, origin: configured.origin, finding: nil, decision: decision))
  }

  private mutating func explain(
    _ finding: Finding, from configured: Configuration.ConfiguredCheck, _ decision: RuleBook.Decision,
    in place: RuleBook.Place
  ) {
    var explanation = Explanation(
      store: store.identity, check: configured.title, origin: configured.origin, finding: finding,
      decision: decision.because)
    explanation.severity = decision.ruled?.finding.severity
    explanation.acceptance = decision.ruled?.finding.acceptance
    if let rule = decision.rule.map({ rules.rules[$0] }) {
      explanation.rule = rule.name
      explanation.repairs = rule.repair?.ladder ?? []
      explanation.isFinal = rule.repair?.isFinal ?? false
      explanation.hook = rule.hook
    }
    explanation.passedOver = rules.passedOver(finding, of: place, by: configured, until: decision.rule)
    result.explanations.append(explanation)
  }

  mutating func count(_ counting: Engine.RowCounting) {
    switch counting {
    case .never: return
    case .ifCheap:
      guard let session = context.openSession, session.facts.bytes < Engine.RowCounting.cheapSize else { return note() }
    case .always:
      // Without a check that opens the store there is no session yet. One that does not open was reported, or will be
      // by the archive.
      if obstacle == nil { _ = try? context.session() }
    }
    note()
    guard let session = context.openSession else { return }
    if case .ifCheap = counting, let rows = session.countedRows {
      result.rows = rows
      return
    }
    guard let catalog = try? session.catalog() else { return }
    if case .always = counting { result.schema = catalog.schema }
    result.rows = RowCounts.of(catalog, in: session)
  }

  /// What was read in pieces has to be one state of the store.
  mutating func confirm() {
    do throws(Problem) {
      try context.openSession?.confirm()
    } catch {
      if !result.problems.contains(where: { $0.kind == .changing }) { result.problems.append(error) }
    }
  }

  /// Lets the store go, before anything else is done with it.
  func end() { context.end() }

  private mutating func note() {
    guard let session = context.openSession else { return }
    result.engine = session.facts.engine
    if result.driver?.keepsFolders == true || result.bytes == nil { result.bytes = session.facts.bytes }
  }
}

/// Counts rows.
enum RowCounts {
  /// The rows of every table that can be counted. One that cannot is left out: the checks say why.
  static func of(_ catalog: Catalog, in session: any StoreSession) -> [String: Int] {
    var rows = [String: Int](minimumCapacity: catalog.tables.count)
    for table in catalog.tables where !table.isVirtual {
      if let count = try? session.rowCount(of: table) { rows[table.name] = count }
    }
    return rows
  }

  /// The rows of every table of the store at a path; nil when it cannot be opened.
  static func of(_ path: String, _ driver: any Driver, patience: Double) -> [String: Int]? {
    guard let session = try? driver.open(path, patience: patience) else { return nil }
    defer { session.end() }
    guard let catalog = try? session.catalog() else { return nil }
    return of(catalog, in: session)
  }
}
