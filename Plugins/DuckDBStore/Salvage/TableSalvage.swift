import MendKit

/// Takes over the rows of one table around its damaged blocks.
///
/// Row groups without a damaged block go over whole. In the others each column is tried in runs of as many rows as the engine
/// decodes at once; runs of which every column can be read go over, and of the others what can be read is set aside.
struct TableSalvage {
  let table: Table
  let name: String
  private let segments: [Segment]
  /// Runs of values that can be decoded, and are not those that were written there.
  private let wrong: [Segment]
  let backup: String?
  private let takesUnproved: Bool
  let ask: ([String]) throws(Problem) -> [Client.Answer]

  init(
    _ table: Table, sqlName: String, segments: [Segment], wrong: [Segment] = [], backup: String?, takesUnproved: Bool,
    ask: @escaping ([String]) throws(Problem) -> [Client.Answer]
  ) {
    self.table = table
    name = sqlName
    self.segments = segments + wrong
    self.wrong = wrong
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
    /// The row group, where the engine tells.
    var group: Int?

    var condition: String { "rowid >= \(first) AND rowid < \(end)" }
  }

  func run() throws(Problem) -> (RowTally, [String]) {
    let columns = try storedColumns()
    let groups = try rowGroups()
    guard !columns.isEmpty else {
      return (RowTally(lost: nil), ["the table \(table.name) takes no values in the new file: its rows are lost"])
    }
    guard !groups.isEmpty else { return (RowTally(), []) }
    return try carryOver(merged(without(wrong, try self.runs(groups, columns), groups)), columns)
  }

  /// Takes the whole table over, where that can be done; whether it could.
  func takeWhole() throws(Problem) -> Bool {
    let columns = list(try storedColumns())
    return try ask(["INSERT INTO new.\(name) (\(columns)) SELECT \(columns) FROM old.\(name)"]).first?.failure == nil
  }

  /// The columns that take values; a computed one takes none.
  func storedColumns() throws(Problem) -> [String] {
    let answers = try ask(
      table.columns.map { "INSERT INTO new.\(name) (\($0.name.asIdentifier)) SELECT NULL WHERE false" })
    return zip(table.columns, answers).filter { $0.1.failure == nil }.map(\.0.name)
  }

  /// The rows of a row group where the engine does not say how many it has.
  private static let usualGroup = 122_880

  /// A table that is said to have more rows is not gone through row group by row group without knowing where these are.
  private static let mostRows = 1 << 32

  /// Where row groups begin and end, by the numbers of their rows.
  private func rowGroups() throws(Problem) -> [RowGroup] {
    let layout = try ask([
      // Which rows have a value is kept at [0, 0] of the first column, whatever its type.
      "SELECT g, max(n)::BIGINT AS n FROM (SELECT row_group_id AS g, sum(count) AS n FROM pragma_storage_info("
        + "\("old.\(name)".asLiteral)) WHERE column_path IN ('[0]', '[0, 0]') GROUP BY row_group_id, column_path) GROUP BY g ORDER BY g",
      "SELECT max(rowid) AS m FROM old.\(name)",
      // What the catalog says, which needs nothing of the table itself.
      "SELECT estimated_size - 1 AS m FROM duckdb_tables() WHERE database_name = 'old' AND '\"' || "
        + "replace(schema_name, '\"', '\"\"') || '\".\"' || replace(table_name, '\"', '\"\"') || '\"' = \(name.asLiteral)",
    ])
    var groups: [RowGroup] = []
    for row in layout[0].rows {
      guard let number = row["g"]?.integer, let count = row["n"]?.integer, count >= 0 else { continue }
      let first = groups.last?.end ?? 0
      groups.append(RowGroup(number: number, first: first, end: first + count))
    }
    if !groups.isEmpty { return groups }
    let last = layout[1].rows.first?["m"]?.integer ?? layout[2].rows.first?["m"]?.integer
    guard let last, last < Self.mostRows else {
      let words = layout.compactMap(\.failure).first ?? "nothing tells how many rows it has"
      throw EngineWords.problem(words, on: table.name)
    }
    let end = last + 1
    for (number, first) in stride(from: 0, to: end, by: Self.usualGroup).enumerated() {
      groups.append(RowGroup(number: number, first: first, end: min(first + Self.usualGroup, end), isTold: false))
    }
    return groups
  }

  private struct RowGroup {
    var number: Int
    var first: Int
    var end: Int
    /// Whether the engine told of it.
    var isTold = true

    var told: Int? { isTold ? number : nil }
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
      let hopeless = try unreachable(suspect.sorted(), starts, group)
      let tried = suspect.subtracting(hopeless).sorted()
      guard !tried.isEmpty else {
        runs.append(Run(first: group.first, end: group.end, lost: hopeless, group: group.told))
        continue
      }
      let answers = try ask(
        starts.flatMap { start in tried.map { probe($0, start, min(start + Self.vector, group.end)) } })
      for (place, start) in starts.enumerated() {
        let own = answers.dropFirst(place * tried.count).prefix(tried.count)
        let lost = Set(zip(tried, own).filter { $0.1.failure != nil }.map(\.0))
        runs.append(
          Run(first: start, end: min(start + Self.vector, group.end), lost: lost.union(hopeless), group: group.told))
      }
    }
    return runs
  }

  /// The runs, those of wrong values without their column.
  private func without(_ wrong: [Segment], _ runs: [Run], _ groups: [RowGroup]) -> [Run] {
    var runs = runs
    for segment in wrong {
      guard let group = groups.first(where: { $0.number == segment.rowGroup }) else { continue }
      let first = group.first + min(segment.rows?.lowerBound ?? 0, group.end - group.first)
      let end = segment.rows.map { min(group.first + $0.upperBound, group.end) } ?? group.end
      runs = runs.flatMap { run -> [Run] in
        let (from, to) = (max(run.first, first), min(run.end, end))
        guard from < to else { return [run] }
        var lost = run.lost
        lost.insert(segment.column)
        let parts = [
          Run(first: run.first, end: from, lost: run.lost, group: run.group),
          Run(first: from, end: to, lost: lost, group: group.told),
          Run(first: to, end: run.end, lost: run.lost, group: run.group),
        ]
        return parts.filter { $0.first < $0.end }
      }
    }
    return runs
  }

  private func merged(_ runs: [Run]) -> [Run] {
    runs.reduce(into: []) { merged, run in
      if let last = merged.last, last.lost == run.lost, last.end == run.first,
        run.lost.isEmpty || run.group == last.group
      {
        merged[merged.count - 1].end = run.end
      } else {
        merged.append(run)
      }
    }
  }

  /// The columns of which the engine cannot even read where their values are: each attempt may end it, and none gets further than
  /// the first, the middle and the last.
  private func unreachable(_ columns: [String], _ starts: [Int], _ group: RowGroup) throws(Problem) -> Set<String> {
    guard starts.count > 3 else { return [] }
    let places = [starts[0], starts[starts.count / 2], starts[starts.count - 1]]
    let answers = try ask(
      columns.flatMap { column in places.map { probe(column, $0, min($0 + Self.vector, group.end)) } })
    return Set(
      columns.enumerated().filter { number, _ in
        answers.dropFirst(number * places.count).prefix(places.count).allSatisfy {
          $0.failure.map(EngineWords.isOfLayout) ?? false
        }
      }.map(\.1))
  }

  // MARK: - Carrying over

  private var aside: String { "dbmend_set_aside_" + table.name }

  func list(_ columns: [String]) -> String { columns.map(\.asIdentifier).joined(separator: ", ") }

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
    if backup != nil {
      let proved = try fillProved(run, left, columns)
      if proved > 0 {
        notes.append(
          "\(proved) rows of \(table.name) got \(run.lost.sorted().joined(separator: ", ")) from the backup, whose row of the same key "
            + "has the same \(left.filter { !table.primaryKey.contains($0) }.joined(separator: ", "))")
      }
      let taken = proved + (takesUnproved ? try fill(run, left, columns) : 0)
      tally.fromBackup += taken
      if let count, taken >= count { return }
    }
    let missing = max(0, (count ?? 0) - (backup != nil ? try filled(run, left) : 0))
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
    let given = backup != nil && !table.primaryKey.isEmpty ? try exceptFilled(left) : ""
    let source = "SELECT rowid AS dbmend_row, \(run.lost.sorted().joined(separator: ", ").asLiteral) AS dbmend_lost, "
    let answers = try ask([
      "CREATE TABLE IF NOT EXISTS new.main.\(aside.asIdentifier) AS SELECT 0::BIGINT AS dbmend_row, '' AS dbmend_lost, "
        + "\(list(columns)) FROM new.\(name) LIMIT 0",
      "INSERT INTO new.main.\(aside.asIdentifier) \(source)\(fields) FROM old.\(name) o WHERE \(run.condition)\(given)",
    ])
    return answers[1].failure == nil
  }
}
