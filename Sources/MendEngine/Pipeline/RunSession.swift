import MendArchive
import MendKit

/// What a run that changes something holds from its beginning to its end: the locks of its repositories and their journals, and
/// the claims on the stores that it may change.
final class RunSession {
  private let locks: [RunLock]
  private let claims: StoreClaims?
  private let journals: [String: Journal]
  /// What earlier runs that died left behind, in sentences.
  fileprivate(set) var notes: [String]

  private init(locks: [RunLock], claims: StoreClaims?, journals: [String: Journal], notes: [String]) {
    self.locks = locks
    self.claims = claims
    self.journals = journals
    self.notes = notes
  }

  /// Locks the repositories, in one order for all runs so that two cannot wait for each other, claims the stores that are to be
  /// changed, and cleans up after runs that died.
  static func open(
    _ repositories: [String], changing stores: [ManagedStore] = [], action: String, patience: Double = 0, clock: Clock,
    registry: PluginRegistry = PluginRegistry()
  ) throws(Problem) -> RunSession {
    var locks: [RunLock] = []
    var journals: [String: Journal] = [:]
    var notes: [String] = []
    for names in try byFolder(repositories) {
      let repository = names[0]
      locks.append(try RunLock.take(repository, patience: patience))
      var recovery = JournalRecovery(repository: repository, registry: registry)
      try recovery.recover()
      // A run that finds nothing new to archive would leave them.
      try Repository(path: repository).removeLeftovers()
      notes += recovery.notes
      let journal = Journal(repository: repository, action: action, started: clock.now())
      for name in names { journals[name] = journal }
    }
    let claims = stores.isEmpty ? nil : try StoreClaims.take(stores, patience: patience)
    return RunSession(locks: locks, claims: claims, journals: journals, notes: notes)
  }

  /// The repositories, each with all of its names: two paths may lead to one folder. In the order of the folders' numbers, which
  /// is the same by whatever paths other runs come.
  private static func byFolder(_ repositories: [String]) throws(Problem) -> [[String]] {
    var folders: [(device: UInt64, inode: UInt64, names: [String])] = []
    for repository in Set(repositories).sorted() {
      try Paths.makeFolder(repository, mode: 0o700)
      let status = try FileStatus.of(repository)
      let place = folders.firstIndex { $0.device == status.device && $0.inode == status.inode }
      if let place {
        folders[place].names.append(repository)
      } else {
        folders.append((status.device, status.inode, [repository]))
      }
    }
    return folders.sorted { ($0.device, $0.inode) < ($1.device, $1.inode) }.map(\.names)
  }

  /// The journal that a store's changes are written down in.
  func journal(of store: ManagedStore) throws(Problem) -> Journal {
    if let journal = journals[store.repository] { return journal }
    throw Problem(
      .missing, tried: "work on", on: store.writtenPath, said: "neither a file nor its repository is there",
      advice: "Check the path; dbmend creates no store where none is.", code: "file.missing")
  }

  /// Lets everything go. Safe to call twice.
  func close() {
    claims?.release()
    for lock in locks { lock.release() }
  }
}

extension Engine {
  /// Opens a session on the repositories of stores, and on the stores themselves unless they are only read. Where neither a
  /// store's file nor its repository is there, there is nothing to lock, and nothing is made.
  func openSession(
    _ stores: [ManagedStore], action: String, isReading: Bool = false, makingRepository: Bool = false,
    patience: Double = 0
  ) throws(Problem) -> RunSession {
    var repositories: [String] = []
    for store in stores where makingRepository || canBeStore(store) || FileStatus.exists(store.repository) {
      repositories.append(store.repository)
    }
    let session = try RunSession.open(
      repositories, changing: isReading ? [] : stores, action: action, patience: patience, clock: clock,
      registry: registry)
    // After the journals, which know more of those that they name.
    var places: Set<String> = Set(repositories)
    for store in stores where !StorePath.isURI(store.path) {
      places.insert(Paths.folder(of: Paths.resolved(store.path)))
    }
    for place in places.sorted() { session.notes += AbandonedWork(registry).clear(place) }
    return session
  }

  /// Whether something stands under the path that may be a store of its kind.
  private func canBeStore(_ store: ManagedStore) -> Bool {
    guard let kind = (try? FileStatus.of(store.path))?.kind else { return store.path.contains("://") }
    return kind == .file || (kind == .folder && store.kind.flatMap { registry.driver($0) }?.keepsFolders ?? true)
  }
}
