/// How bad a finding is.
public enum Severity: String, Sendable, Codable, CaseIterable, Comparable {
  /// Worth knowing; nothing is wrong.
  case info
  /// Wrong, but the engine recovers from it or the operator asked only to be told.
  case warning
  /// The store is damaged, or breaks a rule of the configuration.
  case error
  /// The store cannot be read at all.
  case fatal

  /// In rising order.
  public static func < (one: Severity, other: Severity) -> Bool { one.rank < other.rank }

  private var rank: Int {
    switch self {
    case .info: 0
    case .warning: 1
    case .error: 2
    case .fatal: 3
    }
  }
}
