import MendEngine
import MendKit

StandardStreams.keepTaken()
if let problem = ProgramArguments.problem() {
  Console(environment: .process, noColor: true).complain(problem)
  exit(ExitCode(for: problem).rawValue)
}
exit(Program(environment: .process).run(Array(CommandLine.arguments.dropFirst())))
