import CSQLite
import MendKit

/// Builds a full-text index anew from its contents, whether or not its module can still open it.
struct FullTextMend {
  let name: String
  let definition: VirtualDefinition
  let copy: SQLiteWorkingCopy
  let empty: EmptyVirtualTable?

  func run(_ outcome: inout RepairOutcome) throws(Problem) {
    let known = try numbersOfKnownRows()
    let aside = known?.lost ?? 0 > 0 ? try setAsideWords() : nil
    if definition.isContentless {
      try dropAll(&outcome)
    } else {
      if !opens { try reset() }
      try copy.execute("INSERT INTO \(table(""))(\(table(""))) VALUES('rebuild')")
      // The one table of the module's that has an index.
      if definition.module != "fts5" { try copy.execute("REINDEX \(table("_segdir"))") }
      outcome.notes.append("the full-text index \(name) was built anew from its contents")
    }
    if let known { tell(known, aside, &outcome) }
  }

  private func table(_ end: String) -> String { copy.quoted(name + end) }

  /// Whether the module takes what it finds in its own tables.
  private var opens: Bool { (try? copy.connection.query("SELECT rowid FROM \(table("")) LIMIT 0")) != nil }

  // MARK: What the index knows

  /// What the rows are numbered by in the module's own tables.
  private var key: String { definition.module == "fts5" ? "id" : "docid" }

  /// The rows with contents, and those that the index counted the words of and whose contents are lost.
  private func numbersOfKnownRows() throws(Problem) -> (kept: Int, lost: Int)? {
    guard definition.keepsContents else { return nil }
    let kept = try copy.connection.integer("SELECT count(*) FROM \(table("_content")) NOT INDEXED") ?? 0
    let lost = try? copy.connection.integer("SELECT count(*) FROM \(table("_docsize")) WHERE \(isLost)")
    return lost.map { (kept, $0) }
  }

  private var isLost: String { "\(key) NOT IN (SELECT \(key) FROM \(table("_content")))" }

  private func tell(
    _ known: (kept: Int, lost: Int), _ aside: (rows: Int, place: String)?, _ outcome: inout RepairOutcome
  ) {
    let contents = outcome.rows[name + "_content"]
    guard known.lost > 0 || contents != nil else { return }
    // Where the table that numbers all rows has lost some, nobody can count them.
    let isKnown = outcome.rows[name + "_docsize"].map { $0.lost == 0 } ?? true
    let lost = isKnown ? known.lost : nil
    outcome.rows[name] = RowTally(
      kept: known.kept, fromIndex: contents?.fromIndex ?? 0, fromBackup: contents?.fromBackup ?? 0, lost: lost,
      lostRanges: contents?.lostRanges ?? [])
    if let contents, contents.lost == nil { outcome.rows[name + "_content"]?.lost = lost }
    if let aside {
      outcome.notes.append(
        "the words of \(aside.rows) rows of \(name) whose texts are lost stand in \(aside.place), as the index had them"
      )
    }
  }

  /// Bytes of words that are held in memory.
  private static let mostBytes = 64 << 20
  /// Rows that one statement writes.
  private static let atOnce = 500

  /// Keeps the words of rows whose texts are lost apart, as far as the index still tells them in their order.
  private func setAsideWords() throws(Problem) -> (rows: Int, place: String)? {
    let words = words()
    guard !words.isEmpty else { return nil }
    let place = try copy.freeName("dbmend_set_aside_" + name)
    var script = "CREATE TABLE \(copy.quoted(place))(dbmend_rowid INTEGER, \"column\" TEXT, words TEXT);"
    for start in stride(from: 0, to: words.count, by: Self.atOnce) {
      let values = words[start..<min(start + Self.atOnce, words.count)].map {
        "(\($0.map(\.literal).joined(separator: ", ")))"
      }
      script += "INSERT INTO \(copy.quoted(place)) VALUES \(values.joined(separator: ", "));"
    }
    try copy.execute(script)
    return (Set(words.map { $0[0] }).count, place)
  }

  /// The row, the column and the words of texts that are lost. Nothing where the index cannot be read to its end.
  private func words() -> [[SQLValue]] {
    let instances = "temp.dbmend_instances"
    // Not within a savepoint: the library cannot roll it back once the index turned out to be damaged.
    guard definition.module == "fts5", opens,
      (try? copy.connection.execute(
        "CREATE VIRTUAL TABLE \(instances) USING fts5vocab(main, \(copy.quoted(name)), instance)")) != nil
    else { return [] }
    defer { try? copy.connection.execute("DROP TABLE \(instances)") }
    var words: [[SQLValue]] = []
    var bytesLeft = Self.mostBytes
    let query = """
      SELECT doc, col, group_concat(term, ' ') FROM (SELECT doc, col, term FROM \(instances)
      WHERE doc IN (SELECT id FROM \(table("_docsize")) WHERE \(isLost)) ORDER BY doc, col, offset) GROUP BY doc, col
      """
    let isRead: Void? = try? copy.connection.rows(query) { row throws(Problem) in
      words.append((0..<3).map { row[$0] })
      bytesLeft -= 64 + row.text(2).utf8.count
      return bytesLeft > 0
    }
    return isRead == nil ? [] : words
  }

  // MARK: What the module needs

  /// Puts into the module's tables what an empty index has, so that it opens: settings that are left stay.
  private func reset() throws(Problem) {
    guard let empty else { return }
    try copy.execute(try statements(settings: "IGNORE").joined(separator: "\n"))
    if !opens { try copy.execute(try empty.firstRows(of: "_config", or: "REPLACE").joined(separator: "\n")) }
  }

  private func statements(settings: String) throws(Problem) -> [String] {
    guard let empty else { return [] }
    var statements: [String] = []
    for part in empty.parts where part.end != "_content" {
      if part.end != "_config" { statements.append("DELETE FROM \(table(part.end));") }
      statements += try empty.firstRows(of: part.end, or: part.end == "_config" ? settings : "REPLACE")
    }
    return statements
  }

  /// Empties an index that there are no texts to build from; the numbers of its rows are kept apart.
  private func dropAll(_ outcome: inout RepairOutcome) throws(Problem) {
    let count = try? copy.connection.integer("SELECT count(*) FROM \(table("_docsize"))")
    var note = "the full-text index \(name) keeps no texts that it could be built from, and was emptied"
    if let count, count > 0 {
      let place = try copy.freeName("dbmend_set_aside_" + name)
      try copy.execute(
        "CREATE TABLE \(copy.quoted(place)) AS SELECT \(key) AS dbmend_rowid FROM \(table("_docsize"))")
      note += ": the numbers of the rows that the application has to put in again stand in \(place)"
    }
    try copy.execute(try statements(settings: "IGNORE").joined(separator: "\n"))
    outcome.rows[name] = RowTally(lost: count)
    outcome.notes.append(note)
  }
}
