import MendKit
import Synchronization

/// A row of which a table and an index hold different values. One of them was changed by damage, and nothing tells which.
struct Contradiction: Sendable {
  var relation: DatabaseCatalog.Relation
  /// The index, as reports call it.
  var index: String
  /// The columns of the index.
  var columns: [String]
  /// Where the row is, `(BLOCK,ITEM)`.
  var place: String
  /// The values as text, in the order of the columns.
  var byTable: [String?]
  var byIndex: [String?]
  /// What tells the row from all others: its primary key as the table has it, or, without one, the columns of the index.
  var identity: [(column: String, value: String?)]

  /// The row's block.
  var block: Int? { Int(place.dropFirst().prefix { $0.isNumber }) }

  /// The columns that differ, and their values.
  var differences: [(column: String, byTable: String?, byIndex: String?)] {
    zip(columns, zip(byTable, byIndex)).filter { $1.0 != $1.1 }.map { ($0, $1.0, $1.1) }
  }

  /// The values in words.
  var evidence: String {
    differences.map {
      "\($0.column) is \(Self.shown($0.byTable)) in the row \(place), and \(Self.shown($0.byIndex)) in the index"
    }
    .joined(separator: "; ")
  }

  private static func shown(_ value: String?) -> String {
    guard let value else { return "NULL" }
    return "'" + (value.count > 60 ? value.prefix(60) + "…" : value[...]) + "'"
  }

  /// Findings of all contradictions of an index; those that are too many are counted by the last one.
  static func findings(_ all: [Contradiction], shown most: Int) -> [Finding] {
    let most = max(1, most)
    return all.prefix(most).enumerated().map { number, one in
      var location = Finding.Location(
        table: one.relation.table.name, index: one.index,
        column: one.differences.map(\.column).joined(separator: ", "))
      location.page = one.block.map { $0 + 1 }
      let rest = number == most - 1 ? all.count - most : 0
      var message =
        "a row of \(one.relation.table.name) has another value than the index \(one.index) holds of it: damage changed one of the two"
      if rest > 0 { message += "; so have \(rest == 1 ? "1 other row" : "\(rest) other rows")" }
      return Finding("row.contradicted", .error, at: location, message, evidence: one.evidence, count: 1 + rest)
    }
  }

  // MARK: - What is known

  private static let known = Mutex<[String: [Contradiction]]>([:])

  /// Remembers the contradictions of a database, for who makes another of it.
  static func remember(_ contradictions: [Contradiction], of address: PostgresAddress) {
    known.withLock { $0[address.uri] = contradictions }
  }

  /// What was remembered.
  static func remembered(of uri: String) -> [Contradiction] { known.withLock { $0[uri] ?? [] } }
}
