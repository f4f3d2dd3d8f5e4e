import MendEngine
import MendKit
import MendReport

/// What every command that works on stores begins and ends with: configuration, engine, and where its report goes.
struct RunSetup {
  let engine: Engine
  let console: Console
  private let format: ReportFormat
  private let reportFile: String?
  private let context: ReportContext
  private let progress: TerminalProgress?

  /// Reads the configuration that the command line names, or the nearest one.
  init(
    _ invocation: Invocation, _ console: Console, _ purpose: ReportContext.Purpose = .check
  ) throws(Problem) {
    self.console = console
    format = invocation.value(.format).flatMap(ReportFormat.init(rawValue:)) ?? .text
    reportFile = invocation.value(.report)
    let configuration = try Self.configuration(invocation)
    let registry = configuration.registry
    if let reportFile { try Self.refuseReport(over: reportFile, invocation, configuration) }
    var settings = try Self.settings(
      invocation, registry, isReportOnOutput: format.isForMachines && reportFile == nil)
    let isRepair = [.plan, .repair, .repairToFile].contains(purpose)
    settings.takesFolders = purpose != .check
    settings.mendsMeant = isRepair && (settings.maxLoss ?? Loss.none) >= .changes
    progress =
      console.showsProgress && !invocation.has(.quiet)
      ? TerminalProgress(harmless: console.errorStyle.harmless, write: console.complain) : nil
    engine = Engine(
      configuration: configuration, registry: registry, settings: settings, observer: progress ?? SilentObserver())
    var context = ReportContext(
      purpose: purpose, version: ProgramDescription.version, failOn: settings.failOn,
      detail: invocation.has(.quiet) ? .quiet : invocation.has(.verbose) ? .verbose : .normal,
      repeatedOptions: Self.repeated(invocation), targets: invocation.arguments.map(StoreURI.withoutPassword),
      command: invocation.behind ?? [],
      isRoot: geteuid() == 0,
      descriptions: format.isForMachines ? registry.descriptions : [])
    if purpose == .plan { context.planOptions = Self.repeated(invocation, Self.optionsOfPlans) }
    self.context = context
  }

  /// Whether the command may report in JSON rather than in text.
  var wantsJSON: Bool { format == .json }

  // MARK: - Beginning

  /// The configuration that the command line names, or the nearest one, with the plugins of both in its registry.
  static func configuration(_ invocation: Invocation) throws(Problem) -> Configuration {
    let registry = BuiltInPlugins.registry
    var outside = OutsidePlugins()
    outside.named = invocation.values(.plugin).map { PluginFile($0, path: Paths.absolute($0), runsUnnamed: true) }
    if let file = invocation.value(.config) {
      return try ConfigurationLoader.load(file: file, registry: registry, outside: outside)
    }
    outside.trustsConfiguration = false
    let folder = Paths.current
    guard let file = ConfigurationLoader.find(from: folder) else {
      return try ConfigurationLoader.standard(registry: registry, outside: outside)
    }
    // Messages name a file of this folder as the user would.
    let isHere = Paths.folder(of: file) == folder
    return try ConfigurationLoader.load(
      file: isHere ? Paths.name(of: file) : file, registry: registry, outside: outside)
  }

  private static func settings(
    _ invocation: Invocation, _ registry: PluginRegistry, isReportOnOutput: Bool
  ) throws(Problem) -> RunSettings {
    var settings = RunSettings(dbmendVersion: ProgramDescription.version)
    settings.maxLoss = invocation.value(.maxLoss).flatMap(Loss.init(rawValue:))
    settings.failOn = invocation.value(.failOn).flatMap(Severity.init(rawValue:)) ?? .error
    settings.repository = invocation.value(.repository).map(Paths.absolute)
    settings.environment = invocation.value(.env)
    settings.askedForRepairs = try repairs(invocation, registry)
    settings.commandOutput = isReportOnOutput ? .standardError : .inherited
    settings.replacesOutput = invocation.has(.yes)
    settings.tellsProvenance = invocation.has(.provenance)
    if let folder = invocation.environment["TMPDIR"] { settings.temporaryFolder = Paths.absolute(folder) }
    if let path = invocation.value(.schema) {
      let file = try FileHandle.read(path)
      settings.schema = SchemaText(path: path, text: String(decoding: try file.readAll(limit: 16 << 20), as: UTF8.self))
    }
    return settings
  }

  private static func repairs(_ invocation: Invocation, _ registry: PluginRegistry) throws(Problem) -> Set<String> {
    let known = registry.repairs.map(\.description.id)
    for name in invocation.values(.with) where !known.contains(name) {
      let hint = NearestWord.suggestion(for: name, among: known)
      throw Problem(
        .usage, tried: "understand", on: ProblemText.commandLine, said: "there is no repair '\(name)'\(hint)",
        advice: "Run 'dbmend plugins' to see what there is.")
    }
    return Set(invocation.values(.with))
  }

  /// The options without which the next command would speak of something else.
  private static func repeated(_ invocation: Invocation) -> [String] {
    repeated(invocation, [.config, .repository, .plugin])
  }

  /// What decides, with a plan, what is done.
  private static let optionsOfPlans: [OptionName] = [.maxLoss, .from, .schema, .with, .provenance]

  private static func repeated(_ invocation: Invocation, _ options: [OptionName]) -> [String] {
    options.flatMap { option in
      invocation.values(option).flatMap { $0.isEmpty ? [option.typed] : [option.typed, $0] }
    }
  }

  /// A report would replace the file, without an archive of it.
  private static func refuseReport(
    over file: String, _ invocation: Invocation, _ configuration: Configuration
  ) throws(Problem) {
    let stores = configuration.environments.flatMap(\.stores).map(\.path) + invocation.arguments
    guard stores.contains(where: { FileStatus.isSame($0, file) }) else { return }
    throw Problem(
      .usage, tried: "write the report to", on: file, said: "it is what the run works on",
      advice: "Name another file with --report.")
  }

  // MARK: - Ending

  /// Tells a report where it is wanted; the exit code. A report that could not be written makes a success an error.
  func finish(_ report: Report, _ wanted: ExitCode? = nil) -> Int32 {
    progress?.finish()
    let code = wanted ?? ExitCode(for: report)
    do throws(Problem) {
      if let reportFile {
        try ReportFile(reportFile).write(format.render(report, context: context))
        try console.write(text(report, console.outputStyle))
      } else if format.isForMachines {
        // For people first: what reads the report may go away when it has it.
        console.complain(text(report, console.errorStyle))
        try console.write(format.render(report, context: context))
      } else {
        try console.write(text(report, console.outputStyle))
      }
      return code.rawValue
    } catch {
      if error.code != "output.closed" { console.complain(error) }
      return code == .healthy ? ExitCode.unchecked.rawValue : code.rawValue
    }
  }

  /// Tells something that is no report of stores, as text or JSON, where a report would go.
  func finish(text: String, json: @autoclosure () -> JSONValue, _ code: ExitCode) throws(Problem) -> Int32 {
    progress?.finish()
    if let reportFile {
      let content = wantsJSON ? json().text(pretty: true) + "\n" : text
      try ReportFile(reportFile).write(content)
      try console.write(text)
    } else {
      try console.write(wantsJSON ? json().text(pretty: true) + "\n" : text)
    }
    return code.rawValue
  }

  /// Ends a run that a problem kept from beginning, or from having a report of its own: the problem is told to people, and
  /// in the form that was asked for to what reads the report. The exit code.
  static func end(_ problem: Problem, _ invocation: Invocation, _ console: Console) -> Int32 {
    let code = ExitCode(for: problem).rawValue
    if problem.code == "output.closed" { return code }
    console.complain(problem)
    let format = invocation.value(.format).flatMap(ReportFormat.init(rawValue:)) ?? .text
    guard format.isForMachines else { return code }
    let text = format.render(
      Report(verdict: .unchecked, problems: [problem]), context: ReportContext(version: ProgramDescription.version))
    do throws(Problem) {
      if let file = invocation.value(.report) {
        try ReportFile(file).write(text)
      } else {
        try console.write(text)
      }
    } catch {
      if error.code != "output.closed" { console.complain(error) }
    }
    return code
  }

  /// The text of a report for a person.
  func text(_ report: Report, _ style: TextStyle) -> String {
    ReportFormat.text.render(report, context: context, style: style)
  }

  /// Takes the line of progress away, so that something else can be written.
  func pauseProgress() { progress?.finish() }
}
