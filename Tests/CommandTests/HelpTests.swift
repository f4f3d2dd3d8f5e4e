import Foundation
import MendKit
import MendReport
import Testing

@testable import dbmend

@Suite struct HelpTests {
  private let program = Program.description
  private var help: HelpText { HelpText(program: program, style: .plain) }

  @Test("the overview names every command and every exit code, within its width")
  func overview() {
    let text = help.overview
    for command in program.commands { #expect(text.contains("  \(command.name) ")) }
    for code in 0...5 { #expect(text.contains("\n  \(code)  ")) }
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= HelpText.width })
  }

  @Test("a command's help tells its arguments, options, values, variables and examples")
  func commandHelp() throws {
    for command in program.commands {
      let text = help.text(of: command)
      #expect(text.hasPrefix("Usage:\n  dbmend \(command.name) "))
      for option in command.options { #expect(text.contains(option.typed), "\(command.name) \(option.typed)") }
      for argument in command.arguments { #expect(text.contains(argument.metavar)) }
      for example in command.examples { #expect(text.contains(example.line)) }
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= HelpText.width }, "\(command.name)")
    }
    let check = try #require(program.command("check"))
    #expect(help.text(of: check).contains("One of text, json, junit, sarif or github."))
    let list = try #require(program.command("list"))
    #expect(help.text(of: list).contains("One of text or json."))
    #expect(help.text(of: check).contains("DBMEND_CONFIG"))
  }

  @Test("every example of the help is a command line that is understood")
  func examples() throws {
    let parser = CommandLineParser(commands: program.commands, environment: Environment())
    for example in program.examples + program.commands.flatMap(\.examples) {
      let parts = example.line.split(separator: "|").flatMap { $0.split(separator: "&&") }
      // What the shell does with the line is not the program's.
      guard let line = parts.first(where: { $0.contains("dbmend") })?.split(separator: " < ").first else { continue }
      let words = line.split(separator: " ").map { $0.filter { !"()<".contains($0) } }.filter { !$0.isEmpty }
      let start = try #require(words.firstIndex(of: "dbmend"), "\(example.line)")
      #expect(throws: Never.self, "\(example.line)") { try parser.parse(Array(words[(start + 1)...])) }
    }
  }

  @Test("summaries are of one form: no full stop, an upper-case verb")
  func summaries() {
    for command in program.commands {
      #expect(!command.summary.hasSuffix(".") && command.summary.first?.isUppercase == true)
    }
    for option in OptionName.allCases { #expect(!option.facts.meaning.hasSuffix(".")) }
  }

  @Test("the manual page is roff without a warning, and shows every option")
  func manual() throws {
    let page = ManPage(program: program).text
    guard let groff = try run("groff", ["-ww", "-man", "-Tutf8", "-P-cbou"], input: page) else { return }
    #expect(groff.errors == "")
    for option in OptionName.allCases { #expect(groff.output.contains(option.typed), "\(option.typed)") }
    #expect(groff.output.contains("dbmend preflight && ./update.sh"))
    if let man = try run("man", ["-l", "-"], input: page) { #expect(man.output.contains("EXIT STATUS")) }
  }

  @Test("roff finds nothing to act on in a text")
  func roffEscapes() {
    #expect(ManPage.escaped(".TH a\\b -c \"d\"") == "\\&.TH a\\eb \\-c \\(dqd\\(dq")
  }

  @Test(
    "bash completes commands, options, values and files",
    arguments: [
      (["dbmend", "pre"], ["preflight"]), (["dbmend", "check", "--exp"], ["--explain", "--expect"]),
      (["dbmend", "check", "--format", "j"], ["json", "junit"]),
      (["dbmend", "check", "--format", "=", "s"], ["sarif"]),
      (["dbmend", "--config", "x.yaml", "rep"], ["repair"]), (["dbmend", "check", "/etc/hostn"], ["/etc/hostname"]),
      (["dbmend", "help", "res"], ["restore"]), (["dbmend", "preflight", "--", "/etc/hostn"], ["/etc/hostname"]),
      (["dbmend", "help", "--completions", "z"], ["zsh"]),
    ])
  func bash(_ words: [String], _ expected: [String]) throws {
    let quoted = words.map { Words.shell($0) }.joined(separator: " ")
    let script =
      BashCompletion(program: program).text + """

        COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1); COMPREPLY=()
        compopt() { :; }
        _dbmend; printf '%s\\n' "${COMPREPLY[@]}"
        """
    guard let outcome = try run("bash", ["--norc"], input: script) else { return }
    #expect(outcome.errors == "")
    #expect(outcome.output.split(separator: "\n").map(String.init) == expected)
  }

  @Test("zsh and fish can read their completions, which offer every command and option")
  func otherShells() throws {
    let zsh = ZshCompletion(program: program).text
    let fish = FishCompletion(program: program).text
    for command in program.commands {
      #expect(zsh.contains("'\(command.name):"))
      #expect(fish.contains(" -a \(command.name) "))
    }
    for option in OptionName.allCases {
      #expect(zsh.contains(option.typed), "\(option.typed)")
      #expect(fish.contains("-l \(option.rawValue) "), "\(option.typed)")
    }
    if let outcome = try run("zsh", ["-n", "/dev/stdin"], input: zsh) { #expect(outcome.errors == "") }
    if let outcome = try run("fish", ["--no-execute", "/dev/stdin"], input: fish) { #expect(outcome.errors == "") }
  }

  @Test("a plugin's page tells its options with type and default, what it finds, and its examples")
  func plugins() {
    let plugin = PluginDescription(
      id: "row-counts", title: "counts", discussion: "First.\n\nSecond.", kind: .check,
      finds: [FindingDescription("row-count.below", .error, "too few")], loss: .rows,
      options: [
        OptionDescription("level", .choice(["full", "quick"]), default: .string("full"), "how deep"),
        OptionDescription("query", .string, isRequired: true, "what"),
      ], examples: [Example("fewer rows", script: "", finds: ["row-count.below"])])
    let page = PluginText(.plain).page(plugin)
    #expect(page.contains("level: full or quick (default \"full\")\n      how deep\n"))
    #expect(page.contains("query: text (required)\n"))
    #expect(page.contains("row-count.below  error  too few\n"))
    #expect(page.contains("fewer rows: row-count.below\n"))
    #expect(PluginText(.plain).json(plugin)["options"]?.array?.first?["default"] == .string("full"))
  }

  @Test("every built-in plugin has an id of its own, a title and a page")
  func builtIn() {
    let all = BuiltInPlugins.registry.descriptions
    #expect(Set(all.map(\.id)).count == all.count)
    for plugin in all {
      #expect(!plugin.title.isEmpty && !plugin.title.hasSuffix("."), "\(plugin.id)")
      #expect(PluginText(.plain).page(plugin).contains(plugin.title))
    }
  }

  /// Runs a program with input; nil, said out loud, when it is not installed.
  private func run(
    _ program: String, _ arguments: [String], input: String
  ) throws -> (output: String, errors: String)? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    guard let path = folders.map({ "\($0)/\(program)" }).first(where: FileManager.default.isExecutableFile) else {
      print("NOT CHECKED: \(program) is not installed")
      return nil
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let (stdin, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    let complained = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (String(decoding: said, as: UTF8.self), String(decoding: complained, as: UTF8.self))
  }
}
