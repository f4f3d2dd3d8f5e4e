import MendArchive
import MendEngine
import MendKit
import MendReport

enum ListCommand: Subcommand {
  static let description = CommandDescription(
    name: "list",
    summary: "List archives, the newest first",
    discussion: [
      "Reads the manifests beside the archives and opens none. '*' marks the newest good archive of each store, which is "
        + "what 'latest' means to 'dbmend restore'."
    ],
    arguments: [
      ArgumentDescription(
        metavar: "TARGET", meaning: "The stores whose archives are meant; without any, all that are there",
        isRepeated: true)
    ],
    examples: [
      CommandExample(line: "dbmend list production", meaning: "The archives of an environment"),
      CommandExample(line: "dbmend list --quiet", meaning: "Paths alone, for a script"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console)
    let records = Array(try setup.engine.archives(invocation.arguments).reversed())
    let text = ArchiveText(console.outputStyle)
    return try setup.finish(
      text: invocation.has(.quiet) ? text.paths(records) : text.list(records),
      json: ArchiveText.json(records), .healthy)
  }
}
