/// The worst that a repair may cost, in rising order. `max_loss` holds a plan to at most one of these.
public enum Loss: String, Sendable, Codable, CaseIterable, Comparable {
  /// Every row stays.
  case none
  /// Only rows that can be read nowhere any more.
  case rows
  /// What changed since a backup, deletions included.
  case changes
  /// All content: an empty schema is left.
  case everything

  /// In rising order.
  public static func < (one: Loss, other: Loss) -> Bool { one.rank < other.rank }

  /// 0 for `none` to 3 for `everything`.
  public var rank: Int {
    switch self {
    case .none: 0
    case .rows: 1
    case .changes: 2
    case .everything: 3
    }
  }
}
