import MendKit

/// The one thing to do after a run: a sentence or two, and the command line to type.
struct NextStep {
  /// What to do before the command, or why; may be empty.
  var words: String
  /// The command line, quoted for a shell; nil where only words help.
  var command: String?

  private init(_ words: String, _ command: String? = nil) {
    self.words = words
    self.command = command
  }

  /// The step that follows a report; nil when all is well. The worst comes first: a store that could not be put back, then
  /// what could not be checked, then damage, then a failed command.
  static func after(_ report: Report, _ context: ReportContext) -> NextStep? {
    let say = Speaker(context: context)
    if let store = report.stores.first(where: { $0.couldNotBePutBack }) {
      guard let archive = store.archive else {
        return NextStep("restore \(store.title) from its newest archive:", say.list)
      }
      let first = store.blockedBy.first.map { "stop \($0.program) (pid \($0.pid)), then " } ?? ""
      return NextStep("\(first)put \(store.title) back by hand:", say.run("restore", [archive, say.target(store)]))
    }
    let isHeld: (StoreReport) -> Bool = { $0.verdict == .damaged && !$0.blockedBy.isEmpty }
    if let store = report.stores.first(where: { $0.verdict == .unchecked }) ?? report.stores.first(where: isHeld) {
      // A command that succeeded is not to be run a second time.
      let again = report.command?.exit == 0 ? say.run("check", [say.target(store)]) : say.again(store)
      return unchecked(store, again, say)
    }
    if let store = report.stores.first(where: { $0.verdict == .damaged }) { return damaged(store, say) }
    if let command = report.command, command.exit != 0 {
      return NextStep("mend what made the command fail, then:", say.preflight(command.words))
    }
    if let store = report.stores.first(where: { $0.problems.contains { isObstacle($0.kind) } }) {
      return unchecked(store, say.again(store), say)
    }
    return nil
  }

  private static func unchecked(_ store: StoreReport, _ again: String, _ say: Speaker) -> NextStep? {
    if let blocker = store.blockedBy.first {
      return NextStep("stop \(blocker.program) (pid \(blocker.pid)), then:", again)
    }
    switch store.problems.first?.kind {
    case .locked: return NextStep("wait until the other process is done, then:", again)
    case .changing: return NextStep("try again when fewer writes are under way:", again)
    case .denied where !say.context.isRoot: return NextStep("run it again as a user who may:", "sudo \(again)")
    case .noSpace: return NextStep("make room, then:", again)
    case .exhausted: return NextStep("free memory and open files, then:", again)
    case .denied, .refused, .unsupported, .program, .system: return NextStep("see to what is said above, then:", again)
    case .usage, .configuration, .missing, .damaged, .archive, nil: return NextStep("try again:", again)
    }
  }

  private static func damaged(_ store: StoreReport, _ say: Speaker) -> NextStep? {
    let open = store.findings.filter(say.context.isOpen)
    let target = say.target(store)
    if open.contains(where: { $0.code == "file.missing" }) {
      return NextStep("check the path; if the file was lost:", say.run("restore", ["latest", target]))
    }
    if open.contains(where: { $0.code == "file.not-a-file" }) {
      return NextStep("check the path, and name the file of the database itself.")
    }
    // What kept the run from its work is to be seen to first: to go back to an older state would cost what need not be lost.
    if say.context.purpose != .check, store.problems.contains(where: { isObstacle($0.kind) }) {
      return unchecked(store, say.again(store), say)
    }
    if say.context.purpose == .restore, store.problems.contains(where: { $0.kind == .archive }) {
      return NextStep("choose another archive:", say.list)
    }
    if say.context.purpose == .plan, !store.plan.isEmpty {
      // Without a configuration nobody has said yet that anything may be lost.
      let mayLose = store.isAdhoc && store.plan.contains { $0.loss >= .rows }
      return NextStep(
        "to carry the plan out:", say.run("repair", say.context.planOptions + (mayLose ? ["--yes"] : []) + [target]))
    }
    if let loss = store.neededLoss {
      return NextStep(
        "a repair is known that costs more than is allowed; if that is acceptable:",
        say.run("repair", ["--max-loss", loss.rawValue, target]))
    }
    switch say.context.purpose {
    case .check, .preflight, .backup, .restore:
      return NextStep("see what a repair would do:", say.run("repair", ["--plan", target]))
    case .write:
      return NextStep("mend the new content, and write it again:", say.again(store))
    case .plan, .repair, .repairToFile:
      return NextStep("to go back to its newest good archive:", say.run("restore", ["latest", target]))
    }
  }

  private static func isObstacle(_ kind: Problem.Kind) -> Bool {
    switch kind {
    case .locked, .denied, .noSpace, .exhausted, .changing, .refused, .system: true
    case .usage, .configuration, .missing, .damaged, .unsupported, .archive, .program: false
    }
  }

  /// Puts command lines together with the options that this run had.
  private struct Speaker {
    let context: ReportContext

    var list: String { run("list", []) }

    func preflight(_ command: [String]) -> String {
      run("preflight", context.targets.map(Words.argument), command: command)
    }

    func target(_ store: StoreReport) -> String { store.isAdhoc ? Words.argument(store.path) : store.store.description }

    func run(_ subcommand: String, _ words: [String], command: [String] = []) -> String {
      Words.commandLine(
        ["dbmend", subcommand] + context.repeatedOptions + words + (command.isEmpty ? [] : ["--"] + command))
    }

    func again(_ store: StoreReport) -> String {
      switch context.purpose {
      case .check: run("check", [target(store)])
      case .plan: run("repair", ["--plan", target(store)])
      case .repair, .repairToFile: run("repair", [target(store)])
      case .preflight: preflight(context.command)
      case .backup: run("backup", [target(store)])
      case .restore: run("restore", ["latest", target(store)])
      case .write: run("write", [target(store)]) + " < NEW"
      }
    }
  }
}
