import MendKit

/// What a command says of itself, once: parsing, help, completions and the man page are made from it.
struct CommandDescription: Sendable {
  /// The word that calls it.
  var name: String
  /// What it does, in one line without a full stop, beginning with a verb.
  var summary: String
  /// Paragraphs for its help and the manual page.
  var discussion: [String]
  /// What it takes beside options, in order.
  var arguments: [ArgumentDescription] = []
  /// Whether a command line of another program may stand behind `--`.
  var takesCommand = false
  /// Its own options, before the common ones.
  var ownOptions: [OptionName] = []
  /// The common options that it understands.
  var commonOptions = OptionName.common
  /// The forms in which it can report.
  var formats: [String] = ["text", "json"]
  /// Command lines to learn from.
  var examples: [CommandExample] = []

  /// Every option that it takes.
  var options: [OptionName] { ownOptions + commonOptions }

  /// `dbmend restore [OPTION…] ARCHIVE [TARGET]`, without the program's name and the word for options.
  var argumentSynopsis: String {
    var parts = arguments.map(\.synopsis)
    if takesCommand { parts.append("[-- COMMAND…]") }
    return parts.joined(separator: " ")
  }
}

/// What a command takes beside options.
struct ArgumentDescription: Sendable {
  /// What stands for it in the help.
  var metavar: String
  /// What it is, in one or two sentences without the last full stop.
  var meaning: String
  /// Whether it cannot be left out.
  var isRequired = false
  /// Whether there may be several.
  var isRepeated = false
  /// What the shell offers for it.
  var completion: OptionFacts.Completion = .files

  /// `TARGET`, `[TARGET]` or `[TARGET…]`.
  var synopsis: String {
    let word = isRepeated ? metavar + "…" : metavar
    return isRequired ? word : "[\(word)]"
  }

  /// A store or several, as nearly every command takes them.
  static let targets = ArgumentDescription(
    metavar: "TARGET",
    meaning: "A store (production/data), an environment (production), or a path to a file; "
      + "without any, every store of dbmend.yaml",
    isRepeated: true)
}

/// A command line to learn from.
struct CommandExample: Sendable {
  /// What is typed.
  var line: String
  /// What it does.
  var meaning: String
}

/// A command of the program: its description, and what it does.
protocol Subcommand {
  /// What it says of itself.
  static var description: CommandDescription { get }

  /// Does its work; the exit code.
  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32
}
