import MendArchive
import MendKit

/// Makes the stores of plugins' examples for real and runs the plugins on them, with the plugins of a registry.
public struct ExampleRunner {
  private let registry: PluginRegistry
  private let makers: [String: ExampleMaker]

  /// A runner with these plugins, which makes stores of these kinds.
  public init(_ registry: PluginRegistry, makers: [String: ExampleMaker]) {
    self.registry = registry
    self.makers = makers
  }

  /// A store made for an example.
  public struct Store {
    /// Holds all its files; they go with it.
    public let folder: TemporaryFolder
    /// The store's file, whether or not the example's damage left it.
    public let path: String
    /// The archive that the example asks for.
    public let backups: (any Backups)?

    /// A store that a test made by itself.
    public init(folder: TemporaryFolder, path: String, backups: (any Backups)? = nil) {
      self.folder = folder
      self.path = path
      self.backups = backups
    }

    /// Which store it is said to be.
    public var identity: StoreIdentity { StoreIdentity(environment: "test", name: "example", path: path) }
  }

  /// Makes the store of an example: script, archive, second script, damage.
  public func make(_ example: Example) throws -> Store {
    let folder = try TemporaryFolder("dbmend-example")
    // A name that speaks for no kind of store, so that only the content does.
    let path = folder.file(example.kind == "json" ? "example.json" : "example.data")
    try run(example.script, example.kind, path)
    if example.kind != "folder" {
      guard chmod(path, 0o644) == 0 else { throw PreparationFailed("cannot set the mode of \(path)") }
    }
    var backups: (any Backups)?
    if let script = example.afterBackup {
      guard let driver = registry.driver(example.kind) else { throw PreparationFailed("no driver \(example.kind)") }
      backups =
        driver.keepsFolders
        ? try Self.archive(path, driver, folder.file("archives"))
        : try CopiedBackup(of: path, driver: driver, into: folder.path)
      try run(script, example.kind, path)
    }
    for damage in example.damage { try damage.apply(to: path) }
    return Store(folder: folder, path: path, backups: backups)
  }

  private func run(_ script: String, _ kind: String, _ path: String) throws {
    guard let maker = makers[kind] else { throw PreparationFailed("no maker of stores of kind \(kind)") }
    try maker.run(path, script)
  }

  /// A folder can only be archived by what archives it.
  private static func archive(_ path: String, _ driver: any Driver, _ repository: String) throws -> any Backups {
    let store = StoreIdentity(environment: "test", name: "example", path: path)
    let repository = Repository(path: repository)
    let draft = Repository.Draft(
      store: store, kind: driver.description.id, engine: "", verdict: .healthy, reason: "backup", rows: [:],
      schema: nil,
      version: "test")
    _ = try repository.write(driver.snapshot(path, form: .consistent, staging: nil, patience: 1), draft: draft)
    return repository.backups(of: store)
  }

  /// A context for the checks of a store, or of a copy of it.
  public func checkContext(_ store: Store, path: String? = nil) -> CheckContext {
    let path = path ?? store.path
    var driver: (any Driver)?
    if let status = try? FileStatus.of(path), status.kind == .folder {
      driver = registry.driver(forFile: FileHead(path: path, bytes: [], size: 0, isFolder: true))
    } else if let file = try? FileHandle.read(path), let bytes = try? file.read(4096, at: 0),
      let status = try? file.status()
    {
      driver = registry.driver(forFile: FileHead(path: path, bytes: bytes, size: status.size))
    }
    return CheckContext(
      store: store.identity, path: path, driver: driver, backups: store.backups,
      repository: store.folder.file("archives"))
  }

  /// What a check finds in an example's store.
  public func findings(of check: any Check, in example: Example) throws -> [Finding] {
    let store = try make(example)
    let context = checkContext(store)
    defer { context.end() }
    return try findings(of: check, context, example.options)
  }

  /// What a check finds, a store that cannot be opened among it.
  public func findings(of check: any Check, _ context: CheckContext, _ options: [OptionPair]) throws -> [Finding] {
    for pair in options {
      guard let option = check.description.options.first(where: { $0.name == pair.key }) else {
        throw PreparationFailed("\(check.description.id) has no option \(pair.key)")
      }
      if let complaint = option.type.complaint(about: pair.value) {
        throw PreparationFailed("\(check.description.id), \(pair.key): \(complaint.said)")
      }
    }
    do throws(Problem) {
      return try check.findings(in: context, options: Options(options, defaults: check.description))
    } catch {
      guard error.kind == .damaged || error.kind == .missing else { throw error }
      let severity: Severity = error.kind == .missing ? .error : .fatal
      return [Finding(error.code ?? "file.malformed", severity, error.description)]
    }
  }

  /// What all checks find together in a store or in a copy of it, with the options of an example. Checks that must be
  /// told what to look for take part only where the example does so.
  public func findings(of store: Store, path: String? = nil, _ example: Example) throws -> [Finding] {
    let context = checkContext(store, path: path)
    defer { context.end() }
    var findings: [Finding] = []
    for check in registry.checks where path == nil || !check.looksAtPlace {
      var options: [OptionPair] = []
      if case .map(let pairs) = example.checks.first(where: { $0.key == check.description.id })?.value {
        options = pairs
      }
      let isLacking = check.description.options.contains { option in
        option.isRequired && !options.contains { $0.key == option.name }
      }
      if isLacking { continue }
      let more = try self.findings(of: check, context, options)
      findings += more.filter { one in !findings.contains { $0.isSameTrouble(as: one) && $0.location == one.location } }
      context.previous = findings
    }
    return findings
  }

  /// How a repair went.
  public struct Mending {
    /// What all checks found before.
    public let before: [Finding]
    /// What the repair offered; nil when it had nothing to offer, and nothing else was done.
    public let offer: RepairOffer?
    /// What the repair said that it did.
    public let outcome: RepairOutcome?
    /// What the checks of the content find in the mended copy.
    public let after: [Finding]
    /// The mended copy.
    public let copy: String
    /// The store, whose folder holds the copy.
    public let store: Store
  }

  /// Runs a repair on a copy of an example's store, with the checks before and after it.
  public func mend(_ store: Store, with repair: any Repair, _ example: Example, askedFor: Set<String> = []) throws
    -> Mending
  {
    guard let driver = registry.driver(example.kind) else { throw PreparationFailed("no driver \(example.kind)") }
    let schema = example.schema.map { SchemaText(path: "/etc/example/schema.sql", text: $0) }
    let before = try findings(of: store, example)
    let matching = before.filter { finding in repair.description.mends.contains { finding.code.matches($0) } }
    let planning = RepairContext(
      store: store.identity, driver: driver, path: store.path, scratch: nil, backups: store.backups, schema: schema,
      askedFor: askedFor, found: before)
    let work = store.folder.file("work")
    let copy = Paths.join(work, "example.data")
    guard !matching.isEmpty, let offer = try repair.offer(for: matching, in: planning) else {
      return Mending(before: before, offer: nil, outcome: nil, after: before, copy: copy, store: store)
    }
    try Paths.makeFolder(work)
    if driver.keepsFolders {
      let snapshot = try driver.snapshot(store.path, form: .consistent, staging: nil, patience: 1)
      try Durable.rename(snapshot.write(into: work)[0], to: copy)
    } else if !offer.replacesStore {
      try FileHandle.create(copy, mode: 0o600).write(FileHandle.read(store.path).readAll(limit: 1 << 30), at: 0)
      for (from, to) in zip(driver.sidecars(of: store.path), driver.sidecars(of: copy)) where FileStatus.exists(from) {
        try FileHandle.create(to, mode: 0o600).write(FileHandle.read(from).readAll(limit: 1 << 30), at: 0)
      }
    }
    let mending = RepairContext(
      store: store.identity, driver: driver, path: copy, scratch: work, backups: store.backups, schema: schema,
      askedFor: askedFor, found: before)
    let outcome = try repair.mend(offer.mends, in: mending)
    let after = try findings(of: store, path: copy, example)
    return Mending(before: before, offer: offer, outcome: outcome, after: after, copy: copy, store: store)
  }
}
