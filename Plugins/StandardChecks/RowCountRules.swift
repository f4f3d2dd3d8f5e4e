import MendKit

/// How many rows tables may have, from the options of the check and the newest good archive. Tables are compared in
/// lower case.
struct RowCountRules {
  private struct Bounds {
    var minimum: Int?
    var maximum: Int?
    var exact: Int?
    var before: Int?
    var maxDrop: Double?
  }

  private var bounds: [String: Bounds] = [:]
  private var names: [String: String] = [:]
  private var backup: Backup?

  /// The rules of the options; the archives are looked at only where a drop is limited.
  init(_ options: Options, backups: (any Backups)?) throws(Problem) {
    for (name, rows) in options.integers("minimum") { change(name) { $0.minimum = rows } }
    for (name, rows) in options.integers("maximum") { change(name) { $0.maximum = rows } }
    for (name, rows) in options.integers("exact") { change(name) { $0.exact = rows } }
    guard let limit = options["max_drop"], let backup = try backups?.newestGood() else { return }
    self.backup = backup
    for (name, rows) in backup.rows {
      var share: Double?
      if case .map(let pairs) = limit {
        let pair = pairs.first { $0.key.lowercased() == name.lowercased() }
        share = pair.flatMap { Share($0.value)?.fraction }
      } else {
        share = Share(limit)?.fraction
      }
      guard let share else { continue }
      change(name) {
        $0.before = rows
        $0.maxDrop = share
      }
    }
  }

  /// The names of the tables that the rules speak of, in alphabetical order, as the store writes them where it has
  /// them.
  func tables(in catalog: Catalog) -> [String] {
    names.values.map { catalog.table($0)?.name ?? $0 }.sorted()
  }

  /// What is wrong with a table's number of rows.
  func findings(on table: String, rows: Int) -> [Finding] {
    guard let bounds = bounds[table.lowercased()] else { return [] }
    let location = Finding.Location(table: table)
    let has = "the table \(table) has \(Wording.count(rows, "row"))"
    let evidence = "\(rows) rows"
    var findings: [Finding] = []
    if let exact = bounds.exact, rows != exact {
      findings.append(
        Finding(
          "row-count.not-exact", .error, at: location, has + ", not \(exact)", evidence: evidence,
          measures: [
            Measure("rows", Double(rows)),
            rows < exact
              ? Measure("missing", Double(exact - rows)) : Measure("extra", Double(rows) - Double(exact)),
          ]))
    }
    if let minimum = bounds.minimum, rows < minimum {
      findings.append(
        Finding(
          "row-count.below-minimum", .error, at: location, has + ", fewer than the minimum of \(minimum)",
          evidence: evidence, measures: [Measure("rows", Double(rows)), Measure("missing", Double(minimum - rows))]))
    }
    if let maximum = bounds.maximum, rows > maximum {
      findings.append(
        Finding(
          "row-count.above-maximum", .error, at: location, has + ", more than the maximum of \(maximum)",
          evidence: evidence, measures: [Measure("rows", Double(rows)), Measure("extra", Double(rows - maximum))]))
    }
    if let before = bounds.before, let maxDrop = bounds.maxDrop, before > rows,
      Double(before - rows) > maxDrop * Double(before), let backup
    {
      findings.append(
        Finding(
          "row-count.dropped", .error, at: location,
          "the table \(table) lost \(before - rows) of \(Wording.count(before, "row")) "
            + "(\(percent(before - rows, before))) since the newest good archive; \(percent(maxDrop)) are allowed",
          evidence:
            "\(before) rows before, \(rows) now; \(Paths.name(of: backup.path)) of "
            + UTCTime(seconds: backup.taken).iso,
          measures: [
            Measure("rows", Double(rows)), Measure("missing", Double(before - rows)),
            Measure("drop", Double(before - rows) / Double(before) * 100, unit: "%"),
          ]))
    }
    return findings
  }

  /// What is wrong with a table that is not there; nil when it need not be.
  func finding(onMissing table: String) -> Finding? {
    guard let bounds = bounds[table.lowercased()] else { return nil }
    let isAskedFor = bounds.minimum != nil || bounds.maximum != nil || bounds.exact != nil
    guard isAskedFor || (bounds.before ?? 0) > 0 else { return nil }
    let before = bounds.before.map { "; in the newest good archive it has \(Wording.count($0, "row"))" } ?? ""
    return Finding(
      "row-count.table-missing", .error, at: Finding.Location(table: table),
      "the table \(table), whose rows should be counted, is missing" + before,
      evidence: backup.map { Paths.name(of: $0.path) })
  }

  private mutating func change(_ name: String, _ change: (inout Bounds) -> Void) {
    change(&bounds[name.lowercased(), default: Bounds()])
    names[name.lowercased()] = names[name.lowercased()] ?? name
  }

  private func percent(_ part: Int, _ whole: Int) -> String { percent(Double(part) / Double(whole)) }

  private func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
  }
}
