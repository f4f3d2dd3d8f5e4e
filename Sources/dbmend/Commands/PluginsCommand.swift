import MendEngine
import MendKit
import MendReport

enum PluginsCommand: Subcommand {
  static let description = CommandDescription(
    name: "plugins",
    summary: "List the checks, repairs and drivers, describe one, test one from outside, or begin a new one",
    discussion: [
      "What is said here is what the plugins say of themselves; the configuration is held against it too. Plugins from outside are "
        + "those that dbmend.yaml and --plugin name.",
      "'plugins test FILE' runs the examples of a file of plugins, sends it requests that no good run would send, and says how it "
        + "did. 'plugins new check NAME' and 'plugins new repair NAME' write a plugin that works, with its test.",
    ],
    arguments: [
      ArgumentDescription(
        metavar: "ID", meaning: "The plugin to describe, or 'test' or 'new'; without it, all in a line each",
        completion: .plugins),
      ArgumentDescription(
        metavar: "WORD", meaning: "Behind 'test' the file; behind 'new' check or repair, and the name", isRepeated: true
      ),
    ],
    ownOptions: [.language, .output],
    commonOptions: [.config, .plugin, .format, .quiet, .verbose, .noColor, .help],
    examples: [
      CommandExample(line: "dbmend plugins row-counts", meaning: "Its options, and what it finds"),
      CommandExample(line: "dbmend plugins new check quota --language python", meaning: "A check to go on from"),
      CommandExample(line: "dbmend plugins test ./quota.py", meaning: "Try it with its examples and with bad requests"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    switch invocation.arguments.first {
    case "test"?: return try test(invocation, console)
    case "new"?: return try begin(invocation, console)
    default: return try tell(invocation, console)
    }
  }

  // MARK: - Listing and describing

  private static func tell(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    if let word = invocation.arguments.dropFirst().first { throw unexpected(word) }
    let configuration = try configuration(invocation, console)
    let all = configuration.registry.descriptions
    let isJSON = invocation.value(.format) == "json"
    let words = PluginText(console.outputStyle, outside: configuration.outside)
    let text: String
    if let id = invocation.arguments.first {
      guard let plugin = all.first(where: { $0.id == id }) else {
        let hint = NearestWord.suggestion(for: id, among: all.map(\.id) + ["test", "new"])
        throw Problem(
          .usage, tried: "understand", on: ProblemText.commandLine, said: "there is no plugin '\(id)'\(hint)",
          advice: "Run 'dbmend plugins' to see what there is; --plugin FILE adds one from outside.")
      }
      text = isJSON ? words.json(plugin).text(pretty: true) + "\n" : words.page(plugin)
    } else if isJSON {
      text = JSONValue.array(all.map(words.json)).text(pretty: true) + "\n"
    } else if invocation.has(.quiet) {
      text = all.map(\.id).joined(separator: "\n") + "\n"
    } else {
      text = words.list(all)
    }
    try console.write(text)
    return ExitCode.healthy.rawValue
  }

  /// The configuration with its plugins. Whoever asks what there is may be about to mend a configuration that cannot be read: where
  /// none was asked for, the plugins that dbmend comes with are told of all the same.
  private static func configuration(_ invocation: Invocation, _ console: Console) throws(Problem) -> Configuration {
    do throws(Problem) {
      return try RunSetup.configuration(invocation)
    } catch {
      guard invocation.value(.config) == nil, !invocation.has(.plugin) else { throw error }
      console.complain(
        "dbmend: without the plugins of a configuration that cannot be used: \(console.errorStyle.harmless(error.subject))\n"
      )
      var configuration = Configuration()
      configuration.registry = BuiltInPlugins.registry
      return configuration
    }
  }

  // MARK: - Testing

  private static func test(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let words = invocation.arguments.dropFirst()
    guard let path = words.first else {
      throw usage("'plugins test' needs the file to test", "Run: dbmend plugins test FILE")
    }
    if let word = words.dropFirst().first { throw unexpected(word) }
    var file = PluginFile(path, path: Paths.absolute(path))
    // A plugin that takes longer for an example is one that nobody waits for.
    file.limits.seconds = 10
    let trial = try PluginTrial(file, registry: BuiltInPlugins.registry)
    let text = PluginTrialText(trial, console.outputStyle)
    let detail: ReportContext.Detail =
      invocation.has(.quiet) ? .quiet : invocation.has(.verbose) ? .verbose : .normal
    try console.write(
      invocation.value(.format) == "json" ? text.json.text(pretty: true) + "\n" : text.text(detail))
    return trial.isGood ? ExitCode.healthy.rawValue : ExitCode.damaged.rawValue
  }

  // MARK: - Beginning one

  private static func begin(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let words = Array(invocation.arguments.dropFirst())
    let how =
      "Run: dbmend plugins new check NAME --language \(PluginLanguage.allCases.map(\.rawValue).joined(separator: "|"))"
    guard let kind = words.first else { throw usage("'plugins new' needs check or repair, and a name", how) }
    guard kind == "check" || kind == "repair" else {
      let hint = NearestWord.suggestion(for: kind, among: ["check", "repair"])
      throw usage("'plugins new' writes a check or a repair, not '\(kind)'\(hint)", how)
    }
    guard words.count > 1 else { throw usage("'plugins new \(kind)' needs a name", how) }
    if words.count > 2 { throw unexpected(words[2]) }
    let name = words[1]
    guard PluginID.isValid(name), name != "test", name != "new" else {
      throw usage(
        "'\(name)' is no name of a plugin: lower-case letters, digits and hyphens, a letter first, at most 60, not 'test' or 'new'",
        how)
    }
    if let taken = BuiltInPlugins.registry.descriptions.first(where: { $0.id == name }) {
      throw usage("there is a \(taken.kind.rawValue) '\(name)' already", "Give the plugin another name.")
    }
    let language = invocation.value(.language).flatMap(PluginLanguage.init(rawValue:)) ?? .python
    let plugin = NewPlugin(kind: kind == "repair" ? .repair : .check, name: name, language: language)
    let folder = invocation.value(.output) ?? "."
    try plugin.write(into: Paths.absolute(folder))
    try console.write(written(plugin, folder, invocation, console.outputStyle))
    return ExitCode.healthy.rawValue
  }

  private static func written(
    _ plugin: NewPlugin, _ folder: String, _ invocation: Invocation, _ style: TextStyle
  ) -> String {
    let place = folder == "." ? "" : "\(folder)/"
    let steps = plugin.nextSteps(in: folder)
    if invocation.value(.format) == "json" {
      return JSONValue.object([
        "written": .array(plugin.files.map { .string(place + $0.path) }),
        "commands": .array(steps.map { .string($0) }),
      ]).text(pretty: true) + "\n"
    }
    if invocation.has(.quiet) { return plugin.files.map { place + $0.path + "\n" }.joined() }
    let files = plugin.files.map { "  " + style.harmless(place + $0.path) + "\n" }.joined()
    let next = steps.map { "  " + style.harmless($0) + "\n" }.joined()
    return """
      written:
      \(files)It needs \(plugin.language.needs).
      next:
      \(next)Then change what it \(plugin.kind == .repair ? "mends" : "finds"), and name it in dbmend.yaml: plugins: [\(plugin.language.plugin(plugin.name))]

      """
  }

  private static func unexpected(_ word: String) -> Problem { usage("'\(word)' is one word too many", nil) }

  private static func usage(_ said: String, _ advice: String?) -> Problem {
    Problem(
      .usage, tried: "understand", on: ProblemText.commandLine, said: said,
      advice: advice ?? "Run 'dbmend help plugins'.")
  }
}
