import MendKit

/// A snapshot that is made in a folder of the repository while the checks of its store run.
final class EarlySnapshot {
  private let underWay: any SnapshotUnderWay
  private let staging: String
  private var isTaken = false

  fileprivate init(_ underWay: any SnapshotUnderWay, in staging: String) {
    self.underWay = underWay
    self.staging = staging
  }

  /// The snapshot, once: whoever has to try again makes another.
  func take() throws(Problem) -> StoreSnapshot? {
    guard !isTaken else { return nil }
    isTaken = true
    return try underWay.finish()
  }

  /// Gives it up, or, where it was archived, removes its folder.
  func end() {
    underWay.giveUp()
    try? Paths.removeTree(staging)
  }
}

extension Engine {
  /// Begins the snapshot of a store that is to be archived when its checks pass; nil where its driver makes them later. What stands
  /// in the way the checks will tell.
  func beginSnapshot(of store: ManagedStore) -> EarlySnapshot? {
    guard Workers.processors > 1, let head = try? StoreFile.head(of: store.path),
      let driver = (try? driver(of: store, head: head)) as? any SnapshotAheadDriver
    else { return nil }
    var folder: String?
    let underWay = driver.beginSnapshot(store.path, patience: patience) { () throws(Problem) in
      let staging = try makeStaging(for: store)
      folder = staging
      return staging
    }
    guard let folder else { return nil }
    guard let underWay else {
      try? Paths.removeTree(folder)
      return nil
    }
    return EarlySnapshot(underWay, in: folder)
  }
}
