import MendKit

/// Which archives of a store stay when old ones are removed. An archive stays when any of the rules keeps it.
public struct RetentionPolicy: Sendable, Hashable {
  /// The newest so many good archives.
  public var keepLast = 30
  /// The newest good archive of each of so many days that have one.
  public var keepDaily = 0
  /// Likewise for weeks, Monday to Sunday in UTC.
  public var keepWeekly = 0
  /// Likewise for months.
  public var keepMonthly = 0
  /// Every good archive that is younger than this, in seconds.
  public var keepWithin: Double = 0
  /// So many archives of damaged stores: the first and the newest ones.
  public var keepDamaged = 3
  /// The most that all archives of the repository may take, in bytes; the oldest go first, but never the newest good
  /// one of a store.
  public var maxSize: Int?

  /// The policy that holds when nothing is said.
  public init() {}
}
