import MendKit

/// One state of a database: a copy that the engine reads in place of the live file.
class DuckDBSession: SQLSession {
  private(set) var facts: StoreFacts
  /// The database that the engine opens.
  let path: String
  /// The live database, for messages.
  let subject: String
  /// How the engine opens it.
  let mode: Client.Mode
  let client: Client
  let survey: FileSurvey?
  /// The live database's state that this one shows; nil of a working copy.
  let stamp: StoreStamp?
  private var folder: PrivateFolder?
  private var known: DuckDBCatalog
  private var counts: [String: Int] = [:]
  /// What the primary keys of tables were asked.
  var keyAnswers: [String: KeyAnswers] = [:]

  /// Takes a copy of a live database and has the engine read its catalog.
  static func open(_ path: String, patience: Double) throws(Problem) -> DuckDBSession {
    let source = Paths.resolved(path)
    try refuseForeign(source)
    let folder = try PrivateFolder("dbmend-duckdb-")
    let copy = try NativeCopy.make(of: source, in: folder.path)
    return try DuckDBSession(copy, in: folder)
  }

  /// Throws where a file cannot be a DuckDB database that anything here could read.
  static func refuseForeign(_ path: String) throws(Problem) {
    let file = try NativeCopy.open(path)
    let headers = try FileHeaders(file)
    guard !headers.isEncrypted else {
      throw Problem(
        .damaged, tried: "open the database", on: path, said: "it is encrypted by DuckDB, and dbmend has no key",
        code: "file.encrypted")
    }
    guard headers.hasMagic || headers.active != nil else {
      if let sign = try ContentSigns.encryption(of: file) {
        throw Problem(
          .damaged, tried: "open the database", on: path, said: "it looks encrypted: \(sign)", code: "file.encrypted")
      }
      let said =
        headers.bytes.isEmpty
        ? "the file is empty" : "it does not begin as a DuckDB file does (DUCK at byte 8)"
      throw Problem(.damaged, tried: "open the database", on: path, said: said, code: "file.not-a-database")
    }
    guard headers.areSound else {
      throw Problem(
        .damaged, tried: "open the database", on: path,
        said: "\(headers.damaged.joined(separator: " and ")) of the file "
          + (headers.damaged.count == 1 ? "is" : "are") + " damaged (wrong checksum)",
        code: "file.malformed")
    }
  }

  private init(_ copy: NativeCopy, in folder: PrivateFolder) throws(Problem) {
    self.folder = folder
    path = copy.path
    subject = copy.source
    mode = .readOnly
    survey = copy.survey
    stamp = copy.stamp
    do throws(Problem) {
      client = try Client.find(timeLimit: Self.patience(copy.path))
    } catch {
      // Damage that is plain without the engine is told without it.
      guard copy.survey.unreadable.isEmpty else { throw SurveyFindings.problem(copy.survey, on: copy.source) }
      throw error
    }
    let answers = try client.run(DuckDBCatalog.statements, on: path, .readOnly, setUp: Self.restrictions)
    do throws(Problem) {
      known = try DuckDBCatalog(answers, of: copy.source)
    } catch {
      // A sound log cannot be replayed either into a file that is damaged.
      guard
        error.code == "file.malformed" || error.code == "engine.out-of-memory"
          || error.code == "wal.malformed" && copy.log?.isWhole ?? true,
        !copy.survey.unreadable.isEmpty
      else { throw error }
      throw SurveyFindings.problem(copy.survey, on: copy.source, said: error.said)
    }
    facts = StoreFacts(
      engine: "DuckDB " + known.version.drop { $0 == "v" }, format: Self.format(copy.survey.headers),
      bytes: (try? FileStatus.of(copy.path).size) ?? 0, notices: LogFindings.of(copy.log))
  }

  /// Opens a database that nobody else has open, in its place.
  init(workingCopy path: String) throws(Problem) {
    self.path = path
    subject = path
    mode = .writable
    survey = nil
    stamp = nil
    client = try Client.find(timeLimit: Self.patience(path))
    known = try DuckDBCatalog(client.run(DuckDBCatalog.statements, on: path, .writable), of: path)
    facts = StoreFacts(
      engine: "DuckDB " + known.version.drop { $0 == "v" }, format: "working copy",
      bytes: (try? FileStatus.of(path).size) ?? 0)
  }

  private static func format(_ headers: FileHeaders) -> String {
    let size = headers.active?.blockSize ?? 262_144
    return "storage version \(headers.version), blocks of \(size / 1024) KiB"
      + (headers.writer.isEmpty ? "" : ", written by DuckDB \(headers.writer)")
  }

  /// How long a run of the client on a database may take: a database of ten gigabytes an hour.
  private static func patience(_ path: String) -> Double {
    600 + Double((try? FileStatus.of(path).size) ?? 0) / 3e6
  }

  /// A database is hostile: nothing in it may reach beyond it.
  private static let restrictions = ["SET enable_external_access = false"]

  /// The size of a block of the file.
  var blockSize: Int { survey?.headers.active?.blockSize ?? 262_144 }

  // MARK: - What is asked of it

  func catalog() throws(Problem) -> Catalog { known.catalog }

  /// What the engine says, with names in SQL.
  var structure: DuckDBCatalog { known }

  /// Reads the catalog again, after a change.
  func forgetCatalog() throws(Problem) {
    known = try DuckDBCatalog(ask(DuckDBCatalog.statements), of: subject)
    counts = [:]
    keyAnswers = [:]
  }

  func end() { folder = nil }

  /// What became of statements; `settings` hold for each process that runs some of them.
  func ask(_ statements: [String], settings: [String] = []) throws(Problem) -> [Client.Answer] {
    guard mode == .writable || folder != nil else {
      throw Problem(.system, tried: "read", on: subject, said: "the session has ended")
    }
    return try client.run(
      statements, on: path, mode, setUp: (mode == .readOnly ? Self.restrictions : []) + settings)
  }

  /// What became of a statement on a table whose name has a quotation mark in it, which the engine's own functions do not take: in a
  /// transaction that is taken back it has another name, on this session's copy alone.
  func ask(underPlainName table: String, _ statement: (String) -> String) throws(Problem) -> Client.Answer {
    let schema = table.split(separator: ".").dropLast().joined(separator: ".")
    let plain = "dbmend_" + String(UInt64.random(in: .min ... .max), radix: 36)
    guard mode == .readOnly, folder != nil, !schema.contains("\"") else {
      return .failed("Not implemented Error: DuckDB tells nothing of a table of this name")
    }
    let answers = try client.run(
      [
        "BEGIN", "ALTER TABLE \(sqlName(table)) RENAME TO \(plain)",
        statement((schema.isEmpty ? "main" : schema).asIdentifier + "." + plain.asIdentifier), "ROLLBACK",
      ], on: path, .writable, setUp: ["PRAGMA disable_checkpoint_on_shutdown"] + Self.restrictions)
    return answers[1].failure.map { .failed($0) } ?? answers[2]
  }

  /// The rows of one statement. Throws what the engine said of it.
  func rows(_ statement: String) throws(Problem) -> [JSONValue] {
    guard let answer = try ask([statement]).first else { return [] }
    return try rows(of: answer)
  }

  /// The rows of an answer. Throws what the engine said of the statement.
  func rows(of answer: Client.Answer) throws(Problem) -> [JSONValue] {
    switch answer {
    case .rows(let rows): return rows
    case .failed(let words): throw problem(words)
    }
  }

  /// What the engine said as a problem: of what it read, or of the statement.
  func problem(_ words: String) -> Problem {
    EngineWords.isOfStatement(words)
      ? Problem(.program, tried: "ask DuckDB about", on: subject, said: words)
      : EngineWords.problem(words, on: subject)
  }

  func rowCount(of table: Table) throws(Problem) -> Int {
    if let count = counts[table.name] { return count }
    // One process counts all of them.
    let tables = known.catalog.tables
    let answers = try ask(tables.map { "SELECT count(*) AS n FROM \(sqlName($0.name))" })
    for (table, answer) in zip(tables, answers) {
      if let count = answer.rows.first?["n"]?.integer { counts[table.name] = count }
    }
    if let count = counts[table.name] { return count }
    let words = zip(tables, answers).first { $0.0.name == table.name }?.1.failure
    throw problem(words ?? "there is no table \(table.name)")
  }

  var countedRows: [String: Int]? { counts.count == known.catalog.tables.count ? counts : nil }

  func quoted(_ identifier: String) -> String { known.paths[identifier] ?? identifier.asIdentifier }

  /// A table in the engine's SQL.
  func sqlName(_ table: String) -> String { known.paths[table] ?? table.asIdentifier }

  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]] {
    guard
      !sql.contains(where: \.isNewline)
        || !sql.split(whereSeparator: \.isNewline).contains(where: { $0.hasPrefix(".") }),
      !sql.hasPrefix(".")
    else { throw Problem(.configuration, tried: "ask DuckDB", on: sql, said: "it is a command of the client, not SQL") }
    return try rows(sql).prefix(limit).map { row in (row.members ?? []).map { Self.value($0.value) } }
  }

  private static func value(_ value: JSONValue) -> SQLValue {
    switch value {
    case .null: .null
    case .boolean(let flag): .integer(flag ? 1 : 0)
    case .integer(let number): .integer(Int64(number))
    case .number(let number): .real(number)
    case .string(let text): .text(text)
    case .array, .object: .text(String(describing: value))
    }
  }

  func keyIndexIsSuspect(_ table: Table) -> Bool { true }

  func sequences() throws(Problem) -> [SequenceState] {
    let feeds = known.feeds.filter { $0.increment > 0 }
    let answers = try ask(
      feeds.map { "SELECT max(\($0.column.asIdentifier))::VARCHAR AS m FROM \(sqlName($0.table))" })
    return try zip(feeds, answers).map { feed, answer throws(Problem) in
      if let words = answer.failure { throw problem(words) }
      return SequenceState(
        table: feed.table, last: feed.next &- feed.increment,
        largestKey: answer.rows.first?["m"]?.string.flatMap { Int64($0) }, engineRecovers: false)
    }
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    var findings: [Finding] = []
    if let survey, !survey.unreadable.isEmpty { findings += try SurveyFindings(self, survey).findings(request) }
    guard request.isFull else { return findings }
    if findings.isEmpty, let old = try CatalogAge.contradiction(self) {
      findings.append(old.finding(blockSize: blockSize))
    }
    let reading = FullReading(self, without: Set(findings.compactMap(\.location.table)))
    findings += try reading.findings(request, isDamaged: !findings.isEmpty)
    for (table, count) in reading.counts { counts[table] = count }
    // Where a block of an index is damaged, that is known; what it holds says nothing more.
    guard !findings.contains(where: { $0.code == "index.malformed" }) else { return findings }
    let damaged = Set(findings.filter { $0.severity > .info }.compactMap(\.location.table))
    return findings + (try IndexLookups(self).findings(without: damaged, request))
  }
}
