import MendEngine
import MendKit
import MendReport

enum CheckCommand: Subcommand {
  static let description = CommandDescription(
    name: "check",
    summary: "Say whether stores are healthy, and change nothing",
    discussion: [
      "Runs the checks that dbmend.yaml asks for, or without one those that every store must pass. Nothing is created or "
        + "changed, not even the time of the last access by SQLite. A folder is searched for stores by their first bytes.",
      "With --explain it says of every finding which rule of dbmend.yaml decided what, which rules before did not hold and why, "
        + "and what a repair would do about the damage and leave aside. Where a rule that decides has a hook, that command is run.",
    ],
    arguments: [.targets],
    ownOptions: [.explain, .expect],
    formats: ["text", "json", "junit", "sarif", "github"],
    examples: [
      CommandExample(line: "dbmend check", meaning: "Every store of dbmend.yaml"),
      CommandExample(line: "dbmend check --fail-on warning app.db", meaning: "Be strict about one file"),
      CommandExample(
        line: "dbmend check --format junit --report report.xml fixtures/",
        meaning: "Fixture databases in CI: JUnit for the server, text for the log"),
    ])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let setup = try RunSetup(invocation, console, .check)
    let expectations = try invocation.value(.expect).map { file throws(Problem) in
      try ExpectationFile.load(file: file, registry: setup.engine.registry)
    }
    let isExplained = invocation.has(.explain)
    var report =
      isExplained ? setup.engine.checkExplained(invocation.arguments) : setup.engine.check(invocation.arguments)
    if isExplained { report.notes += report.stores.flatMap(ExplanationText.sentences) }
    guard let expectations else { return setup.finish(report) }
    return compare(&report, with: expectations, setup)
  }

  /// Success is what was expected, not health: findings that were expected are no failures any more, and each that is
  /// missing or too many is one.
  private static func compare(_ report: inout Report, with expectations: ExpectationFile, _ setup: RunSetup) -> Int32 {
    let isMet = expectations.mismatches(with: report.stores).isEmpty
    var code = ExitCode(for: Report(problems: report.problems))
    if code == .healthy, !isMet { code = .damaged }
    report = ExpectedReport(report, expectations).report
    if isMet { report.notes.append("exactly what \(expectations.file) expects was found") }
    return setup.finish(report, code)
  }
}
