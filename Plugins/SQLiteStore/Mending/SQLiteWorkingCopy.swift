import CSQLite
import MendKit

/// A database that nobody else has open, to be mended.
final class SQLiteWorkingCopy: SQLiteSession, WorkingCopy {
  private let path: String
  /// Entries in which indexes and tables may differ and that are listed.
  var mostDifferences = IndexesInPlace.most

  /// Opens the copy at a path; with `create`, a new and empty one.
  init(_ path: String, create: Bool = false) throws(Problem) {
    self.path = path
    super.init(
      connection: try Self.connect(path, create: create),
      facts: StoreFacts(
        engine: "SQLite " + String(cString: sqlite3_libversion()), format: "working copy",
        bytes: (try? FileStatus.of(path).size) ?? 0),
      view: { () throws(Problem) in try StoreView(path, locking: .none) })
  }

  private static func connect(_ path: String, create: Bool) throws(Problem) -> Connection {
    let connection = try Connection.open(copy: path, create: create)
    // The copy is thrown away when a run dies, so it need not be durable; locks and a shared index would serve nobody.
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;")
    return connection
  }

  /// Writes a page's content past the engine. `content` is told how many bytes at the end of each page are reserved.
  func rewritePage(_ number: Int, size: Int, _ content: (_ reserved: Int) -> [UInt8]) throws(Problem) {
    try connection.close()
    let file = try FileHandle.update(path)
    let reserved = try file.read(1, at: 20).first.map(Int.init) ?? 0
    try file.write(content(reserved), at: (number - 1) * size)
    file.close()
    reconnect(try Self.connect(path, create: false))
  }

  func execute(_ sql: String) throws(Problem) {
    try connection.execute("SAVEPOINT dbmend")
    do throws(Problem) {
      try connection.execute(sql)
      try connection.execute("RELEASE dbmend")
    } catch {
      try? connection.execute("ROLLBACK TO dbmend; RELEASE dbmend")
      throw error
    }
    forgetCatalog()
  }

  func rebuildIndexes(_ names: [String]) throws(Problem) -> RepairOutcome { try rebuildIndexes(names, incomplete: []) }

  /// Likewise, where `incomplete` indexes lack entries for a reason that says nothing of their rows.
  func rebuildIndexes(_ names: [String], incomplete: Set<String>) throws(Problem) -> RepairOutcome {
    var outcome = RepairOutcome()
    let work = try catalog().tables.compactMap { table -> (table: Table, indexes: [Index])? in
      let indexes = table.indexes.filter { names.contains($0.name) }
      return indexes.isEmpty ? nil : (table, indexes)
    }
    let unknown = Set(names).subtracting(work.flatMap { $0.indexes.map(\.name) })
    guard unknown.isEmpty else {
      throw Problem(
        .damaged, tried: "rebuild the index", on: unknown.sorted().joined(separator: ", "),
        said: "no table of \(path) has an index of that name")
    }
    let inPlace = try readInPlace(names)
    let sharing = inPlace == nil ? try indexesThatSharePages() : []
    // Under auto-vacuum the library moves pages with every table that it makes: nothing that was read before stands then.
    let isStill = inPlace?.header.largestRootPage == 0
    if !isStill, let inPlace {
      for (table, _) in work {
        guard var differences = inPlace.differences(of: table.name) else { continue }
        try correctBits(&differences, inPlace, &outcome)
      }
    }
    var read: [TableDifferences] = []
    var isChanged = false
    for (table, indexes) in work {
      var differences = isStill ? inPlace?.differences(of: table.name) : nil
      if let inPlace, var found = differences {
        try correctBits(&found, inPlace, &outcome)
        differences = found
      }
      let rebuild = IndexRebuild(
        copy: self, table: table, sharing: sharing, incomplete: incomplete, differences: differences, inPlace: inPlace)
      if try rebuild.setAside(indexes, outcome: &outcome) { isChanged = true }
      differences?.forgetRows()
      if let differences { read.append(differences) }
    }
    let done =
      try inPlace.map { inPlace throws(Problem) in
        try mend(work, isStill && !isChanged ? (inPlace, read) : nil)
      } ?? []
    for (table, indexes) in work {
      let rebuild = IndexRebuild(
        copy: self, table: table, sharing: sharing, incomplete: incomplete, differences: nil, inPlace: nil)
      for index in indexes where !done.contains(index.name) { try rebuild.rebuild(index) }
    }
    for (table, _) in work where outcome.rows[table.name]?.kept == 0 {
      outcome.rows[table.name]?.kept = try rowCount(of: table)
    }
    return outcome
  }

  /// Puts bits of rows back to what indexes prove that they were.
  private func correctBits(
    _ differences: inout TableDifferences, _ inPlace: IndexesInPlace, _ outcome: inout RepairOutcome
  ) throws(Problem) {
    guard differences.indexes.values.contains(where: { !$0.missing.isEmpty && !$0.extra.isEmpty }) else { return }
    let rows = try inPlace.correctBits(&differences) { () throws(Problem) in try connection.close() }
    guard rows > 0 else { return }
    reconnect(try Self.connect(path, create: false))
    let told =
      rows == 1
      ? "1 row of \(differences.table) has its value" : "\(rows) rows of \(differences.table) have their values"
    outcome.notes.append("\(told) back in which one bit had changed, as the indexes prove")
  }

  /// The copy read past the library; nil where something stands in the way of that.
  func readInPlace(_ names: [String]) throws(Problem) -> IndexesInPlace? {
    guard let header = try StoreView(path, locking: .none).header else { return nil }
    let plan = try Schema.of(connection, format: nil).plan(connection, encoding: header.encodingOfTexts)
    return try IndexesInPlace(path, plan: plan, indexes: Set(names), most: mostDifferences)
  }

  /// Mends indexes past the library; the names of those that were mended. What `read` says is read anew where that is nil.
  private func mend(
    _ work: [(table: Table, indexes: [Index])], _ read: (IndexesInPlace, [TableDifferences])?
  ) throws(Problem) -> Set<String> {
    let names = work.flatMap { $0.indexes.map(\.name) }
    let (inPlace, differences): (IndexesInPlace, [TableDifferences])
    if let read {
      (inPlace, differences) = read
    } else {
      guard let again = try readInPlace(names) else { return [] }
      (inPlace, differences) = (
        again, work.compactMap { again.differences(of: $0.table.name) }
      )
    }
    let roots = try connection.query("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1").compactMap {
      $0.first?.integer.map { UInt32(clamping: $0) }
    }
    try connection.close()
    defer { forgetCatalog() }
    let done: Set<String>
    do throws(Problem) {
      done = try inPlace.mend(differences, roots: roots)
    } catch {
      reconnect(try Self.connect(path, create: false))
      throw error
    }
    reconnect(try Self.connect(path, create: false))
    return done
  }

  /// Indexes whose b-trees claim pages of something else.
  private func indexesThatSharePages() throws(Problem) -> Set<String> {
    defer { forgetCatalog() }
    let twice = try verifyIntegrity(IntegrityRequest(isFull: false)).filter { $0.code == "page.duplicate-reference" }
    return Set(twice.compactMap(\.location.index))
  }

  /// A name that no object of the schema has yet: the given one, or with a number behind it.
  func freeName(_ wanted: String) throws(Problem) -> String {
    var name = wanted
    var number = 1
    while try connection.integer(
      "SELECT count(*) FROM sqlite_schema WHERE lower(name) = lower(\(Connection.literal(name)))") != 0
    {
      number += 1
      name = "\(wanted)_\(number)"
    }
    return name
  }

  func rewrite() throws(Problem) {
    try correctEncoding()
    try connection.execute("VACUUM")
  }

  /// VACUUM takes over a text encoding that there is not, of which the engine looks at the two lowest bits only.
  private func correctEncoding() throws(Problem) {
    guard let header = try StoreView(path, locking: .none).header, header.textEncoding > 3 else { return }
    try connection.close()
    let file = try FileHandle.update(path)
    try file.write([0, 0, 0, UInt8(header.encodingOfTexts.rawValue)], at: 56)
    file.close()
    reconnect(try Self.connect(path, create: false))
  }

  func resetSequences(_ tables: [String]) throws(Problem) {
    if try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'") == 0 {
      // The engine makes the table of sequences together with the first table that needs it.
      try execute(
        "CREATE TABLE dbmend_sequence(id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE dbmend_sequence;")
    }
    for name in tables {
      let literal = Connection.literal(name)
      try execute(
        """
        DELETE FROM sqlite_sequence WHERE name = \(literal);
        INSERT INTO sqlite_sequence(name, seq) SELECT \(literal), coalesce(max(rowid), 0) FROM \(quoted(name));
        """)
    }
  }

  func setAsideNullKeys(of table: Table, into name: String) throws(Problem) -> Int {
    let found = try nullKeys(of: table, limit: Int.max)
    guard found.count > 0 else { return 0 }
    try setAside(found.rows.map { [.integer($0)] }, key: ["rowid"], of: table, into: name)
    // An index may still hold the keys that these rows once had.
    try connection.execute("REINDEX \(quoted(table.name))")
    return found.rows.count
  }

  /// Moves rows to a table of their own, whatever constraints they break and indexes they are missing from. `key` names the
  /// columns that `rows` gives the values of; a rowid is kept beside the row as `dbmend_rowid`.
  func setAside(_ rows: [[SQLValue]], key: [String], of table: Table, into name: String) throws(Problem) {
    let columns = table.columns.map { quoted($0.name) }.joined(separator: ", ")
    let isRowid = table.column(key[0]) == nil && key.count == 1 && !key[0].hasPrefix("\"")
    let target = quoted(name)
    let source = quoted(table.name)
    let kept = isRowid ? "\(key[0]) AS dbmend_rowid, \(columns)" : columns
    let named = key.enumerated().map { "\($1) AS k\($0)" }.joined(separator: ", ")
    var script = """
      CREATE TEMP TABLE dbmend_keys AS SELECT \(named) FROM \(source) LIMIT 0;

      """
    for start in stride(from: 0, to: rows.count, by: 500) {
      let values = rows[start..<min(start + 500, rows.count)].map {
        "(" + $0.map(\.literal).joined(separator: ", ") + ")"
      }
      script += "INSERT INTO temp.dbmend_keys VALUES \(values.joined(separator: ", "));\n"
    }
    let isListed =
      "EXISTS (SELECT 1 FROM temp.dbmend_keys AS k WHERE "
      + key.enumerated().map { "k.k\($0) IS \(source).\($1)" }.joined(separator: " AND ") + ")"
    script += """
      CREATE TABLE \(target) AS SELECT \(kept) FROM \(source) NOT INDEXED LIMIT 0;
      INSERT INTO \(target) SELECT \(kept) FROM \(source) NOT INDEXED WHERE \(isListed);
      DELETE FROM \(source) WHERE \(isListed);
      DROP TABLE temp.dbmend_keys;

      """
    let triggers = try triggers(of: table)
    // Deleting a row that an index lacks is an error, but not while the schema may be written.
    csqlite_allow_schema_writes(connection.handle, 1)
    defer { csqlite_allow_schema_writes(connection.handle, 0) }
    try execute(triggers.dropped + script + triggers.restored)
  }

  /// Statements that drop the triggers of a table and make them again: they are not meant for what a repair changes.
  func triggers(of table: Table) throws(Problem) -> (dropped: String, restored: String) {
    let triggers = try connection.query(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(\(Connection.literal(table.name)))"
    )
    return (
      triggers.compactMap { $0[0].text }.map { "DROP TRIGGER \(quoted($0));\n" }.joined(),
      triggers.compactMap { $0[1].text }.map { $0 + ";\n" }.joined()
    )
  }

  func close() throws(Problem) { try connection.close() }
}
