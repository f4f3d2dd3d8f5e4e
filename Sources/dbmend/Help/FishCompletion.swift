/// Completions for fish, made from the descriptions.
struct FishCompletion {
  let program: ProgramDescription

  var text: String {
    let names = program.commands.map(\.name).joined(separator: " ")
    var script = """
      # Completions of dbmend for fish. Save them as ~/.config/fish/completions/dbmend.fish.
      set -l dbmend_commands \(names)
      complete -c dbmend -f
      complete -c dbmend -n "not __fish_seen_subcommand_from $dbmend_commands" -l version -d 'Say the version'

      """
    for command in program.commands {
      script += "complete -c dbmend -n \"not __fish_seen_subcommand_from $dbmend_commands\" -a \(command.name) "
      script += "-d \(Self.quoted(command.summary))\n"
    }
    for command in program.commands {
      let condition = "complete -c dbmend -n \"__fish_seen_subcommand_from \(command.name)\""
      for option in command.options { script += "\(condition) \(self.option(option, of: command))\n" }
      if let argument = command.arguments.first {
        let offered = offer(argument.completion)
        if !offered.isEmpty { script += "\(condition) \(offered)\n" }
      }
    }
    return script
  }

  private func option(_ option: OptionName, of command: CommandDescription) -> String {
    let facts = option.facts
    var text = facts.letter.map { "-s \($0) " } ?? ""
    text += "-l \(option.rawValue) -d \(Self.quoted(facts.meaning))"
    guard facts.metavar != nil else { return text }
    let values = option == .format ? command.formats : facts.values
    if !values.isEmpty { return text + " -x -a '\(values.joined(separator: " "))'" }
    let offered = offer(facts.completion)
    return text + " -r" + (offered.isEmpty ? "" : " \(offered)")
  }

  private func offer(_ completion: OptionFacts.Completion) -> String {
    switch completion {
    case .nothing: ""
    case .files: "-F"
    case .folders: "-a '(__fish_complete_directories)'"
    case .plugins: "-a '(dbmend plugins --quiet 2>/dev/null)'"
    case .commands: "-a '\(program.commands.map(\.name).joined(separator: " "))'"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "'"
    for character in text {
      if character == "'" || character == "\\" { result += "\\" }
      result.append(character)
    }
    return result + "'"
  }
}
