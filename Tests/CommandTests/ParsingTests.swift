import MendKit
import Testing

@testable import dbmend

@Suite struct ParsingTests {
  private func parse(_ line: String, _ variables: [String: String] = [:]) throws(Problem) -> Invocation {
    try parse(words: line.split(separator: " ").map(String.init), variables)
  }

  private func parse(words: [String], _ variables: [String: String] = [:]) throws(Problem) -> Invocation {
    try CommandLineParser(commands: Program.description.commands, environment: Environment(variables)).parse(words)
  }

  private func complaint(_ line: String, _ variables: [String: String] = [:]) -> String {
    complaint(words: line.split(separator: " ").map(String.init), variables)
  }

  private func complaint(words: [String], _ variables: [String: String] = [:]) -> String {
    do throws(Problem) {
      _ = try parse(words: words, variables)
      return ""
    } catch {
      #expect(error.kind == .usage)
      #expect(error.advice?.hasPrefix("Run 'dbmend help") == true)
      return error.said
    }
  }

  @Test(
    "options may stand before the command, before and after targets, with '=' or a space",
    arguments: [
      "check --format json a b", "check a --format=json b", "check a b --format json", "--format json check a b",
      "check a --form json b", "check --format text a --format json b",
    ])
  func options(_ line: String) throws {
    let invocation = try parse(line)
    #expect(invocation.command?.name == "check")
    #expect(invocation.value(.format) == "json")
    #expect(invocation.arguments == ["a", "b"])
  }

  @Test("short forms may be put together")
  func letters() throws {
    let invocation = try parse("prune -nq")
    #expect(invocation.has(.dryRun) && invocation.has(.quiet))
    #expect(try parse("check -h").has(.help))
  }

  @Test("'--' ends the options: what follows is a target, even with hyphens")
  func dashes() throws {
    #expect(try parse("check -q -- --odd.db -x").arguments == ["--odd.db", "-x"])
    #expect(try parse("check - a").arguments == ["-", "a"])
  }

  @Test("behind '--' of preflight everything is the command, untouched")
  func command() throws {
    let invocation = try parse("preflight data --quiet more -- ./update.sh --quiet --format x -- y")
    #expect(invocation.arguments == ["data", "more"])
    #expect(invocation.behind == ["./update.sh", "--quiet", "--format", "x", "--", "y"])
    #expect(invocation.values(.quiet).count == 1)
    #expect(try parse("preflight a").behind == nil)
    #expect(try parse(words: ["preflight", "--", "sh", "-c", ""]).behind == ["sh", "-c", ""])
  }

  @Test("a value that is '--' ends nothing")
  func dashesAsValue() throws {
    let invocation = try parse("preflight --config -- a")
    #expect(invocation.value(.config) == "--")
    #expect(invocation.arguments == ["a"] && invocation.behind == nil)
  }

  @Test("POSIXLY_CORRECT in the environment changes nothing")
  func posix() throws {
    setenv("POSIXLY_CORRECT", "1", 1)
    defer { unsetenv("POSIXLY_CORRECT") }
    #expect(try parse("check a -q").has(.quiet))
  }

  @Test("an option that may be repeated keeps every value, others the last")
  func repeated() throws {
    let invocation = try parse("repair --with reindex a --with restore-backup --max-loss none --max-loss rows")
    #expect(invocation.values(.with) == ["reindex", "restore-backup"])
    #expect(invocation.value(.maxLoss) == "rows")
  }

  @Test("environment variables stand in for options, and the option wins")
  func variables() throws {
    let variables = ["DBMEND_CONFIG": "c.yaml", "DBMEND_MAX_LOSS": "none", "DBMEND_REPOSITORY": "r"]
    let invocation = try parse("check --max-loss changes", variables)
    #expect(invocation.value(.config) == "c.yaml")
    #expect(invocation.value(.maxLoss) == "changes")
    #expect(invocation.value(.repository) == "r")
    #expect(try parse("check", ["DBMEND_CONFIG": ""]).value(.config) == nil)
    #expect(
      complaint("check", ["DBMEND_MAX_LOSS": "row"]) == "'row' is no value of 'DBMEND_MAX_LOSS'; did you mean 'rows'?")
  }

  @Test(
    "what is wrong is repeated, and the right word suggested",
    arguments: [
      ("check --fromat json", "unknown option '--fromat' for 'dbmend check'; did you mean '--format'?"),
      ("check --fromat=json", "unknown option '--fromat' for 'dbmend check'; did you mean '--format'?"),
      ("check -config x", "unknown option '-config' for 'dbmend check'; did you mean '--config'?"),
      ("check -z", "unknown option '-z' for 'dbmend check'"),
      ("check --zzzzzz", "unknown option '--zzzzzz' for 'dbmend check'"),
      ("check --plan a", "unknown option '--plan' for 'dbmend check'; it is an option of 'dbmend repair'"),
      ("--quite check", "unknown option '--quite'; did you mean '--quiet'?"),
      ("check --re x", "the option '--re' could be any of '--report', '--repository'"),
      ("check --report", "the option '--report' needs a value: --report FILE"),
      ("check --report=", "the option '--report' needs a value: --report FILE"),
      ("check --quiet=yes", "the option '--quiet' takes no value, found '--quiet=yes'"),
      ("check --format jsn", "'jsn' is no value of '--format'; did you mean 'json'?"),
      ("check --fail-on x", "'x' is no value of '--fail-on': expected warning or error"),
      ("list --format junit", "'dbmend list' cannot write 'junit', only text or json"),
      ("chekc", "unknown command 'chekc'; did you mean 'check'?"),
      ("data/app.db", "unknown command 'data/app.db'; did you mean 'dbmend check data/app.db'?"),
      ("zzzzzzzz", "unknown command 'zzzzzzzz'"),
      ("check -q -v", "'--quiet' and '--verbose' contradict each other"),
      ("repair", "'dbmend repair' needs a TARGET: The store (production/data) or the path to its file"),
      ("repair a b", "'b' is one word too many for 'dbmend repair'"),
      ("restore latest a b", "'b' is one word too many for 'dbmend restore'"),
      ("preflight a --", "no command stands behind '--'"),
      ("--max-loss none init", "'dbmend init' has no option '--max-loss'"),
    ])
  func complaints(_ line: String, _ said: String) {
    #expect(complaint(line) == said)
  }

  @Test("an empty target is refused before it can mean every store")
  func emptyTarget() {
    #expect(complaint(words: ["check", ""]) == "argument 1 is empty; perhaps a variable of the script is not set")
  }

  @Test("help and version are understood whatever else is missing")
  func help() throws {
    #expect(try parse("repair --help").has(.help))
    #expect(try parse("--version").has(.version))
    #expect(try parse("").command == nil)
  }

  @Test("no command's options stand in one another's way")
  func uniqueOptions() {
    for command in Program.description.commands {
      #expect(Set(command.options).count == command.options.count, "\(command.name)")
      let letters = command.options.compactMap(\.facts.letter)
      #expect(Set(letters).count == letters.count, "\(command.name)")
    }
  }

  @Test("any words at all are understood or refused, never more")
  func anything() {
    let pieces = [
      "check", "preflight", "repair", "--", "-", "--format", "--format=", "=", "json", "-q", "-qv", "--=", "---", "-é",
      "",
      "\u{1B}", "--config", "a", "help",
    ]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let words = (0..<Int.random(in: 0...6, using: &generator)).compactMap { _ in
        pieces.randomElement(using: &generator)
      }
      _ = complaint(words: words)
    }
  }
}
