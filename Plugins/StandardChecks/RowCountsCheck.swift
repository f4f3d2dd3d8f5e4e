import MendKit

/// Whether tables have as many rows as they should.
public struct RowCountsCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "row-counts",
    title: "tables have as many rows as they should, and not suddenly fewer",
    discussion: """
      `minimum`, `maximum` and `exact` are maps from a table to a number of rows. `max_drop` is the largest share of \
      its rows that a table may have lost since the newest good archive, for all tables or as a map from a table to \
      a share; without an archive nothing is compared. A table that the archive has and the store has not is \
      reported too, unless it was empty.

      Each table that is asked about is counted once, which reads it or its smallest index.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "row-count.below-minimum", .error, "a table has fewer rows than it should", measures: [.rows, .missingRows]),
      FindingDescription(
        "row-count.above-maximum", .error, "a table has more rows than it should", measures: [.rows, .extraRows]),
      FindingDescription(
        "row-count.not-exact", .error, "a table has another number of rows than it should",
        measures: [.rows, .missingRows, .extraRows]),
      FindingDescription(
        "row-count.dropped", .error, "a table lost too many rows since the newest good archive",
        measures: [.rows, .missingRows, .droppedRows]),
      FindingDescription("row-count.table-missing", .error, "a table whose rows should be counted is not there"),
      .unreadableTable,
    ],
    options: [
      OptionDescription("minimum", .map(.integer(0...Int.max)), "the least number of rows, table by table"),
      OptionDescription("maximum", .map(.integer(0...Int.max)), "the largest number of rows, table by table"),
      OptionDescription("exact", .map(.integer(0...Int.max)), "the exact number of rows, table by table"),
      OptionDescription(
        "max_drop", .either([.share, .map(.share)]),
        "the largest share of its rows that a table may have lost since the newest good archive"),
      OptionDescription(
        "estimate", .boolean, default: .boolean(false),
        "go by what the engine estimates, where it does: PostgreSQL by what its last VACUUM or ANALYZE found"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// The findings of each table that the options speak of, in the order of the tables' names.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let rules = try RowCountRules(options, backups: context.backups)
    let session = try context.session()
    let catalog = try session.catalog()
    var findings: [Finding] = []
    let names = rules.tables(in: catalog)
    for (index, name) in names.enumerated() {
      context.progress(Double(index) / Double(names.count))
      guard let table = catalog.table(name) else {
        if let finding = rules.finding(onMissing: name) { findings.append(finding) }
        continue
      }
      do throws(Problem) {
        let count = try rowCount(of: table, session, isEstimate: options.flag("estimate"))
        findings += rules.findings(on: table.name, rows: count)
      } catch {
        findings.append(try .unreadable(table.name, error))
      }
    }
    return findings
  }

  private func rowCount(of table: Table, _ session: any StoreSession, isEstimate: Bool) throws(Problem) -> Int {
    if isEstimate, let estimate = try (session as? any EstimatingSession)?.estimatedRowCount(of: table) {
      return estimate
    }
    return try session.rowCount(of: table)
  }
}

extension MeasureDescription {
  /// Likewise for every check that counts rows.
  static let rows = MeasureDescription("rows", "", "the rows that there are")
  fileprivate static let missingRows = MeasureDescription("missing", "", "the rows that there should be besides")
  fileprivate static let extraRows = MeasureDescription("extra", "", "the rows that there should not be")
  fileprivate static let droppedRows = MeasureDescription(
    "drop", "%", "the share of its rows that the table lost", in: 0...100)
}

extension RowCountsCheck {
  private static let script = """
    create table users(id integer primary key, name text);
    insert into users(name) values('Ada'), ('Grace'), ('Mary'), ('Joan');
    """

  private static func option(_ name: String, _ table: String, _ number: Int) -> OptionPair {
    OptionPair(name, .map([OptionPair(table, .integer(number))]))
  }

  private static let examples = [
    Example(
      "rows within bounds", script: script,
      options: [option("minimum", "users", 1), option("maximum", "users", 10), option("exact", "Users", 4)]),
    Example(
      "one row of four deleted since the archive", script: script, afterBackup: "delete from users where id = 4;",
      options: [OptionPair("max_drop", .string("25%"))]),
    Example(
      "fewer rows than asked for", script: script, options: [option("minimum", "users", 5)],
      finds: ["row-count.below-minimum"]),
    Example(
      "more rows than asked for", script: script, options: [option("maximum", "users", 3)],
      finds: ["row-count.above-maximum"]),
    Example(
      "another number of rows than asked for", script: script, options: [option("exact", "users", 5)],
      finds: ["row-count.not-exact"]),
    Example(
      "three rows of four deleted since the archive", script: script, afterBackup: "delete from users where id > 1;",
      options: [OptionPair("max_drop", .string("25%"))], finds: ["row-count.dropped"]),
    Example(
      "a table dropped since the archive", script: script, afterBackup: "drop table users;",
      options: [OptionPair("max_drop", .string("25%"))], finds: ["row-count.table-missing"]),
    Example(
      "a table whose root page is noise", script: script,
      damage: [.overwrite(offset: 4096, bytes: [7, 7, 7, 7, 7, 7, 7, 7])],
      options: [option("minimum", "users", 1)], finds: ["table.unreadable"]),
  ]
}
