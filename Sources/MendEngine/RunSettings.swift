import MendKit

/// What the command line says of a run. Where it says nothing, the configuration holds.
public struct RunSettings: Sendable {
  /// The most that a repair may cost, over the configuration's.
  public var maxLoss: Loss?
  /// The severity from which a finding counts as damage.
  public var failOn: Severity = .error
  /// The folder of archives, over the configuration's.
  public var repository: String?
  /// How long to wait for a lock in seconds, over the configuration's.
  public var patience: Double?
  /// Definitions for tables that are lost, over the configuration's.
  public var schema: SchemaText?
  /// The environment that a bare name, or no target at all, means.
  public var environment: String?
  /// The repairs that the operator asked for by name; they go before any other that would do.
  public var askedForRepairs: Set<String> = []
  /// Whether a repair says of each row that it rebuilt where it came from, in a table of the result.
  public var tellsProvenance = false
  /// The version of dbmend, as manifests record it.
  public var dbmendVersion: String
  /// Where the output of the command after `--` goes: to standard error when standard output carries a report.
  public var commandOutput: ChildProcess.Stream = .inherited
  /// Whether `repair --output` and `restore --output` may replace a file that is there.
  public var replacesOutput = false

  /// Whether a repair mends what somebody may have meant, too: the operator says that it may cost changes.
  public var mendsMeant = false
  /// Whether a folder in which no store is found is one itself.
  public var takesFolders = false

  /// Whether the report is to say which rule decided what, and why a repair would be planned as it would.
  public var explains = false

  /// The folder for temporary files, in which plans are tried on copies.
  public var temporaryFolder = "/tmp"

  /// Settings that leave everything to the configuration.
  public init(dbmendVersion: String) { self.dbmendVersion = dbmendVersion }
}

/// What a run is doing, for those who watch it.
public enum Step: Sendable, Hashable {
  /// One check of one store.
  case checking(StoreIdentity, check: String)
  /// So many stores are checked at once.
  case checkingSeveral(Int)
  /// An archive is written and read back.
  case archiving(StoreIdentity)
  /// The working copy is made.
  case copying(StoreIdentity)
  /// A repair works on the copy.
  case mending(StoreIdentity, repair: String)
  /// The verified copy is put in the store's place.
  case installing(StoreIdentity)
  /// An archive is read, to be restored.
  case extracting(StoreIdentity)
  /// An archive is verified, by its file name.
  case verifying(archive: String)
  /// The command after `--` runs.
  case running([String])
  /// What the command changed is put back.
  case puttingBack(StoreIdentity)
  /// A hook runs.
  case hook(Hook.Moment)
  /// The hook of a rule runs.
  case ruleHook(StoreIdentity, rule: String)

  /// The step in a few words, such as `checking production/data: integrity`.
  public var title: String {
    switch self {
    case .checking(let store, let check): "checking \(store): \(check)"
    case .checkingSeveral(let count): "checking \(count) stores"
    case .archiving(let store): "archiving \(store)"
    case .copying(let store): "copying \(store)"
    case .mending(let store, let repair): "mending \(store): \(repair)"
    case .installing(let store): "putting the verified copy of \(store) in place"
    case .extracting(let store): "extracting the archive of \(store)"
    case .verifying(let archive): "verifying \(archive)"
    case .running(let words): "running \(words.joined(separator: " "))"
    case .puttingBack(let store): "putting \(store) back"
    case .hook(let moment): "running the hook \(moment.rawValue)"
    case .ruleHook(let store, let rule): "running the hook of the rule \(rule) for \(store)"
    }
  }
}

/// Watches a run. Called on whatever thread does the work; must not block.
public protocol RunObserver: Sendable {
  /// A step began; the one before it has ended.
  func began(_ step: Step)
  /// How far the current step is, from 0 to 1.
  func progressed(_ fraction: Double)
}

extension RunObserver {
  /// Nothing, unless an observer has a use for it.
  public func began(_ step: Step) {}
  /// Nothing, unless an observer has a use for it.
  public func progressed(_ fraction: Double) {}
}

/// Watches nothing.
public struct SilentObserver: RunObserver {
  /// An observer without a use for what it sees.
  public init() {}
}
