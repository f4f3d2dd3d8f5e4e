import MendKit

/// DuckDB database files.
public struct DuckDBDriver: SQLDriver, SalvagingDriver, ComparingDriver, LoggedDriver {
  /// The driver; it holds no state.
  public init() {}

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own = PluginDescription(
    id: "duckdb", title: "DuckDB database files",
    discussion: """
      Reads the live file natively and without a lock: every block in use is held against its checksum while a copy of the file \
      and its log is taken, again where a checkpoint came in between. The `duckdb` client, a process of its own, opens that \
      copy alone, since a reader of the live file keeps the application from starting. The client must be installed \
      (`pip install duckdb-cli`) and able to read the file's version of the format.
      """,
    kind: .driver,
    finds: [
      FindingDescription(
        "file.not-a-file", .fatal, "a folder, a socket or another thing stands where a file should", isOfStore: true),
      FindingDescription(
        "file.not-a-database", .fatal, "the file does not begin as a DuckDB file does", isOfStore: true),
      FindingDescription("file.encrypted", .fatal, "the database is encrypted, or the file looks so", isOfStore: true),
      FindingDescription("file.malformed", .fatal, "a header is damaged, or DuckDB cannot open the file"),
      FindingDescription("wal.malformed", .error, "the log beside the file cannot be replayed"),
      FindingDescription("wal.unapplied", .info, "the log ends in the midst of a transaction, which DuckDB leaves out"),
      FindingDescription("schema.unsupported", .error, "the format needs a newer client than the one here"),
      FindingDescription("store.changing", .error, "the file was checkpointed again and again while it was copied"),
      FindingDescription("store.locked", .error, "another process kept the store locked"),
      FindingDescription("store.in-use", .error, "another process has the store open"),
      FindingDescription("engine.missing", .error, "DuckDB's client program is not installed"),
      FindingDescription("engine.out-of-memory", .error, "DuckDB's client program needs more memory than is free"),
    ])

  private static let extensions = ["duckdb", "ddb", "duck"]

  /// Certain by the magic bytes; likely by the name.
  public func recognise(_ file: FileHead) -> Recognition {
    guard !file.isFolder else { return .no }
    if FileHeaders.hasMagic(file.bytes) { return .certain }
    if ContentSigns.knownKind(file.bytes) == nil, Self.hasDatabaseHeader(file) { return .certain }
    let name = Paths.name(of: file.path).lowercased()
    guard let dot = name.lastIndex(of: ".") else { return .no }
    return Self.extensions.contains(String(name[name.index(after: dot)...])) ? .likely : .no
  }

  /// Whether the first header is gone, and one of the others tells what the file is.
  private static func hasDatabaseHeader(_ file: FileHead) -> Bool {
    guard file.size > FileHeaders.end, (file.size - FileHeaders.end) % 16_384 == 0,
      let handle = try? FileHandle.read(file.path), let headers = try? FileHeaders(handle)
    else { return false }
    return headers.active != nil
  }

  /// Takes a copy and has the engine open it.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try DuckDBSession.open(path, patience: patience)
  }

  /// Opens a working copy for writing.
  public func openCopy(_ path: String) throws(Problem) -> any WorkingCopy { try DuckDBWorkingCopy(path) }

  /// Not where the catalog is an older one: its rows would look like the newest ones then.
  public func isRewritable(_ path: String) -> Bool { ((try? CatalogAge.contradiction(at: path)) ?? nil) == nil }

  /// Makes a new, empty database.
  public func createStore(_ path: String) throws(Problem) -> any WorkingCopy {
    guard !FileStatus.exists(path) else {
      throw Problem(.refused, tried: "make a new database at", on: path, said: "something stands there already")
    }
    return try DuckDBWorkingCopy(path)
  }

  // MARK: - Mending

  /// Puts headers right, takes blocks of the backup that are proved to be the same, and writes what can be read into a new file.
  public func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome {
    try Salvage(copy, aid).run()
  }

  /// Whether the headers tell where the catalog is.
  public func isSalvageable(_ path: String) -> Bool { SalvagePlan.isPossible(path) }

  /// Nothing is lost where no table is touched.
  public func salvagePlan(_ path: String) -> (loss: Loss, reason: String) { SalvagePlan.of(path) }

  /// Nothing is lost either where the backup has every damaged block, and the file proves it.
  public func salvagePlan(
    _ path: String, backup read: ((UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Void
  ) -> (loss: Loss, reason: String) { SalvagePlan.of(path, read) }

  /// Holds a database against a backup of it, block by block.
  public func comparison(of path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem)
    -> any StoreComparison
  {
    try BlockComparison(path, isUnchanged: isUnchanged, restores: restores)
  }

  /// What setting the log aside comes to.
  public func logPlan(_ path: String) throws(Problem) -> String? { try LogMending(path)?.plan }

  /// Takes what cannot be replayed out of the log beside a working copy.
  public func setAsideLog(_ copy: String) throws(Problem) -> RepairOutcome {
    guard let mending = try LogMending(copy) else { return RepairOutcome() }
    return try mending.run()
  }

  // MARK: - Copies and places

  /// Has the engine write a checkpoint of a working copy, which takes its log up.
  public func settle(_ copy: String) throws(Problem) { try Settling.settle(copy) }

  /// A live database for an archive. The consistent form is one file with the log folded in; the raw form is every file.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    switch form {
    case .raw: try Snapshots.raw(path)
    case .consistent: try Snapshots.consistent(path, staging: staging)
    }
  }

  /// The file, the number of its last checkpoint, and the sizes of its logs.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp { try NativeCopy.stamp(Paths.resolved(path)) }

  /// The logs.
  public func sidecars(of path: String) -> [String] { Sidecars.suffixes.map { Paths.resolved(path) + $0 } }

  /// Puts a copy in the place of a live database, or where one was.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    try Installer(path, patience: patience).install(copy, expected: expected)
  }

  /// A hard link, a file or a folder that may not be written.
  public func installObstacle(_ path: String) -> Problem? { FileReplacement(path).obstacle() }

  /// The processes that have the database file open.
  public func openers(of path: String) -> [Blocker] {
    guard let status = try? FileStatus.of(path) else { return [] }
    return OpenFiles.processes(device: status.device, inode: status.inode)
  }
}
