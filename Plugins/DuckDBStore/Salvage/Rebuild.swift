import MendKit

/// Writes what can be read of a damaged database into a new file, which takes its place.
final class Rebuild {
  private let copy: String
  private let backup: String?
  private let takesUnproved: Bool
  private let isAdmitted: Bool
  private let survey: FileSurvey
  private let session: DuckDBSession
  private let client: Client
  private let new: String
  /// The rows of every table of the new file.
  private(set) var rows: [String: Int] = [:]

  /// Opens the damaged database on a copy of its own. Throws where its catalog cannot be read. `isAdmitted` says that the catalog is
  /// read though it is damaged.
  init(
    _ copy: String, _ survey: FileSurvey, backup: String?, takesUnproved: Bool, isAdmitted: Bool = false
  ) throws(Problem) {
    self.copy = copy
    self.survey = survey
    self.backup = backup
    self.takesUnproved = takesUnproved
    self.isAdmitted = isAdmitted
    session = try DuckDBSession.open(copy, patience: 1)
    client = session.client
    new = copy + ".new"
  }

  func run() throws(Problem) -> RepairOutcome {
    defer { session.end() }
    try Paths.removeFile(new)
    do throws(Problem) {
      let outcome = try build()
      try Sidecars.remove(beside: copy)
      try Durable.rename(new, to: copy)
      return outcome
    } catch {
      try? Paths.removeFile(new)
      try? Sidecars.remove(beside: new)
      throw error
    }
  }

  /// What opens all databases in a process: `old`, `new`, and `backup` where there is one.
  private var attach: [String] {
    DatabaseCopy.attach(session.path, new, like: survey.headers)
      + (backup.map { ["ATTACH \($0.asLiteral) AS backup (READ_ONLY)"] } ?? [])
  }

  private func build() throws(Problem) -> RepairOutcome {
    let (damaged, hidden) = try Segments.holding(Set(survey.unreadable), session)
    let wrong = try wrongSegments(besides: Set(damaged.keys).union(hidden))
    try make(["COPY FROM DATABASE old TO new (SCHEMA)"])
    var outcome = RepairOutcome()
    for table in inOrder(session.structure) {
      let name = session.sqlName(table.name)
      let salvage = TableSalvage(
        table, sqlName: name, segments: damaged[table.name] ?? [], wrong: wrong[table.name] ?? [],
        backup: backup == nil ? nil : "backup",
        takesUnproved: takesUnproved
      ) { statements throws(Problem) in try self.ask(statements) }
      if damaged[table.name] == nil, wrong[table.name] == nil, !hidden.contains(table.name), try salvage.takeWhole() {
        continue
      }
      let (tally, notes) = try salvage.run()
      outcome.rows[table.name] = tally
      outcome.notes += notes
    }
    try make(["CHECKPOINT new"])
    let tables = session.structure.catalog.tables
    let counts = try ask(tables.map { "SELECT count(*) AS n FROM new.\(session.sqlName($0.name))" })
    for (table, count) in zip(tables, counts) { rows[table.name] = count.rows.first?["n"]?.integer }
    outcome.notes.append("wrote what can be read into a new file")
    return outcome
  }

  /// The runs of values in blocks that hold other values than were written there, of all tables that can be read.
  private func wrongSegments(besides known: Set<String>) throws(Problem) -> [String: [Segment]] {
    let reading = FullReading(session, without: known)
    _ = try reading.findings(IntegrityRequest(), isDamaged: true)
    let found = reading.contradictions.values.flatMap { $0 }
    var blocks = Set(found.filter { $0.blocks.count == 1 }.flatMap(\.blocks))
    // Where values are of several blocks, one that is known to be wrong explains them, or each may be it.
    for each in found where blocks.isDisjoint(with: each.blocks) { blocks.formUnion(each.blocks) }
    return try Segments.holding(blocks, session).found
  }

  private func make(_ statements: [String]) throws(Problem) {
    if let words = try ask(statements).compactMap(\.failure).first {
      throw EngineWords.problem(words, on: copy, tried: "write into a new file what can be read of")
    }
  }

  private func ask(_ statements: [String]) throws(Problem) -> [Client.Answer] {
    // A process for each, so that one on which the engine gives up takes no other with it.
    let answers = try client.run(statements, on: ":memory:", .writable, setUp: attach, beside: session.path)
    // What memory was too short for is not lost; but of a catalog that is damaged the engine may want anything.
    if !isAdmitted, let words = answers.compactMap(\.failure).first(where: { ClientMemory.isShort($0) }),
      !ClientMemory.isAbsurd(words)
    {
      throw ClientMemory.problem(words, on: copy, tried: "write into a new file what can be read of")
    }
    if let words = answers.compactMap(\.failure).first(where: EngineWords.isOfMachine) {
      throw Problem(
        .exhausted, tried: "write into a new file what can be read of", on: copy, said: words,
        advice: "Run dbmend again when other programs take less of this machine; nothing was changed.")
    }
    return answers
  }

  /// Tables after those that they refer to.
  private func inOrder(_ structure: DuckDBCatalog) -> [Table] {
    var left = structure.catalog.tables
    var ordered: [Table] = []
    while !left.isEmpty {
      let names = Set(left.map(\.name))
      let free = left.filter { table in
        !structure.foreignKeys.contains {
          $0.table == table.name && $0.parent != table.name && names.contains($0.parent)
        }
      }
      let next = free.isEmpty ? left : free
      ordered += next
      let done = Set(next.map(\.name))
      left.removeAll { done.contains($0.name) }
    }
    return ordered
  }
}
