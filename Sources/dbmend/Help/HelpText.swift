import MendKit
import MendReport

/// Help for a terminal, made from the descriptions.
struct HelpText {
  let program: ProgramDescription
  let style: TextStyle

  /// The columns that help is wrapped to.
  static let width = 100

  /// `dbmend help`.
  var overview: String {
    var text = "dbmend \(ProgramDescription.version): \(program.summary)\n\n"
    text += heading("Usage") + "  dbmend COMMAND [OPTION\(more)] [ARGUMENT\(more)]\n\n"
    text += heading("Commands") + table(program.commands.map { ($0.name, $0.summary) }) + "\n"
    text += heading("Examples") + examples(program.examples) + "\n"
    text += heading("Exit codes") + table(program.exitCodes.map { (String($0.code), $0.meaning) }) + "\n"
    return text + "'dbmend help COMMAND' explains a command and its options; 'dbmend help --man' prints the manual.\n"
  }

  /// `dbmend help COMMAND`.
  func text(of command: CommandDescription) -> String {
    let arguments = ascii(command.argumentSynopsis)
    var text =
      "\(heading("Usage"))  dbmend \(command.name) [OPTION\(more)]" + (arguments.isEmpty ? "" : " \(arguments)")
    text += "\n\n" + wrapped(command.summary + ".", indent: 0) + "\n"
    for paragraph in command.discussion { text += wrapped(paragraph, indent: 0) + "\n" }
    if !command.arguments.isEmpty || command.takesCommand {
      var rows = command.arguments.map { ($0.metavar, sentence($0.meaning)) }
      if command.takesCommand { rows.append(("COMMAND", "The program to run, with its own options, behind '--'.")) }
      text += heading("Arguments") + table(rows) + "\n"
    }
    if !command.ownOptions.isEmpty { text += heading("Options") + options(command.ownOptions, of: command) + "\n" }
    let title = command.ownOptions.isEmpty ? "Options" : "Common options"
    text += heading(title) + options(command.commonOptions, of: command) + "\n"
    if !command.examples.isEmpty { text += heading("Examples") + examples(command.examples) }
    return text
  }

  private func heading(_ words: String) -> String { style.paint("\(words):", .strong) + "\n" }

  private var more: String { style.isUnicode ? "…" : "..." }

  private func ascii(_ text: String) -> String {
    style.isUnicode ? text : text.split(separator: "…", omittingEmptySubsequences: false).joined(separator: "...")
  }

  private func options(_ names: [OptionName], of command: CommandDescription) -> String {
    table(
      names.map { name in
        let facts = name.facts
        var left = facts.letter.map { "-\($0), " } ?? "    "
        left += name.typed
        if let metavar = facts.metavar { left += " \(metavar)" }
        let values = name == .format ? command.formats : facts.values
        var right = sentence(facts.meaning)
        if !values.isEmpty { right += " One of \(CommandLineParser.either(values))." }
        if let variable = facts.variable { right += " Else \(variable)." }
        return (left, right)
      })
  }

  private func examples(_ examples: [CommandExample]) -> String {
    table(examples.map { ($0.line, $0.meaning) })
  }

  private func sentence(_ text: String) -> String { text.hasSuffix(".") ? text : text + "." }

  /// Two columns, the right one wrapped; a left cell that is very long has a line of its own.
  private func table(_ rows: [(String, String)]) -> String {
    let column = min(rows.map(\.0.count).max() ?? 0, 34)
    var text = ""
    for (left, right) in rows {
      let start = "  " + left
      let lines = Self.wrap(right, width: Self.width - column - 4)
      if left.count > column {
        text += start + "\n"
      } else {
        text += start + String(repeating: " ", count: column - left.count + 2) + (lines.first ?? "") + "\n"
      }
      for line in left.count > column ? lines[...] : lines.dropFirst() {
        text += String(repeating: " ", count: column + 4) + line + "\n"
      }
    }
    return text
  }

  private func wrapped(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    return Self.wrap(text, width: Self.width - indent).map { margin + $0 + "\n" }.joined()
  }

  /// Lines of at most so many columns, broken at spaces.
  static func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
