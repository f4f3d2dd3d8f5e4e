import MendArchive
import MendKit

/// One mapping of `dbmend.yaml`: which keys it may have, and what each holds. The loader validates with these, and the
/// documentation is made from them, so that the two cannot disagree.
struct FileSection: Sendable {
  /// What the mapping is, as messages say it: "a store".
  var title: String
  /// A paragraph for the documentation.
  var discussion: String
  var keys: [FileKey]

  func key(_ name: String) -> FileKey? { keys.first { $0.name == name } }
}

/// One key of a mapping.
struct FileKey: Sendable {
  var name: String
  var shape: Shape
  /// What holds when it is left out, as the documentation says it.
  var defaultText: String?
  var isRequired: Bool
  /// What it does, in one line.
  var meaning: String

  /// What may stand under a key.
  indirect enum Shape: Sendable {
    case value(OptionType)
    /// Text that is not empty: `a path`, `a shell command`.
    case text(String)
    /// One such text, or a list of them.
    case texts(String)
    /// A path, or a mapping that has it under the key `path`.
    case pathOrSection(FileSection)
    case section(FileSection)
    /// A map from names that the user chooses to mappings.
    case named(FileSection)
    case sections(FileSection)
    /// One mapping, or a list of several.
    case sectionOrSections(FileSection)
    /// A list of paths, or of mappings that have one under the key `path`.
    case pathsOrSections(FileSection)
    case checks
    /// The options of the store's kind.
    case kindOptions
  }

  init(
    _ name: String, _ shape: Shape, default defaultText: String? = nil, isRequired: Bool = false, _ meaning: String
  ) {
    self.name = name
    self.shape = shape
    self.defaultText = defaultText
    self.isRequired = isRequired
    self.meaning = meaning
  }

  /// What may stand under the key, in a few words.
  var title: String {
    switch shape {
    case .value(let type): type.title
    case .text(let what): what
    case .pathOrSection(let section): "a path, or \(section.title)"
    case .section(let section): section.title
    case .named(let section): "a map from a name to \(section.title)"
    case .sections(let section): "a list, each item \(section.title)"
    case .sectionOrSections(let section): "\(section.title), or a list of them"
    case .texts(let what): "\(what), or a list"
    case .pathsOrSections(let section): "a list, each item a path, or \(section.title)"
    case .checks: "a list or a map of checks"
    case .kindOptions: "a map of the kind's options"
    }
  }
}

/// The keys of `dbmend.yaml`.
enum FileFormat {
  /// The version of the format that this dbmend reads.
  static let version = 1

  private static let words = Configuration()
  private static let losses = OptionType.choice(Loss.allCases.map(\.rawValue))
  private static let severities = OptionType.choice(Severity.allCases.map(\.rawValue))
  private static let count = OptionType.integer(0...Int.max)

  /// The key that every check takes beside its own options.
  static let checkSeverity = OptionDescription(
    "severity", severities, "The severity that the check's findings get instead of their own.")

  static let document = FileSection(
    title: "the configuration",
    discussion: "The file is YAML: one document, without anchors and tags. Relative paths are relative to the file. An "
      + "unknown key, a wrong type and an impossible value are errors with line and column, and then nothing runs.",
    keys: [
      FileKey(
        "version", .value(.integer(1...Int.max)), isRequired: true,
        "The version of this format: \(version)."),
      FileKey(
        "repository", .pathOrSection(repository), default: "`dbmend-archives` beside each store",
        "Where archives are kept."),
      FileKey("retention", .section(retention), "Which archives stay when old ones are removed."),
      FileKey(
        "max_loss", .value(losses), default: words.maxLoss.rawValue,
        "The most that a repair may cost without being asked."),
      FileKey(
        "busy_timeout", .value(.duration), default: "\(Int(words.busyTimeout))s",
        "How long to wait for a lock of a store."),
      FileKey(
        "schema", .text("a path"), "A file of definitions, which lost tables and whole schemas are made from again."),
      FileKey("environments", .named(environment), "The named sets of stores."),
      FileKey(
        "checks", .checks, default: words.standardTitles,
        "The checks for every store."),
      FileKey(
        "rules", .sections(rule), "What becomes of findings, where it is not what the plugins say of themselves."),
      FileKey("hooks", .section(hooks), "Commands that run around the steps of the pipeline."),
      FileKey(
        "plugins", .pathsOrSections(plugin),
        "Files of plugins from outside: programs, and shared objects. A check in them that `checks:` names nowhere runs on every store, "
          + "as far as it needs no options."),
    ])

  static let repository = FileSection(
    title: "a map with the key path",
    discussion: "`repository: backups` and `repository: { path: backups }` say the same.",
    keys: [FileKey("path", .text("a path"), isRequired: true, "The folder of the archives; made when it is missing.")])

  static let retention = FileSection(
    title: "a map of the retention's keys",
    discussion:
      "An archive stays when any of these keeps it. Archives of damaged stores count for `keep_damaged` alone "
      + "and never push out a good one.",
    keys: [
      FileKey("keep_last", .value(count), default: "\(words.retention.keepLast)", "The newest so many good archives."),
      FileKey(
        "keep_damaged", .value(count), default: "\(words.retention.keepDamaged)",
        "So many archives of damaged stores: the first and the newest ones."),
      FileKey(
        "keep_daily", .value(count), default: "\(words.retention.keepDaily)",
        "The newest good archive of each of so many days (UTC) that have one."),
      FileKey(
        "keep_weekly", .value(count), default: "\(words.retention.keepWeekly)",
        "Likewise for weeks, Monday to Sunday."),
      FileKey("keep_monthly", .value(count), default: "\(words.retention.keepMonthly)", "Likewise for months."),
      FileKey("keep_within", .value(.duration), default: "0s", "Every good archive that is younger than this."),
      FileKey(
        "max_size", .value(.size), default: "no limit",
        "The most that all archives may take; the oldest go first, but never the newest good one of a store."),
    ])

  static let environment = FileSection(
    title: "an environment",
    discussion: "Stores that belong together: `production`, `staging`. On the command line, its name stands for all of "
      + "its stores. A name has letters, digits, `-`, `_` and `.`, and begins with a letter or a digit.",
    keys: [
      FileKey("max_loss", .value(losses), default: "that of the file", "Overrides the file's `max_loss`."),
      FileKey("checks", .checks, "Checks for the environment's stores, merged into those of the file."),
      FileKey("stores", .named(store), isRequired: true, "The stores, by names as the environment's own."),
    ])

  static let store = FileSection(
    title: "a store",
    discussion: "On the command line it is `ENVIRONMENT/NAME`.",
    keys: [
      FileKey("path", .text("a path"), isRequired: true, "The file or folder, or the URI of a server's database."),
      FileKey("kind", .value(.string), default: "detected", "The kind of store: the id of its driver."),
      FileKey(
        "options", .kindOptions, "The options of that kind, as `dbmend plugins` lists them; `kind` must be given."),
      FileKey(
        "max_loss", .value(losses), default: "that of the environment", "Overrides the environment's `max_loss`."),
      FileKey("checks", .checks, "Checks for this store, merged into those of the environment."),
    ])

  static let rule = FileSection(
    title: "a rule",
    discussion:
      "The first rule whose condition holds for a finding decides what becomes of it, and no later one. A rule that can "
      + "never decide anything is an error. [Rules](rules.md) has examples of all of this.",
    keys: [
      FileKey("when", .section(condition), isRequired: true, "Which findings the rule is about."),
      FileKey(
        "unless", .sectionOrSections(condition),
        "Those of them that it is not about after all: one condition is enough."),
      FileKey("severity", .value(severities), "The severity that the findings get."),
      FileKey(
        "repair", .texts("a repair's id"),
        "The repairs that mend them, tried in this order before any other is thought of; `none` for nothing, also last in the list: "
          + "nothing else."),
      FileKey(
        "accept", .section(acceptance), "That the findings are known, and no damage until a day."),
      FileKey(
        "hook", .text("a shell command"),
        "A command that runs once for each store of which the rule decides findings, after the checks and before anything is changed."
      ),
      FileKey("ignore", .value(.boolean), default: "false", "Whether the findings are dropped altogether."),
    ])

  static let acceptance = FileSection(
    title: "a map with the keys until and because",
    discussion:
      "Until the end of that day every report says that the finding is accepted; it is no damage and is not mended. From "
      + "two weeks before on, reports warn that it ends. Afterwards the finding is an error.",
    keys: [
      FileKey("until", .text("a day such as 2026-12-31"), isRequired: true, "The last day, in UTC."),
      FileKey("because", .text("a reason"), isRequired: true, "Why the findings are accepted: a ticket, a name."),
    ])

  static let condition = FileSection(
    title: "a condition",
    discussion:
      "All of its keys must hold, and there must be at least one. `*` stands for any run of characters. A comparison is "
      + "a measure, one of `<`, `<=`, `>`, `>=`, `=`, `!=`, and a number: a plain one is held against the value as it is, one with `%`, "
      + "a size or a length of time in the measure's own unit. What the findings of a check measure stands below; `count` is "
      + "measured by all: how many things the finding stands for.",
    keys: [
      FileKey("code", .text("a code or a pattern of codes"), "The finding's code: `row-count.*`."),
      FileKey(
        "severity", .value(.list(severities)),
        "The severity that the finding has before any rule spoke; one of several where there is a list."),
      FileKey("store", .text("a store's name or a pattern of names"), "The store: `production/data`, `staging/*`."),
      FileKey("environment", .text("a name or a pattern of names"), "The store's environment."),
      FileKey("kind", .text("a kind or a pattern of kinds"), "The store's kind: `sqlite`."),
      FileKey("table", .text("a name or a pattern of names"), "The finding's table."),
      FileKey("index", .text("a name or a pattern of names"), "The finding's index."),
      FileKey(
        "measured", .texts("a comparison such as `drop > 20%`"),
        "What the finding measured; of several comparisons all must hold."),
    ])

  static let hooks = FileSection(
    title: "a map of the hooks' keys",
    discussion:
      "Each is a command for the shell. A hook that fails stops the run before the change. A rule may have one of its own.",
    keys: Hook.Moment.allCases.map { FileKey($0.rawValue, .text("a shell command"), $0.meaning) })

  private static let limits = ConfinedProgram.Limits.plugin

  static let plugin = FileSection(
    title: "a map of a plugin file's keys",
    discussion:
      "`- plugins/check_quota` and `- { path: plugins/check_quota }` say the same. A file that others than its owner can "
      + "write, or that stands in a folder that they can write, is refused. A plugin runs in a process of its own with no more than "
      + "this, and can write nowhere but into folders that go away afterwards (Linux 5.13 and newer hold it to that).",
    keys: [
      FileKey("path", .text("a path"), isRequired: true, "The file: a program, or a shared object."),
      FileKey(
        "sha256", .value(.string), "What its SHA-256 has to be, as `sha256sum` prints it; anything else is refused."),
      FileKey(
        "timeout", .value(.duration), default: "\(Int(limits.seconds))s",
        "How long a call may take; a check's own `timeout` goes before."),
      FileKey(
        "memory", .value(.size), default: "\(limits.memory >> 30)GiB", "How much memory all of its processes may take."),
      FileKey("output", .value(.size), default: "\(limits.output >> 20)MiB", "How long a reply may be."),
      FileKey(
        "files", .value(.integer(8...65536)), default: "\(limits.files)", "How many files a process may have open."),
      FileKey(
        "processes", .value(.integer(1...200)), default: "\(limits.processes)",
        "How many processes there may be at a time."),
      FileKey(
        "pass", .value(.list(.string)), "The variables of the environment that it gets; by itself it gets none of them."
      ),
      FileKey("environment", .value(.map(.string)), "Variables that it gets with these values."),
      FileKey("writes", .value(.list(.string)), "Folders, and files, that it may write to beside its own."),
    ])

  /// Every section, in the order of the documentation.
  static let sections: [(path: String, section: FileSection)] = [
    ("", document), ("repository", repository), ("retention", retention), ("environments.NAME", environment),
    ("environments.NAME.stores.NAME", store), ("rules[]", rule), ("rules[].when", condition),
    ("rules[].accept", acceptance), ("hooks", hooks),
    ("plugins[]", plugin),
  ]
}

extension Configuration {
  /// The checks that hold without any configuration, in the order in which they run.
  fileprivate var standardTitles: String { Self.standardChecks.map(\.id).joined(separator: ", ") }
}

extension Hook.Moment {
  /// When it runs, in one line.
  var meaning: String {
    switch self {
    case .beforeBackup: "Before an archive is taken."
    case .beforeRepair: "Before a repaired copy is put in the place of a store: stop the application here."
    case .afterRepair: "After that: start it again."
    case .beforeRestore: "Before an archive is put in the place of a store, also when a failed command is undone."
    case .afterRestore: "After that."
    case .onFailure: "When the run ends with anything but success."
    }
  }
}
