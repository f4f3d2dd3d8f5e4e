import MendKit

/// Phrases that several checks use.
enum Wording {
  /// How many things a finding names one by one; the rest is counted.
  static let few = 5

  /// `3, 7, 9 and 12 more`: the first few of a number of things.
  static func list(_ items: [String], of total: Int) -> String {
    let shown = items.prefix(few)
    let rest = total - shown.count
    guard rest > 0 else { return shown.joined(separator: ", ") }
    return shown.isEmpty ? "\(rest)" : shown.joined(separator: ", ") + " and \(rest) more"
  }

  /// `1 row` or `3 rows`.
  static func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }
}

extension FindingDescription {
  /// What a check says of a table that it cannot read, while it goes on with the others.
  static let unreadableTable = FindingDescription(
    "table.unreadable", .error, "the table is so damaged that the check could not read it to its end")
}

extension Finding {
  /// The finding for a table that a check could not read because it is damaged. Throws the problem itself where it is
  /// of another sort, such as a lock.
  static func unreadable(_ table: String, _ problem: Problem) throws(Problem) -> Finding {
    guard problem.kind == .damaged else { throw problem }
    return Finding(
      "table.unreadable", .error, at: Location(table: table), "table \(table) cannot be read to its end",
      evidence: problem.said)
  }
}
