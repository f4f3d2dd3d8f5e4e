import MendEngine
import MendKit
import MendReport

enum PluginsCommand: Subcommand {
  static let description = CommandDescription(
    name: "plugins",
    summary: "List the checks, repairs and drivers, or describe one",
    discussion: ["What is said here is what the plugins say of themselves; the configuration is held against it too."],
    arguments: [
      ArgumentDescription(
        metavar: "ID", meaning: "The plugin to describe; without it, all in a line each", completion: .plugins)
    ],
    commonOptions: [.format, .quiet, .noColor, .help],
    examples: [CommandExample(line: "dbmend plugins row-counts", meaning: "Its options, and what it finds")])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let all = BuiltInPlugins.registry.descriptions
    let isJSON = invocation.value(.format) == "json"
    let style = console.outputStyle
    let text: String
    if let id = invocation.arguments.first {
      guard let plugin = all.first(where: { $0.id == id }) else {
        let hint = NearestWord.suggestion(for: id, among: all.map(\.id))
        throw Problem(
          .usage, tried: "understand", on: ProblemText.commandLine, said: "there is no plugin '\(id)'\(hint)",
          advice: "Run 'dbmend plugins' to see what there is.")
      }
      text = isJSON ? PluginText(style).json(plugin).text(pretty: true) + "\n" : PluginText(style).page(plugin)
    } else if isJSON {
      text = JSONValue.array(all.map(PluginText(style).json)).text(pretty: true) + "\n"
    } else if invocation.has(.quiet) {
      text = all.map(\.id).joined(separator: "\n") + "\n"
    } else {
      text = PluginText(style).list(all)
    }
    try console.write(text)
    return ExitCode.healthy.rawValue
  }
}
