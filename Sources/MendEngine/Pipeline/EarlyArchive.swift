import MendArchive
import MendKit

/// An archive of which the files are written while the checks of its store read them. It is kept when the checks find the store healthy.
final class EarlyArchive {
  private let repository: Repository
  private let store: StoreIdentity
  private var writing: FolderWriting?
  private var stamp: StoreStamp?

  fileprivate init(_ store: ManagedStore, in repository: Repository) {
    self.repository = repository
    self.store = store.identity
  }

  /// Takes up what a check hands over. What stands in its way, whoever archives the store after the checks will be told.
  func take(_ snapshot: StoreSnapshot) {
    defer { snapshot.close() }
    // Where nothing was written since the newest archive, there will hardly be another.
    guard snapshot.isFolder, writing == nil,
      (try? repository.hasArchive(of: store, as: snapshot.stamp)) == false
    else { return }
    stamp = snapshot.stamp
    writing = try? repository.beginFolder(snapshot, of: store)
  }

  /// The archive, once; nil where none was begun.
  func finish(
    _ draft: Repository.Draft, progress: @escaping (Double) -> Void
  ) throws(Problem) -> Archived? {
    guard let writing, let stamp else { return nil }
    self.writing = nil
    let written = try writing.finishUnlessUnchanged(draft, progress: progress)
    return Archived(record: written.record, stamp: stamp, isNew: written.isNew)
  }

  /// Gives it up, unless it has its name.
  func end() {
    writing?.discard()
    writing = nil
  }
}

extension Engine {
  /// An archive of a store that is to be checked, for what the checks hand over.
  func earlyArchive(of store: ManagedStore) -> EarlyArchive { EarlyArchive(store, in: repository(of: store)) }
}
