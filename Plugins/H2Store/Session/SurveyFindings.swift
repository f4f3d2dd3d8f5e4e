import MendKit

/// What is to be said of damage that needs no engine to be seen.
enum SurveyFindings {
  /// The findings, at most so many of a cause one by one.
  static func findings(_ survey: FileSurvey, limit: Int) -> [Finding] {
    var findings: [Finding] = []
    var counts: [String: Int] = [:]
    for damage in survey.damages {
      let code = code(damage)
      let object = damage.map.flatMap { survey.objects[$0] }
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
          code, damage.kind == .version ? .fatal : .error,
          at: Finding.Location(table: object?.table, index: object?.index, page: damage.chunk, byte: damage.byte),
          damage.said, evidence: damage.map.map { "map \($0)" }))
    }
    return findings
  }

  /// The indexes that do not hold what their tables ask for. Where one has as many entries as its table has rows, and other values,
  /// either may be what was changed.
  static func indexes(_ survey: FileSurvey, catalog: Catalog) -> [Finding] {
    survey.disagreeing.keys.sorted().compactMap { map in
      guard let object = survey.objects[map], let name = object.index, let table = catalog.table(object.table),
        let index = table.indexes.first(where: { $0.name == name }),
        survey.disagreeing[map] == FileSurvey.places(index, in: table)
      else { return nil }
      let entries = survey.entries[map] ?? 0
      let rows = survey.entries.first {
        survey.objects[$0.key]?.table == table.name && survey.objects[$0.key]?.index == nil
      }
      let isCount = rows.map { $0.value != entries } ?? false
      return Finding(
        isCount ? "index.entry-count" : "row.contradicted", .error,
        at: Finding.Location(table: table.name, index: name),
        isCount
          ? "the index \(name) of \(table.name) has \(entries) entries, and the table \(rows?.value ?? 0) rows"
          : "the index \(name) of \(table.name) has other values than the rows; either may be right",
        evidence: "map \(map)")
    }
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

extension FileSurvey {
  /// The places of an index's columns in its table; nil where one of them is an expression.
  static func places(_ index: Index, in table: Table) -> [Int]? {
    let places = index.columns.compactMap { name in table.columns.firstIndex { $0.name == name } }
    return places.count == index.columns.count ? places : nil
  }

  /// Whether an index was held against its table, and has exactly what that asks for.
  func agrees(_ index: Index, of table: Table) -> Bool {
    agreeing.contains { map, columns in
      objects[map] == ObjectNames.Object(table: table.name, index: index.name)
        && columns == Self.places(index, in: table)
    }
  }
}
