import MendKit

exit(Program(environment: .process).run(Array(CommandLine.arguments.dropFirst())))
