/// Completions for zsh, made from the descriptions.
struct ZshCompletion {
  let program: ProgramDescription

  var text: String {
    var script = """
      #compdef dbmend
      # Completions of dbmend for zsh. Save them as _dbmend in a folder of $fpath.
      _dbmend_plugins() { local -a ids; ids=(${(f)"$(dbmend plugins --quiet 2>/dev/null)"}); compadd -a ids }
      _dbmend_commands() {
        local -a commands
        commands=(

      """
    for command in program.commands { script += "    \(Self.quoted("\(command.name):\(command.summary)"))\n" }
    script += """
        )
        _describe command commands
      }
      _dbmend() {
        local curcontext="$curcontext" state line
        _arguments -C '--version[Say the version]' '(-h --help)'{-h,--help}'[Explain the command]' \\
          '1: :_dbmend_commands' '*:: :->arguments'
        [[ $state == arguments ]] || return
        case $line[1] in

      """
    for command in program.commands {
      script += "    \(command.name))\n      _arguments -s"
      for option in command.options { script += " \\\n        \(self.option(option, of: command))" }
      for (index, argument) in command.arguments.enumerated() {
        let place = argument.isRepeated ? "*" : argument.isRequired ? "\(index + 1)" : "\(index + 1):"
        script += " \\\n        \(Self.quoted("\(place):\(argument.metavar):\(action(argument.completion))"))"
      }
      script += " ;;\n"
    }
    return script + "  esac\n}\n_dbmend \"$@\"\n"
  }

  private func option(_ option: OptionName, of command: CommandDescription) -> String {
    let facts = option.facts
    let meaning = Self.bracketed(facts.meaning)
    var value = ""
    if let metavar = facts.metavar {
      let values = option == .format ? command.formats : facts.values
      value = ":\(metavar):" + (values.isEmpty ? action(facts.completion) : "(\(values.joined(separator: " ")))")
    }
    if let letter = facts.letter {
      return "'(-\(letter) \(option.typed))'{-\(letter),\(option.typed)}" + Self.quoted("[\(meaning)]\(value)")
    }
    let repeated = facts.isRepeatable ? "*" : ""
    return Self.quoted("\(repeated)\(option.typed)\(facts.metavar == nil ? "" : "=")[\(meaning)]\(value)")
  }

  private func action(_ completion: OptionFacts.Completion) -> String {
    switch completion {
    case .nothing: " "
    case .files: "_files"
    case .folders: "_files -/"
    case .plugins: "_dbmend_plugins"
    case .commands: "_dbmend_commands"
    }
  }

  /// A meaning within the brackets of a specification.
  private static func bracketed(_ text: String) -> String {
    var result = ""
    for character in text {
      if character == "[" || character == "]" || character == ":" { result += "\\" }
      result.append(character)
    }
    return result
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
