import MendKit

/// Holds what the engine reads of a table against what it noted when it wrote it.
///
/// Beside every run of values the engine keeps the least and the greatest of them, of texts the first eight bytes of both and the
/// length of the longest. A block that is another block of the file, or one from before a checkpoint,
/// has a sound checksum, and what it holds can be decoded; but its values are others, most probably. A value outside of the
/// range was not written there. Where no row is deleted and no value is NULL, the ends of the range have to be there too: the
/// engine notes a range when it writes the values, and never widens it.
///
/// The table is read once, in windows of some rows each; the engine compares the windows with the runs.
struct ValueRanges {
  private let table: Table
  private let leaves: [ValueLeaf]
  private let name: String
  private let windows: String
  private let window: Int
  private let compares: Bool

  /// For a table as the engine's SQL names it, with about so many rows, and a number that no other table of the process has.
  /// `isCollated` says that the engine may order texts of it otherwise than by their bytes. Without `compares` it is only read.
  init(_ table: Table, sqlName: String, number: Int, rows: Int, isCollated: Bool, compares: Bool = true) {
    self.compares = compares
    self.table = table
    leaves = ValueLeaf.of(table, isCollated: isCollated)
    name = sqlName
    windows = "dbmend_windows_\(number)"
    var window = Self.leastRows
    while window < 1 << 40, rows / window > Self.mostWindows { window *= 2 }
    self.window = window
  }

  /// The least rows of a window: runs of long texts have not many more.
  private static let leastRows = 64
  /// About so many windows are told apart in a table.
  private static let mostWindows = 4096
  /// So many contradictions are told of a table, to know how much of it is wrong.
  private static let most = 1000

  /// What the engine must not do meanwhile: to believe the ranges.
  static let settings = ["SET disabled_optimizers = 'statistics_propagation'"]

  /// A column of that name hides the numbers of the rows.
  private var hidesRows: Bool { table.column("rowid") != nil }

  /// The statements for one table: to read it, to count its rows, to compare, and to forget what was read.
  var statements: [String] {
    let count = "SELECT coalesce(sum(n), 0)::BIGINT AS n FROM temp.\(windows)"
    let forget = "DROP TABLE IF EXISTS temp.\(windows)"
    guard compares, !hidesRows else {
      let columns = table.columns.map { $0.name.asIdentifier }.joined(separator: ", ")
      return [
        "CREATE TEMP TABLE \(windows) AS SELECT count(*) AS n, bit_xor(hash(\(columns))) AS h FROM \(name)", count,
        "SELECT 1 WHERE false", forget,
      ]
    }
    return [reading, count, comparison, forget]
  }

  /// Nothing of a column is left undecoded: neither by its range nor by a sum over its values.
  private var reading: String {
    var fields = ["rowid // \(window) AS k", "count(*) AS n"]
    fields += leaves.flatMap(\.fields)
    let others = table.columns.enumerated().filter { number, _ in
      !leaves.contains { $0.column == number && $0.decodesColumn }
    }.map { $0.element.name.asIdentifier }
    if !others.isEmpty { fields.append("bit_xor(hash(\(others.joined(separator: ", ")))) AS x") }
    return "CREATE TEMP TABLE \(windows) AS SELECT \(fields.joined(separator: ", ")) FROM \(name) GROUP BY 1"
  }

  // MARK: - The comparison

  private var comparison: String {
    guard !leaves.isEmpty else { return "SELECT 1 WHERE false" }
    let parts = leaves.flatMap { leaf -> [String] in
      let run = "(\(leaf.runs(of: table.columns[leaf.column].name))) s"
      let rows = "SELECT *, k * \(window) AS a, (k + 1) * \(window) - 1 AS b FROM temp.\(windows)"
      let met = "FROM (\(rows)) w JOIN \(run) ON s.f <= w.b AND s.f + s.n > w.a"
      let seen = "SELECT \(leaf.number) AS c"
      // The rows of all windows that a run is in, where none is deleted. Values that became NULL stay where they were, and noted.
      let all =
        "least(((s.f + s.n - 1) // \(window) + 1) * \(window), any_value(s.total)) - s.f // \(window) * \(window)"
      let outside =
        "\(seen), w.a, least(w.b, max(s.total) - 1) AS b, flatten(list(s.d)) AS d, \(leaf.shown("w.l\(leaf.number)")) AS l, \(leaf.shown("w.h\(leaf.number)")) AS h, "
        + "min(s.l)::VARCHAR AS sl, max(s.h)::VARCHAR AS sh \(met) GROUP BY w.a, w.b, w.n, \(leaf.columns) "
        + "HAVING bool_and(coalesce(s.ok, false)) AND (\(leaf.outside.joined(separator: " OR ")))"
      guard !leaf.unmet.isEmpty else { return [outside] }
      let unmet =
        "\(seen), s.f, s.f + s.n - 1, any_value(s.d), \(leaf.shown("min(w.l\(leaf.number))")), \(leaf.shown("max(w.h\(leaf.number))")), "
        + "s.l::VARCHAR, s.h::VARCHAR \(met) WHERE s.ok GROUP BY s.f, s.n, s.l, s.h, s.z "
        + "HAVING sum(\(leaf.count)) = \(all) AND (\(leaf.unmet.joined(separator: " OR ")))"
      return [outside, unmet]
    }
    return "WITH \(told) SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) ORDER BY a, b LIMIT \(Self.most)"
  }

  /// Every run of values: its rows, its block, whether it is as it was written, and what was noted.
  private var told: String {
    let before = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    let nulls = #"\]\[Has Null: (true|false), Has No Null: (true|false)\]$"#
    let text = #"^\[Min: (.*), Max: (.*), Has Unicode: (?:true|false), Max String Length: ([0-9?]+)"# + nulls
    let plain = #"^\[Min: (.*), Max: (.*)"# + nulls
    // What a value holds itself may look like the words around it.
    let isPlain = "len(string_split(stats, ', Max: ')) = 2 AND len(string_split(stats, ', Has Unicode: ')) <= 2"
    return """
      told AS MATERIALIZED (SELECT row_group_id AS g, column_name AS c, column_path AS p, segment_id AS s, count AS n, stats,
        substr(column_path, length('[' || column_id) + 1) AS q,
        persistent AND NOT has_updates AND \(isPlain) AS ok, block_id AS d FROM pragma_storage_info(\(name.asLiteral))),
      groups AS (SELECT g, max(n) AS n FROM (SELECT g, sum(n) AS n FROM told WHERE p IN ('[0]', '[0, 0]') GROUP BY g, p) GROUP BY g),
      starts AS (SELECT g, n AS rows, coalesce(sum(n) OVER (ORDER BY g \(before)), 0) AS start, sum(n) OVER () AS total FROM groups),
      runs AS MATERIALIZED (SELECT g, c, q, [d] AS d, ok, n, start, rows, total::BIGINT AS total,
        (start + coalesce(sum(n) OVER (PARTITION BY g, p ORDER BY s \(before)), 0))::BIGINT AS f,
        CASE WHEN regexp_matches(stats, '\(text)', 's')
          THEN regexp_extract(stats, '\(text)', ['l', 'h', 'z', 'u', 'v'], 's') END AS t,
        CASE WHEN regexp_matches(stats, '\(plain)', 's')
          THEN regexp_extract(stats, '\(plain)', ['l', 'h', 'u', 'v'], 's') END AS r
        FROM told JOIN starts USING (g) WHERE NOT suffix(p, ', 0]'))
      """
  }

  /// What the comparison found.
  func contradictions(_ answer: Client.Answer) -> [Contradiction] {
    answer.rows.compactMap { row in
      guard let number = row["c"]?.integer, leaves.indices.contains(number), let first = row["a"]?.integer,
        let last = row["b"]?.integer
      else { return nil }
      func shown(_ key: String) -> String { String((row[key]?.string ?? "NULL").prefix(40)) }
      return Contradiction(
        column: table.columns[leaves[number].column].name, first: first, last: last,
        blocks: Set((row["d"]?.array ?? []).compactMap(\.integer).filter { $0 >= 0 }).sorted(),
        words: "from \(shown("l")) to \(shown("h")), where \(shown("sl")) to \(shown("sh")) was noted")
    }
  }

  /// Values of a column that are not those that were written there.
  struct Contradiction: Equatable {
    var column: String
    /// The first and the last row of the window or the run.
    var first: Int
    var last: Int
    /// The blocks that the values are in; one of them is wrong.
    var blocks: [Int]
    var words: String
  }
}
