import MendEngine
import MendKit
import MendReport

enum RepairCommand: Subcommand {
  static let description = CommandDescription(
    name: "repair",
    summary: "Mend a store, after an archive of it was taken",
    discussion: [
      "The repairs that cost least are carried out on a copy. When the same checks pass on it, it takes the store's place "
        + "in one step. What a repair may cost is bound by --max-loss: without it, only rows that can be read nowhere "
        + "any more. On a terminal you are asked before a repair that may lose more.",
      "The report counts, table by table, the rows that were kept, rebuilt, taken from a backup, set aside and lost.",
    ],
    arguments: [
      ArgumentDescription(
        metavar: "TARGET", meaning: "The store (production/data) or the path to its file", isRequired: true)
    ],
    ownOptions: [.plan, .output, .from, .schema, .provenance, .with, .yes],
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend repair --plan app.db", meaning: "What would be done, and why"),
      CommandExample(line: "dbmend repair app.db", meaning: "Do it"),
      CommandExample(
        line: "dbmend repair --output mended.db app.db", meaning: "Mend a copy and leave the original as it is"),
      CommandExample(
        line: "dbmend repair --max-loss changes app.db",
        meaning: "Fall back on the newest good archive where nothing else helps"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    guard let target = invocation.arguments.first else { return ExitCode.usage.rawValue }
    if invocation.has(.plan), invocation.has(.output) {
      throw Problem(
        .usage, tried: "understand", on: ProblemText.commandLine,
        said: "'--plan' changes nothing and '--output' writes a file; give one of them",
        advice: "Run 'dbmend help repair' to see how it is used.")
    }
    let source = invocation.value(.from)
    if invocation.has(.plan) {
      let setup = try RunSetup(invocation, console, .plan)
      return setup.finish(setup.engine.repair(target, mode: .plan, from: source))
    }
    if let file = invocation.value(.output) {
      let setup = try RunSetup(invocation, console, .repairToFile)
      return setup.finish(setup.engine.repair(target, mode: .output(file), from: source))
    }
    let setup = try RunSetup(invocation, console, .repair)
    if console.canAsk, !invocation.has(.yes), mayLoseMuch(setup.engine) {
      let plan = setup.engine.repair(target, mode: .plan, from: source)
      let losses = plan.stores.flatMap(\.plan).map(\.loss)
      if let loss = losses.max(), loss >= .changes {
        setup.pauseProgress()
        console.complain(setup.text(plan, console.errorStyle))
        guard console.confirms(question(loss)) else {
          console.complain("Nothing was changed.\n")
          return ExitCode(for: plan).rawValue
        }
      }
    }
    return setup.finish(setup.engine.repair(target, mode: .inPlace, from: source))
  }

  /// Whether a repair of this run may lose more than rows at all.
  private static func mayLoseMuch(_ engine: Engine) -> Bool {
    if let loss = engine.settings.maxLoss { return loss >= .changes }
    let environments = engine.configuration.environments
    let losses = [engine.configuration.maxLoss] + environments.compactMap(\.maxLoss)
    return (losses + environments.flatMap(\.stores).compactMap(\.maxLoss)).contains { $0 >= .changes }
  }

  private static func question(_ loss: Loss) -> String {
    loss == .everything
      ? "This leaves an empty schema: all content goes. An archive of what is there now is taken first. Go on?"
      : "This may lose what changed since the backup. An archive of what is there now is taken first. Go on?"
  }
}
