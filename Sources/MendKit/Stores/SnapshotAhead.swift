/// A driver whose snapshots take long and hold nobody up: a backup has one made while the checks of the store run, and takes it
/// when they find the store healthy.
public protocol SnapshotAheadDriver: Driver {
  /// Begins a consistent snapshot of a store, to be written to the folder that `staging` makes; nil where it is better made later.
  func beginSnapshot(
    _ path: String, patience: Double, staging: () throws(Problem) -> String
  ) -> (any SnapshotUnderWay)?
}

/// A snapshot that is being made. Used from one thread.
public protocol SnapshotUnderWay: AnyObject {
  /// The snapshot, waited for. Throws as `Driver.snapshot` does.
  func finish() throws(Problem) -> StoreSnapshot

  /// Ends what is still at work for it. Nothing is written to its folder afterwards. Safe to call twice, and after `finish`.
  func giveUp()
}
