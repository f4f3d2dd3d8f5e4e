import MendArchive
import MendEngine
import MendKit
import MendReport

enum StatusCommand: Subcommand {
  static let description = CommandDescription(
    name: "status",
    summary: "Say size, rows, last change, health, archives and room of each store",
    discussion: ["Runs the checks as 'dbmend check' does, and changes nothing either."],
    arguments: [.targets],
    examples: [CommandExample(line: "dbmend status --verbose", meaning: "With the rows of every table")])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console)
    let statuses = try setup.engine.status(invocation.arguments)
    let text = StatusText(console.outputStyle, isVerbose: invocation.has(.verbose), isQuiet: invocation.has(.quiet))
    return try setup.finish(
      text: text.page(statuses), json: StatusText.json(statuses),
      ExitCode(for: Report(stores: statuses.map(\.report), problems: statuses.compactMap(\.problem))))
  }
}
