import MendEngine
import MendKit

enum RestoreCommand: Subcommand {
  static let description = CommandDescription(
    name: "restore",
    summary: "Put the content of an archive in a store's place",
    discussion: [
      "What the store holds now is archived first. The archive is verified against its manifest and its content is "
        + "checked before it takes the store's place."
    ],
    arguments: [
      ArgumentDescription(
        metavar: "ARCHIVE", meaning: "An archive's path or name, or 'latest' for the newest good one of the store",
        isRequired: true),
      ArgumentDescription(
        metavar: "TARGET", meaning: "The store or its path; without it, the store that the archive belongs to"),
    ],
    ownOptions: [.output, .yes],
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend restore latest production/data", meaning: "Go back to the newest good archive"),
      CommandExample(line: "dbmend restore latest app.db --output old.db", meaning: "Only look at what it was"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    guard let archive = invocation.arguments.first else { return ExitCode.usage.rawValue }
    let setup = try RunSetup(invocation, console, .restore)
    return setup.finish(
      setup.engine.restore(
        archive: archive, target: invocation.arguments.dropFirst().first, output: invocation.value(.output)))
  }
}
