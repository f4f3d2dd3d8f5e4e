import MendKit

/// Rows that a rebuilt database lacks, taken from a backup of it.
///
/// A row has its number for as long as it lives. Of a row that is not left in the damaged table, its sound indexes tell whether it was
/// there to the last: one that all of them hold with the backup's values comes back, one that any of them lacks was deleted.
struct BackupRows {
  /// The damaged database, before anything was written into it.
  let evidence: [String: RowEvidence]
  let backup: BackupCopy
  /// Whether the backup is of the damaged database itself: in any other one the numbers of rows mean nothing, unless they are the keys.
  let isSameStore: Bool
  let takesUnproved: Bool
  let client: Client

  /// What became of the rows of a table.
  struct Tally {
    var fromBackup = 0
    var setAside = 0
  }

  private struct Part {
    var table: Table
    var sql: String
    var proved: [Int64]
    var unproved: [Int64]
  }

  /// Fills the tables of the new database that is called so in a folder; what became of each table, and what could not be done.
  func fill(_ database: String, in folder: String) throws(Problem) -> ([String: Tally], [String]) {
    let place = backup.place
    // The engine may write to what it opens: before that, the pages are as the survey has them.
    var rows: [(table: String, missing: [(Int64, RowEvidence.Verdict)])] = []
    for (name, evidence) in evidence.sorted(by: { $0.key < $1.key }) {
      if let missing = try evidence.missing(name, in: backup.survey, backup.handle) { rows.append((name, missing)) }
    }
    let answers = try client.run(H2Catalog.statements, on: EnginePlace.name, in: place.folder)
    let catalog = try H2Catalog(answers, of: place.file)
    var parts: [Part] = []
    for (name, missing) in rows {
      guard let table = catalog.catalog.table(name), let sql = catalog.paths[table.name],
        isSameStore || table.keyIsStructural
      else { continue }
      let proved = missing.filter { $0.1 == .proved }.map(\.0)
      let unproved = missing.filter { $0.1 == .unproved }.map(\.0)
      if !proved.isEmpty || !unproved.isEmpty {
        parts.append(Part(table: table, sql: sql, proved: proved, unproved: unproved))
      }
    }
    guard !parts.isEmpty else { return ([:], []) }
    let views = parts.enumerated().map { number, part in
      Statement.command(
        "CREATE VIEW PUBLIC.DBMEND_ROWS_\(number) AS SELECT _ROWID_ AS DBMEND_ROW, T.* FROM \(part.sql) T")
    }
    let made = try client.run(views, on: EnginePlace.name, in: place.folder)
    if let words = made.compactMap(\.failure).first { return ([:], ["rows of the backup could not be read: \(words)"]) }
    return try transfer(parts, from: place, to: database, in: folder)
  }

  private func transfer(
    _ parts: [Part], from backup: EnginePlace, to database: String, in folder: String
  ) throws(Problem) -> ([String: Tally], [String]) {
    let generated = try client.run(
      [
        .query(
          "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE IS_GENERATED = 'ALWAYS'")
      ], on: database, in: folder)
    let computed = Set((generated.first?.rows ?? []).map { [H2Catalog.name($0), $0.last.flatMap { $0 } ?? ""] })
    var statements: [Statement] = [.command("SET REFERENTIAL_INTEGRITY FALSE")]
    var wanted: [(table: String, isAside: Bool, rows: Int, statement: Int)] = []
    for (number, part) in parts.enumerated() {
      let names = part.table.columns.map(\.name).filter { !computed.contains([part.table.name, $0]) }
      let list = names.map(\.asIdentifier).joined(separator: ", ")
      // The password is in a statement of this one connection, and in nothing that stays.
      statements.append(
        .command(
          "CREATE LOCAL TEMPORARY LINKED TABLE DBMEND_FROM_\(number)('', "
            + "\("jdbc:h2:\(Paths.join(backup.folder, EnginePlace.name));IFEXISTS=TRUE".asLiteral), "
            + "\(client.login.user.asLiteral), \(try client.login.password().asLiteral), 'PUBLIC', 'DBMEND_ROWS_\(number)') READONLY"
        ))
      for (rows, isTaken) in [(part.proved, true), (part.unproved, takesUnproved)] where !rows.isEmpty {
        let file = Paths.join(backup.folder, "rows-\(number)-\(isTaken)-\(statements.count)")
        try Durable.write(Array(("R\n" + rows.map { "\($0)\n" }.joined()).utf8), to: file, mode: 0o600)
        // Each row is looked up by its number: a list of the numbers would be read again for every row.
        let numbers = "DBMEND_NUMBERS_\(number)_\(statements.count)"
        statements.append(
          .command(
            "CREATE LOCAL TEMPORARY TABLE \(numbers)(R BIGINT PRIMARY KEY) AS SELECT CAST(R AS BIGINT) FROM CSVREAD(\(file.asLiteral))"
          ))
        let source =
          "SELECT \(list) FROM DBMEND_FROM_\(number) F WHERE EXISTS (SELECT 1 FROM \(numbers) N WHERE N.R = F.DBMEND_ROW)"
        wanted.append((part.table.name, !isTaken, rows.count, statements.count))
        statements.append(
          .command(
            isTaken
              ? "INSERT INTO \(part.sql)(\(list)) OVERRIDING SYSTEM VALUE \(source)"
              : "CREATE TABLE PUBLIC.\(Self.aside(part.table).asIdentifier) AS \(source)"))
      }
      statements.append(.command("DROP TABLE DBMEND_FROM_\(number)"))
    }
    statements.append(.command("SET REFERENTIAL_INTEGRITY TRUE"))
    let answers = try client.run(statements, on: database, in: folder)
    var tallies: [String: Tally] = [:]
    var notes: [String] = []
    for (table, isAside, rows, statement) in wanted {
      if let words = answers[statement].failure {
        notes.append("rows of \(table) in the backup could not be taken over: \(words)")
      } else if isAside {
        tallies[table, default: Tally()].setAside += rows
      } else {
        tallies[table, default: Tally()].fromBackup += rows
      }
    }
    return (tallies, notes)
  }

  private static func aside(_ table: Table) -> String { "dbmend_set_aside_" + table.name }
}
