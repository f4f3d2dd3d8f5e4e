/// Which store something belongs to. An archive is of a store when these three are equal, whatever its file is called.
public struct StoreIdentity: Sendable, Hashable, CustomStringConvertible {
  /// The environment's name; `adhoc` without a configuration.
  public var environment: String
  /// The store's name within its environment.
  public var name: String
  /// The absolute path with links resolved, or the URI of a server's database.
  public var path: String

  /// An identity of three parts.
  public init(environment: String, name: String, path: String) {
    self.environment = environment
    self.name = name
    self.path = path
  }

  /// `environment/name`, as users say it on the command line.
  public var description: String { "\(environment)/\(name)" }

  /// Whether the store was named by its path, without a configuration.
  public var isAdhoc: Bool { environment == Self.adhoc }

  /// The environment of stores that no configuration speaks of.
  public static let adhoc = "adhoc"
}
