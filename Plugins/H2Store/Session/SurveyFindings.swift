import MendKit

/// What is to be said of damage that needs no engine to be seen.
enum SurveyFindings {
  /// The findings, at most so many of a cause one by one.
  static func findings(_ survey: FileSurvey, limit: Int) -> [Finding] {
    var findings: [Finding] = []
    var counts: [String: Int] = [:]
    for damage in survey.damages {
      let code = code(damage)
      let cause = "\(code) \(damage.map ?? "")"
      counts[cause, default: 0] += 1
      guard counts[cause] ?? 0 <= limit else {
        if let last = findings.lastIndex(where: { $0.code == code && $0.evidence == damage.map.map { "map \($0)" } }) {
          findings[last].count += 1
        }
        continue
      }
      findings.append(
        Finding(
          code, damage.kind == .version ? .fatal : .error, at: Finding.Location(page: damage.chunk, byte: damage.byte),
          damage.said, evidence: damage.map.map { "map \($0)" }))
    }
    return findings
  }

  private static func code(_ damage: FileSurvey.Damage) -> FindingCode {
    switch damage.kind {
    case .header, .version, .chunk: return "file.malformed"
    case .page:
      guard let map = damage.map else { return "file.malformed" }
      // Map 0 of tables is H2's own list of tables and other objects.
      if map.hasPrefix("table."), map != "table.0" { return "table.malformed" }
      return map.hasPrefix("index.") ? "index.malformed" : "file.malformed"
    }
  }

  /// Damage that keeps the file from being read at all.
  static func problem(_ survey: FileSurvey, on path: String, said: String? = nil) -> Problem {
    let first = survey.damages.first { $0.kind != .header } ?? survey.damages.first
    let more = survey.damages.count - 1
    return Problem(
      .damaged, tried: "read the database", on: path,
      said: (first?.said ?? "it is damaged") + (more > 0 ? " (and \(more) more places)" : "")
        + (said.map { "; H2: \($0)" } ?? ""),
      code: "file.malformed")
  }
}
