import MendKit

/// One state of a database: a private copy, which the engine opens in place of the live file.
class H2Session: SQLSession {
  private(set) var facts: StoreFacts
  /// The live database, for messages.
  let subject: String
  let client: Client
  /// The native reading of the copy, before the engine opened it.
  let survey: FileSurvey?
  /// The live file's state, where this is a copy of one.
  let stamp: StoreStamp?
  private var place: EnginePlace?
  private var shell: Shell?
  private var known: H2Catalog
  private var counts: [String: Int] = [:]
  /// Answers that were asked for ahead, so that the engine is told of everything at once.
  private var answers: [String: Answer] = [:]

  /// Takes a copy of a live database and has the engine read its catalog. The engine starts while the copy is taken and looked at.
  static func open(_ path: String, login: Login) throws(Problem) -> H2Session {
    let source = Paths.resolved(path)
    try Foreign.refuse(source)
    let place = try EnginePlace()
    var missing: Problem?
    var client: Client?
    var shell: Shell?
    do throws(Problem) {
      let found = try Client.find(login)
      client = found
      shell = try found.begin(in: place.folder)
    } catch { missing = error }
    let copy = try NativeCopy.make(of: source, to: place.file)
    guard let client, let shell else {
      // Damage that is plain without the engine is told without it.
      guard copy.survey.isSound else { throw SurveyFindings.problem(copy.survey, on: copy.source) }
      throw missing ?? Problem(.program, tried: "start", on: "java", said: "it does not start")
    }
    return try H2Session(copy, in: place, client, shell)
  }

  private init(_ copy: NativeCopy, in place: EnginePlace, _ client: Client, _ shell: Shell) throws(Problem) {
    self.place = place
    self.client = client
    self.shell = shell
    subject = copy.source
    survey = copy.survey
    stamp = copy.stamp
    do throws(Problem) {
      known = try Self.catalog(of: copy.source, client, shell)
    } catch {
      var error = error
      if error.code == "schema.unsupported", let format = copy.survey.headers.newest?.format {
        error = EngineWords.refused(format, error.said, by: client, on: copy.source)
      }
      guard !copy.survey.isSound else { throw error }
      let isOfFile = error.kind == .damaged || error.code == "schema.unsupported"
      throw SurveyFindings.problem(copy.survey, on: copy.source, said: isOfFile ? error.said : nil)
    }
    let header = copy.survey.headers.newest
    facts = StoreFacts(
      engine: "H2 \(known.version)", format: "MVStore format \(header?.format ?? 0)", bytes: copy.stamp.size)
  }

  private static func catalog(of path: String, _ client: Client, _ shell: Shell) throws(Problem) -> H2Catalog {
    if let words = try shell.open(EnginePlace.name, as: client.login) { throw EngineWords.problem(words, on: path) }
    return try H2Catalog(shell.ask(H2Catalog.statements), of: path)
  }

  /// Opens a database that nobody else has open, in its place. The engine closes it after each piece of work.
  init(workingCopy place: EnginePlace, of path: String, login: Login) throws(Problem) {
    self.place = place
    subject = path
    survey = nil
    stamp = nil
    client = try Client.find(login)
    known = try H2Catalog(client.run(H2Catalog.statements, on: EnginePlace.name, in: place.folder), of: path)
    facts = StoreFacts(engine: "H2 \(known.version)", format: "working copy", bytes: 0)
  }

  func catalog() throws(Problem) -> Catalog { known.catalog }

  /// What the engine says, with names in SQL.
  var structure: H2Catalog { known }

  /// Reads the catalog again, after a change.
  func forgetCatalog() throws(Problem) {
    known = try H2Catalog(ask(H2Catalog.statements), of: subject)
    counts = [:]
    answers = [:]
  }

  func end() {
    // Nobody wants the copy any more: it need not be closed in order.
    shell?.stop()
    shell = nil
    place = nil
  }

  /// What became of statements.
  func ask(_ statements: [Statement]) throws(Problem) -> [Answer] {
    guard let place else { throw Problem(.system, tried: "read", on: subject, said: "the session has ended") }
    guard !statements.isEmpty else { return [] }
    let known = statements.compactMap { statement in
      if case .query(let sql) = statement { answers[sql] } else { nil }
    }
    if known.count == statements.count { return known }
    guard shell != nil else { return try client.run(statements, on: EnginePlace.name, in: place.folder) }
    return try askShell(statements, in: place)
  }

  /// The engine closes a database in which it met damage: what it did not come to is asked of another one.
  private func askShell(_ statements: [Statement], in place: EnginePlace) throws(Problem) -> [Answer] {
    var answers: [Answer] = []
    var restarts = 0
    while let shell {
      let more = try shell.ask(Array(statements[answers.count...]))
      let reached = more.prefix { !$0.isUnreached }
      answers += reached
      guard answers.count < statements.count else { break }
      // One that no engine comes to is what it stumbles over.
      if reached.isEmpty { answers += more.prefix(1) }
      restarts += 1
      shell.stop()
      guard answers.count < statements.count, restarts <= Self.mostRestarts else {
        answers += more.suffix(statements.count - answers.count)
        break
      }
      let next = try client.begin(in: place.folder)
      self.shell = next
      if let words = try next.open(EnginePlace.name, as: client.login) {
        answers += [Answer](repeating: .unreached(words), count: statements.count - answers.count)
        break
      }
    }
    return answers
  }

  private static let mostRestarts = 32

  /// The rows of one query. Throws what the engine said of it.
  func rows(_ query: String) throws(Problem) -> [[String?]] {
    let answer = try ask([.query(query)]).first
    if let words = answer?.failure { throw problem(words) }
    return answer?.rows ?? []
  }

  /// What the engine said as a problem: of what it read, or of the statement.
  func problem(_ words: String) -> Problem {
    EngineWords.isOfStatement(words)
      ? Problem(.program, tried: "ask H2 about", on: subject, said: words) : EngineWords.problem(words, on: subject)
  }

  func rowCount(of table: Table) throws(Problem) -> Int {
    if let count = counts[table.name] { return count }
    // One process counts all of them.
    let tables = known.catalog.tables
    let answers = try ask(tables.map { .query("SELECT COUNT(*) FROM \(sqlName($0.name))") })
    for (table, answer) in zip(tables, answers) { note(answer.rows.first?.first ?? nil, of: table) }
    if let count = counts[table.name] { return count }
    let words = zip(tables, answers).first { $0.0.name == table.name }?.1.failure
    throw problem(words ?? "there is no table \(table.name)")
  }

  private func note(_ count: String?, of table: Table) {
    if let count = count.flatMap({ Int($0) }) { counts[table.name] = count }
  }

  var countedRows: [String: Int]? { counts.count == known.catalog.tables.count ? counts : nil }

  func quoted(_ identifier: String) -> String { known.paths[identifier] ?? identifier.asIdentifier }

  /// A table in the engine's SQL.
  func sqlName(_ table: String) -> String { known.paths[table] ?? table.asIdentifier }

  func query(_ sql: String, limit: Int) throws(Problem) -> [[SQLValue]] {
    try rows(sql).prefix(limit).map { $0.map(Self.value) }
  }

  /// A value as the engine writes it: numbers and truth values are told from texts by their looks.
  private static func value(_ text: String?) -> SQLValue {
    guard let text else { return .null }
    if text == "TRUE" { return .integer(1) }
    if text == "FALSE" { return .integer(0) }
    if let number = Int64(text), String(number) == text { return .integer(number) }
    let isNumber = text.contains(".") && text.allSatisfy { $0.isASCII && ($0.isNumber || ".-+E".contains($0)) }
    if isNumber, let number = Double(text) { return .real(number) }
    return .text(text)
  }

  /// Unless the index was held against the table, entry for entry.
  func keyIndexIsSuspect(_ table: Table) -> Bool {
    guard !table.keyIsStructural else { return false }
    return !table.indexes.contains { index in
      index.isUnique && index.columns.compactMap { $0 } == table.primaryKey && survey?.agrees(index, of: table) == true
    }
  }

  private var drawn: [H2Catalog.Identity] { known.identities.filter { $0.increment > 0 } }

  private var sequenceQueries: [String] {
    drawn.map { "SELECT MAX(\($0.column.asIdentifier)) FROM \(sqlName($0.table))" }
  }

  func sequences() throws(Problem) -> [SequenceState] {
    let identities = drawn
    let answers = try ask(sequenceQueries.map { .query($0) })
    return try zip(identities, answers).map { identity, answer throws(Problem) in
      if let words = answer.failure { throw problem(words) }
      return SequenceState(
        table: identity.table, last: identity.next &- identity.increment,
        largestKey: (answer.rows.first?.first ?? nil).flatMap { Int64($0) }, engineRecovers: false)
    }
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    var findings = survey.map { SurveyFindings.findings($0, limit: request.findingsPerCause) } ?? []
    guard request.isFull else { return findings }
    findings += survey.map { SurveyFindings.indexes($0, catalog: known.catalog) } ?? []
    // The engine decodes all values of a page's rows when it reads one of them; of large objects every byte is asked for.
    let tables = known.catalog.tables
    let readings = tables.map { table in
      let large = table.columns.filter { $0.type.hasSuffix("LARGE OBJECT") }
      let sums = ["SUM(1)"] + large.map { "SUM(ORA_HASH(\($0.name.asIdentifier)))" }
      // Without that it would read an index instead, where there is one.
      return "SELECT \(sums.joined(separator: ", ")) FROM \(sqlName(table.name)) USE INDEX ()"
    }
    let ahead =
      sequenceQueries + foreignKeyQueries
      + tables.filter { keyIndexIsSuspect($0) }.flatMap { keyQueries(of: $0, limit: request.findingsPerCause) }
    let found = try ask((readings + ahead).map { .query($0) })
    for (query, answer) in zip(ahead, found.dropFirst(readings.count)) where answer.failure == nil {
      answers[query] = answer
    }
    var unreached: String?
    for (table, answer) in zip(tables, found) {
      if answer.isUnreached {
        unreached = answer.failure
      } else if let words = answer.failure {
        let problem = EngineWords.problem(words, on: subject)
        guard problem.kind == .damaged else { throw problem }
        findings.append(
          Finding(
            "table.malformed", .error, at: Finding.Location(table: table.name),
            "H2 cannot read the table \(table.name) to its end", evidence: words))
      } else {
        note((answer.rows.first?.first ?? nil) ?? "0", of: table)
      }
    }
    if findings.isEmpty, let unreached { throw EngineWords.problem(unreached, on: subject) }
    return findings
  }
}

/// A private folder in which the engine opens a database under a name that it takes.
final class EnginePlace {
  /// The name of the database, without the file's suffix.
  static let name = "copy"
  /// The folder.
  var folder: String { holder.path }
  /// The database file.
  var file: String { Paths.join(folder, Self.name + Client.suffix) }
  private let holder: PrivateFolder

  /// One in the folder for temporary files, or, for files that are to be renamed there and back, in the given one.
  init(in place: String? = nil) throws(Problem) { holder = try PrivateFolder("dbmend-h2-", in: place) }
}
