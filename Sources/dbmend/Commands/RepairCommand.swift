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
        + "any more.",
      "A store that no configuration speaks of is repaired without a question where nothing can be lost by it. Else the "
        + "plan is shown, with what it comes to on a copy, and you are asked; where there is no terminal, --yes (or "
        + "--max-loss) says that it may be done. For a store of the configuration you are asked, on a terminal, before "
        + "a repair that may lose more than rows.",
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
    if !invocation.has(.yes), let ending = try unlessAgreed(target, from: source, setup, invocation) { return ending }
    return setup.finish(setup.engine.repair(target, mode: .inPlace, from: source))
  }

  /// Shows a plan that may lose something which nobody has agreed to, and asks; the exit code where it is not agreed to.
  ///
  /// A configuration says what may be lost, and so does `--max-loss`. Without either it is for the operator to say: on a
  /// terminal by an answer, elsewhere by `--yes`.
  private static func unlessAgreed(
    _ target: String, from source: String?, _ setup: RunSetup, _ invocation: Invocation
  ) throws(Problem) -> Int32? {
    let engine = setup.engine
    let isAdhoc = engine.isAdhoc(target)
    guard setup.console.canAsk ? isAdhoc || mayLoseMuch(engine) : isAdhoc && invocation.value(.maxLoss) == nil else {
      return nil
    }
    let outline = engine.repair(target, mode: .outline, from: source)
    let loss = outline.stores.flatMap(\.plan).map(\.loss).max() ?? Loss.none
    guard loss >= (isAdhoc ? .rows : .changes) else { return nil }
    guard setup.console.canAsk else {
      let planning = try RunSetup(invocation, setup.console, .plan)
      var plan = planning.engine.repair(target, mode: .plan, from: source)
      for index in plan.stores.indices {
        plan.stores[index].notes.append(
          "Nothing was changed: it is for you to say whether that may be lost, and there is no terminal to ask on.")
      }
      return planning.finish(plan)
    }
    let plan = engine.repair(target, mode: .plan, from: source)
    setup.pauseProgress()
    setup.console.complain(setup.text(plan, setup.console.errorStyle))
    guard !setup.console.confirms(question(loss)) else { return nil }
    setup.console.complain("Nothing was changed.\n")
    return ExitCode(for: plan).rawValue
  }

  /// Whether a repair of this run may lose more than rows at all.
  private static func mayLoseMuch(_ engine: Engine) -> Bool {
    if let loss = engine.settings.maxLoss { return loss >= .changes }
    let environments = engine.configuration.environments
    let losses = [engine.configuration.maxLoss] + environments.compactMap(\.maxLoss)
    return (losses + environments.flatMap(\.stores).compactMap(\.maxLoss)).contains { $0 >= .changes }
  }

  private static func question(_ loss: Loss) -> String {
    let cost =
      switch loss {
      case .everything: "This leaves an empty schema: all content goes."
      case .changes: "This may lose what changed since the backup."
      case .rows, .none: "This may lose rows that can be read nowhere any more."
      }
    return cost + " An archive of what is there now is taken first. Go on?"
  }
}
