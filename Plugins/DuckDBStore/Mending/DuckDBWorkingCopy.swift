import MendKit

/// A database that nobody else has open, to be mended. Every statement runs in a process of its own that leaves a checkpoint.
final class DuckDBWorkingCopy: DuckDBSession, WorkingCopy {
  /// Opens the copy at a path.
  init(_ path: String) throws(Problem) { try super.init(workingCopy: path) }

  func execute(_ sql: String) throws(Problem) {
    // The statements of one text stand or fall together.
    let answers = try ask(["BEGIN"] + Statements.split(sql) + ["COMMIT"])
    if let words = answers.compactMap(\.failure).first { throw problem(words) }
    try forgetCatalog()
  }

  func rebuildIndexes(_ names: [String]) throws(Problem) -> RepairOutcome {
    try rewrite()
    return RepairOutcome(notes: ["wrote every index anew"])
  }

  func rewrite() throws(Problem) {
    try refuseWrongValues()
    let new = path + ".new"
    try Paths.removeFile(new)
    do throws(Problem) {
      try DatabaseCopy(client, from: path, to: new).run()
      try Sidecars.remove(beside: path)
      try Durable.rename(new, to: path)
    } catch {
      try? Paths.removeFile(new)
      throw error
    }
    try forgetCatalog()
  }

  /// Throws where values are not those that were written: in a new file nothing would tell it any more.
  private func refuseWrongValues() throws(Problem) {
    let reading = FullReading(self, without: [])
    let findings = try reading.findings(IntegrityRequest())
    guard let found = findings.first(where: { $0.code == "table.malformed" }) else { return }
    throw Problem(
      .damaged, tried: "write anew", on: path, said: found.message,
      advice: "dbmend repair --with salvage takes over what is right.",
      code: "table.malformed")
  }

  /// More values than this are not drawn to get a sequence ahead of a key.
  private static let mostDrawn: Int64 = 1 << 32

  func resetSequences(_ tables: [String]) throws(Problem) {
    for state in try sequences() where tables.contains(state.table) {
      guard let last = state.last, let largest = state.largestKey, last < largest else { continue }
      guard let feed = structure.feeds.first(where: { $0.table == state.table && $0.next &- $0.increment == last })
      else {
        continue
      }
      let behind = (largest - last + feed.increment - 1) / feed.increment
      guard behind <= Self.mostDrawn else {
        throw Problem(
          .unsupported, tried: "set the sequence", on: feed.sequence,
          said: "it is \(behind) values behind, and DuckDB can only draw them one by one")
      }
      _ = try rows("SELECT count(nextval(\(feed.path.asLiteral))) AS n FROM range(\(behind))")
    }
    try forgetCatalog()
  }

  func setAsideNullKeys(of table: Table, into name: String) throws(Problem) -> Int {
    let isNull = table.primaryKey.map { "\($0.asIdentifier) IS NULL" }.joined(separator: " OR ")
    let count = try nullKeys(of: table, limit: 1).count
    try execute(
      "CREATE TABLE \(name.asIdentifier) AS SELECT * FROM \(sqlName(table.name)) WHERE \(isNull); "
        + "DELETE FROM \(sqlName(table.name)) WHERE \(isNull)")
    return count
  }

  func close() throws(Problem) { try Settling.settle(path) }
}

/// Statements in one text, told apart.
enum Statements {
  /// Cuts a text at its semicolons, those within quotes and comments left out.
  static func split(_ text: String) -> [String] {
    var statements: [String] = []
    var current = ""
    var quote: Character?
    var isComment = false
    var previous: Character = " "
    for character in text {
      if isComment {
        if character.isNewline { isComment = false }
      } else if let open = quote {
        if character == open { quote = nil }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if character == "-", previous == "-" {
        isComment = true
      } else if character == ";" {
        statements.append(current)
        current = ""
        previous = " "
        continue
      }
      previous = character
      current.append(character)
    }
    statements.append(current)
    return statements.filter { statement in statement.contains { !$0.isWhitespace } }
  }
}
