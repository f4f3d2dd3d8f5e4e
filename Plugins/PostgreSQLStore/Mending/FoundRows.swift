import MendKit
import Synchronization

/// Rows that the server did not read, and that were decoded from the bytes of their pages. Any of their bytes may be the damaged one:
/// they stand in a table beside their own.
///
/// One goes back into its table where it is proved twice: an index that has no entries of deleted rows knows its key, and the archive's
/// row of that key is the same in all columns. Then it is what was there to the last.
struct FoundRows {
  /// Where the rows of a table are.
  struct Place: Sendable {
    /// The table, as reports call it.
    var table: String
    /// Their own place, as reports call it.
    var shown: String
    /// The same in SQL.
    var sql: String
    var rows: Int
    /// How many of them have a key that no row of the table has.
    var others: Int
    /// Rows that the database does not take in.
    var refused: Int

    /// What is to be said of them; nil where all are back in their table.
    var sentence: String? {
      guard rows > 0 else { return nil }
      return "\(rows == 1 ? "1 row" : "\(rows) rows") of \(table) that the server does not read "
        + "\(rows == 1 ? "stands" : "stand") in \(shown), as the bytes of its pages have \(rows == 1 ? "it" : "them")"
    }
  }

  private static let places = Mutex<[String: [String: Place]]>([:])

  /// What was found of a database that this process made a copy of, by the table.
  static func all(in copy: PostgresAddress) -> [String: Place] { places.withLock { $0[copy.uri] ?? [:] } }

  /// Sentences for whoever puts the copy in place.
  static func sentences(of copy: PostgresAddress) -> [String] {
    all(in: copy).sorted { $0.key < $1.key }.compactMap { $0.value.sentence.map { $0 + "." } }
  }

  private let copy: PostgresAddress
  private let patience: Double

  init(_ copy: PostgresAddress, patience: Double) {
    self.copy = copy
    self.patience = patience
  }

  // MARK: - Beside their table

  /// Loads the rows of a table from the file that an archive has, each by itself where the database does not take all of them.
  func load(
    _ entry: RemainsList.Entry, _ found: RemainsList.Found, from path: String, _ encoding: String,
    _ connection: ServerConnection
  ) throws(Problem) {
    do throws(ServerFailure) {
      let row =
        try connection.rows(
          """
          select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where c.oid = \(Quoting.text(entry.sql))::pg_catalog.regclass
          """
        ).first ?? []
      guard row.count == 2, let schema = row[0], let table = row[1] else { return }
      let name = try AsideTable.free(for: table, in: schema, connection)
      let aside = Quoting.name(schema) + "." + Quoting.name(name)
      try connection.run("create table \(aside) as select * from only \(entry.sql) limit 0")
      try insert(found, into: aside, from: path, encoding)
      let keys = try keys(of: entry.sql, connection)
      var others = 0
      if !keys.isEmpty {
        let same = keys.map { "dbmend_found.\($0) = dbmend_row.\($0)" }.joined(separator: " and ")
        // What the table has already was read by another way.
        try connection.run(
          """
          delete from \(aside) dbmend_found using only \(entry.sql) dbmend_row
          where \(same) and dbmend_found::text = dbmend_row::text
          """)
        others =
          try connection.value(
            """
            select count(distinct (\(keys.joined(separator: ", ")))) from \(aside) dbmend_found
            where not exists(select 1 from only \(entry.sql) dbmend_row where \(same))
            """
          ).flatMap { Int($0) } ?? 0
      }
      let count = try connection.value("select count(*) from \(aside)").flatMap { Int($0) } ?? 0
      if count == 0 { try connection.run("drop table \(aside)") }
      let place = Place(
        table: entry.table, shown: DatabaseCatalog.shown(schema, name), sql: aside, rows: count,
        others: keys.isEmpty ? count : others, refused: max(0, found.rows - count))
      Self.places.withLock { $0[copy.uri, default: [:]][entry.table] = place }
    } catch {
      throw error.problem("set rows of \(entry.table) aside in", on: copy.uri)
    }
  }

  private func keys(of sql: String, _ connection: ServerConnection) throws(ServerFailure) -> [String] {
    try connection.rows(
      """
      select a.attname from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid
        and a.attnum = any(i.indkey::int2[])
      where i.indrelid = \(Quoting.text(sql))::pg_catalog.regclass and i.indisprimary order by a.attnum
      """
    ).compactMap { ($0.first ?? nil).map(Quoting.name) }
  }

  private func insert(
    _ found: RemainsList.Found, into aside: String, from path: String, _ encoding: String
  ) throws(ServerFailure) {
    do throws(Problem) {
      let target = "\(aside) (\(found.columns))"
      if try run(CopyFile.command(target, from: path, encoding: encoding), "-v", "ON_ERROR_STOP=1").isSuccess { return }
      // A row that the database refuses keeps no other one out.
      var script = Array("set client_encoding = \(Quoting.text(encoding));\n".utf8)
      let lines = try FileHandle.read(path).readAll(limit: 1 << 30).split(separator: UInt8(ascii: "\n"))
      for line in lines { script += Array("copy \(target) from stdin;\n".utf8) + line + Array("\n\\.\n".utf8) }
      _ = try run(script)
    } catch {
      throw ServerFailure(state: "", message: error.said)
    }
  }

  private func run(_ script: String, _ options: String...) throws(Problem) -> ClientProgram.Outcome {
    try run(Array(script.utf8), options)
  }

  private func run(_ script: [UInt8], _ options: [String] = []) throws(Problem) -> ClientProgram.Outcome {
    try PostgresPrograms.psql().run(
      ["-X", "-q", "-A", "-t", "-w", "-d", copy.uri, "-f", "-"] + options, input: script,
      environment: copy.environment(
        patience: patience, options: ["default_transaction_read_only=off", "statement_timeout=0"]))
  }

  // MARK: - Back into their table

  /// Puts the rows back into their table that are proved; how many. `rows` is a file with those that the backup has of the table.
  func takeBack(
    _ entry: RemainsList.Entry, _ relation: DatabaseCatalog.Relation, backup rows: String, _ encoding: String
  ) throws(Problem) -> Int {
    guard let place = Self.all(in: copy)[entry.table], place.rows > 0, let proved = entry.found?.proved,
      !proved.isEmpty,
      !relation.table.primaryKey.isEmpty
    else { return 0 }
    let names = relation.table.primaryKey.map(Quoting.name)
    let keys = names.joined(separator: ", ")
    func row(_ alias: String) -> String {
      "row(\(relation.storedColumns.map { alias + "." + Quoting.name($0) }.joined(separator: ", ")))::text"
    }
    func same(_ one: String, _ other: String) -> String {
      names.map { "\(one).\($0) = \(other).\($0)" }.joined(separator: " and ")
    }
    var script = """
      begin;
      create temporary table dbmend_backup as select \(entry.columns) from \(entry.sql) limit 0;
      create temporary table dbmend_proved as select \(keys) from \(entry.sql) limit 0;

      """
    script += try CopyFile.command("dbmend_backup", from: rows, encoding: encoding)
    for key in proved where key.count == names.count {
      script += "insert into dbmend_proved values (\(key.map(Quoting.text).joined(separator: ", ")));\n"
    }
    script += """
      create temporary table dbmend_back as select distinct on (\(names.map { "b." + $0 }.joined(separator: ", "))) b.*
        from dbmend_backup b join dbmend_proved p on \(same("p", "b")) join \(place.sql) f on \(same("f", "b"))
        where \(row("f")) = \(row("b")) and not exists(select 1 from only \(entry.sql) t where \(same("t", "b")));
      insert into \(entry.sql) (\(entry.columns)) overriding system value select \(entry.columns) from dbmend_back;
      delete from \(place.sql) f using dbmend_back b where \(same("f", "b")) and \(row("f")) = \(row("b"));
      copy (select (select count(*) from dbmend_back), (select count(*) from \(place.sql))) to stdout;
      commit;

      """
    let outcome = try run(script, "-v", "ON_ERROR_STOP=1")
    guard outcome.isSuccess else {
      throw Problem(.program, tried: "put proved rows back into", on: entry.table, said: outcome.lastWords)
    }
    let counts = CopyText.rows(Array(outcome.text.utf8)).last?.compactMap { $0.flatMap { Int($0) } } ?? []
    guard counts.count == 2 else { return 0 }
    try note(back: place.rows - counts[1], of: entry.table)
    return counts[0]
  }

  /// Notes that so many rows of a table are in it again.
  func note(back count: Int, of table: String) throws(Problem) {
    guard count > 0 else { return }
    let place = Self.places.withLock { all in
      all[copy.uri]?[table]?.rows -= count
      all[copy.uri]?[table]?.others -= count
      return all[copy.uri]?[table]
    }
    if let place, place.rows <= 0 { _ = try run("drop table \(place.sql);\n") }
  }
}
