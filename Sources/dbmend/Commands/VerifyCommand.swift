import MendArchive
import MendEngine
import MendKit
import MendReport

enum VerifyCommand: Subcommand {
  static let description = CommandDescription(
    name: "verify",
    summary: "Read archives back and hold every byte against their manifests",
    discussion: [],
    arguments: [
      ArgumentDescription(
        metavar: "ARCHIVE", meaning: "An archive's path or name; without any, all that are there", isRepeated: true)
    ],
    examples: [CommandExample(line: "dbmend verify", meaning: "Every archive; a good job for every Sunday")])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console)
    let verified = try setup.engine.verify(invocation.arguments)
    let problems = verified.compactMap(\.problem)
    let code = ExitCode(for: Report(problems: problems))
    return try setup.finish(
      text: text(verified, console.outputStyle, isQuiet: invocation.has(.quiet)), json: json(verified), code)
  }

  private static func text(_ verified: [VerifiedArchive], _ style: TextStyle, isQuiet: Bool) -> String {
    let names = ArchiveText(style)
    var lines: [String] = []
    for archive in verified {
      if let problem = archive.problem {
        lines.append("\(style.paint(style.mark(.bad), .bad)) \(names.name(archive.record))")
        lines += ProblemText(style).lines(problem, indent: 2)
      } else if !isQuiet {
        lines.append("\(style.paint(style.mark(.good), .good)) \(names.name(archive.record))")
      }
    }
    if !isQuiet {
      let bad = verified.count { $0.problem != nil }
      lines.append(
        verified.isEmpty
          ? "no archives"
          : "\(Words.count(verified.count, "archive")): \(verified.count - bad) good"
            + (bad == 0 ? "" : ", \(bad) unusable"))
    }
    return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
  }

  private static func json(_ verified: [VerifiedArchive]) -> JSONValue {
    .object([
      "format": .string("dbmend.verified/1"),
      "archives": .array(
        verified.map { archive in
          .object([
            "archive": .string(archive.record.path), "good": .boolean(archive.problem == nil),
            "problem": archive.problem.map { .string($0.description) },
          ])
        }),
    ])
  }
}
