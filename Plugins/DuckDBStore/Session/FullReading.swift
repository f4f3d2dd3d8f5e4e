import MendKit

/// Has the engine read every value of every column.
final class FullReading {
  private let session: DuckDBSession
  private let known: Set<String>
  /// The rows of the tables that were read to their end.
  private(set) var counts: [String: Int] = [:]

  /// Tables in `known` are known to be damaged, and left out.
  init(_ session: DuckDBSession, without known: Set<String>) {
    self.session = session
    self.known = known
  }

  /// What the engine said of tables that it cannot read.
  func findings(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    let tables = session.structure.catalog.tables.filter { !known.contains($0.name) }
    guard !tables.isEmpty else { return [] }
    let answers = try session.ask(
      ["SET threads = \(max(1, request.workers))"]
        + tables.map { table in
          // A sum over every value cannot be had without decoding every value.
          let columns = table.columns.map { $0.name.asIdentifier }.joined(separator: ", ")
          return "SELECT count(*) AS n, bit_xor(hash(\(columns)))::VARCHAR AS h FROM \(session.sqlName(table.name))"
        })
    var findings: [Finding] = []
    for (table, answer) in zip(tables, answers.dropFirst()) {
      if let count = answer.rows.first?["n"]?.integer { counts[table.name] = count }
      guard let words = answer.failure else { continue }
      let problem = EngineWords.problem(words, on: session.subject)
      guard problem.kind == .damaged else { throw problem }
      findings.append(
        EngineWords.isOfStatement(words)
          ? Finding(
            "table.unverified", .info, at: Finding.Location(table: table.name),
            "DuckDB has no way to read every column of \(table.name)", evidence: words)
          : Finding(
            "table.malformed", .error, at: Finding.Location(table: table.name),
            "DuckDB cannot read the table \(table.name) to its end", evidence: words))
    }
    return findings
  }
}
