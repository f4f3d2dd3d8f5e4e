import MendArchive
import MendKit

/// What a run that changes something holds from its beginning to its end: the locks of its repositories, and their journals.
final class RunSession {
  private let locks: [RunLock]
  private let journals: [String: Journal]
  /// What earlier runs that died left behind, in sentences.
  fileprivate(set) var notes: [String]

  private init(locks: [RunLock], journals: [String: Journal], notes: [String]) {
    self.locks = locks
    self.journals = journals
    self.notes = notes
  }

  /// Locks the repositories, in the order of their paths so that two runs cannot wait for each other, and cleans up after
  /// runs that died.
  static func open(
    _ repositories: [String], action: String, patience: Double = 0, clock: Clock,
    registry: PluginRegistry = PluginRegistry()
  ) throws(Problem) -> RunSession {
    var locks: [RunLock] = []
    var journals: [String: Journal] = [:]
    var notes: [String] = []
    for repository in Set(repositories).sorted() {
      locks.append(try RunLock.take(repository, patience: patience))
      var recovery = JournalRecovery(repository: repository, registry: registry)
      try recovery.recover()
      // A run that finds nothing new to archive would leave them.
      try Repository(path: repository).removeLeftovers()
      notes += recovery.notes
      journals[repository] = Journal(repository: repository, action: action, started: clock.now())
    }
    return RunSession(locks: locks, journals: journals, notes: notes)
  }

  /// The journal that a store's changes are written down in.
  func journal(of store: ManagedStore) throws(Problem) -> Journal {
    if let journal = journals[store.repository] { return journal }
    throw Problem(
      .missing, tried: "work on", on: store.writtenPath, said: "neither a file nor its repository is there",
      advice: "Check the path; dbmend creates no store where none is.", code: "file.missing")
  }

  /// Lets the locks go. Safe to call twice.
  func close() { for lock in locks { lock.release() } }
}

extension Engine {
  /// Opens a session on the repositories of stores. Where neither a store's file nor its repository is there, there is
  /// nothing to lock, and nothing is made.
  func openSession(_ stores: [ManagedStore], action: String, makingRepository: Bool = false, patience: Double = 0)
    throws(Problem)
    -> RunSession
  {
    var repositories: [String] = []
    for store in stores where makingRepository || canBeStore(store) || FileStatus.exists(store.repository) {
      repositories.append(store.repository)
    }
    let session = try RunSession.open(
      repositories, action: action, patience: patience, clock: clock, registry: registry)
    // After the journals, which know more of those that they name.
    var places: Set<String> = Set(repositories)
    for store in stores where !StorePath.isURI(store.path) { places.insert(Paths.folder(of: Paths.resolved(store.path))) }
    for place in places.sorted() { session.notes += AbandonedWork(registry).clear(place) }
    return session
  }

  /// Whether something stands under the path that may be a store of its kind.
  private func canBeStore(_ store: ManagedStore) -> Bool {
    guard let kind = (try? FileStatus.of(store.path))?.kind else { return store.path.contains("://") }
    return kind == .file || (kind == .folder && store.kind.flatMap { registry.driver($0) }?.keepsFolders ?? true)
  }
}
