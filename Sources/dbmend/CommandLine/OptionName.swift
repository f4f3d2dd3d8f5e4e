/// Every option of the command line. The raw value is the word behind `--`.
enum OptionName: String, CaseIterable, Sendable {
  // Common to the commands.
  case config, env, format, report
  case failOn = "fail-on"
  case maxLoss = "max-loss"
  case repository, plugin, quiet, verbose
  case noColor = "no-color"
  case help
  // Of the program alone.
  case version
  // Of single commands.
  case explain, expect, plan, output, from, schema, provenance, with, yes, force, keep, language
  case dryRun = "dry-run"
  case completions, man, configuration
  case pluginMessage = "plugin-message"
  case pluginSchema = "plugin-schema"

  /// What a run understands whatever it does.
  static let common: [OptionName] = [
    .config, .env, .format, .report, .failOn, .maxLoss, .repository, .plugin, .quiet, .verbose, .noColor, .help,
  ]

  /// The option as it is typed: `--format`.
  var typed: String { "--" + rawValue }
}

/// What the command line says of an option, once: parsing, help, completions and the man page are made from it.
struct OptionFacts: Sendable {
  /// What an option's value, or an argument, is completed with.
  enum Completion: Sendable, Hashable { case nothing, files, folders, plugins, commands }

  /// The one-letter form.
  var letter: Character?
  /// What stands for the value in the help; nil for an option without one.
  var metavar: String?
  /// The only values that are taken; empty when any is.
  var values: [String] = []
  /// What the shell offers for the value.
  var completion: Completion = .nothing
  /// The environment variable that does the same.
  var variable: String?
  /// Whether it may be given several times, each counting; else the last one counts.
  var isRepeatable = false
  /// What it does, in one or two sentences without the last full stop.
  var meaning: String
}

extension OptionName {
  /// What is to be known of the option.
  var facts: OptionFacts {
    switch self {
    case .config:
      OptionFacts(
        metavar: "FILE", completion: .files, variable: "DBMEND_CONFIG",
        meaning: "The configuration; without it dbmend.yaml is looked for here and in the folders above")
    case .env:
      OptionFacts(metavar: "NAME", meaning: "The environment whose stores are meant")
    case .format:
      OptionFacts(
        metavar: "FORMAT", values: ["text", "json", "junit", "sarif", "github"],
        meaning: "The form of the report. All but text write it alone to standard output")
    case .report:
      OptionFacts(
        metavar: "FILE", completion: .files,
        meaning: "Write the report in its --format to FILE, and text to standard output")
    case .failOn:
      OptionFacts(
        metavar: "SEVERITY", values: ["warning", "error"],
        meaning: "The severity from which on a finding counts as damage (error)")
    case .maxLoss:
      OptionFacts(
        metavar: "LOSS", values: ["none", "rows", "changes", "everything"], variable: "DBMEND_MAX_LOSS",
        meaning: "The most that a repair may cost: nothing, rows that can be read nowhere any more, what changed since "
          + "a backup, or all content (rows)")
    case .repository:
      OptionFacts(
        metavar: "DIR", completion: .folders, variable: "DBMEND_REPOSITORY",
        meaning: "The folder of archives; without a configuration dbmend-archives/ beside each store")
    case .plugin:
      OptionFacts(
        metavar: "FILE", completion: .files, isRepeatable: true,
        meaning:
          "A plugin from outside, a program or a shared object, beside those of the configuration; its checks run on every "
          + "store, its repairs where they mend something")
    case .quiet: OptionFacts(letter: "q", meaning: "Say only what is wrong")
    case .verbose: OptionFacts(letter: "v", meaning: "Say every check, every table and every finding")
    case .noColor: OptionFacts(meaning: "Use no colours; NO_COLOR in the environment does the same")
    case .help: OptionFacts(letter: "h", meaning: "Explain the command")
    case .version: OptionFacts(meaning: "Say the version")
    case .explain: OptionFacts(meaning: "Say which rule decided what")
    case .expect:
      OptionFacts(
        metavar: "FILE", completion: .files,
        meaning:
          "Succeed when exactly the findings appear that FILE lists: a YAML map from paths to lists of codes. What is "
          + "expected is reported as information")
    case .plan: OptionFacts(meaning: "Say what would be done and why, and change nothing")
    case .output:
      OptionFacts(
        metavar: "FILE", completion: .files,
        meaning:
          "Write the result to FILE and leave the store untouched; of 'plugins new', the folder that it writes to")
    case .from:
      OptionFacts(
        metavar: "ARCHIVE", completion: .files,
        meaning: "The archive, or the file or folder, to take lost content from instead of the newest good archive")
    case .schema:
      OptionFacts(
        metavar: "FILE", completion: .files, meaning: "SQL with the definitions that lost tables are made from")
    case .provenance:
      OptionFacts(
        meaning:
          "Say in a table dbmend_provenance of the result where each row came from that no page of its table held")
    case .with:
      OptionFacts(
        metavar: "REPAIR", completion: .plugins, isRepeatable: true,
        meaning: "Use this repair before any other that would do; may be given several times")
    case .yes:
      OptionFacts(
        letter: "y",
        meaning: "Do not ask before a repair that may lose more than rows, and let --output replace a file")
    case .force: OptionFacts(meaning: "Replace a dbmend.yaml that is there")
    case .keep:
      OptionFacts(
        metavar: "N", meaning: "How many of the contents that were written over stay in archives; at least 1 (5)")
    case .language:
      OptionFacts(
        metavar: "LANGUAGE", values: PluginLanguage.allCases.map(\.rawValue),
        meaning: "What the new plugin is written in (python)")
    case .dryRun: OptionFacts(letter: "n", meaning: "Say what would be removed, and remove nothing")
    case .completions:
      OptionFacts(
        metavar: "SHELL", values: ["bash", "zsh", "fish"], meaning: "Print the completions for a shell")
    case .configuration: OptionFacts(meaning: "Print the reference of dbmend.yaml, as Markdown")
    case .pluginMessage: OptionFacts(meaning: "Print the reference of the message to plugins, as Markdown")
    case .pluginSchema: OptionFacts(meaning: "Print the JSON Schema of the message to plugins")
    case .man: OptionFacts(meaning: "Print the manual page, as roff")
    }
  }
}
