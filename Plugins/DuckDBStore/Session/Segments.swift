import MendKit

/// A run of values of one column in one row group, and the blocks that hold it.
struct Segment: Hashable {
  var rowGroup: Int
  var column: String
  var blocks: [Int]
  /// Its rows within the row group; nil for a part of a list or the like, which has other numbers, and where nobody tells.
  var rows: Range<Int>?
  /// What else the engine says of it: where it stands and what it holds. Equal texts mean equal content, most probably.
  var signature: String

  init(column: String, blocks: [Int]) {
    rowGroup = -1
    self.column = column
    self.blocks = blocks
    signature = ""
    rows = nil
  }

  init?(_ row: JSONValue) {
    guard let group = row["row_group_id"]?.integer, let column = row["column_name"]?.string,
      let block = row["block_id"]?.integer
    else { return nil }
    rowGroup = group
    self.column = column
    blocks = [block] + (row["additional_block_ids"]?.array ?? []).compactMap(\.integer)
    if let path = row["column_path"]?.string,
      !path.contains(",") || path.hasSuffix(", 0]") && !path.dropLast(4).contains(","),
      let before = row["before"]?.integer, let count = row["count"]?.integer, before >= 0, count >= 0, count < 1 << 40,
      before < 1 << 40
    {
      rows = before..<before + count
    }
    let keys = ["column_path", "segment_type", "start", "count", "compression", "stats", "block_id", "block_offset"]
    signature = keys.map { String(describing: row[$0] ?? .null) }.joined(separator: "|")
  }
}

/// What the catalog says of where values lie.
enum Segments {
  /// The segments of every table that lie in these blocks, by the table's name; and the tables of which the engine does not say
  /// it, since it looks into the damaged blocks themselves for that.
  static func holding(
    _ blocks: Set<Int>, _ session: DuckDBSession
  ) throws(Problem) -> (found: [String: [Segment]], hidden: [String]) {
    guard !blocks.isEmpty else { return ([:], []) }
    let list = blocks.sorted().map(String.init).joined(separator: ", ")
    let tables = session.structure.catalog.tables
    func statement(_ name: String) -> String {
      "SELECT * FROM (SELECT *, coalesce(sum(count) OVER (PARTITION BY row_group_id, column_path ORDER BY segment_id "
        + "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS before FROM pragma_storage_info(\(name.asLiteral))) "
        + "WHERE block_id IN (\(list)) OR list_has_any(additional_block_ids, [\(list)]::BIGINT[])"
    }
    var answers = try session.ask(tables.map { statement(session.sqlName($0.name)) })
    for (place, table) in tables.enumerated() where table.name.contains("\"") {
      answers[place] = try session.ask(underPlainName: table.name, statement)
    }
    var found: [String: [Segment]] = [:]
    var hidden: [String] = []
    for (table, answer) in zip(tables, answers) {
      if answer.failure != nil { hidden.append(table.name) }
      let segments = answer.rows.compactMap { Segment($0) }
      if !segments.isEmpty { found[table.name] = segments }
    }
    return (found, hidden)
  }
}

/// Tries the columns of tables one by one, to learn from the engine's words which blocks they stumble over.
struct ColumnProbes {
  private let session: DuckDBSession

  init(_ session: DuckDBSession) { self.session = session }

  /// The first damaged block of each column that cannot be read.
  func segments(of tables: [String]) throws(Problem) -> [String: [Segment]] {
    var found: [String: [Segment]] = [:]
    for name in tables {
      let columns = session.structure.catalog.table(name)?.columns.map(\.name) ?? []
      let answers = try session.ask(
        columns.map { "SELECT bit_xor(hash(\($0.asIdentifier)))::VARCHAR AS h FROM \(session.sqlName(name))" })
      for (column, answer) in zip(columns, answers) {
        guard let words = answer.failure else { continue }
        found[name, default: []].append(
          Segment(column: column, blocks: Self.block(in: words, size: session.blockSize).map { [$0] } ?? []))
      }
    }
    return found
  }

  /// The block that the engine names by its place: `in block at location 2895872`.
  static func block(in words: String, size: Int) -> Int? {
    guard let place = words.range(of: "at location ") else { return nil }
    guard let offset = Int(words[place.upperBound...].prefix { $0.isNumber }), offset >= FileHeaders.end else {
      return nil
    }
    return (offset - FileHeaders.end) / size
  }
}
