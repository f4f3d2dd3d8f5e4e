import MendKit

/// Has the engine read every value of every column, and hold it against what it noted when it wrote it.
final class FullReading {
  private let session: DuckDBSession
  private let known: Set<String>
  /// The rows of the tables that were read to their end.
  private(set) var counts: [String: Int] = [:]
  /// What contradicts what was noted, by the table.
  private(set) var contradictions: [String: [ValueRanges.Contradiction]] = [:]

  /// To compare takes the engine some hundredths of a second, however small a table is: where there are more tables than this, those
  /// of fewer rows are only read. What stands in their blocks is mostly of other tables too.
  private static let many = 100
  private static let fewRows = 10_000

  /// Tables in `known` are known to be damaged, and left out.
  init(_ session: DuckDBSession, without known: Set<String>) {
    self.session = session
    self.known = known
  }

  /// What the engine said of tables that it cannot read, and of values that cannot be right. Where memory ran short for a
  /// table, that is a problem, or, where `isDamaged` says that something is known to be wrong anyway, a notice.
  func findings(_ request: IntegrityRequest, isDamaged: Bool = false) throws(Problem) -> [Finding] {
    let tables = session.structure.catalog.tables.filter { !known.contains($0.name) }
    guard !tables.isEmpty else { return [] }
    let readings = tables.enumerated().map { number, table in
      ValueRanges(
        table, sqlName: session.sqlName(table.name), number: number, rows: session.structure.estimates[table.name] ?? 0,
        isCollated: session.structure.collated.contains(table.name),
        compares: tables.count <= Self.many || session.structure.estimates[table.name] ?? 0 >= Self.fewRows)
    }
    let statements = readings.map(\.statements)
    let answers = try session.ask(
      statements.flatMap { $0 }, settings: ["SET threads = \(max(1, request.workers))"] + ValueRanges.settings)
    var findings: [Finding] = []
    var place = 0
    for (table, (reading, own)) in zip(tables, zip(readings, statements)) {
      defer { place += own.count }
      guard place + own.count <= answers.count else { break }
      if let words = answers[place].failure {
        findings.append(try finding(words, table.name, isDamaged: isDamaged))
        continue
      }
      if let count = answers[place + 1].rows.first?["n"]?.integer { counts[table.name] = count }
      let found = reading.contradictions(answers[place + 2])
      guard !found.isEmpty else { continue }
      contradictions[table.name] = found
      findings += of(found, table.name, request.findingsPerCause)
    }
    return findings
  }

  private func finding(_ words: String, _ table: String, isDamaged: Bool) throws(Problem) -> Finding {
    let problem = EngineWords.problem(words, on: session.subject)
    let place = Finding.Location(table: table)
    // To read a table takes no more than its largest values.
    let isAbsurd = ClientMemory.isAbsurd(words, most: max(4 << 30, 64 * session.facts.bytes))
    if EngineWords.isOfStatement(words) {
      return Finding(
        "table.unverified", .info, at: place, "DuckDB has no way to read every column of \(table)", evidence: words)
    }
    if problem.kind != .damaged, !isAbsurd {
      guard isDamaged, problem.code == "engine.out-of-memory" else { throw problem }
      return Finding(
        "table.unverified", .info, at: place, "memory ran short when DuckDB read \(table)", evidence: words)
    }
    return Finding(
      "table.malformed", .error, at: place, "DuckDB cannot read the table \(table) to its end", evidence: words)
  }

  /// One finding for each of the first blocks of each column, and the rest counted.
  private func of(_ found: [ValueRanges.Contradiction], _ table: String, _ few: Int) -> [Finding] {
    var places: [(column: String, blocks: [Int], first: ValueRanges.Contradiction, last: Int)] = []
    for each in found {
      if let known = places.firstIndex(where: { $0.column == each.column && $0.blocks == each.blocks }) {
        places[known].last = max(places[known].last, each.last)
      } else {
        places.append((each.column, each.blocks, each, each.last))
      }
    }
    var findings = places.prefix(few).map { place in
      let isOne = place.blocks.count == 1
      let blocks = place.blocks.prefix(5).map(String.init).joined(separator: ", ")
      var location = Finding.Location(table: table, column: place.column)
      if isOne, let block = place.blocks.first {
        location.page = block
        location.byte = FileHeaders.end + block * session.blockSize
      }
      return Finding(
        "table.malformed", .error, at: location,
        "\(table).\(place.column) has other values in the rows \(place.first.first) to \(place.last) than were written there: "
          + "\(isOne ? "block \(blocks)" : "one of the blocks \(blocks)") is another one's, or from before a checkpoint",
        evidence: place.first.words)
    }
    if places.count > few, !findings.isEmpty { findings[0].count = places.count - few + 1 }
    return findings
  }
}
