/// Completions for bash, made from the descriptions. Needs nothing but bash itself.
struct BashCompletion {
  let program: ProgramDescription

  var text: String {
    let options = OptionName.allCases.filter { $0.facts.metavar != nil }.map(\.typed).joined(separator: "|")
    var script = """
      # Completions of dbmend for bash. Load them with: source <(dbmend help --completions bash)
      _dbmend() {
        local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" i
        for ((i = 1; i < COMP_CWORD; i++)); do
          case "${COMP_WORDS[i]}" in
            --) [[ "$command" == preflight ]] && { _dbmend_files "$word"; return; } ;;
            \(options)) [[ "${COMP_WORDS[i+1]}" == "=" ]] && i=$((i + 1)); i=$((i + 1)) ;;
            -*) ;;
            *) [[ -z "$command" ]] && command="${COMP_WORDS[i]}" ;;
          esac
        done
        # bash makes '=' a word of its own.
        [[ "$before" == "=" ]] && before="${COMP_WORDS[COMP_CWORD-2]}"
        [[ "$word" == "=" ]] && { before="${COMP_WORDS[COMP_CWORD-1]}"; word=""; }
        case "$before" in

      """
    for option in OptionName.allCases where option.facts.metavar != nil {
      script += "    \(option.typed)) \(offer(option.facts)); return ;;\n"
    }
    script += "  esac\n  case \"$command\" in\n"
    script += "    '') _dbmend_words \"\(program.commands.map(\.name).joined(separator: " "))"
    script += " --version --help\" \"$word\" ;;\n"
    for command in program.commands {
      let options = command.options.map(\.typed).joined(separator: " ")
      script += "    \(command.name))\n      if [[ \"$word\" == -* ]]; then _dbmend_words \"\(options)\" \"$word\"\n"
      script += "      else \(offer(command)); fi ;;\n"
    }
    script += """
        esac
      }
      _dbmend_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }
      _dbmend_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$1"); }
      _dbmend_folders() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$1"); }
      _dbmend_plugins() { _dbmend_words "$(dbmend plugins --quiet 2>/dev/null)" "$1"; }
      complete -F _dbmend dbmend

      """
    return script
  }

  private func offer(_ facts: OptionFacts) -> String {
    facts.values.isEmpty
      ? offer(facts.completion) : "_dbmend_words \"\(facts.values.joined(separator: " "))\" \"$word\""
  }

  private func offer(_ command: CommandDescription) -> String {
    offer(command.arguments.first?.completion ?? .nothing)
  }

  private func offer(_ completion: OptionFacts.Completion) -> String {
    switch completion {
    case .nothing: ":"
    case .files: "_dbmend_files \"$word\""
    case .folders: "_dbmend_folders \"$word\""
    case .plugins: "_dbmend_plugins \"$word\""
    case .commands: "_dbmend_words \"\(program.commands.map(\.name).joined(separator: " "))\" \"$word\""
    }
  }
}
