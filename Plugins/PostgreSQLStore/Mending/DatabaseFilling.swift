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
    ContradictedRows.expect(in: copy, of: maintenance.address)
    var list: RemainsList?
    for member in members where member.hasSuffix(".unread.json") {
      list = RemainsList(try FileHandle.read(member).readAll(limit: 64 << 20))
    }
    guard let list else {
      do throws(Problem) {
        try restore(dump, ["--exit-on-error"])
      } catch {
        guard error.kind == .program || error.kind == .damaged else { throw error }
        try startOver(error)
        try restoreInSteps(dump, nil)
      }
      return try gatherStatistics()
    }
    try restoreInSteps(dump, list)
    Self.remains.withLock { $0[copy.uri] = list }
    try gatherStatistics()
  }

  /// Restores definitions, rows, and then what holds the rows against each other, with the rows set aside in between that the
  /// definitions refuse.
  private func restoreInSteps(_ dump: String, _ list: RemainsList?) throws(Problem) {
    try restore(dump, ["--exit-on-error", "--section=pre-data"])
    let new = try ServerConnection(copy, .writing, patience: maintenance.patience)
    defer { new.end() }
    func asking<Result>(_ work: () throws(ServerFailure) -> Result) throws(Problem) -> Result {
      do throws(ServerFailure) {
        return try work()
      } catch {
        throw error.problem("set rows aside in the new database beside", on: maintenance.address.uri)
      }
    }
    let nulls = try asking { () throws(ServerFailure) in try NullRows(loosening: new) }
    try restore(dump, ["--exit-on-error", "--section=data"])
    for entry in list?.tables ?? [] {
      try load(entry, from: Paths.join(Paths.folder(of: dump), entry.file), list?.encoding ?? "UTF8")
    }
    try asking { () throws(ServerFailure) in try nulls.settle(copy, new) }
    _ = try setDuplicatesAside()
    try restoreRest(dump)
    for entry in list?.tables ?? [] {
      guard let found = entry.found else { continue }
      let path = Paths.join(Paths.folder(of: dump), found.file)
      try FoundRows(copy, patience: maintenance.patience).load(entry, found, from: path, list?.encoding ?? "UTF8", new)
    }
  }

  /// Nothing of a first attempt is kept: it broke off somewhere.
  private func startOver(_ failure: Problem) throws(Problem) {
    guard let name = copy.database else { throw failure }
    maintenance.drop(name)
    do throws(ServerFailure) {
      try maintenance.create(copy)
    } catch {
      throw error.problem("make a new database beside", on: maintenance.address.uri)
    }
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
    // Rows that the server refuses were damaged before they were dumped.
    let kind: Problem.Kind =
      words.contains("No space left")
      ? .noSpace
      : words.contains("permission denied") ? .denied : words.contains("COPY failed for table") ? .damaged : .program
    return Problem(
      kind,
      tried: "restore the dump to a new database beside", on: maintenance.address.uri, said: String(words.suffix(600)),
      advice: "The dump is in the archive: tar -xf takes it out, and pg_restore reads it.")
  }

  /// Rows come in as `COPY` wrote them.
  private func load(_ entry: RemainsList.Entry, from path: String, _ encoding: String) throws(Problem) {
    guard FileStatus.exists(path) else {
      throw Problem(.damaged, tried: "load the rows of \(entry.table) from", on: path, said: "it is not there")
    }
    let script = try CopyFile.command("\(entry.sql) (\(entry.columns))", from: path, encoding: encoding)
    let outcome = try PostgresPrograms.psql().run(
      ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", copy.uri], input: Array(script.utf8), environment: variables)
    guard outcome.isSuccess else { throw failure(outcome) }
  }

  /// Indexes and constraints. A foreign key that points to rows which are not there is made without holding the rows against it:
  /// the check of foreign keys names these.
  private func restoreRest(_ dump: String) throws(Problem) {
    let outcome = try PostgresPrograms.restore().run(
      ["-w", "-d", copy.uri, "--section=post-data", dump], environment: variables)
    if outcome.isSuccess { return }
    let new = try ServerConnection(copy, .writing, patience: maintenance.patience)
    defer { new.end() }
    var reader = DumpReader(try FileHandle.read(dump))
    guard let entries = try reader.contents() else { throw failure(outcome) }
    do throws(ServerFailure) {
      var loose: [String] = []
      for entry in try Self.lacking(entries, new) where entry.kind == "FK CONSTRAINT" {
        var definition = entry.definition
        while let last = definition.last, last.isWhitespace || last == ";" { definition.removeLast() }
        try? new.run(definition.split(whereSeparator: \.isNewline).joined(separator: " ") + " not valid")
        loose.append(entry.name)
      }
      let lacking = try Self.lacking(entries, new)
      guard lacking.isEmpty else {
        let names = lacking.map { "\($0.kind.lowercased()) \($0.name)" }.joined(separator: ", ")
        throw ServerFailure(
          state: "", message: "could not make \(names): \(String(outcome.lastWords.suffix(400)))")
      }
      Self.loose.withLock { [loose] in $0[copy.uri] = loose }
    } catch {
      throw Problem(
        .program, tried: "make the indexes and constraints of the new database beside", on: maintenance.address.uri,
        said: error.message, advice: "The dump is in the archive: tar -xf takes it out, and pg_restore reads it.")
    }
  }

  /// Foreign keys of copies that rows break.
  private static let loose = Mutex<[String: [String]]>([:])

  /// What is to be said of foreign keys of a copy; nil where there is nothing.
  static func sentence(of copy: PostgresAddress) -> String? {
    let names = loose.withLock { $0[copy.uri] ?? [] }
    guard !names.isEmpty else { return nil }
    return "Rows break \(names.count == 1 ? "the foreign key" : "the foreign keys") \(names.joined(separator: ", ")), "
      + "which \(names.count == 1 ? "is" : "are") in place for what is written from now on (NOT VALID)."
  }

  /// Indexes, constraints and triggers that a dump has and the new database has not.
  private static func lacking(
    _ entries: [DumpReader.Entry], _ new: ServerConnection
  ) throws(ServerFailure) -> [DumpReader.Entry] {
    let rows = try new.rows(
      """
      select 'INDEX', n.nspname, c.relname from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('i', 'I')
      union all select case when k.contype = 'f' then 'FK CONSTRAINT' else 'CONSTRAINT' end, n.nspname,
        c.relname || ' ' || k.conname from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      union all select 'TRIGGER', n.nspname, c.relname || ' ' || t.tgname from pg_catalog.pg_trigger t
        join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where not t.tgisinternal
      """)
    let present = Set(rows.map { row in row.map { $0 ?? "" } })
    let kinds: Set = ["INDEX", "CONSTRAINT", "FK CONSTRAINT", "TRIGGER"]
    return entries.filter { kinds.contains($0.kind) && !present.contains([$0.kind, $0.schema, $0.name]) }
  }
}
