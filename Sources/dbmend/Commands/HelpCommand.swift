import MendEngine
import MendKit
import MendReport

enum HelpCommand: Subcommand {
  static let description = CommandDescription(
    name: "help",
    summary: "Explain a command, or print completions, the manual page or the reference of dbmend.yaml",
    discussion: [],
    arguments: [
      ArgumentDescription(
        metavar: "COMMAND", meaning: "The command to explain; without it, all in a line each", completion: .commands)
    ],
    ownOptions: [.completions, .man, .configuration, .pluginMessage, .pluginSchema],
    commonOptions: [.noColor, .help],
    formats: ["text"],
    examples: [
      CommandExample(line: "dbmend help repair", meaning: "Explain 'dbmend repair'"),
      CommandExample(
        line: "source <(dbmend help --completions bash)", meaning: "Complete commands and options in bash"),
      CommandExample(line: "dbmend help --man | man -l -", meaning: "Read the manual"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    try console.write(try text(invocation, console))
    return ExitCode.healthy.rawValue
  }

  private static func text(_ invocation: Invocation, _ console: Console) throws(Problem) -> String {
    let program = Program.description
    switch invocation.value(.completions) {
    case "bash": return BashCompletion(program: program).text
    case "zsh": return ZshCompletion(program: program).text
    case "fish": return FishCompletion(program: program).text
    default: break
    }
    if invocation.has(.man) { return ManPage(program: program).text }
    if invocation.has(.configuration) { return ConfigurationReference.markdown(registry: BuiltInPlugins.registry) }
    if invocation.has(.pluginMessage) { return MessageReference.markdown }
    if invocation.has(.pluginSchema) { return MessageReference.schema }
    let help = HelpText(program: program, style: console.outputStyle)
    guard let name = invocation.arguments.first else { return help.overview }
    guard let command = program.command(name) else {
      let hint = NearestWord.suggestion(for: name, among: program.commands.map(\.name))
      throw Problem(
        .usage, tried: "understand", on: ProblemText.commandLine, said: "unknown command '\(name)'\(hint)",
        advice: "Run 'dbmend help' to see what there is.")
    }
    return help.text(of: command)
  }
}
