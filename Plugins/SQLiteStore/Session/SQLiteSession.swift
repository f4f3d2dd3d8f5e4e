import CSQLite
import MendKit

/// A database open for reading, through a view of its live file.
class SQLiteSession: SQLSession {
  private(set) var connection: Connection
  let facts: StoreFacts
  private(set) var verificationAccount: VerificationAccount?
  private(set) var viewForChecks: () throws(Problem) -> StoreView
  private var confirmation: () throws(Problem) -> Void
  private let schemaFormat: UInt32?
  private var ahead: SchemaAhead?
  private var knownSchema: Schema?
  private var suspectIndexes: Set<String> = []
  /// Rows that a verification counted on its way.
  private var rowCounts: [String: Int] = [:]

  init(
    connection: Connection, facts: StoreFacts, schemaFormat: UInt32? = nil,
    ahead: SchemaAhead? = nil, view: @escaping () throws(Problem) -> StoreView,
    confirm: @escaping () throws(Problem) -> Void = {}
  ) {
    self.connection = connection
    self.facts = facts
    self.schemaFormat = schemaFormat
    self.ahead = ahead
    viewForChecks = view
    confirmation = confirm
  }

  func confirm() throws(Problem) { try confirmation() }

  /// Opens the view's database and reads its schema. Throws what is wrong with the file as a problem with a code.
  static func open(_ view: StoreView, patience: Double) throws(Problem) -> SQLiteSession {
    let ahead = SchemaAhead(view)
    let connection = try Connection.open(view)
    do throws(Problem) {
      // Reading the file's header is enough where the library would take the schema as it is.
      let reads = ahead?.isAccepted == true ? "PRAGMA schema_version" : "SELECT count(*) FROM sqlite_schema"
      try connection.rows(reads) { row throws(Problem) in false }
    } catch {
      if error.code == "file.not-a-database", let sign = try ContentSigns.encryption(of: view.file) {
        throw Problem(
          .damaged, tried: "open the database", on: view.path, said: "it looks encrypted: \(sign)",
          advice:
            "If it is (SQLCipher, SEE), open it with its key; dbmend cannot check it, and does not recreate it unless "
            + "that is asked for by name.",
          code: "file.encrypted")
      }
      var refused = error
      refused.tried = "open the database"
      throw SchemaDiagnosis.problem(connection, header: view.header, refused: refused)
    }
    return SQLiteSession(
      connection: connection, facts: facts(of: view), schemaFormat: view.header?.schemaFormat, ahead: ahead,
      view: { () throws(Problem) in view },
      confirm: { () throws(Problem) in try view.confirm(patience: patience) })
  }

  private static func facts(of view: StoreView) -> StoreFacts {
    var notices = view.foreign.map(\.finding)
    if view.isInterrupted {
      notices.append(
        Finding(
          "journal.hot", .warning, at: .init(file: view.path + "-journal"),
          "a transaction was interrupted; its journal puts the file back to the state before it, which is what was checked",
          evidence: "\(view.path)-journal"))
    }
    return StoreFacts(
      engine: "SQLite " + String(cString: sqlite3_libversion()), format: view.header?.words ?? "empty",
      bytes: view.size, notices: notices)
  }

  func catalog() throws(Problem) -> Catalog { try schema().catalog(connection) }

  private func schema() throws(Problem) -> Schema {
    if let knownSchema { return knownSchema }
    let schema = if let schema = ahead?.schema { schema } else { try Schema.of(connection, format: schemaFormat) }
    knownSchema = schema
    return schema
  }

  func end() {
    try? connection.close()
    ahead = nil
    let path = connection.path
    confirmation = {}
    viewForChecks = { () throws(Problem) in
      throw Problem(.system, tried: "read", on: path, said: "the session has ended")
    }
  }

  /// Goes on with another connection to the same database.
  func reconnect(_ connection: Connection) {
    self.connection = connection
    forgetCatalog()
  }

  /// Forgets what was read of the schema: it was changed.
  func forgetCatalog() {
    knownSchema = nil
    ahead = nil
    rowCounts = [:]
    countedRows = nil
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    let view = try viewForChecks()
    guard !request.asksEngine, let header = view.header else {
      let catalog = try catalog()
      let check = EngineIntegrityCheck(connection: connection, view: view, catalog: catalog, request: request)
      let result = try check.run()
      suspectIndexes = result.suspectIndexes
      let reasons = catalog.tables.map { ($0.name, "engine: sqlite") }
      verificationAccount = VerificationAccount(engine: "sqlite", byEngine: Dictionary(reasons) { first, _ in first })
      return result.findings
    }
    let schema = try schema()
    let pages = if let ahead { ahead.pages } else { try PageMap(view, header: header) }
    let check = NativeVerification(
      connection: connection, view: view, header: header, pages: pages, schema: schema, request: request)
    let result = try check.run()
    suspectIndexes = result.suspectIndexes
    rowCounts = result.rowCounts
    countedRows = schema.isAllPlain && result.countsAll ? rowCounts : nil
    verificationAccount = result.account
    return result.findings
  }

  func rowCount(of table: Table) throws(Problem) -> Int {
    if let counted = rowCounts[table.name] { return counted }
    let isSuspect = table.indexes.contains { suspectIndexes.contains($0.name) }
    let hint = isSuspect && !table.isVirtual ? " NOT INDEXED" : ""
    return try connection.integer("SELECT count(*) FROM \(quoted(table.name))\(hint)") ?? 0
  }

  /// What a verification counted, where it read every table.
  private(set) var countedRows: [String: Int]?

  func sequences() throws(Problem) -> [SequenceState] {
    let tables = try catalog().tables.filter(\.hasSequence)
    guard !tables.isEmpty else { return [] }
    let stored = try storedSequences()
    var states: [SequenceState] = []
    for table in tables {
      let largest = try connection.value("SELECT max(rowid) FROM \(quoted(table.name))")?.integer
      states.append(
        SequenceState(
          table: table.name, last: stored[Array(table.name.utf8)]?.integer, largestKey: largest, engineRecovers: true))
    }
    return states
  }

  /// What the table of sequences holds, by the bytes of the tables' names; of several rows for one table, the first counts.
  private func storedSequences() throws(Problem) -> [[UInt8]: SQLValue] {
    let metadata = sqlite3_table_column_metadata(
      connection.handle, "main", "sqlite_sequence", nil, nil, nil, nil, nil, nil)
    // What SQLite says where there is no such table; anything else kept it from looking.
    if metadata == SQLITE_ERROR { return [:] }
    guard metadata == SQLITE_OK else { throw connection.problem("read the sequences of") }
    var stored: [[UInt8]: SQLValue] = [:]
    try connection.rows("SELECT name, seq FROM sqlite_sequence") { row throws(Problem) in
      let name = Array(row.text(0).utf8)
      if stored[name] == nil { stored[name] = row[1] }
      return true
    }
    return stored
  }

  func quoted(_ identifier: String) -> String { Connection.quoted(identifier) }

  func isReserved(_ name: String) -> Bool { ASCII.hasPrefix(name, "sqlite_") }

  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]] {
    if connection.isReadOnly(sql) == false {
      throw Problem(
        .refused, tried: "run the query on", on: connection.path, said: "it would write: \(sql)",
        advice: "A check only reads; write a SELECT.", code: "sql.failed")
    }
    return try connection.query(sql, limit: limit)
  }

  func foreignKeyViolations(limit: Int) throws(Problem) -> [(violation: ForeignKeyViolation, count: Int)] {
    // A schema that need not be read by the library has no reference.
    if ahead?.isAccepted == true { return [] }
    var counts: [String: Int] = [:]
    var kept: [(key: String, violation: ForeignKeyViolation)] = []
    try connection.rows("PRAGMA foreign_key_check") { row throws(Problem) in
      let key = row.text(0) + "\u{0}" + row.text(2)
      if counts[key] == nil, kept.count < limit {
        kept.append((key, ForeignKeyViolation(table: row.text(0), parent: row.text(2), row: row[1].integer)))
      }
      counts[key, default: 0] += 1
      return true
    }
    return kept.map { ($0.violation, counts[$0.key] ?? 1) }
  }

  func nullKeys(of table: Table, limit: Int) throws(Problem) -> (rows: [Int64], count: Int) {
    guard !table.primaryKey.isEmpty, !table.keyIsStructural, !table.isVirtual else { return ([], 0) }
    // The stored value decides: `IS NULL` is folded away where the declaration promises NOT NULL.
    let condition = table.primaryKey.map { "typeof(\(quoted($0))) = 'null'" }.joined(separator: " OR ")
    let source = "FROM \(quoted(table.name)) NOT INDEXED WHERE \(condition)"
    let rows = try connection.query("SELECT rowid \(source) LIMIT \(limit)").compactMap { $0.first?.integer }
    guard rows.count == limit else { return (rows, rows.count) }
    return (rows, try connection.integer("SELECT count(*) \(source)") ?? rows.count)
  }

  func duplicateKeys(of table: Table, limit: Int) throws(Problem) -> (keys: [[SQLValue]], count: Int) {
    guard !table.primaryKey.isEmpty, !table.isVirtual else { return ([], 0) }
    let columns = table.primaryKey.map(quoted)
    let isWhole = columns.map { "\($0) IS NOT NULL" }.joined(separator: " AND ")
    let source = """
      FROM \(quoted(table.name)) NOT INDEXED WHERE \(isWhole)
      GROUP BY \(columns.joined(separator: ", ")) HAVING count(*) > 1
      """
    let keys = try connection.query("SELECT \(columns.joined(separator: ", ")) \(source) LIMIT \(limit)")
    guard keys.count == limit else { return (keys, keys.count) }
    return (keys, try connection.integer("SELECT count(*) FROM (SELECT 1 \(source))") ?? keys.count)
  }

  func keyIndexIsSuspect(_ table: Table) -> Bool {
    table.indexes.contains { index in
      index.isUnique && index.columns.compactMap { $0 } == table.primaryKey && suspectIndexes.contains(index.name)
    }
  }
}
