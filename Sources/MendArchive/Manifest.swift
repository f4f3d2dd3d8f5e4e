import MendKit

/// What an archive says of itself: its last member, with a copy beside the archive.
public struct Manifest: Sendable, Hashable {
  /// The formats that are read: the second one may name a member with the driver's notes, the third one a listing of a folder's
  /// files. An archive without either is written in the first one.
  static let formats = ["dbmend.manifest/1", "dbmend.manifest/2", "dbmend.manifest/3"]

  /// The format that the manifest is written in.
  var format: String { Self.formats[listing != nil ? 2 : notes != nil ? 1 : 0] }

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
  /// The members before the manifest, in their order: the store's, the main one first, then the definitions if there
  /// are any. Of a folder's archive only the listing is among them, which tells of the others.
  public var members: [Member]
  /// The name of the member that holds the store's definitions; nil where none does.
  public var schema: String?
  /// The name of the member that holds what the driver noted of the store's content; nil where none does.
  public var notes: String?
  /// Where the files of a folder are listed; nil of a store that is no folder.
  public var listing: Listing?

  /// The member that lists the files of an archived folder, and what they come to.
  public struct Listing: Sendable, Hashable {
    /// The name of the member.
    public var member: String
    /// The name of the folder, with which the names of all its files begin.
    public var folder: String
    /// How many files there are.
    public var files: Int
    /// Size of all files together, in bytes.
    public var bytes: Int
    /// How many of these bytes are in blocks that are not all zeros: what they take where files have holes.
    public var data: Int
  }

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
    /// Owner, mode and extended attributes of the live file; nil for what dbmend itself added.
    public var attributes: FileAttributes?

    /// A member; see the properties.
    public init(name: String, size: Int, sha256: String, xxh3: String, attributes: FileAttributes? = nil) {
      self.name = name
      self.size = size
      self.sha256 = sha256
      self.xxh3 = xxh3
      self.attributes = attributes
    }
  }

  /// A manifest; see the properties.
  public init(
    store: StoreIdentity, kind: String, engine: String, version: String, taken: Int64, sequence: Int,
    verdict: Verdict, reason: String, rows: [String: Int], stamp: StoreStamp?, members: [Member],
    schema: String? = nil, notes: String? = nil, listing: Listing? = nil
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
    self.schema = schema
    self.notes = notes
    self.listing = listing
  }

  /// The members that are the store's own; none of a folder, whose files are in the listing.
  public var storeMembers: [Member] {
    members.filter { $0.name != schema && $0.name != notes && $0.name != listing?.member }
  }

  /// Size of the store's members together, in bytes.
  public var bytes: Int { listing?.bytes ?? storeMembers.reduce(0) { $0 + $1.size } }

  /// The room that the store's members take when they are written out, in bytes.
  var room: Int { listing?.data ?? bytes }

  /// The reason of an archive of what a failed command left in a store, taken before the put-back.
  public static let reasonOfPutBack = "put-back"

  /// The reason of an archive of what a restore replaces, taken before it.
  public static let reasonOfRestore = "restore"

  /// Whether the checks found nothing that was left.
  var isSound: Bool { verdict == .healthy || verdict == .repaired }

  /// Whether it was taken only so that what somebody wanted to get rid of is not lost. Such content may pass the checks, as when a
  /// command deleted every row.
  public var isSafetyCopy: Bool { reason == Manifest.reasonOfPutBack || reason == Manifest.reasonOfRestore }

  /// Whether it is such a copy of content that the checks passed.
  var isReplaced: Bool { isSound && isSafetyCopy }

  /// Whether it can serve as a backup: the checks found nothing that was left, and it is not what was to be replaced.
  public var isGood: Bool { isSound && !isSafetyCopy }

  /// The manifest's own name in the archive: `manifest.json`, unless the store has a file of that name itself.
  var fileName: String { Self.fileName(besides: members.map(\.name) + [listing?.folder].compactMap(\.self)) }

  static func fileName(besides names: [String]) -> String {
    names.contains(fileNames[0]) ? fileNames[1] : fileNames[0]
  }

  static let fileNames = ["manifest.json", "dbmend-manifest.json"]
}

/// Size and checksum of an archive's file as they were when it was read back: known only to the copy of the manifest
/// that stands beside it.
public struct Seal: Sendable, Hashable {
  /// Size in bytes.
  public var size: Int
  /// XXH3 with 128 bits, in hexadecimal.
  public var xxh3: String

  /// A size and a checksum.
  public init(size: Int, xxh3: String) {
    self.size = size
    self.xxh3 = xxh3
  }
}
