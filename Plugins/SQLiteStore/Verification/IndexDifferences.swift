import MendKit

/// Which rows the indexes of one table do not have, and which entries no row stands behind: a second, narrower reading of
/// the trees whose fingerprints differ.
struct IndexDifferences {
  let walk: FileWalk
  /// The indexes of the table that differ.
  let comparisons: [VerificationPlan.Comparison]
  let words: TroubleWords
  let result: FileWalk.Result

  /// Entries of an index that are kept at most.
  private static let most = 200_000

  /// What tells a row from every other.
  private struct RowName: Hashable {
    var rowid: Int64?
    var key: String?
    var text: String { rowid.map(String.init) ?? key ?? "" }
  }

  private struct Difference {
    let row: RowName
    let page: UInt32
    let cell: Int
  }

  /// What is to be said, and the fingerprints of the indexes that have the values of their tables' rows after all.
  func findings(perCause: Int) -> (findings: [Finding], sound: Set<Int>) {
    var findings: [Finding] = []
    var sound: Set<Int> = []
    var missing: [String: [Difference]] = [:]
    guard let tree = comparisons.first?.tableTree else { return (findings, sound) }
    let found = EntryDifferences(
      walk, comparisons, trees: [tree] + comparisons.map(\.indexTree), limit: .ofEach(Self.most))
    for (comparison, difference) in zip(comparisons, found.differences(ofTable: tree)) {
      guard let difference else { continue }
      if difference.isNone { sound.insert(comparison.fingerprint) }
      let table = comparison.table.name
      let index = comparison.index.name
      let lackingRows = difference.missing.map { name($0, comparison, ofIndex: false) }
      let extraRows = difference.extra.map { name($0, comparison, ofIndex: true) }
      missing[index] = lackingRows
      findings += list("index.entry-missing", lackingRows, comparison, perCause) {
        "row \($0) of \(table) is missing from index \(index)"
      }
      let changed = Set(lackingRows.map(\.row))
      findings += list("index.entry-extra", extraRows, comparison, perCause) { row, isChanged in
        isChanged
          ? "index \(index) has an entry for row \(row) of \(table) with other values than the row has"
          : "index \(index) has an entry for row \(row), which \(table) does not have"
      } isChanged: {
        changed.contains($0)
      }
      let counts = (
        result.ofIndexes[comparison.fingerprint].count, result.ofRows[comparison.fingerprint].count
      )
      if difference.isFull {
        findings.append(
          Finding(
            "index.entry-count", .error, at: .init(table: table, index: index),
            "index \(index) differs from table \(table) in more entries than are listed",
            evidence: "\(counts.0) entries, \(counts.1) rows"))
      }
    }
    return (findings + refuted(missing, perCause), sound)
  }

  private func name(
    _ entry: EntryCollector.Entry, _ comparison: VerificationPlan.Comparison, ofIndex: Bool
  ) -> Difference {
    guard !comparison.table.hasRowid else {
      return Difference(row: RowName(rowid: entry.rowid), page: entry.page, cell: Int(entry.cell))
    }
    let terms = ofIndex ? comparison.index.terms : comparison.table.storage
    let values = CellReader(pages: walk.pages, encoding: walk.setting.encoding).values(
      page: entry.page, cell: Int(entry.cell))
    let key = comparison.table.storage.filter(\.isKey).compactMap(\.column)
    let parts = key.map { column -> String in
      guard let place = terms.firstIndex(where: { $0.column == column }), place < values.count else { return "?" }
      return values[place].description
    }
    return Difference(row: RowName(key: parts.joined(separator: ", ")), page: entry.page, cell: Int(entry.cell))
  }

  private func list(
    _ code: FindingCode, _ differences: [Difference], _ comparison: VerificationPlan.Comparison, _ perCause: Int,
    _ message: (String) -> String
  ) -> [Finding] {
    list(code, differences, comparison, perCause) { row, _ in
      message(row)
    } isChanged: { _ in
      false
    }
  }

  private func list(
    _ code: FindingCode, _ differences: [Difference], _ comparison: VerificationPlan.Comparison, _ perCause: Int,
    _ message: (String, Bool) -> String, isChanged: (RowName) -> Bool
  ) -> [Finding] {
    let ordered = differences.sorted { ($0.row.rowid ?? 0, $0.row.text) < ($1.row.rowid ?? 0, $1.row.text) }
    let kept = ordered.prefix(max(1, perCause))
    return kept.enumerated().map { place, difference in
      var location = words.location(difference.page, offset: difference.cell)
      location.table = comparison.table.name
      location.index = comparison.index.name
      location.row = difference.row.rowid
      location.key = difference.row.key
      return Finding(
        code, .error, at: location, message(difference.row.text, isChanged(difference.row)),
        count: place == kept.count - 1 ? differences.count - kept.count + 1 : 1)
    }
  }

  /// Rows that the table holds but none of its several indexes: more likely a page that came back from before they were
  /// deleted than damage that hit every index alike.
  private func refuted(_ missing: [String: [Difference]], _ perCause: Int) -> [Finding] {
    guard let table = comparisons.first?.table else { return [] }
    let whole = table.indexes.filter { !$0.isPartial && !$0.terms.contains { $0.isExpression } }
    guard whole.count > 1 else { return [] }
    var rows = Set(missing[whole[0].name]?.map(\.row) ?? [])
    for index in whole.dropFirst() { rows.formIntersection(missing[index.name]?.map(\.row) ?? []) }
    let refuted = (missing[whole[0].name] ?? []).filter { rows.contains($0.row) }
      .sorted { ($0.row.rowid ?? 0, $0.row.text) < ($1.row.rowid ?? 0, $1.row.text) }
    guard let first = refuted.first else { return [] }
    var place = words.location(first.page, offset: first.cell)
    place.table = table.name
    place.row = first.row.rowid
    place.key = first.row.key
    var findings = [
      Finding(
        "row.refuted", .error, at: place,
        (refuted.count == 1
          ? "row \(first.row.text) of \(table.name) stands in none of its \(whole.count) indexes: a page from before it was"
          : "\(refuted.count) rows of \(table.name) stand in none of its \(whole.count) indexes: a page from before they were")
          + " deleted has probably come back", count: refuted.count)
    ]
    let byPage = Dictionary(grouping: refuted, by: \.page).sorted { $0.key < $1.key }
    for (page, ofPage) in byPage.prefix(max(1, perCause)) {
      var place = words.location(page)
      place.table = table.name
      findings.append(
        Finding(
          "page.stale", .error, at: place,
          "page \(page) of table \(table.name) is probably from before a commit: none of the table's \(whole.count) "
            + "indexes knows \(ofPage.count == 1 ? "row \(ofPage[0].row.text)" : "\(ofPage.count) rows") of it",
          evidence: "rows " + ofPage.prefix(5).map(\.row.text).joined(separator: ", ")))
    }
    return findings
  }
}
