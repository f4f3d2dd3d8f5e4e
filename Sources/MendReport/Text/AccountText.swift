import MendKit

/// Which way the parts of a store were verified, in one line.
struct AccountText {
  /// The names that a normal report tells of each kind; the rest is counted.
  static let shownNames = 4

  private let account: VerificationAccount
  private let store: StoreReport
  private let style: TextStyle

  init(_ account: VerificationAccount, _ store: StoreReport, _ style: TextStyle) {
    self.account = account
    self.store = store
    self.style = style
  }

  /// All of it for who asks for everything; for others only what nobody could verify. nil where there is nothing to tell.
  func line(_ detail: ReportContext.Detail) -> String? {
    var parts: [String] = []
    if detail == .verbose {
      var counts: [String] = []
      if account.tables > 0 { counts.append(Words.count(account.tables, "table")) }
      if account.indexes > 0 { counts.append(Words.count(account.indexes, "index", "indexes")) }
      if !counts.isEmpty { parts.append("verified natively: \(counts.joined(separator: ", "))") }
      if !account.byEngine.isEmpty {
        parts.append("by \(style.harmless(account.engine)): \(listed(account.byEngine, isWhole: true))")
      }
    }
    let isTold = detail != .quiet || store.verdict != .healthy
    if isTold, !account.unverified.isEmpty {
      parts.append("not verified wholly: \(listed(account.unverified, isWhole: detail == .verbose))")
    }
    guard !parts.isEmpty else { return nil }
    return "  \(style.mark(.info)) \(parts.joined(separator: "; "))"
  }

  /// `accounts, orders (CHECK constraints), places (a virtual table of rtree)`: the names of one reason together.
  private func listed(_ parts: [String: String], isWhole: Bool) -> String {
    let ordered = parts.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    let shown = isWhole ? ordered[...] : ordered.prefix(Self.shownNames)
    var groups: [(reason: String, names: [String])] = []
    for (name, reason) in shown {
      if groups.last?.reason != reason { groups.append((reason, [])) }
      groups[groups.count - 1].names.append(name)
    }
    let words = groups.map { style.harmless("\($0.names.joined(separator: ", ")) (\($0.reason))") }
    let rest = ordered.count - shown.count
    return words.joined(separator: ", ") + (rest > 0 ? " and \(Words.grouped(rest)) more" : "")
  }
}
