import MendKit

/// What an archive says of itself: its last member, with a copy beside the archive.
public struct Manifest: Sendable, Hashable {
  /// `dbmend.manifest/1`.
  public static let format = "dbmend.manifest/1"

  /// Which store the archive is of.
  public var store: StoreIdentity
  /// The kind of store, as its driver's id.
  public var kind: String
  /// The engine and its version.
  public var engine: String
  /// The dbmend that wrote it.
  public var version: String
  /// When the snapshot was taken, in seconds since 1970.
  public var taken: Int64
  /// Counts up with every archive of a repository, so that order does not hang on a clock that may go back.
  public var sequence: Int
  /// What the checks said of the store.
  public var verdict: Verdict
  /// Why it was taken: `backup`, `preflight`, `repair`, `restore`, `put-back`.
  public var reason: String
  /// Rows by table.
  public var rows: [String: Int]
  /// The live store's stamp.
  public var stamp: StoreStamp?
  /// The members before the manifest, in their order.
  public var members: [Member]

  /// One member of the archive.
  public struct Member: Sendable, Hashable {
    /// The name in the archive.
    public var name: String
    /// Size in bytes.
    public var size: Int
    /// SHA-256 of the content, in hexadecimal.
    public var sha256: String
    /// XXH3 with 128 bits of the content, in hexadecimal: quick to compare.
    public var xxh3: String

    /// A member; see the properties.
    public init(name: String, size: Int, sha256: String, xxh3: String) {
      self.name = name
      self.size = size
      self.sha256 = sha256
      self.xxh3 = xxh3
    }
  }

  /// A manifest; see the properties.
  public init(
    store: StoreIdentity, kind: String, engine: String, version: String, taken: Int64, sequence: Int,
    verdict: Verdict, reason: String, rows: [String: Int], stamp: StoreStamp?, members: [Member]
  ) {
    self.store = store
    self.kind = kind
    self.engine = engine
    self.version = version
    self.taken = taken
    self.sequence = sequence
    self.verdict = verdict
    self.reason = reason
    self.rows = rows
    self.stamp = stamp
    self.members = members
  }
}
