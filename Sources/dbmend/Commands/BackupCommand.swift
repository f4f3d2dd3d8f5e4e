import MendEngine
import MendKit

enum BackupCommand: Subcommand {
  static let description = CommandDescription(
    name: "backup",
    summary: "Archive stores, while others write to them",
    discussion: [
      "Takes a consistent snapshot of each store, writes it with its schema and a manifest to a .tar.zst that tar can "
        + "open, and reads it back. Content that the newest archive holds already is not archived twice. A damaged store "
        + "is archived too, but never counts as a good backup."
    ],
    arguments: [.targets],
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend backup", meaning: "Every store of dbmend.yaml"),
      CommandExample(line: "dbmend backup --repository /mnt/backups app.db", meaning: "One file, to another disk"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console, .backup)
    return setup.finish(setup.engine.backup(invocation.arguments))
  }
}
