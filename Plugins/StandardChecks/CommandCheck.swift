import MendKit

/// A program of the operator's that follows the Monitoring Plugins convention, as a check.
public struct CommandCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "command",
    title: "a Monitoring Plugins program says that all is well",
    discussion: """
      Runs a program that follows the convention of Nagios, Icinga and the Monitoring Plugins: exit code 0 for well, 1 for a \
      warning, 2 for critical, 3 for unknown, with a line for people on its standard output. That line stands in the report, \
      and so does the performance data behind its `|`.

      The command is split into words as a shell does it, but no shell runs it: nothing is expanded. A program with a slash \
      in its name is looked for from the folder of the configuration, in which it also runs; another one in the folders of \
      PATH and in those where the Monitoring Plugins stand (`/usr/lib/nagios/plugins`). It gets no variables but PATH, LANG=C, \
      `DBMEND_STORE`, `DBMEND_KIND`, `DBMEND_ENVIRONMENT` and what `environment` and `pass` give, and no longer than `timeout`; \
      when it has ended, nothing that it started is left.

      Such a program knows nothing of stores and looks at what is there: it is not run on working copies. A program that cannot be \
      run, that is killed or that ends otherwise is `command.unknown`, an error: what nobody could look at is not well. So is exit \
      code 1 without a word, which is how a script ends that fails. A rule makes it less where that is meant.

      The check may stand in the configuration several times, each with a `name` of its own.
      """,
    kind: .check,
    finds: [
      Self.finding("warning", .warning, "the program ended with 1: something should be looked at"),
      Self.finding("critical", .error, "the program ended with 2: something is wrong"),
      Self.finding(
        "unknown", .error,
        "the program ended with 3, or could not be run, was killed or did not keep to its limits"),
    ],
    options: [
      OptionDescription(
        "name", .string, isRequired: true, "what the program looks at; reports list it under this name"),
      OptionDescription("run", .commandLine, isRequired: true, "the program and its words"),
      OptionDescription("timeout", .duration, default: .string("10s"), "how long it may run"),
      OptionDescription("memory", .size, default: .string("1GiB"), "how much memory it and what it starts may take"),
      OptionDescription("output", .size, default: .string("1MiB"), "how much it may write"),
      OptionDescription("environment", .map(.string), "variables that it gets"),
      OptionDescription("pass", .list(.string), "names of variables that it gets as dbmend has them"),
    ],
    isRepeatable: true,
    examples: Self.examples)

  /// It looks at what is there, not at the content of a copy.
  public var looksAtPlace: Bool { true }

  /// The check.
  public init() {}

  /// One finding unless the program ends with 0.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let name = options.string("name") ?? "command"
    let words: [String]
    do throws(CommandWords.Complaint) {
      words = try CommandWords(options["run"] ?? .null).words
    } catch {
      throw Problem(
        .configuration, tried: "understand the command", on: name, said: error.said,
        advice: "Write the program and its words, such as: check_disk -w 20% -c 10% -p /")
    }
    let variables = Self.variables(context, options)
    let path: String
    switch MonitoringProgram.find(words[0], folder: context.folder, path: variables["PATH"] ?? "") {
    case .found(let file): path = file
    case .missing(let said): return [Finding("command.unknown", .error, "\(name): \(said)")]
    }
    let limits = ConfinedProgram.Limits(
      seconds: options.seconds("timeout") ?? 10, memory: options.bytes("memory") ?? 1 << 30,
      output: options.bytes("output") ?? 1 << 20)
    let outcome = try ConfinedProgram(
      path: path, arguments: Array(words.dropFirst()), environment: variables, folder: context.folder, limits: limits
    ).run()
    return judge(outcome, MonitoringOutput(outcome.output), name: name, program: words[0], context)
  }

  private func judge(
    _ outcome: ConfinedProgram.Outcome, _ output: MonitoringOutput, name: String, program: String,
    _ context: CheckContext
  ) -> [Finding] {
    if !output.said.isEmpty { context.said = output.said }
    context.measures = output.measures
    var words = output.said.isEmpty ? "\(program) said nothing" : output.said
    var evidence = output.more
    let code: FindingCode
    let severity: Severity
    switch (outcome.excess, outcome.ending) {
    case (nil, .exited(0)): return []
    case (nil, .exited(1)) where output.said.isEmpty:
      // What a script ends with that fails: no warning was meant.
      (code, severity) = ("command.unknown", .error)
      words = "\(program) did not do as Monitoring Plugins do: \(outcome.fate) and said nothing"
    case (nil, .exited(1)): (code, severity) = ("command.warning", .warning)
    case (nil, .exited(2)): (code, severity) = ("command.critical", .error)
    case (nil, .exited(3)): (code, severity) = ("command.unknown", .error)
    default:
      (code, severity) = ("command.unknown", .error)
      words = "\(program) did not do as Monitoring Plugins do: \(outcome.fate)"
      if !output.said.isEmpty { evidence.insert(output.said, at: 0) }
    }
    if severity == .error, !outcome.lastWords.isEmpty { evidence.append(outcome.lastWords) }
    var finding = Finding(
      code, severity, "\(name): \(words)",
      evidence: evidence.isEmpty ? nil : String(evidence.joined(separator: "; ").prefix(Self.longestEvidence)))
    finding.measures = output.measures
    return [finding]
  }

  private static let longestEvidence = 2000

  /// A kind of finding; what it measures is for the program to say.
  private static func finding(_ what: String, _ severity: Severity, _ meaning: String) -> FindingDescription {
    var description = FindingDescription(
      FindingCode(rawValue: "command.\(what)"), severity, meaning, isOfStore: true)
    description.isOpen = true
    return description
  }

  /// All of the program's variables.
  private static func variables(_ context: CheckContext, _ options: Options) -> [String: String] {
    func own(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    var variables = [
      "PATH": own("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C",
      "DBMEND_STORE": context.store.description, "DBMEND_ENVIRONMENT": context.store.environment,
    ]
    variables["DBMEND_KIND"] = context.driver?.description.id
    for name in options.strings("pass") ?? [] { variables[name] = own(name) }
    if case .map(let pairs) = options["environment"] {
      for pair in pairs { variables[pair.key] = pair.value.text }
    }
    return variables
  }
}

/// Where the programs of the Monitoring Plugins stand.
enum MonitoringProgram {
  /// Folders in which distributions keep them, outside of PATH: Debian, Fedora, Arch and FreeBSD, Homebrew.
  static let folders = [
    "/usr/lib/nagios/plugins", "/usr/lib64/nagios/plugins", "/usr/lib/monitoring-plugins",
    "/usr/local/libexec/nagios", "/opt/homebrew/opt/monitoring-plugins/sbin",
  ]

  enum Place {
    case found(String)
    /// Why there is none, as the second half of a sentence.
    case missing(String)
  }

  /// The file of a program. One with a slash is looked for from a folder, the configuration's; others by the folders of `path`,
  /// then by those of the Monitoring Plugins.
  static func find(_ program: String, folder: String?, path: String) -> Place {
    if program.contains("/") {
      let file = program.hasPrefix("/") ? program : Paths.join(folder ?? Paths.current, program)
      if isProgram(file) { return .found(file) }
      return .missing(
        FileStatus.exists(file)
          ? "\(file) is there, but is no program that may be run here: chmod +x makes it one"
          : "there is no program \(file)")
    }
    // What is relative in PATH would be taken from another folder than the one in which the program runs.
    let places = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") } + folders
    for place in places where isProgram(Paths.join(place, program)) { return .found(Paths.join(place, program)) }
    let known = folders.flatMap { (try? Paths.names(in: $0)) ?? [] }
    let near = NearestWord.suggestion(for: program, among: known)
    let advice =
      near.isEmpty && known.isEmpty && program.hasPrefix("check_")
      ? "; Debian and Ubuntu have it in monitoring-plugins-basic or monitoring-plugins-standard" : near
    return .missing("there is no program '\(program)' in PATH or in \(folders[0])\(advice)")
  }

  private static func isProgram(_ file: String) -> Bool {
    guard access(file, X_OK) == 0, let status = try? FileStatus.of(file) else { return false }
    return status.kind == .file
  }
}

extension CommandCheck {
  private static let script = "create table users(id integer primary key);"

  private static func options(_ run: OptionValue, _ more: OptionPair...) -> [OptionPair] {
    [OptionPair("name", .string("disk")), OptionPair("run", run)] + more
  }

  private static let examples = [
    Example(
      "a program that says that all is well", script: script,
      options: options(.string("sh -c 'echo \"DISK OK - 60% are free | /=40%;80;90;0;100\"'"))),
    Example(
      "words that are split already", script: script,
      options: options(.list([.string("sh"), .string("-c"), .string("echo fine")]))),
    Example(
      "a program that warns", script: script,
      options: options(.string("sh -c 'echo DISK WARNING; exit 1'")), finds: ["command.warning"]),
    Example(
      "a program that finds something wrong", script: script,
      options: options(.string("sh -c 'echo DISK CRITICAL; exit 2'")), finds: ["command.critical"]),
    Example(
      "a program that does not know", script: script,
      options: options(.string("sh -c 'echo no such disk; exit 3'")), finds: ["command.unknown"]),
    Example(
      "a program that is not there", script: script, options: options(.string("./check_moon_phase")),
      finds: ["command.unknown"]),
    Example(
      "a program that does not end", script: script,
      options: options(.string("sh -c 'sleep 60'"), OptionPair("timeout", .string("100ms"))),
      finds: ["command.unknown"]),
  ]
}
