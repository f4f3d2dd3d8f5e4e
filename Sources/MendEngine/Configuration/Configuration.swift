import MendArchive
import MendKit

/// A `dbmend.yaml` as typed values, with every default filled in. Paths are absolute.
public struct Configuration: Sendable {
  /// The file it was read from; nil for what holds without a configuration.
  public var file: String?
  /// Where archives are kept; nil puts them into `dbmend-archives/` beside each store.
  public var repository: String?
  /// Which archives stay.
  public var retention = RetentionPolicy()
  /// The most that a repair may cost without being asked.
  public var maxLoss: Loss = .rows
  /// How long to wait for a lock, in seconds.
  public var busyTimeout: Double = 5
  /// Definitions for tables that are lost.
  public var schema: String?
  /// In the order of the file.
  public var environments: [Environment] = []
  /// The checks for every store, in order.
  public var checks: [ConfiguredCheck] = []
  /// What the plugins' own descriptions say is changed by these, the first that applies deciding.
  public var rules: [Rule] = []
  /// Commands around the steps of the pipeline.
  public var hooks: [Hook.Moment: String] = [:]
  /// The plugins that it was held against: those of dbmend itself, and those from outside.
  public var registry = PluginRegistry()
  /// The files of plugins from outside that it and the command line name, with what came of each.
  public var outside: [OutsidePlugins.Loaded] = []
  /// What became of repairs from outside in this run.
  public var failures = PluginFailureLog()

  /// An empty configuration with the defaults.
  public init() {}

  /// A named set of stores.
  public struct Environment: Sendable {
    /// The name.
    public var name: String
    /// Overrides the configuration's.
    public var maxLoss: Loss?
    /// In the order of the file.
    public var stores: [Store]
    /// The checks that hold for its stores: the configuration's with the environment's own merged in.
    public var checks: [ConfiguredCheck]

    /// An environment; see the properties.
    public init(name: String, maxLoss: Loss? = nil, stores: [Store], checks: [ConfiguredCheck]) {
      self.name = name
      self.maxLoss = maxLoss
      self.stores = stores
      self.checks = checks
    }
  }

  /// One store of an environment.
  public struct Store: Sendable {
    /// The name within the environment.
    public var name: String
    /// The path as the file has it, for messages.
    public var writtenPath: String
    /// The path from the root; links are not resolved yet.
    public var path: String
    /// The kind, as its driver's id; nil has it detected.
    public var kind: String?
    /// The options of that kind.
    public var options: [OptionPair]
    /// Overrides the environment's.
    public var maxLoss: Loss?
    /// The checks that hold for this store, everything merged.
    public var checks: [ConfiguredCheck]

    /// A store; see the properties.
    public init(
      name: String, writtenPath: String, path: String, kind: String? = nil, options: [OptionPair] = [],
      maxLoss: Loss? = nil,
      checks: [ConfiguredCheck]
    ) {
      self.name = name
      self.writtenPath = writtenPath
      self.path = path
      self.kind = kind
      self.options = options
      self.maxLoss = maxLoss
      self.checks = checks
    }
  }

  /// One check with its options, as the configuration asks for it.
  public struct ConfiguredCheck: Sendable, Hashable {
    /// The check's id.
    public var id: String
    /// Its options, validated against its description.
    public var options: [OptionPair]
    /// The severity that its findings get instead of their own.
    public var severity: Severity?
    /// Where it stands: `dbmend.yaml:12`; nil for a default.
    public var origin: String?

    /// A check and its options.
    public init(id: String, options: [OptionPair] = [], severity: Severity? = nil, origin: String? = nil) {
      self.id = id
      self.options = options
      self.severity = severity
      self.origin = origin
    }

    /// The name under which reports list it: the id, with the option `name` where one is given.
    public var title: String {
      guard let name = options.first(where: { $0.key == "name" })?.value.text else { return id }
      return "\(id): \(name)"
    }
  }

  /// What holds for a path without any configuration.
  public static var standard: Configuration {
    var configuration = Configuration()
    configuration.checks = standardChecks
    return configuration
  }

  /// The checks that a path gets without any configuration.
  public static let standardChecks: [ConfiguredCheck] = [
    ConfiguredCheck(id: "file-exists"), ConfiguredCheck(id: "connects"), ConfiguredCheck(id: "integrity"),
    ConfiguredCheck(id: "primary-keys"), ConfiguredCheck(id: "sequences"),
    ConfiguredCheck(id: "foreign-keys", severity: .warning),
  ]
}

/// A command that the operator has run around a step.
public enum Hook {
  /// When it runs.
  public enum Moment: String, Sendable, CaseIterable {
    case beforeBackup = "before_backup"
    case beforeRepair = "before_repair"
    case afterRepair = "after_repair"
    case beforeRestore = "before_restore"
    case afterRestore = "after_restore"
    case onFailure = "on_failure"
  }
}
