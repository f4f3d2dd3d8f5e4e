import MendKit

extension Engine {
  /// The stores that targets name, in the order of the targets, each once. A target is a store (`production/data`, or
  /// `data` where only one store has that name), an environment, or a path to a file or a folder; a folder is searched
  /// for stores. No target at all means every store of the configuration, or of the environment that the settings name.
  /// Throws for a target that names nothing, and for a folder that cannot be searched whole.
  public func resolve(_ targets: [String]) throws(Problem) -> [ManagedStore] {
    let selection = try select(targets)
    if let problem = selection.problems.first { throw problem }
    return selection.stores
  }

  func select(_ targets: [String]) throws(Problem) -> Selection {
    var selection = Selection()
    let environments = try chosenEnvironments()
    if targets.isEmpty {
      for environment in environments {
        for store in environment.stores { selection.add(managed(store, in: environment)) }
      }
      guard selection.stores.isEmpty else { return selection }
      throw Problem(
        .usage, tried: "choose", on: "the stores",
        said: configuration.file == nil
          ? "no target is given, and no dbmend.yaml was found here or above" : "the configuration names no store",
        advice: "Name a file, or run 'dbmend init' to write a dbmend.yaml.")
    }
    for target in targets { try add(target, environments: environments, to: &selection) }
    return selection
  }

  private func chosenEnvironments() throws(Problem) -> [Configuration.Environment] {
    guard let name = settings.environment else { return configuration.environments }
    let found = configuration.environments.filter { $0.name == name }
    guard found.isEmpty else { return found }
    throw Problem(
      .usage, tried: "find the environment", on: name,
      said: "the configuration has none of that name"
        + NearestWord.suggestion(for: name, among: configuration.environments.map(\.name)),
      advice: "Give --env one of the environments of dbmend.yaml.")
  }

  private func add(
    _ target: String, environments: [Configuration.Environment], to selection: inout Selection
  ) throws(Problem) {
    let named = configuredStores(named: target, environments: environments)
    if named.count > 1 {
      throw Problem(
        .usage, tried: "choose the store", on: target,
        said: "several have that name: \(named.map(\.identity.description).joined(separator: ", "))",
        advice: "Write the environment before it, or give --env.")
    }
    if let store = named.first { return selection.add(store) }
    if let environment = environments.first(where: { $0.name == target }) {
      for store in environment.stores { selection.add(managed(store, in: environment)) }
      return
    }
    try add(path: target, environments: environments, to: &selection)
  }

  /// `environment/name` names one store. A bare name may be that of several.
  private func configuredStores(
    named target: String, environments: [Configuration.Environment]
  ) -> [ManagedStore] {
    var found: [ManagedStore] = []
    for environment in configuration.environments {
      for store in environment.stores where "\(environment.name)/\(store.name)" == target {
        return [managed(store, in: environment)]
      }
    }
    guard !environments.contains(where: { $0.name == target }) else { return [] }
    for environment in environments {
      for store in environment.stores where store.name == target { found.append(managed(store, in: environment)) }
    }
    return found
  }

  private func add(
    path: String, environments: [Configuration.Environment], to selection: inout Selection
  ) throws(Problem) {
    if StorePath.isURI(path) { return try add(uri: path, environments: environments, to: &selection) }
    let resolved = Paths.resolved(path)
    if let store = configuredStore(at: resolved, environments: environments) { return selection.add(store) }
    if let status = try? FileStatus.of(resolved), status.kind == .folder {
      return try add(folder: path, environments: environments, to: &selection)
    }
    if !FileStatus.exists(resolved), !path.contains("."), isLikeName(path) {
      try refuseUnknownName(path)
    }
    selection.add(unconfigured(path, resolved: resolved))
  }

  private func add(
    uri written: String, environments: [Configuration.Environment], to selection: inout Selection
  ) throws(Problem) {
    let uri = StoreURI.withoutPassword(written)
    if let store = configuredStore(at: uri, environments: environments) { return selection.add(store) }
    guard registry.driver(forFile: FileHead(path: uri, bytes: [], size: 0)) != nil else {
      throw Problem(
        .unsupported, tried: "open", on: uri, said: "no driver here knows '\(uri.prefix { $0 != ":" })' databases",
        advice: "See 'dbmend plugins' for the kinds of store that this dbmend knows.")
    }
    selection.add(unconfigured(uri, resolved: uri))
  }

  /// Whether a path that is not there may be meant as a store's name: a bare word, or one behind an environment's name
  /// that is no folder here.
  private func isLikeName(_ path: String) -> Bool {
    guard let slash = path.firstIndex(of: "/") else { return true }
    let first = String(path[..<slash])
    return configuration.environments.contains { $0.name == first } && !FileStatus.exists(first)
  }

  /// A bare word that is no file was more likely meant as a name; saying that the file is missing would mislead.
  private func refuseUnknownName(_ word: String) throws(Problem) {
    var known: [String] = []
    for environment in configuration.environments {
      known.append(environment.name)
      for store in environment.stores { known += [store.name, "\(environment.name)/\(store.name)"] }
    }
    guard let nearest = NearestWord.nearest(to: word, among: known) else { return }
    throw Problem(
      .usage, tried: "find the store", on: word,
      said: "no store, environment or file has that name; did you mean '\(nearest)'?",
      advice: "Write './\(word)' for a file of that name.")
  }

  func configuredStore(at path: String, environments: [Configuration.Environment]) -> ManagedStore? {
    for environment in environments {
      for store in environment.stores where StorePath.resolved(store.path) == path {
        return managed(store, in: environment)
      }
    }
    return nil
  }

  /// The stores of environments by their resolved paths; of two at one path, the first.
  private func configuredStores(_ environments: [Configuration.Environment]) -> [String: ManagedStore] {
    var stores: [String: ManagedStore] = [:]
    for environment in environments {
      for store in environment.stores.map({ managed($0, in: environment) }) where stores[store.path] == nil {
        stores[store.path] = store
      }
    }
    return stores
  }

  private func add(
    folder: String, environments: [Configuration.Environment], to selection: inout Selection
  ) throws(Problem) {
    let repositories = [settings.repository, configuration.repository].compactMap { $0.map(Paths.resolved) }
    var search = FolderSearch(registry: registry, archiveFolders: Set(repositories))
    search.search(folder)
    selection.problems += search.problems
    let configured = configuredStores(environments)
    for file in search.found {
      if var store = configured[file.resolved] {
        store.writtenPath = file.path
        selection.add(store)
      } else {
        selection.add(unconfigured(file.path, resolved: file.resolved))
      }
    }
    let isStore = addItself(folder, isEmpty: search.found.isEmpty && search.problems.isEmpty, to: &selection)
    if search.found.isEmpty, search.problems.isEmpty, !isStore {
      throw Problem(
        .missing, tried: "find a store in", on: folder, said: "no file in it begins like one",
        advice: "Name the file itself, or see 'dbmend plugins' for the kinds that are known.", code: "file.missing")
    }
  }

  /// Adds a folder as a store of its own, where it was archived as one, or where no other is found in it; whether it was added. One
  /// that stands where a file was archived is that store, too: its checks say what is wrong.
  private func addItself(_ folder: String, isEmpty: Bool, to selection: inout Selection) -> Bool {
    var own = unconfigured(folder, resolved: Paths.resolved(folder))
    let newest = (try? repository(of: own).records(of: own.identity))?.last
    own.kind = newest?.manifest?.kind
    let isTaken = settings.takesFolders && isEmpty && (try? Paths.names(in: own.path))?.isEmpty == false
    guard own.kind != nil || isTaken else { return false }
    selection.add(own)
    return true
  }

  private func managed(
    _ store: Configuration.Store, in environment: Configuration.Environment
  ) -> ManagedStore {
    let path = StorePath.resolved(store.path)
    return ManagedStore(
      identity: StoreIdentity(environment: environment.name, name: store.name, path: path),
      writtenPath: store.writtenPath, kind: store.kind, options: store.options,
      maxLoss: settings.maxLoss ?? store.maxLoss ?? environment.maxLoss ?? configuration.maxLoss,
      checks: store.checks,
      repository: Paths.absolute(settings.repository ?? configuration.repository ?? Engine.repository(beside: path)),
      isConfigured: true)
  }

  /// A path of which the configuration does not speak gets what holds without a configuration.
  func unconfigured(_ path: String, resolved: String) -> ManagedStore {
    ManagedStore(
      identity: StoreIdentity(environment: StoreIdentity.adhoc, name: Self.name(of: resolved), path: resolved),
      writtenPath: path, maxLoss: settings.maxLoss ?? Configuration.standard.maxLoss,
      checks: Configuration.standardChecks + configuration.unnamedChecks,
      repository: Paths.absolute(settings.repository ?? Engine.repository(beside: resolved)), isConfigured: false)
  }

  /// The name of a file, or of the database that a URI names.
  private static func name(of path: String) -> String {
    guard StorePath.isURI(path), let start = path.firstRange(of: "://")?.upperBound else { return Paths.name(of: path) }
    let place = path[start...].prefix { $0 != "?" }
    guard let slash = place.firstIndex(of: "/"), place.index(after: slash) < place.endIndex else { return "database" }
    return StoreURI.decoded(String(place[place.index(after: slash)...]))
  }

  private static func repository(beside path: String) -> String {
    if StorePath.isURI(path) { return FolderSearch.archiveFolderName }
    return Paths.join(Paths.folder(of: path), FolderSearch.archiveFolderName)
  }
}
