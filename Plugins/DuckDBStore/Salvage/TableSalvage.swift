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

  func run() throws(Problem) -> (RowTally, [String]) {
    let columns = try storedColumns()
    let groups = try rowGroups()
    guard !columns.isEmpty, !groups.isEmpty else { return (RowTally(), []) }
    return try carryOver(try self.runs(groups, columns), columns)
  }

  /// The columns that take values; a computed one takes none.
  private func storedColumns() throws(Problem) -> [String] {
    let answers = try ask(
      table.columns.map { "INSERT INTO new.\(name) (\($0.name.asIdentifier)) SELECT NULL WHERE false" })
    return zip(table.columns, answers).filter { $0.1.failure == nil }.map(\.0.name)
  }

  /// The rows of a row group where the engine does not say how many it has.
  private static let usualGroup = 122_880

  /// Where row groups begin and end, by the numbers of their rows.
  private func rowGroups() throws(Problem) -> [RowGroup] {
    let layout = try ask([
      "SELECT row_group_id AS g, sum(count)::BIGINT AS n FROM pragma_storage_info(\("old.\(name)".asLiteral)) "
        + "WHERE column_path = '[0]' GROUP BY ALL ORDER BY 1",
      "SELECT max(rowid) AS m FROM old.\(name)",
    ])
    var groups: [RowGroup] = []
    for row in layout[0].rows {
      guard let number = row["g"]?.integer, let count = row["n"]?.integer, count >= 0 else { continue }
      let first = groups.last?.end ?? 0
      groups.append(RowGroup(number: number, first: first, end: first + count))
    }
    if layout[0].failure == nil { return groups }
    if let words = layout[1].failure { throw EngineWords.problem(words, on: table.name) }
    let end = (layout[1].rows.first?["m"]?.integer ?? -1) + 1
    for (number, first) in stride(from: 0, to: end, by: Self.usualGroup).enumerated() {
      groups.append(RowGroup(number: number, first: first, end: min(first + Self.usualGroup, end)))
    }
    return groups
  }

  private struct RowGroup {
    var number: Int
    var first: Int
    var end: Int
  }

  private func probe(_ column: String, _ first: Int, _ end: Int) -> String {
    "SELECT bit_xor(hash(\(column.asIdentifier)))::VARCHAR AS h FROM old.\(name) "
      + "WHERE \(Run(first: first, end: end, lost: []).condition)"
  }

  /// The columns of each row group that cannot be read wholly.
  private func suspects(_ groups: [RowGroup], _ columns: [String]) throws(Problem) -> [Set<String>] {
    guard segments.isEmpty else {
      return groups.map { group in Set(segments.filter { $0.rowGroup == group.number }.map(\.column)) }
    }
    let answers = try ask(groups.flatMap { group in columns.map { probe($0, group.first, group.end) } })
    return groups.indices.map { place in
      let own = answers.dropFirst(place * columns.count).prefix(columns.count)
      return Set(zip(columns, own).filter { $0.1.failure != nil }.map(\.0))
    }
  }

  /// The runs of rows, each with the columns that cannot be read.
  private func runs(_ groups: [RowGroup], _ columns: [String]) throws(Problem) -> [Run] {
    var runs: [Run] = []
    for (group, suspect) in zip(groups, try suspects(groups, columns)) {
      guard !suspect.isEmpty else {
        runs.append(Run(first: group.first, end: group.end, lost: []))
        continue
      }
      let starts = Array(stride(from: group.first, to: group.end, by: Self.vector))
      let answers = try ask(
        starts.flatMap { start in suspect.sorted().map { probe($0, start, min(start + Self.vector, group.end)) } })
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
    let count = try ask(["SELECT count(*) AS n FROM old.\(name) WHERE \(run.condition)"]).first?.rows.first?["n"]?
      .integer
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
      "\(missing) rows of \(table.name) lack \(run.lost.sorted().joined(separator: ", ")), whose blocks are damaged: they are in \(aside)"
    )
  }

  /// Rows of which columns are lost, in a table of their own that has all columns, and the row's number.
  private func setAside(_ run: Run, _ left: [String], _ columns: [String]) throws(Problem) -> Bool {
    let fields = columns.map { left.contains($0) ? $0.asIdentifier : "NULL AS \($0.asIdentifier)" }.joined(
      separator: ", ")
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
