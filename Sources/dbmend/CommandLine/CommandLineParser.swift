import MendKit
import MendReport

/// Understands a command line by the commands' descriptions, or says what is wrong with it in the user's own words.
struct CommandLineParser {
  /// The commands that there are.
  let commands: [CommandDescription]
  /// What stands in for some options.
  let environment: Environment

  /// The options that may stand before a command's name.
  static let leading = OptionName.common + [.version]

  /// Understands the words behind the program's name.
  func parse(_ words: [String]) throws(Problem) -> Invocation {
    var invocation = Invocation(environment: environment)
    let start = try scan(words, Self.leading, .stopAtWord, of: nil)
    try take(start, into: &invocation, of: nil)
    guard let name = start.rest.first else { return invocation }
    guard let command = commands.first(where: { $0.name == name }) else { throw unknown(command: name) }
    invocation.command = command

    let scanned = try scan(Array(start.rest.dropFirst()), command.options, .mixed, of: command)
    try take(scanned, into: &invocation, of: command)
    if command.takesCommand {
      if scanned.isEndedByDashes { invocation.behind = scanned.rest }
    } else {
      invocation.arguments += scanned.rest
    }
    if invocation.has(.help) || invocation.has(.version) { return invocation }
    for option in OptionName.allCases where invocation.has(option) && !command.options.contains(option) {
      throw wrong("'dbmend \(command.name)' has no option '\(option.typed)'", of: command)
    }
    try validate(invocation, of: command)
    return invocation
  }

  private func scan(
    _ words: [String], _ options: [OptionName], _ mode: OptionScanner.Mode, of command: CommandDescription?
  ) throws(Problem) -> OptionScanner.Result {
    do throws(OptionScanner.Complaint) {
      return try OptionScanner.scan(words, options: options, mode: mode)
    } catch {
      switch error {
      case .unknown(let word): throw unknown(option: word, among: options, of: command)
      case .ambiguous(let word):
        let meant = options.filter { $0.typed.hasPrefix(word) }.map { "'\($0.typed)'" }.joined(separator: ", ")
        throw wrong("the option '\(word)' could be any of \(meant)", of: command)
      case .needsValue(let option):
        throw wrong("the option '\(option.typed)' needs a value: \(form(option))", of: command)
      case .takesNoValue(let option, let word):
        throw wrong("the option '\(option.typed)' takes no value, found '\(word)'", of: command)
      }
    }
  }

  private func take(
    _ scanned: OptionScanner.Result, into invocation: inout Invocation, of command: CommandDescription?
  ) throws(Problem) {
    for item in scanned.items {
      switch item {
      case .word(let word): invocation.arguments.append(word)
      case .option(let option, let value):
        let facts = option.facts
        if facts.metavar != nil, value?.isEmpty == true {
          throw wrong("the option '\(option.typed)' needs a value: \(form(option))", of: command)
        }
        if let value, !facts.values.isEmpty { try check(value, of: option.typed, facts.values, command) }
        invocation.options[option, default: []].append(value ?? "")
      }
    }
  }

  private func check(
    _ value: String, of name: String, _ values: [String], _ command: CommandDescription?
  ) throws(Problem) {
    guard !values.contains(value) else { return }
    let hint = NearestWord.suggestion(for: value, among: values)
    throw wrong(
      "'\(value)' is no value of '\(name)'\(hint.isEmpty ? ": expected \(Self.either(values))" : hint)", of: command)
  }

  private func validate(_ invocation: Invocation, of command: CommandDescription) throws(Problem) {
    for option in command.options where invocation.options[option] == nil {
      guard let variable = option.facts.variable, let value = environment[variable] else { continue }
      if !option.facts.values.isEmpty { try check(value, of: variable, option.facts.values, command) }
    }
    if let format = invocation.value(.format), !command.formats.contains(format) {
      throw wrong(
        "'dbmend \(command.name)' cannot write '\(format)', only \(Self.either(command.formats))", of: command)
    }
    if invocation.has(.quiet), invocation.has(.verbose) {
      throw wrong("'--quiet' and '--verbose' contradict each other", of: command)
    }
    let required = command.arguments.filter(\.isRequired)
    if invocation.arguments.count < required.count {
      let missing = required[invocation.arguments.count]
      throw wrong("'dbmend \(command.name)' needs \(Self.article(missing.metavar)): \(missing.meaning)", of: command)
    }
    if !command.arguments.contains(where: \.isRepeated), invocation.arguments.count > command.arguments.count {
      throw wrong(
        "'\(invocation.arguments[command.arguments.count])' is one word too many for 'dbmend \(command.name)'",
        of: command)
    }
    if let behind = invocation.behind, behind.isEmpty {
      throw wrong("no command stands behind '--'", of: command)
    }
    if let empty = invocation.arguments.firstIndex(of: "") {
      throw wrong("argument \(empty + 1) is empty; perhaps a variable of the script is not set", of: command)
    }
  }

  // MARK: - Messages

  private func unknown(command word: String) -> Problem {
    let hint = NearestWord.suggestion(for: word, among: commands.map(\.name))
    // A path in the place of a command is the most likely slip of all.
    let isPath = hint.isEmpty && (word.contains("/") || word.contains("."))
    let meant = isPath ? "; did you mean 'dbmend check \(word)'?" : hint
    return wrong("unknown command '\(word)'\(meant)", of: nil)
  }

  private func unknown(option word: String, among options: [OptionName], of command: CommandDescription?) -> Problem {
    let name = String(word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first ?? "")
    let place = command.map { " for 'dbmend \($0.name)'" } ?? ""
    let typed = options.map(\.typed)
    // `-config` is read as letters; the word as a whole tells better what was meant.
    let wanted = name.hasPrefix("--") || name.utf8.count <= 2 ? name : "-" + name
    var hint = typed.contains(wanted) ? "; did you mean '\(wanted)'?" : ""
    if hint.isEmpty { hint = NearestWord.suggestion(for: wanted, among: typed) }
    let owners = commands.filter { description in description.ownOptions.contains { $0.typed == name } }.map(\.name)
    if owners.contains(where: { $0 != command?.name }) {
      let others = owners.map { "'dbmend \($0)'" }.joined(separator: " and ")
      hint = "; it is an option of \(others)"
    }
    return wrong("unknown option '\(name)'\(place)\(hint)", of: command)
  }

  private func wrong(_ said: String, of command: CommandDescription?) -> Problem {
    Problem(
      .usage, tried: "understand", on: ProblemText.commandLine, said: said,
      advice: command.map { "Run 'dbmend help \($0.name)' to see how it is used." }
        ?? "Run 'dbmend help' to see what there is.")
  }

  private func form(_ option: OptionName) -> String { "\(option.typed) \(option.facts.metavar ?? "")" }

  /// `text or json`, `text, json or github`.
  static func either(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  private static func article(_ word: String) -> String {
    ("AEIO".contains(word.prefix(1)) ? "an " : "a ") + word
  }
}
