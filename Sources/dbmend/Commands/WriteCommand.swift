import MendEngine
import MendKit
import MendReport

enum WriteCommand: Subcommand {
  static let description = CommandDescription(
    name: "write",
    summary: "Replace a file by what stands on standard input, safely",
    discussion: [
      "For programs and scripts that would write over a file: the new content is checked by the checks of the store, and "
        + "refused where they find damage. What the file holds now is archived; then the new file is written beside it, "
        + "synced, and takes its name in one step, so that whoever reads the file sees the old content or the new, whole. A "
        + "file that is not there yet is made.",
      "Writers take turns: each waits up to a minute for those before it. No hook is run.",
    ],
    arguments: [
      ArgumentDescription(
        metavar: "FILE", meaning: "The file, or the store's name", isRequired: true)
    ],
    ownOptions: [.keep],
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend write profile.json < new.json", meaning: "Replace a profile"),
      CommandExample(
        line: "jq '.theme = \"dark\"' profile.json | dbmend write profile.json", meaning: "Change a value of it"),
    ])

  /// The most that is taken from standard input.
  private static let mostBytes = 1 << 30
  private static let kept = 5

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    guard let file = invocation.arguments.first else { return ExitCode.usage.rawValue }
    let keeping = try number(invocation.value(.keep))
    let setup = try RunSetup(invocation, console, .write)
    // Read whole before anything is locked: who writes it may be slow, or die on the way.
    let content = try StandardInput.read(limit: mostBytes)
    return setup.finish(setup.engine.write(content, to: file, keeping: keeping))
  }

  private static func number(_ text: String?) throws(Problem) -> Int {
    guard let text else { return kept }
    if let number = Int(text), number > 0 { return number }
    throw Problem(
      .usage, tried: "understand", on: ProblemText.commandLine, said: "--keep '\(text)' is no number from 1 on",
      advice: "Say how many archives of earlier contents stay: --keep 5.")
  }
}
