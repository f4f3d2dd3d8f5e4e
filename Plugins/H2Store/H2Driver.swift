import MendKit

/// H2 database files.
public struct H2Driver: SQLDriver, SalvagingDriver, ComparingDriver {
  private let login: Login

  /// The driver of databases that the user `SA` opens.
  public init() { login = Login() }

  private init(_ login: Login) { self.login = login }

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own = PluginDescription(
    id: "h2", title: "H2 database files",
    discussion: """
      Reads the live file natively and without a lock: headers, chunks and pages of the newest version are held against their \
      checksums on a copy, which is taken again where an application wrote meanwhile. H2 itself, run by Java in a process of its \
      own, opens that copy alone and reads every column of every table, large objects included. H2's checksums cover headers, and \
      not what stands behind them: archives note a sum of each chunk, and as H2 never changes a chunk once it is written, one that \
      has another sum later was changed by the disk, whatever was committed since.

      Files are named `NAME.mv.db`. Java and H2's jar must be installed (`apt-get install libh2-java default-jre-headless`), or \
      `H2_JAR` name the application's own jar, which is the one to take where the application uses another version of H2. The \
      password of the user is read from the environment's `H2_PASSWORD`, or from the file of `password_file`.
      """,
    kind: .driver,
    finds: [
      FindingDescription(
        "file.not-a-file", .fatal, "a folder, a socket or another thing stands where a file should", isOfStore: true),
      FindingDescription(
        "file.not-a-database", .fatal, "the file does not begin as an H2 database does", isOfStore: true),
      FindingDescription("file.encrypted", .fatal, "the database is encrypted, or the file looks so", isOfStore: true),
      FindingDescription("file.malformed", .fatal, "headers or chunks are damaged, or H2 cannot open the file"),
      FindingDescription("schema.unsupported", .error, "the file is of a version that the jar here cannot open"),
      FindingDescription("store.changing", .error, "the file was written again and again while it was copied"),
      FindingDescription("store.locked", .error, "another process kept the store locked"),
      FindingDescription("store.in-use", .error, "another process has the store open"),
      FindingDescription("store.login", .error, "H2 refuses the user or the password"),
      FindingDescription("engine.missing", .error, "Java or H2's jar is not installed"),
    ],
    options: [
      OptionDescription(
        "user", .string, default: .string("SA"), "the user that opens the database; an administrator of it"),
      OptionDescription(
        "password_file", .string, "a file whose first line is the user's password; else `H2_PASSWORD`, or none"),
    ])

  /// Certain by the magic bytes; likely by the name.
  public func recognise(_ file: FileHead) -> Recognition {
    if StoreHeaders.hasMagic(file.bytes) || StoreHeaders.isEncrypted(file.bytes) { return .certain }
    return Paths.name(of: file.path).lowercased().hasSuffix(Client.suffix) ? .likely : .no
  }

  /// The driver with the configuration's user.
  public func configured(by options: Options) throws(Problem) -> any Driver {
    H2Driver(Login(user: options.string("user") ?? "SA", passwordFile: options.string("password_file")))
  }

  /// Takes a copy and has the engine open it.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try H2Session.open(path, login: login)
  }

  /// Opens a working copy for writing.
  public func openCopy(_ path: String) throws(Problem) -> any WorkingCopy { try H2WorkingCopy(path, login: login) }

  /// Makes a new, empty database.
  public func createStore(_ path: String) throws(Problem) -> any WorkingCopy {
    guard !FileStatus.exists(path) else {
      throw Problem(.refused, tried: "make a new database at", on: path, said: "something stands there already")
    }
    return try H2WorkingCopy(path, login: login, creates: true)
  }

  /// Not where H2 would open an older version, or stop at a page.
  public func isRewritable(_ path: String) -> Bool { (try? H2WorkingCopy.refuseOlder(path)) != nil }

  /// There is nothing beside the file.
  public func settle(_ copy: String) throws(Problem) {}

  /// A live database for an archive: one file, as a copy that is one state of it, or as it is.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    switch form {
    case .raw: try Snapshots.raw(path)
    case .consistent: try Snapshots.consistent(path, staging: staging)
    }
  }

  /// The file, and the version that its headers name.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp { try NativeCopy.stamp(Paths.resolved(path)) }

  /// None: what H2 writes beside the file are messages, and locks of its own.
  public func sidecars(of path: String) -> [String] { [] }

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

  // MARK: - Mending

  /// Puts headers right, or the pages that are left together, or goes back to an older version.
  public func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome {
    try Salvage(copy: copy, login: login, aid: aid).run()
  }

  /// Whether any rows are left.
  public func isSalvageable(_ path: String) -> Bool { Salvage.isPossible(path) }

  /// Nothing is lost where no page is touched.
  public func salvagePlan(_ path: String) -> (loss: Loss, reason: String) { Salvage.plan(path) }

  /// Holds a database against a backup of it, block by block.
  public func comparison(of path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem)
    -> any StoreComparison
  {
    try BlockComparison(path, isUnchanged: isUnchanged, restores: restores)
  }
}
