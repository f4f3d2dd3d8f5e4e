import MendKit

/// The manual page in the man macros of roff, made from the descriptions.
struct ManPage {
  let program: ProgramDescription

  /// The page, dbmend(1).
  var text: String {
    var page = ".TH DBMEND 1 \"\" \"dbmend \(ProgramDescription.version)\" \"User Commands\"\n"
    page += ".SH NAME\ndbmend \\- \(Self.escaped(program.summary))\n"
    page += ".SH SYNOPSIS\n.B dbmend\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
    page += ".SH DESCRIPTION\n" + paragraphs(program.discussion)
    page += ".SH COMMANDS\n"
    for command in program.commands { page += section(command) }
    page += ".SH COMMON OPTIONS\n"
    for option in OptionName.common + [.version] { page += item(option, formats: option.facts.values) }
    page += ".SH EXIT STATUS\n"
    for (code, meaning) in program.exitCodes { page += ".TP\n.B \(code)\n\(sentence(meaning))\n" }
    page += "Where several hold, the first of 2, 5, 4, 3, 1, 0 is the code.\n"
    page += ".SH ENVIRONMENT\n"
    for option in OptionName.allCases {
      guard let variable = option.facts.variable else { continue }
      page += ".TP\n.B \(variable)\nStands in for \\fB\(Self.escaped(option.typed))\\fR where that is not given.\n"
    }
    for (name, meaning) in program.variables { page += ".TP\n.B \(name)\n\(sentence(meaning))\n" }
    page += ".SH EXAMPLES\n"
    for example in program.examples + program.commands.flatMap(\.examples) {
      page += ".TP\n.B \(Self.escaped(example.line))\n\(sentence(example.meaning))\n"
    }
    return page
  }

  private func section(_ command: CommandDescription) -> String {
    let arguments = Self.escaped(command.argumentSynopsis)
    var text = ".SS \"dbmend \(command.name) [OPTION...]\(arguments.isEmpty ? "" : " \(arguments)")\"\n"
    text +=
      "\(sentence(command.summary))\n" + (command.discussion.isEmpty ? "" : ".PP\n" + paragraphs(command.discussion))
    for argument in command.arguments {
      text += ".TP\n.I \(Self.escaped(argument.metavar))\n\(sentence(argument.meaning))\n"
    }
    for option in command.ownOptions { text += item(option, formats: option.facts.values) }
    return text
  }

  private func item(_ option: OptionName, formats values: [String]) -> String {
    let facts = option.facts
    var text = ".TP\n"
    if let letter = facts.letter { text += "\\fB\\-\(letter)\\fR, " }
    text += "\\fB\(Self.escaped(option.typed))\\fR"
    if let metavar = facts.metavar { text += " \\fI\(metavar)\\fR" }
    text += "\n\(sentence(facts.meaning))"
    if !values.isEmpty { text += " One of \(Self.escaped(CommandLineParser.either(values)))." }
    return text + "\n"
  }

  private func paragraphs(_ paragraphs: [String]) -> String { paragraphs.map(line).joined(separator: "\n.PP\n") + "\n" }

  private func line(_ text: String) -> String { Self.escaped(text) }

  private func sentence(_ text: String) -> String { line(text) + (text.hasSuffix("?") ? "" : ".") }

  /// Text in which roff finds nothing to act on: hyphens stay what is typed, a dot or quote at the start is no request.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "…": result += "..."
      case "\n": result += " "
      case "\"": result += "\\(dq"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
  }
}
