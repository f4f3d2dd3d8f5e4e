/// The plugin that knows one kind of store. It is the only one that knows the engine; checks, repairs and the pipeline
/// work through it.
public protocol Driver: Sendable {
  /// What the driver says of itself. Its id is the store's kind.
  var description: PluginDescription { get }

  /// Whether a file is of this kind, by its first bytes and its name.
  func recognise(_ file: FileHead) -> Recognition

  /// Whether a search through a folder finds stores of this kind, or only who names one does: files without magic bytes stand
  /// everywhere, and few of them are an application's data.
  var isFoundBySearch: Bool { get }

  /// Whether stores of this kind are folders, rather than files.
  var keepsFolders: Bool { get }

  /// The driver for a store of which the configuration gives the options that the description lists.
  func configured(by options: Options) throws(Problem) -> any Driver

  /// Opens a store for reading: one consistent view for as long as the session lives. Creates nothing and changes nothing,
  /// not even when the path is missing. Waits up to `patience` seconds for a lock.
  func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession

  /// Opens a store for reading without keeping its writers waiting. Where the engine can only give one consistent view by
  /// holding writers off, the view is given up when one of them writes: a problem of kind `changing` is thrown, at the latest
  /// by the session's `confirm`.
  func openUnheld(_ path: String, patience: Double) throws(Problem) -> any StoreSession

  /// The folder in which copies of a store are mended, so that one can be renamed into its place; nil for a store that is no
  /// file, whose copies are made elsewhere.
  func workPlace(of path: String) -> String?

  /// Makes a working copy of the members of a snapshot or an archive, which were written to these paths in a folder, the main one
  /// first; where it is. `path` is the store that it is to take the place of.
  func assemble(_ members: [String], in folder: String, for path: String) throws(Problem) -> String

  /// Lets go of a working copy that is not wanted any more, where removing its files is not enough.
  func discard(_ copy: String)

  /// Folds what stands beside a working copy, such as a log, into its one file. Nobody else has it open.
  func settle(_ copy: String) throws(Problem)

  /// The store as it is for an archive: a consistent snapshot of it, or, where it cannot be read as a database any more, the
  /// raw bytes of all its files. `staging` is a folder for what must be copied while a lock is held; nil asks for a snapshot
  /// that reads the live store, which may turn out to have changed (`StoreSnapshot.confirm`).
  func snapshot(_ path: String, form: SnapshotForm, staging: String?, patience: Double) throws(Problem) -> StoreSnapshot

  /// What identifies the store's state cheaply: two equal stamps mean that nothing was committed in between.
  func stamp(_ path: String) throws(Problem) -> StoreStamp

  /// The files that belong to the store beside the main one, whether or not they exist.
  func sidecars(of path: String) -> [String]

  /// Puts a verified copy in the place of the store, in one atomic step under the engine's own lock: the old store or the
  /// new one is there at every instant. `expected` is the stamp that the store must still have. Where no store is any more,
  /// the copy gets the name, and what is left beside it is moved out of the way.
  func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem)

  /// Why `install` would refuse to put anything in the place of the store (a hard link, a folder that may not be written);
  /// nil when nothing is known to stand in the way. Whether another process has it open is not asked here.
  func installObstacle(_ path: String) -> Problem?

  /// The processes that have the store open, as far as this user may see them.
  func openers(of path: String) -> [Blocker]
}

extension Driver {
  /// For kinds that have magic bytes.
  public var isFoundBySearch: Bool { true }

  /// Most stores are files.
  public var keepsFolders: Bool { false }

  /// For kinds without options.
  public func configured(by options: Options) throws(Problem) -> any Driver { self }

  /// For files: the folder that they are in.
  public func workPlace(of path: String) -> String? { Paths.folder(of: path) }

  /// For stores whose main file is the store.
  public func assemble(_ members: [String], in folder: String, for path: String) throws(Problem) -> String {
    guard let main = members.first else {
      throw Problem(.damaged, tried: "make a copy of", on: path, said: "there is no file of it")
    }
    return main
  }

  /// For copies that are files.
  public func discard(_ copy: String) {}

  /// For engines whose readers never hold up a writer.
  public func openUnheld(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try open(path, patience: patience)
  }
}

/// The beginning of a file, for a driver to recognise it by.
public struct FileHead: Sendable {
  /// The file's path.
  public var path: String
  /// The first bytes, up to 4096.
  public var bytes: [UInt8]
  /// The file's size in bytes.
  public var size: Int
  /// Whether it is no file but a folder, which has no bytes of its own.
  public var isFolder: Bool

  /// A file's beginning.
  public init(path: String, bytes: [UInt8], size: Int, isFolder: Bool = false) {
    self.path = path
    self.bytes = bytes
    self.size = size
    self.isFolder = isFolder
  }
}

/// How sure a driver is that a file is of its kind.
public enum Recognition: Sendable, Hashable {
  /// The magic bytes are there.
  case certain
  /// The magic bytes are damaged, but the rest or the name speaks for it.
  case likely
  /// It is something else.
  case no
}

/// How an archive holds a store.
public enum SnapshotForm: Sendable, Hashable {
  /// The engine's own file, whole and consistent, with what its log holds folded in.
  case consistent
  /// Every file of the store byte for byte, under a lock where that can be had: for a damaged store.
  case raw
}

/// A consistent, read-only view of a store. Used from one thread.
public protocol StoreSession: AnyObject {
  /// What is known of the store without reading its tables.
  var facts: StoreFacts { get }

  /// The tables, columns, keys and indexes.
  func catalog() throws(Problem) -> Catalog

  /// The store's own structures and contents, held against each other as thoroughly as the options ask.
  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding]

  /// Which way the last verification went about each part; nil before one, and for drivers that have one way only.
  var verificationAccount: VerificationAccount? { get }

  /// The number of rows of one table.
  func rowCount(of table: Table) throws(Problem) -> Int

  /// The rows of every table, by its name, where the session happens to know them all; nil where it does not.
  var countedRows: [String: Int]? { get }

  /// The state of every sequence that a table draws its keys from.
  func sequences() throws(Problem) -> [SequenceState]

  /// Throws a problem of kind `changing` when what was read so far is not one state of the store.
  func confirm() throws(Problem)

  /// Lets locks and files go; nothing can be asked afterwards. Safe to call twice; also done when the session is dropped.
  func end()
}

extension StoreSession {
  /// For drivers that have one way only.
  public var verificationAccount: VerificationAccount? { nil }

  /// For drivers that count when they are asked.
  public var countedRows: [String: Int]? { nil }

  /// For sessions that hold one state for as long as they live.
  public func confirm() throws(Problem) {}
}

/// A session that knows about how many rows a table has without counting them.
public protocol EstimatingSession: StoreSession {
  /// About how many rows a table has; nil where nothing is known of it.
  func estimatedRowCount(of table: Table) throws(Problem) -> Int?
}

/// A session that tells parts of a store which the disk changed from parts that were written.
public protocol RotSession: StoreSession {
  /// The parts whose content is not what the notes say, where nothing was committed since they were taken; none where that is
  /// not certain. Of a folder also, as information, the files that were written, added and removed. To be asked after a full
  /// verification. At most `limit` of a kind are named one by one.
  func rottenParts(_ notes: BackupNotes, limit: Int) throws(Problem) -> [Finding]
}

/// What a store says of itself.
public struct StoreFacts: Sendable, Hashable {
  /// The engine and its version: `SQLite 3.40.1`.
  public var engine: String
  /// The version of the file's format, and what else the header tells, in a few words.
  public var format: String
  /// The size in bytes of the view: what a snapshot of it would have.
  public var bytes: Int
  /// Things that were noticed on opening, such as an interrupted transaction that the view leaves out.
  public var notices: [Finding]

  /// Facts; see the properties.
  public init(engine: String, format: String, bytes: Int, notices: [Finding] = []) {
    self.engine = engine
    self.format = format
    self.bytes = bytes
    self.notices = notices
  }
}

/// How thoroughly to verify.
public struct IntegrityRequest: Sendable {
  /// Whether the contents are compared too (indexes with their tables), not only the structures.
  public var isFull: Bool
  /// Whether the engine's own check is asked instead of the driver's verification, for who wants to compare.
  public var asksEngine: Bool
  /// The number of findings kept for each cause; the rest is counted.
  public var findingsPerCause: Int
  /// The number of threads that the verification may use: all processors, but 1 where several stores are checked at once.
  public var workers: Int
  /// Called with how far the work is, from 0 to 1.
  public var progress: @Sendable (Double) -> Void

  /// A request; full, by the driver, with 5 findings a cause, on all processors.
  public init(
    isFull: Bool = true, asksEngine: Bool = false, findingsPerCause: Int = 5, workers: Int = Workers.processors,
    progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) {
    self.isFull = isFull
    self.asksEngine = asksEngine
    self.findingsPerCause = findingsPerCause
    self.workers = workers
    self.progress = progress
  }
}

/// A session on a store that answers SQL.
public protocol SQLSession: StoreSession {
  /// A name as an identifier in the engine's SQL.
  func quoted(_ identifier: String) -> String

  /// The rows of a query, at most `limit` of them.
  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]]

  /// The rows whose foreign keys point nowhere: at most `limit` of them, and how many there are for each pair of tables.
  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)]

  /// The rows of a table in whose primary key a NULL is stored, whatever the declaration promises: at most `limit` rowids,
  /// and how many rows there are.
  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int)

  /// The primary keys that more than one row of a table has: at most `limit` of them, and how many there are. Reads the
  /// table itself, not an index.
  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int)

  /// Whether the index that enforces a table's primary key is known to disagree with the table, so that its promise of no
  /// duplicates does not hold. Only integrity verification finds that out.
  func keyIndexIsSuspect(_ table: Table) -> Bool

  /// Whether the engine keeps a name for its own tables and indexes, so that no statement may make one of that name.
  func isReserved(_ name: String) -> Bool
}

extension SQLSession {
  /// Most engines keep their own tables elsewhere.
  public func isReserved(_ name: String) -> Bool { false }
}

/// A session on a store that is one document.
public protocol DocumentSession: StoreSession {
  /// The values at places of the document, by JSON Pointer (RFC 6901); a place that is not there has none.
  func values(at pointers: [String]) throws(Problem) -> [String: DocumentValue]
}

/// A value of a document.
public struct DocumentValue: Sendable, Hashable {
  /// What it is. A number without a fraction is an integer.
  public enum Kind: String, Sendable, CaseIterable { case object, array, string, number, integer, boolean, null }

  /// What it is.
  public var kind: Kind
  /// The value as text; nil for objects and arrays.
  public var text: String?

  /// A value.
  public init(kind: Kind, text: String?) {
    self.kind = kind
    self.text = text
  }
}

/// One value of a row.
public enum SQLValue: Sendable, Hashable, CustomStringConvertible {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])

  /// The value as a message shows it.
  public var description: String {
    switch self {
    case .null: "NULL"
    case .integer(let value): String(value)
    case .real(let value): String(value)
    case .text(let value): value
    case .blob(let bytes): "\(bytes.count) bytes"
    }
  }

  /// The value as a whole number where it is one.
  public var integer: Int64? {
    if case .integer(let value) = self { return value }
    return nil
  }

  /// The value as text where it is text.
  public var text: String? {
    if case .text(let value) = self { return value }
    return nil
  }
}

/// A working copy, open for writing.
public protocol WorkingCopy: SQLSession {
  /// Runs statements; all of them or none.
  func execute(_ sql: String) throws(Problem)

  /// Rebuilds indexes from their tables. Entries of an index that point to no row are counted in the outcome.
  func rebuildIndexes(_ names: [String]) throws(Problem) -> RepairOutcome

  /// Writes all content into a new file in the engine's own way, leaving out pages that belong to nothing. Throws where a
  /// table cannot be read to its end.
  func rewrite() throws(Problem)

  /// Sets the sequence of each table to its largest key, and makes those that are missing.
  func resetSequences(_ tables: [String]) throws(Problem)

  /// Moves the rows of a table whose key is NULL to a table of their own; the number of rows moved.
  func setAsideNullKeys(of table: Table, into name: String) throws(Problem) -> Int

  /// Where the rows of a table stand that were set aside, as reports call it; nil where that is the name that was asked for.
  func placeAside(of table: Table) -> String?

  /// Writes everything to the one file and lets go of it.
  func close() throws(Problem)
}

extension WorkingCopy {
  /// For drivers that take the name that they are given.
  public func placeAside(of table: Table) -> String? { nil }
}
