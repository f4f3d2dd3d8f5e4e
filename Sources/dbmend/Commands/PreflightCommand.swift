import MendEngine
import MendKit

enum PreflightCommand: Subcommand {
  static let description = CommandDescription(
    name: "preflight",
    summary: "Make stores safe for an update, run it, and put them back if it fails",
    discussion: [
      "Checks every store, mends what is damaged, and archives each. Without a command that is all: run it as the first "
        + "line of an update script. With a command behind '--', the command is run then, and the stores are checked "
        + "again. When the command fails or leaves a store damaged, every store that changed gets the content back that "
        + "it had before.",
      "Everything behind '--' is the command with its own options; what it prints is passed through.",
    ],
    arguments: [.targets],
    takesCommand: true,
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend preflight && ./update.sh", meaning: "Stop the update unless every store is safe"),
      CommandExample(line: "dbmend preflight -- ./update.sh --to 4.2", meaning: "And undo it when it fails"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console, .preflight)
    return setup.finish(setup.engine.preflight(invocation.arguments, command: invocation.behind ?? []))
  }
}
