import MendKit

/// `dbmend init`: finds stores, looks whether they are healthy, and writes a `dbmend.yaml` that says what they have now.
public struct Initialiser: Sendable {
  /// What became of it.
  public struct Outcome: Sendable {
    /// The configuration's path.
    public var file: String
    /// Its content.
    public var text: String
    /// The stores that it names, by environment and name.
    public var stores: [DraftStore]
    /// What was found and not taken up.
    public var leftOut: [LeftOut]
  }

  /// A file or folder that was not taken up.
  public struct LeftOut: Sendable, Hashable {
    /// The path from the root.
    public var path: String
    /// Why, without a full stop.
    public var reason: String
    /// What to do about it, as a sentence.
    public var advice: String?

    /// A path, why it was left out, and what to do about it.
    public init(path: String, reason: String, advice: String?) {
      self.path = path
      self.reason = reason
      self.advice = advice
    }
  }

  let registry: PluginRegistry
  let patience: Double

  /// An initialiser with these plugins, which waits so many seconds for a lock of a store.
  public init(registry: PluginRegistry, patience: Double = 5) {
    self.registry = registry
    self.patience = patience
  }

  /// Writes `dbmend.yaml` into a folder for the healthy stores among the paths, which are files or folders to search; no
  /// path stands for the folder itself. Throws a problem of kind `refused` when the file is there already and `force` is not
  /// given, `missing` when a path or any store is, and `damaged` when no store is healthy; nothing is written then.
  public func initialise(paths: [String], folder: String, force: Bool) throws(Problem) -> Outcome {
    let folder = Paths.absolute(folder)
    let file = Paths.join(folder, ConfigurationLoader.fileName)
    if !force, FileStatus.exists(file) {
      throw Problem(
        .refused, tried: "write", on: file, said: "it is there already",
        advice: "Change it by hand, or have it replaced with --force.")
    }
    var search = StoreSearch(registry: registry, repository: Paths.join(folder, ConfigurationWriter.repositoryName))
    for path in paths.isEmpty ? [folder] : paths { try search.search(path) }
    var leftOut = search.leftOut
    var naming = StoreNaming()
    let examination = StoreExamination(registry: registry, patience: patience)
    var stores: [DraftStore] = []
    for candidate in search.candidates.sorted(by: { $0.path < $1.path }) {
      let name = naming.name(ofStoreAt: candidate.path, folder: folder)
      switch examination.examine(candidate, environment: name.environment, name: name.name) {
      case .success(let store): stores.append(store)
      case .failure(let reason): leftOut.append(reason.leftOut)
      }
    }
    guard !stores.isEmpty else { throw nothing(leftOut: leftOut, paths: paths.isEmpty ? [folder] : paths) }
    stores.sort { ($0.environment, $0.name) < ($1.environment, $1.name) }
    leftOut.sort { $0.path < $1.path }
    let text = ConfigurationWriter.draft(stores: stores, folder: folder)
    // What would not load must not be left behind.
    _ = try ConfigurationLoader.parse(Array(text.utf8), file: file, registry: registry)
    try Durable.write(Array(text.utf8), to: FileStatus.exists(file) ? Paths.resolved(file) : file)
    return Outcome(file: file, text: text, stores: stores, leftOut: leftOut)
  }

  private func nothing(leftOut: [LeftOut], paths: [String]) -> Problem {
    guard let first = leftOut.first else {
      return Problem(
        .missing, tried: "find a store in", on: paths.joined(separator: ", "),
        said: "no file there is a database that dbmend knows",
        advice: "Name the files or folders that hold your databases: dbmend init PATH…")
    }
    let said = leftOut.count == 1 ? first.reason : leftOut.map { "\($0.path): \($0.reason)" }.joined(separator: "\n")
    return Problem(
      .damaged, tried: "find a healthy store in",
      on: leftOut.count == 1 ? first.path : paths.joined(separator: ", "),
      said: leftOut.count == 1 ? said : "none of \(leftOut.count) is healthy\n" + said,
      advice: first.advice)
  }
}
