import MendArchive
import MendEngine
import MendKit
import MendReport

enum PruneCommand: Subcommand {
  static let description = CommandDescription(
    name: "prune",
    summary: "Remove the archives that the retention no longer keeps",
    discussion: [
      "The newest good archive of a store always stays, and an archive that cannot be read is named and kept. Every "
        + "backup, pre-flight and repair prunes the archives of its store already."
    ],
    arguments: [.targets],
    ownOptions: [.dryRun],
    examples: [CommandExample(line: "dbmend prune --dry-run", meaning: "What would go")])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console)
    let isDry = invocation.has(.dryRun)
    let outcomes = try setup.engine.prune(invocation.arguments, dryRun: isDry)
    let removed = outcomes.flatMap(\.removed)
    let kept = outcomes.flatMap(\.kept)
    let problems = outcomes.flatMap(\.problems)
    let style = console.outputStyle
    var lines: [String] = []
    if !invocation.has(.quiet) {
      let word = isDry ? "would remove" : "removed"
      lines += removed.map { "\(word) \(ArchiveText(style).name($0))" }
    }
    for problem in problems { lines += ProblemText(style).lines(problem) }
    if !invocation.has(.quiet) {
      let freed = ByteSize(bytes: removed.compactMap(\.size).reduce(0, +)).short
      lines.append(
        "\(Words.count(kept.count, "archive")) kept, \(Words.grouped(removed.count)) "
          + (isDry ? "to be removed (\(freed))" : "removed (\(freed))"))
    }
    let json = JSONValue.object([
      "format": .string("dbmend.pruned/1"), "dry_run": .boolean(isDry),
      "removed": .array(removed.map { .string($0.path) }), "kept": .array(kept.map { .string($0.path) }),
      "problems": .array(problems.map { .string($0.description) }),
    ])
    return try setup.finish(
      text: lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n", json: json,
      ExitCode(for: Report(problems: problems)))
  }
}
