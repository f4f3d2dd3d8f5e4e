import MendKit

/// One store of a run, with everything that the configuration and the command line say of it.
public struct ManagedStore: Sendable {
  /// Environment, name, and the absolute path with links resolved.
  public var identity: StoreIdentity
  /// The path as the user wrote it.
  public var writtenPath: String
  /// The kind that the configuration gives; nil has it detected.
  public var kind: String?
  /// The options of its kind that the configuration gives.
  public var options: [OptionPair] = []
  /// The most that a repair of it may cost.
  public var maxLoss: Loss
  /// The checks, in order.
  public var checks: [Configuration.ConfiguredCheck]
  /// The folder of its archives.
  public var repository: String
  /// Whether the configuration names it. Rules and hooks are for such stores only.
  public var isConfigured: Bool
  /// What takes the place of its archives in a repair: an archive, or a store of the same kind.
  var source: String?

  /// The path to read and to mend: absolute, links resolved.
  public var path: String { identity.path }

  /// Whether anything stands under the path. Of a store on a server only its driver can tell, and there it is taken to be.
  var isThere: Bool { path.contains("://") || FileStatus.exists(path) }

  /// How the store is named on the command line.
  public var commandLineName: String { isConfigured ? identity.description : writtenPath }
}

/// The stores that targets name, and what was in the way of finding more.
struct Selection {
  private(set) var stores: [ManagedStore] = []
  var problems: [Problem] = []
  private var known: Set<StoreIdentity> = []

  /// A store that two targets name is handled once.
  mutating func add(_ store: ManagedStore) {
    if known.insert(store.identity).inserted { stores.append(store) }
  }
}
