import MendKit

/// Says what a working copy has of tables that could not be read whole, and fills them from a backup.
///
/// The copy was made of what can be read; this counts it, names the rest, and asks the backup for rows whose keys are not there.
/// Nothing proves that such a row was there to the last: below the loss `changes` it goes to a table of its own.
struct PostgresSalvage {
  private let copy: PostgresAddress
  private let patience: Double

  init(_ copy: PostgresAddress, patience: Double) {
    self.copy = copy
    self.patience = patience
  }

  /// How many places of a table are named one by one.
  private static let mostPlaces = 20

  func run(_ aid: SalvageAid) throws(Problem) -> RepairOutcome {
    var outcome = try count(aid)
    try setContradictedAside(&outcome)
    return outcome
  }

  /// Says what was read, and takes the rest from the backup.
  private func count(_ aid: SalvageAid) throws(Problem) -> RepairOutcome {
    var outcome = RepairOutcome()
    let known = DatabaseFilling.knownRows(of: copy)
    let list = DatabaseFilling.remains(of: copy) ?? RemainsList()
    try countMissing(known.filter { name, _ in !list.tables.contains { $0.table == name } }, &outcome)
    for name in list.sequences {
      outcome.notes.append("the value of the sequence \(name) could not be read: it begins anew")
    }
    for aside in DuplicateRows.asides(of: copy) {
      outcome.rows[aside.table] = RowTally(
        kept: aside.kept, setAside: (outcome.rows[aside.table]?.setAside ?? 0) + aside.rows)
      outcome.notes.append(aside.sentence + (aside.isNull ? "" : "; the one that stood first stays"))
    }
    guard !list.tables.isEmpty || !outcome.rows.isEmpty else {
      return RepairOutcome(
        notes: outcome.notes + ["every row of every table could be read, and was written to a new database"])
    }
    for entry in list.tables {
      let places = entry.unread.prefix(Self.mostPlaces).map { "\($0.place) (\($0.said))" }.joined(separator: "; ")
      let more = entry.unread.count > Self.mostPlaces ? "; and \(entry.unread.count - Self.mostPlaces) more" : ""
      let found = FoundRows.all(in: copy)[entry.table]
      let before = outcome.rows[entry.table]
      outcome.rows[entry.table] = RowTally(
        kept: before?.kept ?? entry.rows, setAside: (before?.setAside ?? 0) + (found?.rows ?? 0),
        lost: lost(entry, known[entry.table], found))
      let lost = known[entry.table].map { $0 - entry.rows } ?? 0
      outcome.notes.append(
        entry.unread.isEmpty
          ? "of \(entry.table) \(entry.rows) rows could be read; \(lost) more that an index knows are not to be seen"
          : "of \(entry.table) \(entry.rows) rows could be read; not read: \(places)\(more)")
      if let sentence = found?.sentence { outcome.notes.append(sentence) }
    }
    guard let dump = try aid.backup() else { return outcome }
    var wanted = list
    wanted.tables += try missingEntries(outcome, list)
    try fill(wanted, from: dump, takesUnproved: aid.takesUnproved, &outcome)
    return outcome
  }

  /// What cannot be read and is known to no index nobody can count.
  private func lost(_ entry: RemainsList.Entry, _ known: Int?, _ found: FoundRows.Place?) -> Int? {
    let unread = entry.unread.count { !$0.said.hasSuffix(HeapRow.isGone) }
    guard let known, known - entry.rows >= unread else { return nil }
    return max(0, known - entry.rows - (found?.others ?? 0))
  }

  private func setContradictedAside(_ outcome: inout RepairOutcome) throws(Problem) {
    let connection = try ServerConnection(copy, .writing, patience: patience)
    defer { connection.end() }
    do throws(ServerFailure) {
      let aside = try ContradictedRows.setAside(in: copy, connection)
      outcome.notes += aside.notes
      for (table, tally) in aside.rows {
        let before = outcome.rows[table]?.setAside ?? 0
        outcome.rows[table] = RowTally(kept: tally.kept, setAside: before + tally.setAside)
      }
    } catch {
      throw error.problem("set rows aside in", on: copy.uri)
    }
  }

  /// Tables all of whose pages can be read, and which lack rows that an index knew.
  private func countMissing(_ known: [String: Int], _ outcome: inout RepairOutcome) throws(Problem) {
    guard !known.isEmpty else { return }
    let session = try PostgresSession(copy, patience: patience)
    defer { session.end() }
    for (name, count) in known.sorted(by: { $0.key < $1.key }) {
      guard let table = try session.catalog().table(name) else { continue }
      let rows = try session.rowCount(of: table)
      guard rows < count else { continue }
      outcome.rows[name] = RowTally(kept: rows, lost: count - rows)
      outcome.notes.append(
        "of \(name) \(rows) rows could be read; \(count - rows) more that an index knew stood on pages that are gone")
    }
  }

  private func missingEntries(_ outcome: RepairOutcome, _ list: RemainsList) throws(Problem) -> [RemainsList.Entry] {
    let session = try PostgresSession(copy, patience: patience)
    defer { session.end() }
    var entries: [RemainsList.Entry] = []
    for (name, tally) in outcome.rows where !list.tables.contains(where: { $0.table == name }) {
      guard let relation = try session.database().relation(name) else { continue }
      var entry = TableReader(relation).entry(file: "")
      entry.rows = tally.kept
      entries.append(entry)
    }
    return entries
  }

  private func fill(
    _ list: RemainsList, from dump: String, takesUnproved: Bool, _ outcome: inout RepairOutcome
  ) throws(Problem) {
    let maintenance = try ServerMaintenance(copy, patience: patience)
    let backup = copy.with(database: ServerMaintenance.workName())
    try RemoteCopies.note(backup.uri, in: Paths.folder(of: dump))
    defer {
      if let name = backup.database { maintenance.drop(name) }
      maintenance.end()
    }
    try DatabaseFilling(backup, maintenance).run([dump])
    for entry in list.tables {
      do throws(Problem) {
        let taken = try take(entry, from: backup, in: Paths.folder(of: dump), takesUnproved: takesUnproved)
        note(proved: taken.proved, entry.table, &outcome)
        let (count, place) = (taken.count, taken.place)
        // Some of them were found in the pages, too.
        if let lost = outcome.rows[entry.table]?.lost { outcome.rows[entry.table]?.lost = max(0, lost - taken.others) }
        guard count > 0 else { continue }
        if takesUnproved {
          outcome.rows[entry.table]?.fromBackup += count
          outcome.rows[entry.table]?.setAside -= taken.same
          outcome.notes.append(
            "took \(count) rows of \(entry.table) from the backup whose keys were not among those read")
        } else {
          outcome.rows[entry.table]?.setAside += count
          outcome.notes.append(
            "set \(count) rows of the backup aside in \(place): nothing proves that they were in "
              + "\(entry.table) to the last; --max-loss changes takes them in")
        }
      } catch {
        outcome.notes.append("no rows of \(entry.table) were taken from the backup: \(error)")
      }
    }
  }

  private func note(proved: Int, _ table: String, _ outcome: inout RepairOutcome) {
    guard proved > 0 else { return }
    outcome.rows[table]?.fromBackup += proved
    outcome.rows[table]?.setAside -= proved
    outcome.notes.append(
      "\(proved == 1 ? "1 row" : "\(proved) rows") of \(table) that the server does not read went back into it: an index knows the "
        + "\(proved == 1 ? "key, and page and backup have the same row" : "keys, and pages and backup have the same rows")"
    )
  }

  /// What was taken from a backup for a table.
  private struct Taken {
    /// Rows that went back into their table, since they are proved.
    var proved = 0
    /// Rows whose keys the copy does not have, into the table or into one beside it.
    var count = 0
    /// How many of these were not found in the pages of the table.
    var others = 0
    /// How many rows of the pages that were set aside are the same as one of these.
    var same = 0
    var place = ""
  }

  private func take(
    _ entry: RemainsList.Entry, from backup: PostgresAddress, in folder: String, takesUnproved: Bool
  ) throws(Problem) -> Taken {
    let session = try PostgresSession(copy, patience: patience)
    let relation = try session.database().relation(entry.table)
    session.end()
    var taken = Taken()
    guard let relation, !relation.table.primaryKey.isEmpty else { return taken }
    let keys = relation.table.primaryKey.map { "b.\(Quoting.name($0)) = t.\(Quoting.name($0))" }.joined(
      separator: " and ")
    let encoding = try placeAside(relation).encoding
    let rows = Paths.join(folder, "dbmend-backup-rows.copy")
    defer { try? Paths.removeFile(rows) }
    try copyRows(of: entry, from: backup, to: rows, encoding)
    // Where the database refuses them they stay where they are.
    taken.proved =
      (try? FoundRows(copy, patience: patience).takeBack(entry, relation, backup: rows, encoding)) ?? 0
    let found = FoundRows.all(in: copy)[entry.table].flatMap { $0.rows > 0 ? $0.sql : nil }
    let name = try placeAside(relation).name
    let aside = Quoting.name(relation.schema) + "." + Quoting.name(name)
    let target = takesUnproved ? entry.sql : aside
    func row(_ alias: String) -> String {
      "row(\(relation.storedColumns.map { alias + "." + Quoting.name($0) }.joined(separator: ", ")))::text"
    }
    let same = "\(keys) and \(row("t")) = \(row("b"))"
    var script = "begin;\nset local session_replication_role = origin;\n"
    script += "create temporary table dbmend_backup as select \(entry.columns) from \(entry.sql) limit 0;\n"
    script += try CopyFile.command("dbmend_backup", from: rows, encoding: encoding)
    script += "delete from dbmend_backup b using only \(entry.sql) t where \(keys);\n"
    let others = found.map { "where not exists(select 1 from \($0) t where \(keys))" } ?? ""
    script += "\\set dbmend_same 0\nselect count(*) as dbmend_others from dbmend_backup b \(others) \\gset\n"
    // What was found in the pages and is the same stands aside already.
    if let found, !takesUnproved { script += "delete from dbmend_backup b using \(found) t where \(same);\n" }
    if !takesUnproved { script += "create table \(aside) as select * from dbmend_backup limit 0;\n" }
    script +=
      "insert into \(target) (\(entry.columns)) \(takesUnproved ? "overriding system value " : "")select \(entry.columns) from dbmend_backup;\n"
    if let found, takesUnproved {
      script += "with dbmend_gone as (delete from \(found) t using dbmend_backup b where \(same) returning 1)\n"
      script += "select count(*) as dbmend_same from dbmend_gone \\gset\n"
    }
    script += "copy (select count(*), :dbmend_others, :dbmend_same from dbmend_backup) to stdout;\n"
    if !takesUnproved {
      script += "select count(*) = 0 as dbmend_none from dbmend_backup \\gset\n"
      script += "\\if :dbmend_none\ndrop table \(aside);\n\\endif\n"
    }
    script += "commit;\n"
    let outcome = try PostgresPrograms.psql().run(
      ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", copy.uri, "-f", "-"], input: Array(script.utf8),
      environment: copy.environment(
        patience: patience, options: ["default_transaction_read_only=off", "statement_timeout=0"]))
    guard outcome.isSuccess else {
      throw Problem(.program, tried: "take rows of the backup into", on: entry.table, said: outcome.lastWords)
    }
    let counts = CopyText.rows(Array(outcome.text.utf8)).last?.compactMap { $0.flatMap { Int($0) } } ?? []
    if counts.count == 3 { (taken.count, taken.others, taken.same) = (counts[0], counts[1], counts[2]) }
    try FoundRows(copy, patience: patience).note(back: taken.same, of: entry.table)
    taken.place = DatabaseCatalog.shown(relation.schema, name)
    return taken
  }

  /// A free name for the rows that are set aside, and the encoding that rows are handed over in.
  private func placeAside(_ relation: DatabaseCatalog.Relation) throws(Problem) -> (name: String, encoding: String) {
    let connection = try ServerConnection(copy, .reading, patience: patience)
    defer { connection.end() }
    do throws(ServerFailure) {
      return (
        try AsideTable.free(for: relation.name, in: relation.schema, connection),
        try connection.value("select pg_catalog.current_setting('server_encoding')") ?? "UTF8"
      )
    } catch {
      throw error.problem("look for a free name in", on: copy.uri)
    }
  }

  /// Writes the rows that a backup has of a table to a file, however many there are.
  private func copyRows(
    of entry: RemainsList.Entry, from backup: PostgresAddress, to path: String, _ encoding: String
  ) throws(Problem) {
    let file = try FileHandle.create(path, mode: 0o600)
    defer { file.close() }
    let outcome = try PostgresPrograms.psql().run(
      [
        "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", backup.uri, "-c",
        "copy (select \(entry.columns) from only \(entry.sql)) to stdout (encoding \(Quoting.text(encoding)))",
      ],
      environment: backup.environment(patience: patience), outputTo: file)
    guard outcome.isSuccess else {
      throw Problem(.program, tried: "read the rows of the backup of", on: entry.table, said: outcome.lastWords)
    }
  }
}
