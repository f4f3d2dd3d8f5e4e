/// What a plugin says of itself, once. Documentation, `dbmend plugins`, the validation of options and the tests are all
/// made from it.
public struct PluginDescription: Sendable {
  /// What a plugin does.
  public enum Kind: String, Sendable { case check, repair, driver }

  /// The word that the configuration uses for it: lower case, with hyphens.
  public var id: String
  /// What the plugin does, in one line without a full stop.
  public var title: String
  /// A paragraph or two for the documentation: what it looks at, what it costs, where it comes short.
  public var discussion: String
  /// Check, repair or driver.
  public var kind: Kind
  /// What a check may find.
  public var finds: [FindingDescription]
  /// The codes that a repair mends, `*` standing for any run of characters.
  public var mends: [String]
  /// The worst that a repair may cost; the loss in a given case may be less.
  public var loss: Loss?
  /// Its options in the configuration.
  public var options: [OptionDescription]
  /// Whether the configuration may name a check several times for one store, told apart by the option `name`.
  public var isRepeatable: Bool
  /// Whether nothing is known of its options, so that any are taken.
  public var takesAnyOption: Bool
  /// Stores that it must pass and stores that it must flag or mend; the tests run them all.
  public var examples: [Example]

  /// A description; see the properties.
  public init(
    id: String, title: String, discussion: String, kind: Kind, finds: [FindingDescription] = [],
    mends: [String] = [], loss: Loss? = nil, options: [OptionDescription] = [], isRepeatable: Bool = false,
    takesAnyOption: Bool = false, examples: [Example] = []
  ) {
    self.id = id
    self.title = title
    self.discussion = discussion
    self.kind = kind
    self.finds = finds
    self.mends = mends
    self.loss = loss
    self.options = options
    self.isRepeatable = isRepeatable
    self.takesAnyOption = takesAnyOption
    self.examples = examples
  }
}

/// One kind of finding that a check may produce.
public struct FindingDescription: Sendable {
  /// The code.
  public var code: FindingCode
  /// Its severity unless a rule says otherwise.
  public var severity: Severity
  /// What it means, in one line.
  public var meaning: String
  /// Other severities that it may have of itself, as the engine or the case at hand wants it.
  public var otherSeverities: [Severity]
  /// What its findings measure; each of them may leave some out.
  public var measures: [MeasureDescription]
  /// Whether it speaks of the store or a file as a whole, so that its findings name no table, index, column or row.
  public var isOfStore: Bool
  /// Whether its findings may have other severities and measures than are told here: of programs that say so finding by finding.
  public var isOpen = false

  /// A code, its usual severity, and what it means; see the properties.
  public init(
    _ code: FindingCode, _ severity: Severity, _ meaning: String, or otherSeverities: [Severity] = [],
    measures: [MeasureDescription] = [], isOfStore: Bool = false
  ) {
    self.code = code
    self.severity = severity
    self.meaning = meaning
    self.otherSeverities = otherSeverities
    self.measures = measures
    self.isOfStore = isOfStore
  }

  /// Every severity that its findings may have before the configuration is asked.
  public var severities: [Severity] { isOpen ? Severity.allCases : [severity] + otherSeverities }
}

/// One thing that the findings of a code measure.
public struct MeasureDescription: Sendable, Hashable {
  /// What rules call it: `drop`.
  public var name: String
  /// What its value counts: `%`, `B`, `s`; empty for a number of things.
  public var unit: String
  /// What it is, in one line.
  public var meaning: String
  /// The least and the most that it can be; infinite where there is no bound.
  public var range: ClosedRange<Double>

  /// A measure; see the properties.
  public init(_ name: String, _ unit: String, _ meaning: String, in range: ClosedRange<Double> = 0...Double.infinity) {
    self.name = name
    self.unit = unit
    self.meaning = meaning
    self.range = range
  }

  /// What every finding measures: the number of things that it stands for.
  public static let count = MeasureDescription(
    "count", "", "how many things of its kind the finding stands for", in: 1...Double.infinity)

  /// `drop (%)`, as lists have it.
  public var title: String { unit.isEmpty ? name : "\(name) (\(unit))" }
}

/// One option of a plugin.
public struct OptionDescription: Sendable {
  /// The key in the configuration.
  public var name: String
  /// What it may hold.
  public var type: OptionType
  /// What holds when it is left out; nil when it is then off.
  public var defaultValue: OptionValue?
  /// Whether it cannot be left out.
  public var isRequired: Bool
  /// What it does, in one line.
  public var meaning: String

  /// An option; see the properties.
  public init(
    _ name: String, _ type: OptionType, default defaultValue: OptionValue? = nil, isRequired: Bool = false,
    _ meaning: String
  ) {
    self.name = name
    self.type = type
    self.defaultValue = defaultValue
    self.isRequired = isRequired
    self.meaning = meaning
  }
}

/// A small store that shows what a plugin does: the tests make it for real, run the plugin, and compare.
public struct Example: Sendable {
  /// What it shows, in a few words.
  public var title: String
  /// The kind of store, as its driver's id.
  public var kind: String
  /// What makes it: a script for the engine, run on a new store. For SQLite and DuckDB: SQL; for JSON: the file's
  /// content; for a folder: a line `PATH: CONTENT` for each file.
  public var script: String
  /// What is done to the file when the scripts have run.
  public var damage: [Damage]
  /// The plugin's options.
  public var options: [OptionPair]
  /// For a check: the codes that it must find, each at least once, and no others. For a repair: the codes that stand
  /// before it and must be gone afterwards.
  public var finds: Set<FindingCode>
  /// When it is not nil, the store that `script` made is archived, and then this second script runs on it; it may be empty.
  public var afterBackup: String?
  /// The definitions that `schema:` of the configuration names, for repairs that build from them.
  public var schema: String?
  /// For a repair: the options of the checks that find the trouble, by the check's id.
  public var checks: [OptionPair]

  /// An example; see the properties.
  public init(
    _ title: String, kind: String = "sqlite", script: String, afterBackup: String? = nil, damage: [Damage] = [],
    options: [OptionPair] = [], schema: String? = nil, checks: [OptionPair] = [], finds: Set<FindingCode> = []
  ) {
    self.title = title
    self.kind = kind
    self.script = script
    self.afterBackup = afterBackup
    self.damage = damage
    self.options = options
    self.schema = schema
    self.checks = checks
    self.finds = finds
  }

  /// A change to the file's bytes or its place in the file system.
  public indirect enum Damage: Sendable {
    /// Write these bytes at an offset from the start of the file.
    case overwrite(offset: Int, bytes: [UInt8])
    /// Put the second text in place of the first everywhere in the file; both have the same length.
    case replace(String, with: String)
    /// Cut the file to this many bytes.
    case truncate(to: Int)
    /// Remove the file.
    case remove
    /// Set the file's permission bits.
    case mode(Int)
    /// Do this to the file whose name is that of the store's and a suffix.
    case beside(String, Damage)
    /// Do it to a file of a folder; as a disk would, where the file keeps its time of change.
    case within(String, Damage, keepsTime: Bool)
  }
}
