import MendKit

/// Holds what the engine reads of a table against what it noted when it wrote it.
///
/// Beside every run of values the engine keeps the least and the greatest of them, of texts the first eight bytes of both and the
/// length of the longest, and whether any is NULL. A block that is another block of the file, or one from before a checkpoint,
/// has a sound checksum, and what it holds can be decoded; but its values are outside of that range, most probably. Deleted
/// rows leave a range wider than what is there, so that only values outside of it say anything.
///
/// The table is read once, in windows of whole vectors of rows; the engine compares the windows with the runs.
struct ValueRanges {
  private let table: Table
  private let name: String
  private let windows: String
  private let window: Int

  /// For a table as the engine's SQL names it, with about so many rows, and a number that no other table of the process has.
  init(_ table: Table, sqlName: String, number: Int, rows: Int) {
    self.table = table
    name = sqlName
    windows = "temp.dbmend_windows_\(number)"
    var window = Self.vector
    while window < 1 << 40, rows / window > Self.mostWindows { window *= 2 }
    self.window = window
  }

  /// Rows that the engine decodes at once.
  private static let vector = 2048
  /// About so many windows are told apart in a table.
  private static let mostWindows = 4096
  /// So many contradictions are told of a table, to know how much of it is wrong.
  private static let most = 1000

  /// What the engine must not do meanwhile: to believe the ranges.
  static let settings = ["SET disabled_optimizers = 'statistics_propagation'"]

  /// How a column's values are compared.
  private enum Sort {
    case ordered(String)
    case float(String)
    case bytes(String)
    case none

    init(_ type: String) {
      if ValueRanges.ordered.contains(type) || type.hasPrefix("DECIMAL(") {
        self = .ordered(type)
      } else if type == "FLOAT" || type == "DOUBLE" {
        self = .float(type)
      } else if type == "VARCHAR" || type == "BLOB" {
        self = .bytes(type)
      } else {
        self = .none
      }
    }
  }

  /// Types whose text gives the value back.
  private static let ordered: Set<String> = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "UHUGEINT", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "UUID",
  ]

  /// Whether the text of a value of this type is the value.
  static func hasPlainText(_ type: String) -> Bool {
    ordered.contains(type) || type.hasPrefix("DECIMAL(") || type == "VARCHAR"
  }

  /// A column of that name hides the numbers of the rows.
  private var hidesRows: Bool { table.column("rowid") != nil }

  /// The statements for one table: to read it, to count its rows, to compare, and to forget what was read.
  var statements: [String] {
    guard !hidesRows else {
      let columns = table.columns.map { $0.name.asIdentifier }.joined(separator: ", ")
      return [
        "CREATE TEMP TABLE \(bare) AS SELECT count(*) AS n, bit_xor(hash(\(columns))) AS h FROM \(name)", count,
        "SELECT 1 WHERE false", forget,
      ]
    }
    return [reading, count, comparison, forget]
  }

  private var bare: String { String(windows.dropFirst("temp.".count)) }
  private var count: String { "SELECT coalesce(sum(n), 0)::BIGINT AS n FROM \(windows)" }
  private var forget: String { "DROP TABLE IF EXISTS \(windows)" }

  /// Nothing of a column is left undecoded: neither by its range nor by a sum over its values.
  private var reading: String {
    var fields = ["rowid // \(window) AS k", "count(*) AS n", "min(rowid) AS a", "max(rowid) AS b"]
    var others: [String] = []
    for (number, column) in table.columns.enumerated() {
      let value = column.name.asIdentifier
      switch Sort(column.type) {
      case .ordered, .float:
        fields += ["min(\(value)) AS l\(number)", "max(\(value)) AS h\(number)", "count(\(value)) AS c\(number)"]
      case .bytes(let type):
        let bytes = type == "BLOB" ? value : "encode(\(value))"
        fields += [
          "min(\(bytes)) AS l\(number)", "max(\(bytes)) AS h\(number)", "count(\(value)) AS c\(number)",
          "max(octet_length(\(bytes))) AS z\(number)",
        ]
      case .none: others.append(value)
      }
    }
    if !others.isEmpty { fields.append("bit_xor(hash(\(others.joined(separator: ", ")))) AS x") }
    return "CREATE TEMP TABLE \(bare) AS SELECT \(fields.joined(separator: ", ")) FROM \(name) GROUP BY 1"
  }

  // MARK: - The comparison

  private var comparison: String {
    let parts = table.columns.enumerated().compactMap { comparison($0.offset, $0.element) }
    guard !parts.isEmpty else { return "SELECT 1 WHERE false" }
    return "WITH \(runs) SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) ORDER BY a LIMIT \(Self.most)"
  }

  /// Every run of values of the table's own columns: its rows, its block, whether it is as it was written, and what was noted.
  private var runs: String {
    let before = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    let nulls = #"\]\[Has Null: (true|false), Has No Null: (true|false)\]$"#
    let text = #"^\[Min: (.*), Max: (.*), Has Unicode: (?:true|false), Max String Length: ([0-9?]+)"# + nulls
    let plain = #"^\[Min: (.*), Max: (.*)"# + nulls
    // What a value holds itself may look like the words around it.
    let isPlain =
      "len(string_split(stats, ', Max: ')) = 2 AND len(string_split(stats, ', Has Unicode: ')) <= 2"
    return """
      told AS MATERIALIZED (SELECT row_group_id AS g, column_name AS c, column_path AS p, segment_id AS s, count AS n, stats,
        persistent AND NOT has_updates AND \(isPlain) AS ok, block_id AS d FROM pragma_storage_info(\(name.asLiteral))),
      groups AS (SELECT g, max(n) AS n FROM (SELECT g, sum(n) AS n FROM told WHERE p IN ('[0]', '[0, 0]') GROUP BY g, p) GROUP BY g),
      starts AS (SELECT g, coalesce(sum(n) OVER (ORDER BY g \(before)), 0) AS start FROM groups),
      runs AS MATERIALIZED (SELECT c, d, ok, n,
        (start + coalesce(sum(n) OVER (PARTITION BY g, p ORDER BY s \(before)), 0))::BIGINT AS f,
        CASE WHEN regexp_matches(stats, '\(text)', 's')
          THEN regexp_extract(stats, '\(text)', ['l', 'h', 'z', 'u', 'v'], 's') END AS t,
        CASE WHEN regexp_matches(stats, '\(plain)', 's')
          THEN regexp_extract(stats, '\(plain)', ['l', 'h', 'u', 'v'], 's') END AS r
        FROM told JOIN starts USING (g) WHERE p NOT LIKE '%,%')
      """
  }

  private func comparison(_ number: Int, _ column: Column) -> String? {
    let (low, high, null) = (
      "w.l\(number)", "w.h\(number)", "w.c\(number) < w.n AND bool_and(coalesce(s.u = 'false', false))"
    )
    var grouped = "\(low), \(high)"
    func part(_ run: String, _ shown: (String) -> String, _ tests: [String]) -> String {
      """
      SELECT \(number) AS c, w.a, w.b, list(DISTINCT s.d) AS d, \(shown(low)) AS l, \(shown(high)) AS h,
        min(s.l)::VARCHAR AS sl, max(s.h)::VARCHAR AS sh FROM \(windows) w
        JOIN (SELECT f, n, d, ok, \(run) FROM runs WHERE c = \(column.name.asLiteral)) s ON s.f <= w.b AND s.f + s.n > w.a
        GROUP BY w.a, w.b, w.n, w.c\(number), \(grouped) HAVING bool_and(coalesce(s.ok, false)) AND (\((tests + ["(\(null))"]).joined(separator: " OR ")))
      """
    }
    let allLow = "count(s.l) = count(*)"
    let allHigh = "count(s.h) = count(*)"
    switch Sort(column.type) {
    case .ordered(let type):
      return part(
        "TRY_CAST(r.l AS \(type)) AS l, TRY_CAST(r.h AS \(type)) AS h, r.u AS u", { "(\($0))::VARCHAR" },
        ["(\(allLow) AND \(low) < min(s.l))", "(\(allHigh) AND \(high) > max(s.h))"])
    case .float(let type):
      // Of what is no number nobody knows on which side of a range it is.
      return part(
        "TRY_CAST(r.l AS \(type)) AS l, TRY_CAST(r.h AS \(type)) AS h, r.u AS u", { "(\($0))::VARCHAR" },
        [
          "(\(allLow) AND NOT isnan(\(low)) AND \(low) < min(s.l))",
          "(\(allHigh) AND NOT isnan(\(high)) AND \(high) > max(s.h))",
        ])
    case .bytes:
      grouped += ", w.z\(number)"
      // The engine keeps eight bytes, filled up with zeros, and tells them up to the first zero.
      func head(_ value: String) -> String {
        "regexp_extract(left(hex(\(value)), 16), '^(?:0[1-9A-F]|[1-9A-F][0-9A-F])*')"
      }
      return part(
        "hex(TRY_CAST(t.l AS BLOB)) AS l, hex(TRY_CAST(t.h AS BLOB)) AS h, t.u AS u, TRY_CAST(t.z AS BIGINT) AS z",
        head,
        [
          "(\(allLow) AND \(head(low)) < min(s.l))", "(\(allHigh) AND \(head(high)) > max(s.h))",
          "(count(s.z) = count(*) AND w.z\(number) > max(s.z))",
        ])
    case .none: return nil
    }
  }

  /// What the comparison found.
  func contradictions(_ answer: Client.Answer) -> [Contradiction] {
    answer.rows.compactMap { row in
      guard let number = row["c"]?.integer, table.columns.indices.contains(number), let first = row["a"]?.integer,
        let last = row["b"]?.integer
      else { return nil }
      func shown(_ key: String) -> String { String((row[key]?.string ?? "NULL").prefix(40)) }
      return Contradiction(
        column: table.columns[number].name, first: first, last: last,
        blocks: (row["d"]?.array ?? []).compactMap(\.integer).filter { $0 >= 0 }.sorted(),
        words: "from \(shown("l")) to \(shown("h")), where \(shown("sl")) to \(shown("sh")) was noted")
    }
  }

  /// Values of a column that are not those that were written there.
  struct Contradiction: Equatable {
    var column: String
    /// The first and the last row of the window.
    var first: Int
    var last: Int
    /// The blocks that the window's values are in; one of them is wrong.
    var blocks: [Int]
    var words: String
  }
}
