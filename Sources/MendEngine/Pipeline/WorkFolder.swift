import MendKit

/// The folder beside a store in which copies of it are mended: on the same volume, so that a rename puts one in place, and
/// for the owner alone, since it holds the store's data. It is locked while it is used, so that one which a dead run left is told
/// from it.
final class WorkFolder {
  let path: String
  private let driver: any Driver
  private var lock: FileHandle?

  /// A folder beside a file, under a name that nobody has. Not made yet, so that the journal can name it first.
  convenience init(beside file: String, _ driver: any Driver) { self.init(in: Paths.folder(of: file), driver) }

  /// A folder for the copies of a store: where its driver says, or else in its repository.
  convenience init(for store: ManagedStore, _ driver: any Driver) {
    self.init(in: driver.workPlace(of: store.path) ?? store.repository, driver)
  }

  private init(in folder: String, _ driver: any Driver) {
    path = Paths.join(folder, TemporaryName.work.make())
    self.driver = driver
  }

  deinit { lock?.close() }

  func make() throws(Problem) {
    while true {
      guard mkdir(path, 0o700) == 0 else { throw SystemError.problem("make a work folder beside the store,", path) }
      lock = FolderLock.take(path)
      // Between its making and its lock another run may have taken it for a dead one's.
      if FileStatus.exists(path) { return }
      lock?.close()
    }
  }

  /// A new, empty folder in it.
  func subfolder(_ prefix: String) throws(Problem) -> String {
    try Paths.makeTemporaryFolder(Paths.join(path, prefix + "-"))
  }

  /// Removes the folder, and lets go of the copies that are elsewhere. That it is gone is on the disk before a journal that names it
  /// is removed.
  func remove() throws(Problem) {
    for copy in RemoteCopies.noted(below: path) { driver.discard(copy) }
    guard FileStatus.exists(path) else { return }
    try Paths.removeTree(path)
    try Durable.syncFolder(Paths.folder(of: path))
    lock?.close()
    lock = nil
  }
}

extension WorkFolder {
  /// Removes the folder, and strikes its store off the journal. What cannot be removed stays written down, so that the next run
  /// tries again. A sentence about it; nil where all is gone.
  func end(_ store: StoreIdentity, _ journal: Journal?) -> String? {
    do throws(Problem) {
      try remove()
      try journal?.strike(store)
      return nil
    } catch {
      return "What this run worked with could not be removed, which the next run tries again: \(error)"
    }
  }
}

extension Engine {
  /// A copy of a store as it is now, and the stamp of what was copied: the engine's consistent view, or, where that cannot
  /// be had any more, every file of the store as it is.
  func copy(_ store: ManagedStore, _ driver: any Driver, into work: WorkFolder) throws(Problem) -> (
    path: String, stamp: StoreStamp
  ) {
    observer.began(.copying(store.identity))
    do throws(Problem) {
      return try copy(store, driver, form: .consistent, into: work)
    } catch {
      guard error.kind == .damaged || error.kind == .unsupported else { throw error }
      return try copy(store, driver, form: .raw, into: work)
    }
  }

  private func copy(
    _ store: ManagedStore, _ driver: any Driver, form: SnapshotForm, into work: WorkFolder
  ) throws(Problem) -> (path: String, stamp: StoreStamp) {
    let folder = try work.subfolder("copy")
    return try whileChanging { staged throws(Problem) in
      for name in try Paths.names(in: folder) { try Paths.removeTree(Paths.join(folder, name)) }
      let staging = staged ? try work.subfolder("staging") : nil
      let snapshot = try driver.snapshot(store.path, form: form, staging: staging, patience: patience)
      defer { snapshot.close() }
      let members = try snapshot.write(into: folder)
      let copy = try driver.assemble(members, in: folder, for: store.path)
      if let staging { try Paths.removeTree(staging) }
      return (copy, snapshot.stamp)
    }
  }

  /// Does the work on the live store; when that turns out to have changed meanwhile, again from what is staged while a lock
  /// is held.
  func whileChanging<Result>(_ work: (_ staged: Bool) throws(Problem) -> Result) throws(Problem) -> Result {
    do throws(Problem) {
      return try work(false)
    } catch {
      guard error.kind == .changing else { throw error }
    }
    return try work(true)
  }
}
