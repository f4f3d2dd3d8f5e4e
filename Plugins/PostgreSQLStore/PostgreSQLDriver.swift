import MendKit
import Synchronization

/// PostgreSQL databases, through PostgreSQL's own client programs.
public struct PostgreSQLDriver: ServerDriver, SalvagingDriver, SnapshotAheadDriver {
  /// The driver; it holds no state.
  public init() {}

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own = PluginDescription(
    id: "postgresql", title: "PostgreSQL databases",
    discussion: """
      A store is one database, named by its URI: `postgresql://user@host/name`. What the URI leaves out comes from where psql \
      takes it: the variables `PGHOST` and its like, a service file (`?service=name`), `PGPASSFILE`. A password in the URI goes to the client programs \
      in their environment, and stands in no report, archive or command line of theirs. One transaction is the consistent view \
      of all checks, and lets writers go on. Verification is by the extension amcheck; where it is not there but may be made, that \
      happens in a transaction that is rolled back. An archive has the dump of `pg_dump` in its custom format, which `pg_restore` opens.
      """,
    kind: .driver,
    finds: [
      FindingDescription("database.missing", .error, "the server has no database of that name", isOfStore: true),
      FindingDescription("server.unreachable", .error, "nothing answers where the server should be"),
      FindingDescription("engine.missing", .error, "a client program of PostgreSQL is not installed"),
      FindingDescription("store.denied", .error, "the server does not let this user in"),
      FindingDescription("store.unreadable", .fatal, "the server gives up on the database"),
      FindingDescription("store.locked", .error, "the database takes no connections"),
      FindingDescription("store.in-use", .error, "other sessions have the database open"),
    ])

  /// No file is one.
  public var isFoundBySearch: Bool { false }

  /// Certain by the scheme of the URI.
  public func recognise(_ file: FileHead) -> Recognition { PostgresAddress.isAddress(file.path) ? .certain : .no }

  /// Begins a transaction that only reads.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try PostgresSession(PostgresAddress(path), patience: patience)
  }

  /// There is nothing beside a database.
  public func settle(_ copy: String) throws(Problem) {}

  /// A dump. It is written to a file first, since an archive has to know its size.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    guard let staging else {
      throw Problem(.changing, tried: "dump", on: path, said: "a dump needs a folder to be written to")
    }
    return try DatabaseSnapshot(PostgresAddress(path), staging: staging, patience: patience).make(form)
  }

  /// A dump is written while the checks run. The stamp comes first: the sessions of the checks would be in it. Without data
  /// checksums the checks come first: to read a damaged row can end the server's process, and with it all sessions.
  public func beginSnapshot(
    _ path: String, patience: Double, staging: () throws(Problem) -> String
  ) -> (any SnapshotUnderWay)? {
    let address = PostgresAddress(path)
    guard (try? PostgresPrograms.dump()) != nil,
      let connection = try? ServerConnection(address, .reading, patience: patience)
    else { return nil }
    defer { connection.end() }
    let settings = try? connection.rows(
      "select current_setting('data_checksums'), current_setting('server_encoding')"
    ).first
    guard let settings, settings.count == 2, settings[0] == "on", let encoding = settings[1],
      let stamp = try? DatabaseStamp.read(connection), let folder = try? staging()
    else { return nil }
    // Nor would this session be in a later stamp.
    connection.end()
    return DatabaseSnapshot.UnderWay(
      DatabaseSnapshot(address, staging: folder, patience: patience), stamp, encoding: encoding)
  }

  /// Counts of changed rows, transaction numbers of definitions, values of sequences.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp {
    try DatabaseStamp.read(PostgresAddress(path), patience: 5)
  }

  /// None.
  public func sidecars(of path: String) -> [String] { [] }

  /// Gives the new database the name of the old one, in one transaction; the old one is kept under a name with the time.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    let maintenance = try ServerMaintenance(PostgresAddress(path), patience: patience)
    defer { maintenance.end() }
    let kept = try DatabaseExchange(maintenance, PostgresAddress(copy)).run(expected: expected)
    // What was known of the catalogs of the old one is not so of the new one.
    CatalogIndexes.trust(PostgresAddress(path))
    let asides = DuplicateRows.asides(of: PostgresAddress(copy)).map { $0.sentence + "." }
    let found = FoundRows.sentences(of: PostgresAddress(copy))
    let old = kept.map {
      "The database that was replaced is kept as \($0); drop it when it is not needed any more."
    }
    let told = (asides + found + [DatabaseFilling.sentence(of: PostgresAddress(copy)), old].compactMap(\.self)).joined(
      separator: " ")
    Self.kept.withLock { $0[path] = told.isEmpty ? nil : told }
  }

  /// What became of databases that were replaced, by the URI.
  private static let kept = Mutex<[String: String]>([:])

  /// Under which name the old database is kept.
  public func replaced(at path: String) -> String? {
    Self.kept.withLock { $0[path] }
  }

  /// A role that may not make databases, or not rename this one; a standby.
  public func installObstacle(_ path: String) -> Problem? {
    do throws(Problem) {
      let maintenance = try ServerMaintenance(PostgresAddress(path), patience: 5)
      defer { maintenance.end() }
      return (try? maintenance.obstacle()) ?? nil
    } catch {
      return error
    }
  }

  // MARK: - Working copies

  /// Copies are databases; what is dumped and unpacked on the way to them is in the repository.
  public func workPlace(of path: String) -> String? { nil }

  /// A database of a name that dbmend gives, on the same server.
  public func placeForCopy(of path: String, in folder: String) throws(Problem) -> String {
    let copy = PostgresAddress(path).with(database: ServerMaintenance.workName())
    try RemoteCopies.note(copy.uri, in: folder)
    return copy.uri
  }

  /// Makes the database and restores the dump to it.
  public func fill(_ copy: String, from members: [String], for path: String) throws(Problem) {
    let maintenance = try ServerMaintenance(PostgresAddress(path), patience: 5)
    defer { maintenance.end() }
    if let obstacle = (try? maintenance.obstacle()) ?? nil { throw obstacle }
    try DatabaseFilling(PostgresAddress(copy), maintenance).run(members)
  }

  /// A new database of the members.
  public func assemble(_ members: [String], in folder: String, for path: String) throws(Problem) -> String {
    let copy = try placeForCopy(of: path, in: folder)
    try fill(copy, from: members, for: path)
    return copy
  }

  /// Drops the database, unless it has another name by now.
  public func discard(_ copy: String) {
    let address = PostgresAddress(copy)
    guard let name = address.database, let maintenance = try? ServerMaintenance(address, patience: 5) else { return }
    defer { maintenance.end() }
    maintenance.drop(name)
  }

  /// Opens a database for writing.
  public func openCopy(_ path: String) throws(Problem) -> any WorkingCopy {
    try PostgresWorkingCopy(PostgresAddress(path), patience: 5)
  }

  /// Makes an empty database.
  public func createStore(_ path: String) throws(Problem) -> any WorkingCopy {
    let address = PostgresAddress(path)
    let maintenance = try ServerMaintenance(address, patience: 5)
    defer { maintenance.end() }
    do throws(ServerFailure) {
      try maintenance.create(address)
    } catch {
      throw error.problem("make the database", on: path)
    }
    return try PostgresWorkingCopy(address, patience: 5)
  }

  /// Writes the dump of a database to a file.
  public func export(_ copy: String, to file: String) throws(Problem) {
    do throws(ServerFailure) {
      try DumpFile(PostgresAddress(copy), patience: 5).write(to: file)
    } catch {
      throw error.problem("dump", on: copy)
    }
  }

  // MARK: - Mending

  /// Counts what could be read, and takes the rest from a backup.
  public func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome {
    try PostgresSalvage(PostgresAddress(copy), patience: 5).run(aid)
  }

  /// Where the server lets somebody in, something can be read.
  public func isSalvageable(_ path: String) -> Bool {
    guard let session = try? open(path, patience: 5) else { return false }
    defer { session.end() }
    return (try? session.catalog()) != nil
  }

  /// Rows are read one by one where that must be.
  public func salvagePlan(_ path: String) -> (loss: Loss, reason: String) {
    (
      .rows,
      "reads every row that can be read into a new database, which takes the place of the old one; the rest is named"
    )
  }

  /// The other sessions at the database.
  public func openers(of path: String) -> [Blocker] {
    let address = PostgresAddress(path)
    guard let connection = try? ServerConnection(address, .reading, patience: 5) else { return [] }
    defer { connection.end() }
    guard let name = try? connection.value("select pg_catalog.current_database()") else { return [] }
    return (try? ServerSessions.others(connection, database: name)) ?? []
  }
}
