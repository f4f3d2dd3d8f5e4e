import MendKit

/// What a report needs to know of the run beside what it found.
public struct ReportContext: Sendable {
  /// What the run was for. The next step to take depends on it.
  public enum Purpose: Sendable, Hashable {
    /// `check`: nothing was to be changed.
    case check
    /// `repair --plan`: say what would be done.
    case plan
    /// `repair`: mend the store in its place.
    case repair
    /// `repair --output`: mend a copy.
    case repairToFile
    /// `preflight`.
    case preflight
    /// `backup`.
    case backup
    /// `restore`.
    case restore
    /// `write`: new content for a store.
    case write
  }

  /// How much the text tells.
  public enum Detail: Sendable, Hashable {
    /// Only what is wrong.
    case quiet
    /// What is wrong in full, what is well in a line.
    case normal
    /// Every check with its time, every table with its rows, every finding.
    case verbose
  }

  /// What the run was for.
  public var purpose: Purpose
  /// The version of dbmend.
  public var version: String
  /// From which severity on a finding makes a store damaged.
  public var failOn: Severity
  /// How much the text tells.
  public var detail: Detail
  /// The options that the next command needs too, such as `--config FILE`, word by word.
  public var repeatedOptions: [String]
  /// The options of a plan that its execution needs too, word by word.
  public var planOptions: [String] = []
  /// The targets as they were typed, so that they can be said again.
  public var targets: [String]
  /// The words behind `--`, so that they can be said again.
  public var command: [String]
  /// Whether the run had the rights of root, so that no other user may do more.
  public var isRoot: Bool
  /// The folder of the run: paths below it are told relative to it where a format asks for relative ones.
  public var folder: String
  /// What the plugins say of themselves; SARIF makes its rules from it, JUnit puts findings to their checks by it.
  public var descriptions: [PluginDescription]

  /// A context; see the properties.
  public init(
    purpose: Purpose = .check, version: String, failOn: Severity = .error, detail: Detail = .normal,
    repeatedOptions: [String] = [], targets: [String] = [], command: [String] = [],
    isRoot: Bool = false, folder: String = Paths.current, descriptions: [PluginDescription] = []
  ) {
    self.purpose = purpose
    self.version = version
    self.failOn = failOn
    self.detail = detail
    self.repeatedOptions = repeatedOptions
    self.targets = targets
    self.command = command
    self.isRoot = isRoot
    self.folder = folder
    self.descriptions = descriptions
  }

  /// Whether a finding stands against its store: as severe as `failOn`, and neither mended nor accepted.
  func isOpen(_ finding: Finding) -> Bool { finding.counts(from: failOn) }

  /// A path as it is seen from the run's folder; one outside of it stays as it is.
  func relative(_ path: String) -> String {
    guard path.hasPrefix("/") else { return path.hasPrefix("./") ? String(path.dropFirst(2)) : path }
    let start = folder == "/" ? "/" : folder + "/"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : path
  }
}

extension StoreReport {
  /// What a person calls the store: its name in the configuration, or its path where there is none.
  var title: String { isAdhoc ? path : store.description }

  /// Whether it was named by its path, without a configuration.
  var isAdhoc: Bool { store.isAdhoc }
}
