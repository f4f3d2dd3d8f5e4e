import MendKit

/// The folder that holds archives.
public struct Repository: Sendable {
  /// The folder's path. It is made when the first archive is written.
  public let path: String
  let clock: Clock

  /// The repository in a folder, whether or not the folder is there yet.
  public init(path: String, clock: Clock = .system) {
    self.path = path
    self.clock = clock
  }

  /// One archive of the repository, as its manifest's copy tells it.
  public struct Record: Sendable {
    /// The archive's path.
    public var path: String
    /// Its size in bytes; nil when the archive itself is not there any more.
    public var size: Int?
    /// What it says of itself; nil when the manifest cannot be read.
    public var manifest: Manifest?
    /// Why the archive or its manifest cannot be used; nil when nothing speaks against it.
    public var problem: Problem?
    /// What the file was when it was written; nil where no copy of the manifest stands beside it.
    public var seal: Seal?

    /// A record; see the properties.
    public init(path: String, size: Int?, manifest: Manifest?, problem: Problem? = nil, seal: Seal? = nil) {
      self.path = path
      self.size = size
      self.manifest = manifest
      self.problem = problem
      self.seal = seal
    }
  }

  /// What the caller knows of a store that is to be archived.
  public struct Draft: Sendable {
    /// Which store.
    public var store: StoreIdentity
    /// The kind, as its driver's id.
    public var kind: String
    /// The engine and its version.
    public var engine: String
    /// What the checks said.
    public var verdict: Verdict
    /// Why it is archived.
    public var reason: String
    /// Rows by table.
    public var rows: [String: Int]
    /// The store's definitions, for `schema.sql`.
    public var schema: String?
    /// The dbmend that writes it.
    public var version: String

    /// A draft; see the properties.
    public init(
      store: StoreIdentity, kind: String, engine: String, verdict: Verdict, reason: String, rows: [String: Int],
      schema: String?, version: String
    ) {
      self.store = store
      self.kind = kind
      self.engine = engine
      self.verdict = verdict
      self.reason = reason
      self.rows = rows
      self.schema = schema
      self.version = version
    }
  }
}
