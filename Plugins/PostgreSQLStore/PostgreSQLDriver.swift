import MendKit

/// PostgreSQL databases, through PostgreSQL's own client programs.
public struct PostgreSQLDriver: Driver {
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
      FindingDescription("database.missing", .error, "the server has no database of that name"),
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

  /// Counts of changed rows, transaction numbers of definitions, values of sequences.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp {
    try DatabaseStamp.read(PostgresAddress(path), patience: 5)
  }

  /// None.
  public func sidecars(of path: String) -> [String] { [] }

  /// To come.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    throw Problem(.unsupported, tried: "replace", on: path, said: "not yet")
  }

  /// To come.
  public func installObstacle(_ path: String) -> Problem? { nil }

  /// The other sessions at the database.
  public func openers(of path: String) -> [Blocker] {
    let address = PostgresAddress(path)
    guard let connection = try? ServerConnection(address, .reading, patience: 5) else { return [] }
    defer { connection.end() }
    guard let name = try? connection.value("select pg_catalog.current_database()") else { return [] }
    return (try? ServerSessions.others(connection, database: name)) ?? []
  }
}
