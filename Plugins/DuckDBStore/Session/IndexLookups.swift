import MendKit

/// Looks rows up through indexes, and counts whether as many are found as a scan of the table shows.
///
/// The engine has no word that holds an index against its table. But a query for one key goes through the index where it is told to
/// prefer that, and reads the table where it is told not to. So of each index on one column some hundred keys are asked for, from
/// all over the table and from its end, where the newest rows are. Those on several columns or on expressions the engine does not
/// use for lookups.
struct IndexLookups {
  private let session: DuckDBSession

  init(_ session: DuckDBSession) { self.session = session }

  /// The keys that are looked up in each index, and of them those of the newest rows.
  private static let most = 400
  private static let newest = 100
  /// A key that more rows have says less, and takes longer.
  private static let mostRows = 2000
  /// Keys that one statement asks for.
  private static let each = 50

  private static let byScan = ["SET index_scan_percentage = 0", "SET index_scan_max_count = 0"]
  private static let byIndex = ["SET index_scan_percentage = 1", "SET index_scan_max_count = 1000000000"]

  /// An index on one column, of a table that can be read.
  private struct Candidate {
    var table: Table
    var index: Index
    var column: Column
    var keys: [(text: String, rows: Int)] = []
  }

  /// Of more indexes than this only those on tables of so many rows are looked through.
  private static let many = 100
  private static let fewRows = 10_000

  private func estimate(_ candidate: Candidate) -> Int { session.structure.estimates[candidate.table.name] ?? 0 }

  /// What the indexes of tables lack, or have too much; tables in `known` are known to be damaged, and left out.
  func findings(without known: Set<String>, _ request: IntegrityRequest) throws(Problem) -> [Finding] {
    var candidates: [Candidate] = []
    for table in session.structure.catalog.tables where !known.contains(table.name) && table.column("rowid") == nil {
      for index in table.indexes where index.columns.count == 1 {
        guard let name = index.columns[0], let column = table.column(name), ValueLeaf.hasPlainText(column.type),
          (session.structure.estimates[table.name] ?? 0) > 0
        else { continue }
        candidates.append(Candidate(table: table, index: index, column: column))
      }
    }
    if candidates.count > Self.many { candidates.removeAll { estimate($0) < Self.fewRows } }
    guard !candidates.isEmpty else { return [] }
    let settings = ["SET threads = \(max(1, request.workers))"] + ValueRanges.settings
    let samples = try session.ask(candidates.map(sampleQuery), settings: Self.byScan + settings)
    for (place, answer) in zip(candidates.indices, samples) {
      candidates[place].keys = answer.rows.compactMap { row in
        guard let text = row["k"]?.string, let rows = row["n"]?.integer, rows <= Self.mostRows, Self.isPlain(text)
        else {
          return nil
        }
        return (text, rows)
      }
    }
    return try lookUp(candidates.filter { !$0.keys.isEmpty }, settings)
  }

  /// Keys from all over a table, each with the number of its rows.
  private func sampleQuery(_ candidate: Candidate) -> String {
    let table = session.sqlName(candidate.table.name)
    let key = candidate.column.name.asIdentifier
    let rows = session.structure.estimates[candidate.table.name] ?? 0
    let step = max(1, rows / (Self.most - Self.newest))
    let keys =
      "SELECT DISTINCT \(key) AS dbmend_key FROM \(table) WHERE (rowid % \(step) = 0 OR rowid >= \(rows - Self.newest)) "
      + "AND \(key) IS NOT NULL LIMIT \(Self.most)"
    return
      "SELECT s.dbmend_key::VARCHAR AS k, count(*) AS n FROM (SELECT \(key) AS dbmend_own FROM \(table)) t "
      + "JOIN (\(keys)) s ON t.dbmend_own = s.dbmend_key GROUP BY s.dbmend_key"
  }

  /// The statements for the client are lines: what could be read as anything but a text is not asked for.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.count < 256 && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value < 0x80 }
  }

  private func lookUp(_ candidates: [Candidate], _ settings: [String]) throws(Problem) -> [Finding] {
    guard !candidates.isEmpty else { return [] }
    func source(_ candidate: Candidate, _ text: String) -> String {
      "FROM \(session.sqlName(candidate.table.name)) "
        + "WHERE \(candidate.column.name.asIdentifier) = CAST(\(text.asLiteral) AS \(candidate.column.type))"
    }
    // An index that the engine does not use would have it read the table for every key.
    let plans = try session.ask(
      candidates.map { "EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) \(source($0, $0.keys[0].text))" },
      settings: Self.byIndex + settings)
    let used = zip(candidates, plans).filter { candidate, plan in
      // What the engine stumbles over here, it does in the lookups.
      plan.failure.map { !EngineWords.isOfStatement($0) } ?? !plan.rows.contains { Self.readsTable($0) }
    }.map(\.0)
    var statements: [String] = []
    for candidate in used {
      for start in stride(from: 0, to: candidate.keys.count, by: Self.each) {
        let parts = candidate.keys.indices[start..<min(start + Self.each, candidate.keys.count)].map { number in
          "SELECT \(number) AS i, count(*) AS n \(source(candidate, candidate.keys[number].text))"
        }
        statements.append(parts.joined(separator: " UNION ALL "))
      }
    }
    let answers = try session.ask(statements, settings: Self.byIndex + settings)
    var findings: [Finding] = []
    var place = 0
    for candidate in used {
      let count = (candidate.keys.count + Self.each - 1) / Self.each
      findings += try self.findings(candidate, Array(answers.dropFirst(place).prefix(count)))
      place += count
    }
    return findings
  }

  /// Whether a plan says that the table is read from its beginning. Some versions give no plan in this form.
  private static func readsTable(_ plan: JSONValue) -> Bool {
    if plan["extra_info"]?["Type"]?.string == "Sequential Scan" { return true }
    return (plan["children"]?.array ?? []).contains { readsTable($0) }
  }

  private func findings(_ candidate: Candidate, _ answers: [Client.Answer]) throws(Problem) -> [Finding] {
    let table = candidate.table.name
    let name = candidate.index.name
    let place = Finding.Location(table: table, index: name)
    if let words = answers.compactMap(\.failure).first {
      let problem = EngineWords.problem(words, on: session.subject)
      guard problem.kind == .damaged, !EngineWords.isOfStatement(words) else {
        guard EngineWords.isOfStatement(words) else { throw problem }
        return []
      }
      return [
        Finding(
          "index.malformed", .error, at: place, "DuckDB cannot read the index \(name) of \(table)", evidence: words)
      ]
    }
    var missing: [(key: String, count: Int)] = []
    var extra: [(key: String, count: Int)] = []
    for row in answers.flatMap(\.rows) {
      guard let number = row["i"]?.integer, candidate.keys.indices.contains(number), let found = row["n"]?.integer
      else {
        continue
      }
      let (text, rows) = candidate.keys[number]
      if found < rows { missing.append((text, rows - found)) }
      if found > rows { extra.append((text, found - rows)) }
    }
    func finding(_ code: FindingCode, _ found: [(key: String, count: Int)], _ words: String) -> Finding? {
      guard let first = found.first else { return nil }
      let count = found.reduce(0) { $0 + $1.count }
      var place = place
      place.key = first.key
      return Finding(
        code, .error, at: place,
        "\(words): of \(candidate.keys.count) keys of \(table).\(candidate.column.name) that were looked up through \(name), "
          + "\(found.count) found \(code == "index.entry-missing" ? "fewer" : "more") rows than the table has",
        evidence: "keys " + found.prefix(5).map(\.key).joined(separator: ", ") + (found.count > 5 ? " and others" : ""),
        count: count)
    }
    return [
      finding("index.entry-missing", missing, "queries by the index do not find every row"),
      finding("index.entry-extra", extra, "the index leads to rows that do not have its key"),
    ].compactMap { $0 }
  }
}
