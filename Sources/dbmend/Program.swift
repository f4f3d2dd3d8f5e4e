import MendEngine
import MendKit

/// The program: finds the command that is meant, runs it, and turns what becomes of it into an exit code.
struct Program {
  /// Variables that stand in for options.
  let environment: Environment

  /// The commands, in the order in which the help lists them.
  static let commands: [any (Subcommand & SendableMetatype).Type] = [
    InitCommand.self, CheckCommand.self, RepairCommand.self, PreflightCommand.self, BackupCommand.self,
    ListCommand.self, VerifyCommand.self, PruneCommand.self, RestoreCommand.self, WriteCommand.self,
    StatusCommand.self,
    PluginsCommand.self, HelpCommand.self,
  ]

  /// What the program says of itself.
  static var description: ProgramDescription { ProgramDescription(commands: commands.map { $0.description }) }

  /// Runs a command line, without the program's name; the exit code.
  func run(_ words: [String]) -> Int32 {
    ignoreWriteSignals()
    // Until the options are read, only the environment says whether colours are wanted.
    var console = Console(environment: environment, noColor: words.contains(OptionName.noColor.typed))
    do throws(Problem) {
      let parser = CommandLineParser(commands: Self.commands.map { $0.description }, environment: environment)
      let invocation = try parser.parse(words)
      console = Console(environment: environment, noColor: invocation.has(.noColor))
      return try run(invocation, console)
    } catch {
      if error.code != "output.closed" { console.complain(error) }
      return ExitCode(for: error).rawValue
    }
  }

  private func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    if invocation.has(.version) {
      try console.write("dbmend \(ProgramDescription.version)\n")
      return 0
    }
    let help = HelpText(program: Self.description, style: console.outputStyle)
    guard let command = invocation.command else {
      if invocation.has(.help) {
        try console.write(help.overview)
        return 0
      }
      console.complain(HelpText(program: Self.description, style: console.errorStyle).overview)
      return ExitCode.usage.rawValue
    }
    if invocation.has(.help) {
      try console.write(help.text(of: command))
      return 0
    }
    guard let subcommand = Self.commands.first(where: { $0.description.name == command.name }) else { return 2 }
    do throws(Problem) {
      return try subcommand.run(invocation, console)
    } catch {
      return RunSetup.end(error, invocation, console)
    }
  }

  /// Has a write to a closed pipe, or beyond the limit of a file's size, fail instead of ending the process in the middle
  /// of a repair. A handler rather than SIG_IGN: the programs that are started from here shall have the default again.
  private func ignoreWriteSignals() {
    for number in [SIGPIPE, SIGXFSZ] { signal(number) { _ in } }
  }
}
