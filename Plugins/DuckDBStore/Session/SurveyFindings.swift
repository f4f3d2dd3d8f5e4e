import MendKit

/// What is to be said of blocks that are not what was written: whose they are, and what stood in them.
struct SurveyFindings {
  private let session: DuckDBSession
  private let survey: FileSurvey

  init(_ session: DuckDBSession, _ survey: FileSurvey) {
    self.session = session
    self.survey = survey
  }

  /// Blocks that damage is looked up for by number.
  private static let most = 10_000

  /// One finding for each of the first blocks of each table, and the rest counted.
  func findings(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    let blocks = Set(survey.unreadable.prefix(Self.most))
    let (held, silent) = try Segments.holding(blocks, session)
    let stumbled = try ColumnProbes(session).segments(of: silent)
    let parts = held.merging(stumbled) { $0 + $1 }
    // A table of which every column can be read has nothing to do with the damage, whatever keeps the engine from telling.
    let hidden = silent.filter { stumbled[$0] != nil }
    var findings: [Finding] = []
    var owned: Set<Int> = []
    for (table, segments) in parts.sorted(by: { $0.key < $1.key }) {
      let hit = Set(segments.flatMap(\.blocks)).intersection(blocks).sorted()
      owned.formUnion(hit)
      for (number, block) in hit.prefix(request.findingsPerCause).enumerated() {
        let held = segments.filter { $0.blocks.contains(block) }
        let columns = Set(held.map(\.column)).sorted()
        var location = place(block)
        location.table = table
        findings.append(
          Finding(
            "table.malformed", .error, at: location,
            "\(words(block)); it holds values of \(columns.prefix(5).joined(separator: ", "))"
              + (columns.count > 5 ? " and \(columns.count - 5) more columns" : "") + " of \(table)",
            evidence: evidence(block), count: number == 0 ? max(1, hit.count - request.findingsPerCause + 1) : 1))
      }
    }
    let others = blocks.subtracting(owned).sorted()
    if let table = hidden.first {
      // The damage itself keeps the engine from saying whose these are.
      for (number, block) in others.prefix(request.findingsPerCause).enumerated() {
        var location = place(block)
        location.table = table
        findings.append(
          Finding(
            "table.malformed", .error, at: location,
            "\(words(block)); most probably it is of \(hidden.prefix(3).joined(separator: " or of "))",
            evidence: evidence(block), count: number == 0 ? max(1, others.count - request.findingsPerCause + 1) : 1))
      }
      return findings
    }
    let hasIndex = session.structure.catalog.tables.contains { !$0.primaryKey.isEmpty || !$0.indexes.isEmpty }
    for (number, block) in others.prefix(request.findingsPerCause).enumerated() {
      findings.append(
        Finding(
          hasIndex ? "index.malformed" : "file.malformed", .error, at: place(block),
          "\(words(block)); it holds no rows of any table" + (hasIndex ? ": most probably it is an index's" : ""),
          evidence: evidence(block), count: number == 0 ? max(1, others.count - request.findingsPerCause + 1) : 1))
    }
    return findings
  }

  private func place(_ block: Int) -> Finding.Location {
    Finding.Location(page: block, byte: offset(block))
  }

  private func offset(_ block: Int) -> Int {
    FileHeaders.end + block * (survey.headers.active?.blockSize ?? 262_144)
  }

  private func words(_ block: Int) -> String {
    survey.missing.contains(block)
      ? "the file ends before block \(block)" : "block \(block) is not what was written (its checksum is wrong)"
  }

  private func evidence(_ block: Int) -> String { "byte \(offset(block)) of the file" }

  /// Damage that keeps the engine from opening the file, or that is told without an engine.
  static func problem(_ survey: FileSurvey, on path: String, said: String? = nil) -> Problem {
    let blocks = survey.unreadable
    let list =
      blocks.prefix(5).map(String.init).joined(separator: ", ")
      + (blocks.count > 5 ? " and \(blocks.count - 5) more" : "")
    let of = survey.headers.active.map { " of \($0.blockCount)" } ?? ""
    return Problem(
      .damaged, tried: "read the database", on: path,
      said: "\(blocks.count == 1 ? "block" : "blocks") \(list)\(of) cannot be read"
        + (survey.missing.isEmpty ? " (wrong checksum)" : " (the file is shorter than its header says)")
        + (said.map { "; DuckDB: \($0)" } ?? ""),
      code: "file.malformed")
  }
}
