/// A driver that holds a store against a backup of it, part by part.
public protocol ComparingDriver: Driver {
  /// Begins to hold a store against a backup. With `restores`, which is for working copies alone, each part that differs is
  /// written over as it comes. `isUnchanged` says that nothing was committed since the backup: whatever differs is damage then.
  func comparison(of path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem)
    -> any StoreComparison
}

/// A store that is held against a backup of it. Used once.
public protocol StoreComparison: AnyObject {
  /// Takes the next bytes of the backup's main file; false when no more are needed, since the store has changed.
  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool

  /// What came of it, when all bytes were taken, or when no more were needed.
  func finish() throws(Problem) -> ComparisonResult
}

/// How a store differs from a backup of it.
public struct ComparisonResult: Sendable, Hashable {
  /// Whether everything that survives of the store is as it is in the backup, so that the backup is the store.
  public var isSame: Bool
  /// Parts (pages, blocks) that differ or are not there any more.
  public var differing: Int
  /// Parts that the backup has.
  public var parts: Int
  /// What the parts are: pages, bytes.
  public var unit: String
  /// Whether the parts alone are the backup's: something may have been committed since that changed others.
  public var isOfParts: Bool
  /// What proves that nothing was committed since, or what speaks against it: the part of a sentence.
  public var reason: String
  /// After restoring, rows of the parts that were written over, table by table.
  public var rows: [String: Int]

  /// A result; see the properties.
  public init(
    isSame: Bool, differing: Int, parts: Int, unit: String, reason: String, isOfParts: Bool = false,
    rows: [String: Int] = [:]
  ) {
    self.isOfParts = isOfParts
    self.isSame = isSame
    self.differing = differing
    self.parts = parts
    self.unit = unit
    self.reason = reason
    self.rows = rows
  }
}
