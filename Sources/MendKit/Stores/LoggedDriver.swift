/// A driver whose engine replays a log beside a store when it opens it, and refuses the store where that fails.
public protocol LoggedDriver: Driver {
  /// What setting the log beside a store aside would come to, as a sentence of a plan; nil where the log is in order, or there is
  /// none.
  func logPlan(_ path: String) throws(Problem) -> String?

  /// Takes what cannot be replayed out of the log beside a working copy. What it held is told in the outcome, as far as it can
  /// be read; the bytes are in the archive of the damaged store.
  func setAsideLog(_ copy: String) throws(Problem) -> RepairOutcome
}
