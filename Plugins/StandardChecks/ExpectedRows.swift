import MendKit

/// What a query must return.
struct ExpectedRows {
  private let value: OptionValue

  /// The expectation that an option gives: a value, a list of values, or a list of lists.
  init(_ value: OptionValue) { self.value = value }

  /// How many rows are expected at most.
  var count: Int {
    if case .list(let items) = value { return items.count }
    return 1
  }

  /// The expectation as a message shows it.
  var description: String { Self.words(for: value, isOuter: true) }

  /// Whether rows are those that are expected.
  func accepts(_ rows: [[SQLValue]]) -> Bool {
    guard case .list(let items) = value else { return rows.count == 1 && Self.equal(rows[0], [value]) }
    let isFlat = !items.contains { if case .list = $0 { true } else { false } }
    // A flat list is one row of several columns where the query returned such a row, and one column elsewhere.
    if isFlat, items.count > 1, rows.count == 1 { return Self.equal(rows[0], items) }
    guard rows.count == items.count else { return false }
    return zip(rows, items).allSatisfy { row, item in
      if case .list(let values) = item { return Self.equal(row, values) }
      return Self.equal(row, [item])
    }
  }

  /// The first rows in the notation of the configuration.
  static func words(for rows: [[SQLValue]]) -> String {
    guard !rows.isEmpty else { return "no rows" }
    let shown = rows.prefix(Wording.few).map { row in
      let values = row.map { words(for: $0) }
      return values.count == 1 ? values[0] : "[" + values.joined(separator: ", ") + "]"
    }
    if rows.count == 1 { return shown[0] }
    return "[" + shown.joined(separator: ", ") + (rows.count > Wording.few ? ", ...]" : "]")
  }

  private static func equal(_ row: [SQLValue], _ expected: [OptionValue]) -> Bool {
    row.count == expected.count && zip(row, expected).allSatisfy { equal($0, $1) }
  }

  private static func equal(_ value: SQLValue, _ expected: OptionValue) -> Bool {
    switch (value, expected) {
    case (.null, .null): true
    case (.integer(let one), .integer(let other)): one == Int64(other)
    case (.integer(let one), .boolean(let other)): one == (other ? 1 : 0)
    case (.integer(let one), .number(let other)): isNear(Double(one), other)
    case (.real(let one), .integer(let other)): isNear(one, Double(other))
    case (.real(let one), .number(let other)): isNear(one, other)
    case (.text(let one), .string(let other)): one == other
    default: false
    }
  }

  /// Equal but for what arithmetic on binary fractions leaves: 0.1 + 0.2 is 0.3 here.
  private static func isNear(_ one: Double, _ other: Double) -> Bool {
    one == other || abs(one - other) <= 1e-9 * max(abs(one), abs(other))
  }

  private static func words(for value: SQLValue) -> String {
    if case .text(let text) = value { return "'" + (text.count > 60 ? text.prefix(57) + "..." : text) + "'" }
    return value.description
  }

  private static func words(for value: OptionValue, isOuter: Bool = false) -> String {
    switch value {
    case .null: "NULL"
    case .string(let text): "'\(text)'"
    case .list(let items):
      items.isEmpty && isOuter ? "no rows" : "[" + items.map { words(for: $0) }.joined(separator: ", ") + "]"
    default: value.text ?? "a map"
    }
  }
}
