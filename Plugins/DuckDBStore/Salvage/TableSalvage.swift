import MendKit

/// Takes over the rows of one table around its damaged blocks.
///
/// Row groups without a damaged block go over whole. In the others each column is tried in runs of as many rows as the engine
/// decodes at once; runs of which every column can be read go over, and of the others what can be read is set aside.
struct TableSalvage {
  private let table: Table
  private let name: String
  private let segments: [Segment]
  private let backup: String?
  private let takesUnproved: Bool
  private let ask: ([String]) throws(Problem) -> [Client.Answer]

  init(
    _ table: Table, sqlName: String, segments: [Segment], backup: String?, takesUnproved: Bool,
    ask: @escaping ([String]) throws(Problem) -> [Client.Answer]
  ) {
    self.table = table
    name = sqlName
    self.segments = segments
    self.backup = backup
    self.takesUnproved = takesUnproved
    self.ask = ask
  }

  /// The rows that the engine decodes at once.
  static let vector = 2048

  /// Rows by their numbers, and the columns of them that cannot be read.
  struct Run: Equatable {
    var first: Int
    var end: Int
    var lost: Set<String>

    var condition: String { "rowid >= \(first) AND rowid < \(end)" }
  }

  static func names(_ answer: Client.Answer) -> [String] { answer.rows.compactMap { $0["c"]?.string } }

  func run() throws(Problem) -> (RowTally, [String]) {
    let layout = try ask([
      Rebuild.columnsOf(name),
      "SELECT row_group_id AS g, sum(count)::BIGINT AS n FROM pragma_storage_info(\("old.\(name)".asLiteral)) "
        + "WHERE column_path = '[0]' GROUP BY ALL ORDER BY 1",
    ])
    if let words = layout.compactMap(\.failure).first { throw EngineWords.problem(words, on: table.name) }
    let columns = Self.names(layout[0])
    var groups: [(number: Int, first: Int, end: Int)] = []
    for row in layout[1].rows {
      guard let number = row["g"]?.integer, let count = row["n"]?.integer, count >= 0 else { continue }
      let first = groups.last?.end ?? 0
      groups.append((number, first, first + count))
    }
    let runs = try self.runs(groups, columns)
    return try carryOver(runs, columns)
  }

  /// The runs of rows, each with the columns that cannot be read.
  private func runs(_ groups: [(number: Int, first: Int, end: Int)], _ columns: [String]) throws(Problem) -> [Run] {
    var runs: [Run] = []
    for group in groups {
      var suspect = Set(segments.filter { $0.rowGroup == group.number }.map(\.column))
      // Where nothing is known of blocks, every column is.
      if segments.isEmpty { suspect = Set(columns) }
      guard !suspect.isEmpty else {
        runs.append(Run(first: group.first, end: group.end, lost: []))
        continue
      }
      let starts = Array(stride(from: group.first, to: group.end, by: Self.vector))
      let probes = starts.flatMap { start in
        suspect.sorted().map { column in
          "SELECT bit_xor(hash(\(column.asIdentifier)))::VARCHAR AS h FROM old.\(name) "
            + "WHERE \(Run(first: start, end: min(start + Self.vector, group.end), lost: []).condition)"
        }
      }
      let answers = try ask(probes)
      for (place, start) in starts.enumerated() {
        let own = answers.dropFirst(place * suspect.count).prefix(suspect.count)
        let lost = Set(zip(suspect.sorted(), own).filter { $0.1.failure != nil }.map(\.0))
        runs.append(Run(first: start, end: min(start + Self.vector, group.end), lost: lost))
      }
    }
    return runs.reduce(into: []) { merged, run in
      if let last = merged.last, last.lost == run.lost, last.end == run.first {
        merged[merged.count - 1].end = run.end
      } else {
        merged.append(run)
      }
    }
  }

  // MARK: - Carrying over

  private var aside: String { "dbmend_set_aside_" + table.name }

  private func list(_ columns: [String]) -> String { columns.map(\.asIdentifier).joined(separator: ", ") }

  private func carryOver(_ runs: [Run], _ columns: [String]) throws(Problem) -> (RowTally, [String]) {
    var tally = RowTally()
    var notes: [String] = []
    let all = list(columns)
    let whole = runs.filter { $0.lost.isEmpty }
    let answers = try ask(
      whole.flatMap { run in
        [
          "INSERT INTO new.\(name) (\(all)) SELECT \(all) FROM old.\(name) WHERE \(run.condition)",
          "SELECT count(*) AS n FROM old.\(name) WHERE \(run.condition)",
        ]
      })
    var damaged = runs.filter { !$0.lost.isEmpty }
    for (place, run) in whole.enumerated() {
      guard answers[2 * place].failure == nil else {
        damaged.append(Run(first: run.first, end: run.end, lost: Set(columns)))
        continue
      }
      tally.kept += answers[2 * place + 1].rows.first?["n"]?.integer ?? 0
    }
    for run in damaged.sorted(by: { $0.first < $1.first }) {
      try mend(run, columns, &tally, &notes)
    }
    return (tally, notes)
  }

  private func mend(_ run: Run, _ columns: [String], _ tally: inout RowTally, _ notes: inout [String]) throws(Problem) {
    let left = columns.filter { !run.lost.contains($0) }
    let count = try ask(["SELECT count(*) AS n FROM old.\(name) WHERE \(run.condition)"]).first?.rows.first?["n"]?.integer
    if takesUnproved, backup != nil {
      let taken = try fill(run, left, columns)
      tally.fromBackup += taken
      if let count, taken >= count { return }
    }
    let missing = max(0, (count ?? 0) - (takesUnproved ? try filled(run, left) : 0))
    guard count == nil || missing > 0 else { return }
    guard !left.isEmpty, try setAside(run, left, columns) else {
      tally.lost = count == nil ? nil : tally.lost.map { $0 + missing }
      tally.lostRanges.append(.rows(first: Int64(run.first), last: Int64(run.end - 1)))
      return
    }
    tally.setAside += missing
    notes.append(
      "\(missing) rows of \(table.name) lack \(run.lost.sorted().joined(separator: ", ")), whose blocks are damaged: they are in \(aside)")
  }

  /// Rows of which columns are lost, in a table of their own that has all columns, and the row's number.
  private func setAside(_ run: Run, _ left: [String], _ columns: [String]) throws(Problem) -> Bool {
    let fields = columns.map { left.contains($0) ? $0.asIdentifier : "NULL AS \($0.asIdentifier)" }.joined(separator: ", ")
    let given = takesUnproved && backup != nil && !table.primaryKey.isEmpty ? try exceptFilled(left) : ""
    let source = "SELECT rowid AS dbmend_row, \(run.lost.sorted().joined(separator: ", ").asLiteral) AS dbmend_lost, "
    let answers = try ask([
      "CREATE TABLE IF NOT EXISTS new.main.\(aside.asIdentifier) AS SELECT 0::BIGINT AS dbmend_row, '' AS dbmend_lost, "
        + "\(list(columns)) FROM new.\(name) LIMIT 0",
      "INSERT INTO new.main.\(aside.asIdentifier) \(source)\(fields) FROM old.\(name) o WHERE \(run.condition)\(given)",
    ])
    return answers[1].failure == nil
  }

  // MARK: - From the backup

  /// What holds of a row that is in the new table already.
  private func exceptFilled(_ left: [String]) throws(Problem) -> String {
    guard !table.primaryKey.isEmpty, table.primaryKey.allSatisfy({ left.contains($0) }) else { return "" }
    let same = table.primaryKey.map { "n.\($0.asIdentifier) = o.\($0.asIdentifier)" }.joined(separator: " AND ")
    return " AND NOT EXISTS (SELECT 1 FROM new.\(name) n WHERE \(same))"
  }

  private func filled(_ run: Run, _ left: [String]) throws(Problem) -> Int {
    let given = try exceptFilled(left)
    guard !given.isEmpty else { return 0 }
    let answer = try ask([
      "SELECT (SELECT count(*) FROM old.\(name) WHERE \(run.condition)) "
        + "- (SELECT count(*) FROM old.\(name) o WHERE \(run.condition)\(given)) AS n"
    ]).first
    return answer?.rows.first?["n"]?.integer ?? 0
  }

  /// Takes rows of the backup that have the keys of damaged ones, or where the keys are lost too, stand at their numbers.
  private func fill(_ run: Run, _ left: [String], _ columns: [String]) throws(Problem) -> Int {
    guard !table.primaryKey.isEmpty else { return 0 }
    let all = list(columns)
    let hasKey = table.primaryKey.allSatisfy { left.contains($0) }
    let same = table.primaryKey.map { "b.\($0.asIdentifier) = o.\($0.asIdentifier)" }.joined(separator: " AND ")
    let there = table.primaryKey.map { "n.\($0.asIdentifier) = b.\($0.asIdentifier)" }.joined(separator: " AND ")
    let fields = columns.map { (hasKey && left.contains($0) ? "o." : "b.") + $0.asIdentifier }.joined(separator: ", ")
    let source =
      hasKey
      ? "backup.\(name) b JOIN (SELECT * FROM (SELECT rowid, \(list(left)) FROM old.\(name)) WHERE \(run.condition)) o ON \(same)"
      : "(SELECT rowid, \(all) FROM backup.\(name) WHERE \(run.condition)) b"
    let before = try count()
    let answer = try ask([
      "INSERT INTO new.\(name) (\(all)) SELECT \(hasKey ? fields : columns.map { "b." + $0.asIdentifier }.joined(separator: ", ")) "
        + "FROM \(source) WHERE NOT EXISTS (SELECT 1 FROM new.\(name) n WHERE \(there))"
    ]).first
    guard answer?.failure == nil else { return 0 }
    return max(0, try count() - before)
  }

  private func count() throws(Problem) -> Int {
    try ask(["SELECT count(*) AS n FROM new.\(name)"]).first?.rows.first?["n"]?.integer ?? 0
  }
}
