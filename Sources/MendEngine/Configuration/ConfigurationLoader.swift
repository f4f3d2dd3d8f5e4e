import MendKit

/// Reads `dbmend.yaml` into typed values. Everything that is wrong in a file is told in one problem, each error with its
/// line, its column, the line itself and, where there is one, the word that was probably meant.
public enum ConfigurationLoader {
  /// The name under which the file is looked for.
  public static let fileName = "dbmend.yaml"

  /// The configuration in a file. Throws a problem of kind `configuration` when the file cannot be read or holds errors;
  /// its `said` has a line `FILE:LINE:COLUMN: what is wrong` for each, followed by the source line and a caret. The plugins from
  /// outside that it names, and those of the command line, are asked what they are, and stand in its registry beside those given.
  public static func load(
    file: String, registry: PluginRegistry, outside: OutsidePlugins = OutsidePlugins()
  ) throws(Problem) -> Configuration {
    let text = try ConfigurationFile.read(file, tried: tried)
    var outside = outside
    if [0, UInt32(geteuid())].contains(text.owner) { outside.trustsConfiguration = true }
    return try parse(
      text.bytes, file: file, registry: registry, outside: outside, othersMayWrite: text.othersMayWrite)
  }

  /// What holds without a configuration, with the plugins of the command line.
  public static func standard(registry: PluginRegistry, outside: OutsidePlugins) throws(Problem) -> Configuration {
    var configuration = Configuration.standard
    (configuration.registry, configuration.outside) = try outside.load(outside.named, into: registry)
    configuration.failures = outside.failures
    configuration.addUnnamedChecks(besides: [])
    return configuration
  }

  /// The configuration in a text that is, or is to become, the content of `file`. Relative paths are relative to its folder.
  public static func parse(_ bytes: [UInt8], file: String, registry: PluginRegistry) throws(Problem) -> Configuration {
    try parse(bytes, file: file, registry: registry, outside: OutsidePlugins(), othersMayWrite: false)
  }

  /// The nearest `dbmend.yaml` in a folder or above it; nil when there is none. Above the folder itself a file counts only
  /// when it belongs to this user, to root or to the folder's owner: what a stranger leaves in `/tmp` gives no orders.
  public static func find(from folder: String) -> String? {
    let start = Paths.absolute(folder)
    let trusted = [UInt32(geteuid()), 0, (try? FileStatus.of(start))?.user]
    var folder = start
    while true {
      let file = Paths.join(folder, fileName)
      if let status = try? FileStatus.of(file), status.kind == .file, folder == start || trusted.contains(status.user) {
        return file
      }
      if folder == "/" { return nil }
      folder = Paths.folder(of: folder)
    }
  }

  private static let tried = "use the configuration"

  private static func parse(
    _ bytes: [UInt8], file: String, registry: PluginRegistry, outside: OutsidePlugins, othersMayWrite: Bool
  ) throws(Problem) -> Configuration {
    let source = SourceText(file: file, bytes: bytes)
    let complaints = ComplaintList()
    let document = YAMLDocument(parsing: bytes, complaints: complaints)
    let plugins = document.root?.pairs?.first { $0.key == "plugins" }
    let files = PluginReader(
      source: source, complaints: complaints, othersMayWrite: othersMayWrite, isTrusted: outside.trustsConfiguration
    ).files(in: plugins)
    var registry = registry
    var loaded: [OutsidePlugins.Loaded] = []
    // Nothing is run for a file with errors in what is to be run.
    if complaints.isEmpty {
      let named = outside.named.filter { file in !files.contains { $0.path == file.path } }
      (registry, loaded) = try outside.load(files + named, into: registry)
    }
    let reader = ConfigurationReader(
      registry: registry, source: source, complaints: complaints, othersMayWrite: othersMayWrite,
      isTrusted: outside.trustsConfiguration, outside: loaded)
    // Behind a place where the text stops being YAML nothing can be said of what is missing.
    var configuration = Configuration()
    if let root = document.root {
      configuration = reader.configuration(root)
    } else if complaints.isEmpty {
      complaints.add(at: .start, "the file is empty; begin it with 'version: \(FileFormat.version)'")
    }
    guard complaints.isEmpty else {
      throw source.problem(
        complaints, tried: tried, advice: "Nothing was run. docs/configuration.md describes every key.")
    }
    configuration.failures = outside.failures
    return configuration
  }
}

/// A small file that a person wrote, read with the care that any file deserves.
enum ConfigurationFile {
  static func read(
    _ file: String, tried: String
  ) throws(Problem) -> (bytes: [UInt8], othersMayWrite: Bool, owner: UInt32) {
    do throws(Problem) {
      let status = try FileStatus.of(file)
      guard status.kind == .file else {
        // Opening a pipe that nobody writes to would wait for ever.
        throw Problem(
          .configuration, tried: tried, on: file, said: "it is a \(status.kind.rawValue) and not a file",
          advice: "Name a YAML file.")
      }
      let limit = YAMLDocument.maximalSize
      return (try FileHandle.read(file).readAll(limit: limit), status.mode & 0o002 != 0, status.user)
    } catch {
      // A disk that does not give the file, or a limit of this machine, is no error in it.
      let isOfMachine = error.isOfMachine || error.isOfDevice
      throw Problem(
        isOfMachine ? error.kind : .configuration, tried: tried, on: file, said: error.said,
        advice: error.kind == .missing
          ? "Check the path; 'dbmend init' writes a new one." : error.advice)
    }
  }
}

/// Turns the tree of one file into a configuration.
private struct ConfigurationReader {
  let registry: PluginRegistry
  let source: SourceText
  let complaints: ComplaintList
  let othersMayWrite: Bool
  /// Whether it belongs to this user or to root, or was named by the operator.
  let isTrusted: Bool
  /// The plugins from outside that are in the registry.
  let outside: [OutsidePlugins.Loaded]
  private let named = NamedChecks()

  private var checks: CheckReader {
    CheckReader(registry: registry, source: source, complaints: complaints, named: named, distrust: distrust)
  }

  /// Why checks that run a program of the file's choice are refused; nil where they are not.
  private var distrust: String? {
    if othersMayWrite {
      return "everybody may write this file, so no program that it names is run; use chmod o-w on it"
    }
    if isTrusted { return nil }
    return
      "this file belongs to another user, and nobody named it, so no program that it names is run; name it with --config"
  }

  init(
    registry: PluginRegistry, source: SourceText, complaints: ComplaintList, othersMayWrite: Bool, isTrusted: Bool,
    outside: [OutsidePlugins.Loaded]
  ) {
    self.registry = registry
    self.source = source
    self.complaints = complaints
    self.othersMayWrite = othersMayWrite
    self.isTrusted = isTrusted
    self.outside = outside
  }

  func configuration(_ root: YAMLNode) -> Configuration {
    var configuration = Configuration()
    configuration.file = Paths.absolute(source.file)
    let fields = complaints.fields(of: root, as: FileFormat.document)
    if let version = fields.options.integer("version"), version != FileFormat.version {
      let position = fields["version"]?.value.position ?? fields.position
      complaints.add(
        at: position, "version \(version) is not known to this dbmend, which reads version \(FileFormat.version)")
    }
    configuration.repository = repository(fields["repository"]?.value)
    if let pair = fields["retention"] { readRetention(pair, into: &configuration) }
    configuration.maxLoss = loss(fields) ?? configuration.maxLoss
    configuration.busyTimeout = fields.options.seconds("busy_timeout") ?? configuration.busyTimeout
    configuration.schema = fields.options.string("schema").map(absolute)
    configuration.checks = checks.checks(
      in: fields["checks"]?.value, over: fields["checks"] == nil ? Configuration.standardChecks : [])
    configuration.environments = environments(fields["environments"]?.value, over: configuration.checks)
    configuration.registry = registry
    configuration.outside = outside
    configuration.addUnnamedChecks(besides: named.ids)
    configuration.hooks = hooks(fields["hooks"])
    // Last, since rules are held against everything else.
    let rules = RuleReader(
      registry: registry, source: source, complaints: complaints, environments: configuration.environments,
      othersMayWrite: othersMayWrite, isTrusted: isTrusted)
    configuration.rules = rules.rules(in: fields["rules"]?.value)
    return configuration
  }

  private func absolute(_ path: String) -> String {
    Paths.absolute(Paths.join(Paths.folder(of: source.file), path))
  }

  private func loss(_ fields: SectionFields) -> Loss? {
    fields.options.string("max_loss").flatMap(Loss.init(rawValue:))
  }

  private func repository(_ node: YAMLNode?) -> String? {
    guard let node else { return nil }
    if let path = node.value(as: .string).text { return absolute(path) }
    return complaints.fields(of: node, as: FileFormat.repository).options.string("path").map(absolute)
  }

  private func readRetention(_ pair: YAMLPair, into configuration: inout Configuration) {
    let fields = complaints.fields(of: pair.value, as: FileFormat.retention)
    let options = fields.options
    var policy = configuration.retention
    policy.keepLast = options.integer("keep_last") ?? policy.keepLast
    policy.keepDamaged = options.integer("keep_damaged") ?? policy.keepDamaged
    policy.keepDaily = options.integer("keep_daily") ?? policy.keepDaily
    policy.keepWeekly = options.integer("keep_weekly") ?? policy.keepWeekly
    policy.keepMonthly = options.integer("keep_monthly") ?? policy.keepMonthly
    policy.keepWithin = options.seconds("keep_within") ?? policy.keepWithin
    policy.maxSize = options.bytes("max_size") ?? policy.maxSize
    let counts = [policy.keepLast, policy.keepDaily, policy.keepWeekly, policy.keepMonthly]
    if counts.allSatisfy({ $0 == 0 }), policy.keepWithin == 0 {
      complaints.add(at: fields.position(of: "keep_last"), "this retention keeps no archive at all")
    }
    if policy.maxSize == 0 {
      complaints.add(at: fields.position(of: "max_size"), "this retention leaves no room for any archive")
    }
    configuration.retention = policy
  }

  private func hooks(_ pair: YAMLPair?) -> [Hook.Moment: String] {
    guard let pair else { return [:] }
    let fields = complaints.fields(of: pair.value, as: FileFormat.hooks)
    if othersMayWrite {
      complaints.add(
        at: pair.position, "everybody may write this file, so its hooks are not run; use chmod o-w on it")
    }
    var hooks: [Hook.Moment: String] = [:]
    for moment in Hook.Moment.allCases { hooks[moment] = fields.options.string(moment.rawValue) }
    return hooks
  }

  private func environments(
    _ node: YAMLNode?, over inherited: [Configuration.ConfiguredCheck]
  ) -> [Configuration.Environment] {
    var paths: [String: TextPosition] = [:]
    return (node?.pairs ?? []).map { pair in
      checkName(pair, of: "an environment")
      let fields = complaints.fields(of: pair.value, as: FileFormat.environment)
      let checks = checks.checks(in: fields["checks"]?.value, over: inherited)
      if let stores = fields["stores"], stores.value.pairs?.isEmpty == true {
        complaints.add(at: stores.position, "the environment '\(pair.key)' has no stores")
      }
      let stores = (fields["stores"]?.value.pairs ?? []).map { store($0, over: checks, paths: &paths) }
      return Configuration.Environment(name: pair.key, maxLoss: loss(fields), stores: stores, checks: checks)
    }
  }

  private func store(
    _ pair: YAMLPair, over inherited: [Configuration.ConfiguredCheck], paths: inout [String: TextPosition]
  ) -> Configuration.Store {
    checkName(pair, of: "a store")
    let fields = complaints.fields(of: pair.value, as: FileFormat.store)
    // What shows a path shows it without a password.
    let written = StoreURI.withoutPassword(fields.options.string("path") ?? "")
    let path = StorePath.isURI(written) ? written : absolute(written)
    if let position = fields["path"]?.value.position {
      let resolved = StorePath.resolved(path)
      if let first = paths[resolved] {
        complaints.add(
          at: position, "two stores have the path '\(written)'; the other one stands in line \(first.line)")
      } else {
        paths[resolved] = position
      }
    }
    return Configuration.Store(
      name: pair.key, writtenPath: written, path: path, kind: kind(fields), options: kindOptions(fields),
      maxLoss: loss(fields),
      checks: checks.checks(in: fields["checks"]?.value, over: inherited))
  }

  private func kind(_ fields: SectionFields) -> String? {
    guard let kind = fields.options.string("kind"), let node = fields["kind"]?.value else { return nil }
    if registry.driver(kind) == nil {
      let kinds = registry.drivers.map(\.description.id)
      let near = NearestWord.suggestion(for: kind, among: kinds)
      complaints.add(
        at: node.position,
        "unknown kind of store '\(kind)'" + (near.isEmpty ? "; there are \(kinds.joined(separator: ", "))" : near))
    }
    return kind
  }

  /// The options of the store's kind, held against its driver's description.
  private func kindOptions(_ fields: SectionFields) -> [OptionPair] {
    guard let node = fields["options"] else { return [] }
    guard let kind = fields.options.string("kind") else {
      complaints.add(at: node.position, "which options there are depends on the kind of store: name it with 'kind'")
      return []
    }
    guard let description = registry.driver(kind)?.description else { return [] }
    return (node.value.pairs ?? []).compactMap { pair in
      guard let option = description.options.first(where: { $0.name == pair.key }) else {
        let known = description.options.map(\.name)
        let near = NearestWord.suggestion(for: pair.key, among: known)
        let has = known.isEmpty ? "; it has none" : "; it has \(known.joined(separator: ", "))"
        complaints.add(
          at: pair.position, "unknown option '\(pair.key)' of the kind \(kind)" + (near.isEmpty ? has : near))
        return nil
      }
      guard complaints.check(pair.value, is: option.type) else { return nil }
      return OptionPair(pair.key, pair.value.value(as: option.type))
    }
  }

  private func checkName(_ pair: YAMLPair, of what: String) {
    guard !StoreName.isValid(pair.key) else { return }
    complaints.add(
      at: pair.position,
      "'\(pair.key)' cannot be the name of \(what): it is part of file names, so it has letters, digits, '-', '_' and '.', "
        + "begins with a letter or digit, and has at most \(StoreName.maximalBytes) bytes")
  }
}

/// The names of environments and stores.
enum StoreName {
  /// Two of them and a time make a file name, which has at most 255 bytes.
  static let maximalBytes = 80

  static func isValid(_ name: String) -> Bool {
    guard let first = name.first, first.isLetter || first.isNumber, name.utf8.count <= maximalBytes else {
      return false
    }
    return name.allSatisfy(isAllowed)
  }

  static func isAllowed(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "-_.".contains(character)
  }
}

/// What stands under `path` of a store.
enum StorePath {
  /// Whether it is a server's URI, such as `postgresql://host/name`, rather than a path.
  static func isURI(_ path: String) -> Bool {
    StoreURI.isURI(path)
  }

  /// The path from the root with every link resolved; a URI as it is.
  static func resolved(_ path: String) -> String { isURI(path) ? path : Paths.resolved(path) }
}
