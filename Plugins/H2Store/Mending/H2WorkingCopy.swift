import MendKit

/// A database that nobody else has open, to be mended. While it is open its file is in a folder of the engine's.
final class H2WorkingCopy: H2Session, WorkingCopy {
  private let path: String
  private let enginePlace: EnginePlace
  private var isClosed = false

  /// Opens the copy at a path.
  init(_ path: String, login: Login, creates: Bool = false) throws(Problem) {
    self.path = path
    let place = try EnginePlace(in: Paths.folder(of: path))
    enginePlace = place
    if creates {
      let made = try Client.find(login).run(
        [.command("SELECT 1")], on: EnginePlace.name, in: place.folder, creates: true)
      if let words = made.first?.failure {
        throw EngineWords.problem(words, on: path, tried: "make a new database at")
      }
    } else {
      try Self.refuseOlder(path)
      try Durable.rename(path, to: place.file)
    }
    do throws(Problem) {
      try super.init(workingCopy: place, of: path, login: login)
    } catch {
      if FileStatus.exists(place.file) { try Durable.rename(place.file, to: path) }
      throw error
    }
  }

  /// Throws where H2 would open an older version without a word, which loses what was committed since.
  static func refuseOlder(_ path: String) throws(Problem) {
    let survey = try FileSurvey.make(FileHandle.read(path))
    // H2 never looks into an index for what a script of the database says.
    func isOfIndex(_ damage: FileSurvey.Damage) -> Bool { damage.map.flatMap { survey.objects[$0]?.index } != nil }
    var opensOlder = false
    if !survey.isSound, case .older = try ChunkMending(FileHandle.read(path)).plan() { opensOlder = true }
    guard opensOlder || survey.damages.contains(where: { $0.kind != .header && !isOfIndex($0) }) else { return }
    throw SurveyFindings.problem(survey, on: path, said: "it would open an older version, or stop at a page")
  }

  func execute(_ sql: String) throws(Problem) {
    let script = Paths.join(enginePlace.folder, "script.sql")
    try Durable.write(Array(sql.utf8), to: script, mode: 0o600)
    defer { try? Paths.removeFile(script) }
    let answers = try ask([
      .command("SET AUTOCOMMIT FALSE"), .command("RUNSCRIPT FROM \(script.asLiteral) CHARSET 'UTF-8'"),
      .command("COMMIT"),
    ])
    if let words = answers.compactMap(\.failure).first { throw problem(words) }
    try forgetCatalog()
  }

  func rebuildIndexes(_ names: [String]) throws(Problem) -> RepairOutcome {
    try rewrite()
    return RepairOutcome(notes: ["wrote every table and index anew"])
  }

  func rewrite() throws(Problem) {
    let script = Paths.join(enginePlace.folder, "script.sql")
    let answer = try ask([.command("SCRIPT TO \(script.asLiteral) CHARSET 'UTF-8'")]).first
    if let words = answer?.failure { throw problem(words) }
    let new = try Rebuild.database(from: script, in: Paths.folder(of: path), client, subject: subject)
    try Durable.rename(new.file, to: enginePlace.file)
    try Paths.removeFile(script)
    try forgetCatalog()
  }

  func resetSequences(_ tables: [String]) throws(Problem) {
    for state in try sequences() where tables.contains(state.table) {
      guard let last = state.last, let largest = state.largestKey, last < largest,
        let identity = structure.identities.first(where: { $0.table == state.table })
      else { continue }
      let (next, isTooLarge) = largest.addingReportingOverflow(identity.increment)
      guard !isTooLarge else { continue }
      try execute(
        "ALTER TABLE \(sqlName(state.table)) ALTER COLUMN \(identity.column.asIdentifier) RESTART WITH \(next);")
    }
    try forgetCatalog()
  }

  func setAsideNullKeys(of table: Table, into name: String) throws(Problem) -> Int {
    let count = try nullKeys(of: table, limit: 1).count
    guard count > 0 else { return 0 }
    let isNull = table.primaryKey.map { "\($0.asIdentifier) IS NULL" }.joined(separator: " OR ")
    try execute(
      "CREATE TABLE \(name.asIdentifier) AS SELECT * FROM \(sqlName(table.name)) WHERE \(isNull);\n"
        + "DELETE FROM \(sqlName(table.name)) WHERE \(isNull);")
    return count
  }

  func close() throws(Problem) {
    guard !isClosed else { return }
    isClosed = true
    try Durable.rename(enginePlace.file, to: path)
    end()
  }

  deinit { try? close() }
}

/// A new database, made by the engine of a script.
enum Rebuild {
  /// The user who makes it, and is taken away in the end: the script brings the application's own users along.
  static let maker = Login(user: "DBMEND_REBUILD", isWithoutPassword: true)

  /// Makes it in a folder of its own below the given one. Throws where a statement of the script fails.
  static func database(
    from script: String, in folder: String, _ client: Client, subject: String
  ) throws(Problem) -> EnginePlace {
    let place = try EnginePlace(in: folder)
    let answers = try client.run(
      [
        .command("RUNSCRIPT FROM \(script.asLiteral) CHARSET 'UTF-8'"),
        .command("DROP USER \(maker.user.asIdentifier)"),
      ], on: EnginePlace.name, in: place.folder, creates: true, as: maker)
    if let words = answers.first?.failure {
      throw Problem(.damaged, tried: "build a database of what can be read of", on: subject, said: words)
    }
    return place
  }
}
