import CSystem
import MendEngine
import MendKit

if CommandLine.arguments.count == 3, CommandLine.arguments[1] == PluginHost.word {
  exit(PluginHost.run(CommandLine.arguments[2]))
}
csystem_grow_heaps(8 << 20, 4 << 20)
StandardStreams.keepTaken()
if let problem = ProgramArguments.problem() {
  Console(environment: .process, noColor: true).complain(problem)
  exit(ExitCode(for: problem).rawValue)
}
exit(Program(environment: .process).run(Array(CommandLine.arguments.dropFirst())))
