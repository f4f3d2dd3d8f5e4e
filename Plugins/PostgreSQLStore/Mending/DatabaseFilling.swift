import MendKit
import Synchronization

/// Makes a database of the members of an archive: of a dump, and of what could be read of damaged tables beside it.
struct DatabaseFilling {
  private let copy: PostgresAddress
  private let maintenance: ServerMaintenance

  init(_ copy: PostgresAddress, _ maintenance: ServerMaintenance) {
    self.copy = copy
    self.maintenance = maintenance
  }

  /// What could not be read of the databases that this process made copies of.
  private static let remains = Mutex<[String: RemainsList]>([:])

  /// How many rows the indexes of damaged tables of the store know which a copy was made of.
  private static let known = Mutex<[String: [String: Int]]>([:])

  static func knownRows(of copy: PostgresAddress) -> [String: Int] { known.withLock { $0[copy.uri] ?? [:] } }

  static func remains(of copy: PostgresAddress) -> RemainsList? { remains.withLock { $0[copy.uri] } }

  func run(_ members: [String]) throws(Problem) {
    guard let dump = members.first else {
      throw Problem(.damaged, tried: "make a database of", on: copy.uri, said: "the archive holds no dump")
    }
    do throws(ServerFailure) {
      try maintenance.create(copy)
    } catch {
      throw error.problem("make a new database beside", on: maintenance.address.uri)
    }
    Self.known.withLock { $0[copy.uri] = RowsByIndex.remembered(of: maintenance.address.uri) }
    var list: RemainsList?
    for member in members where member.hasSuffix(".unread.json") {
      list = RemainsList(try FileHandle.read(member).readAll(limit: 64 << 20))
    }
    guard let list else {
      do throws(Problem) {
        try restore(dump, ["--exit-on-error"])
      } catch {
        guard error.kind == .program, try restoreWithoutDuplicates(dump) else { throw error }
      }
      return try gatherStatistics()
    }
    try restore(dump, ["--exit-on-error", "--section=pre-data", "--section=data"])
    for entry in list.tables { try load(entry, from: Paths.join(Paths.folder(of: dump), entry.file)) }
    do throws(Problem) {
      try restoreRest(dump)
    } catch {
      guard try setDuplicatesAside() else { throw error }
      try restoreRest(dump)
    }
    Self.remains.withLock { $0[copy.uri] = list }
    try gatherStatistics()
  }

  /// Restores once more, with rows set aside that keep a unique index from being built; false where that is not what failed.
  private func restoreWithoutDuplicates(_ dump: String) throws(Problem) -> Bool {
    do throws(ServerFailure) {
      // Nothing of the first attempt is kept: it broke off somewhere.
      guard let name = copy.database else { return false }
      maintenance.drop(name)
      try maintenance.create(copy)
    } catch {
      throw error.problem("make a new database beside", on: maintenance.address.uri)
    }
    try restore(dump, ["--exit-on-error", "--section=pre-data", "--section=data"])
    guard try setDuplicatesAside() else { return false }
    try restore(dump, ["--exit-on-error", "--section=post-data"])
    return true
  }

  /// Whether there were rows that had to be set aside. What has to be unique, the old database tells.
  private func setDuplicatesAside() throws(Problem) -> Bool {
    guard let old = try? ServerConnection(maintenance.address, .reading, patience: maintenance.patience) else {
      return false
    }
    defer { old.end() }
    let new = try ServerConnection(copy, .writing, patience: maintenance.patience)
    defer { new.end() }
    do throws(ServerFailure) {
      return try DuplicateRows.setAside(copy, old: old, new: new) > 0
    } catch {
      throw error.problem("set rows of the same key aside in the new database beside", on: maintenance.address.uri)
    }
  }

  /// A dump has none; without them the first queries would be slow.
  private func gatherStatistics() throws(Problem) {
    let connection = try ServerConnection(copy, .writing, patience: maintenance.patience)
    defer { connection.end() }
    try? connection.run("analyze")
  }

  /// A role may be set to read only, or to give statements little time; a restore has to write for as long as it takes.
  private var variables: [String: String?] {
    copy.environment(
      patience: maintenance.patience, options: ["default_transaction_read_only=off", "statement_timeout=0"])
  }

  private func restore(_ dump: String, _ options: [String]) throws(Problem) {
    let outcome = try PostgresPrograms.restore().run(
      ["-w", "-d", copy.uri, "--jobs=\(Workers.processors)"] + options + [dump], environment: variables)
    guard outcome.isSuccess else { throw failure(outcome) }
  }

  private func failure(_ outcome: ClientProgram.Outcome) -> Problem {
    let words = outcome.lastWords
    return Problem(
      words.contains("No space left") ? .noSpace : words.contains("permission denied") ? .denied : .program,
      tried: "restore the dump to a new database beside", on: maintenance.address.uri, said: String(words.suffix(600)),
      advice: "The dump is in the archive: tar -xf takes it out, and pg_restore reads it.")
  }

  /// Rows come in as `COPY` wrote them.
  private func load(_ entry: RemainsList.Entry, from path: String) throws(Problem) {
    guard FileStatus.exists(path) else {
      throw Problem(.damaged, tried: "load the rows of \(entry.table) from", on: path, said: "it is not there")
    }
    let script = try CopyFile.command("\(entry.sql) (\(entry.columns))", from: path)
    let outcome = try PostgresPrograms.psql().run(
      ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", copy.uri], input: Array(script.utf8), environment: variables)
    guard outcome.isSuccess else { throw failure(outcome) }
  }

  /// Indexes and constraints. A foreign key that points to rows which could not be read is made without holding the rows that
  /// are there against it: the check of foreign keys names these.
  private func restoreRest(_ dump: String) throws(Problem) {
    let outcome = try PostgresPrograms.restore().run(
      ["-w", "-d", copy.uri, "--section=post-data", dump], environment: variables)
    if outcome.isSuccess { return }
    let (old, new) = (
      try ServerConnection(maintenance.address, .reading, patience: maintenance.patience),
      try ServerConnection(copy, .writing, patience: maintenance.patience)
    )
    defer {
      old.end()
      new.end()
    }
    do throws(ServerFailure) {
      let query = """
        select conrelid::regclass::text, conname, pg_catalog.pg_get_constraintdef(oid) from pg_catalog.pg_constraint
        where contype = 'f' and conparentid = 0 order by 1, 2
        """
      for connection in [old, new] { try connection.run("set search_path = pg_catalog") }
      var present: Set<String> = []
      for row in try new.rows(query) where row.count == 3 { present.insert((row[0] ?? "") + "." + (row[1] ?? "")) }
      for row in try old.rows(query) where row.count == 3 {
        guard let table = row[0], let name = row[1], let definition = row[2], !present.contains(table + "." + name)
        else { continue }
        let isPlain = definition.hasSuffix("NOT VALID")
        do throws(ServerFailure) {
          try new.run(
            "alter table \(table) add constraint \(Quoting.name(name)) \(definition)\(isPlain ? "" : " not valid")")
        } catch {
          // It is there already.
          guard error.state == "42710" else { throw error }
        }
      }
      let lacking = try Self.lacking(old, new)
      guard lacking.isEmpty else {
        throw ServerFailure(
          state: "",
          message: "could not make \(lacking.joined(separator: ", ")): \(String(outcome.lastWords.suffix(400)))")
      }
    } catch {
      throw error.problem("make the indexes and constraints of the new database beside", on: maintenance.address.uri)
    }
  }

  /// Indexes, constraints and triggers that the old database has and the new one has not.
  private static func lacking(_ old: ServerConnection, _ new: ServerConnection) throws(ServerFailure) -> [String] {
    let query = """
      select 'index ' || indexrelid::regclass::text from pg_catalog.pg_index i where indrelid >= 16384 and indisvalid
        and indrelid::regclass::text not like 'pg_toast.%'
      union all select 'constraint ' || conname || ' of ' || conrelid::regclass::text from pg_catalog.pg_constraint
        where conrelid >= 16384
      union all select 'trigger ' || tgname || ' of ' || tgrelid::regclass::text from pg_catalog.pg_trigger where not tgisinternal
      """
    let present = Set(try new.rows(query).compactMap { $0.first ?? nil })
    return try old.rows(query).compactMap { $0.first ?? nil }.filter { !present.contains($0) }
  }
}
