import MendArchive
import MendKit

/// One run: a configuration, the plugins, and what the command line said, ready to check, mend, archive and restore.
/// Every function reports what happened instead of throwing, so that one store's trouble hides nothing of the others.
public struct Engine: Sendable {
  /// What `dbmend.yaml` says, or what holds without one.
  public let configuration: Configuration
  /// The drivers, checks and repairs.
  public let registry: PluginRegistry
  /// What the command line says.
  public let settings: RunSettings
  let clock: Clock
  let observer: any RunObserver
  let sourceListings = SourceListings()

  /// An engine; nothing is read or opened before one of its functions is called.
  public init(
    configuration: Configuration, registry: PluginRegistry, settings: RunSettings, clock: Clock = .system,
    observer: any RunObserver = SilentObserver()
  ) {
    self.configuration = configuration
    self.registry = registry
    self.settings = settings
    self.clock = clock
    self.observer = observer
  }

  /// How long to wait for a lock, in seconds.
  var patience: Double { settings.patience ?? configuration.busyTimeout }

  /// The rules as they speak of a store today. They are for the stores that the configuration names.
  func ruleBook(for store: ManagedStore) -> RuleBook {
    guard store.isConfigured else { return RuleBook(rules: []) }
    let hasDates = configuration.rules.contains { $0.acceptance != nil }
    return RuleBook(rules: configuration.rules, today: Day(at: hasDates ? clock.now() : 0))
  }

  /// The repository that holds a store's archives, whether or not its folder is there yet.
  func repository(of store: ManagedStore) -> Repository { Repository(path: store.repository, clock: clock) }

  /// The definitions that lost tables are made from: those of the command line before those of the configuration.
  func schemaText() throws(Problem) -> SchemaText? {
    if let schema = settings.schema { return schema }
    guard let path = configuration.schema else { return nil }
    let file = try FileHandle.read(path)
    defer { file.close() }
    return SchemaText(path: path, text: String(decoding: try file.readAll(limit: 16 << 20), as: UTF8.self))
  }

  /// Puts the parts of a report together: the verdict of all stores, and the time since `start`.
  func finish(_ report: Report, since start: Double) -> Report {
    var report = report
    for index in report.stores.indices {
      report.stores[index].findings += configuration.failures.findings(of: report.stores[index])
    }
    report.verdict = Verdict.combined(report.stores.map(\.verdict))
    // What kept a run from its stores says nothing of their health.
    let isStopped = report.stores.isEmpty && !report.problems.isEmpty
    if isStopped || report.problems.contains(where: { ExitCode(for: $0) == .unchecked }) { report.verdict = .unchecked }
    report.seconds = clock.steady() - start
    return report
  }
}
