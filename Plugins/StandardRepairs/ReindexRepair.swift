import MendKit

/// Builds indexes anew from their tables.
public struct ReindexRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "reindex",
    title: "builds indexes anew from their tables",
    discussion: """
      An index holds nothing that its table does not hold, so a damaged one is built anew and nothing is lost. Where \
      table and index contradict each other, nobody can say for sure which one is right: entries that no row stands \
      behind are kept in a table `dbmend_set_aside_INDEX`, and rows that none of a table's several indexes has, and \
      which were therefore most probably deleted, are moved to `dbmend_set_aside_TABLE` rather than brought back.

      A row of a PostgreSQL or H2 database of which an index holds another value (`row.contradicted`) stays as its table has it, \
      which costs `changes`. In PostgreSQL the row with the value of the index stands in `dbmend_set_aside_TABLE`; of H2 the file \
      as it was is in the archive that a repair writes first.
      """,
    kind: .repair,
    mends: ["index.*", "row.contradicted", "row.refuted", "page.stale", "page.duplicate-reference"],
    loss: .rows,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers to rebuild the indexes that the findings name. Costs nothing, unless rows leave their table.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    let work = try Work(findings, in: context)
    guard !work.indexes.isEmpty else { return nil }
    let isRefuted = work.mends.contains { $0.code == "row.refuted" }
    let names = work.indexes.joined(separator: ", ")
    if work.mends.contains(where: { $0.code == "row.contradicted" }) {
      return RepairOffer(
        loss: .changes, mends: work.mends,
        reason:
          "builds \(names) anew from the table, with the values that the rows have now; where an index was right, they are wrong",
        order: 20)
    }
    return RepairOffer(
      loss: isRefuted ? .rows : .none, mends: work.mends,
      reason: isRefuted
        ? "builds \(names) anew and moves the rows that no index has to a table of their own"
        : "builds \(names) anew from the table, which holds every row",
      order: 20)
  }

  /// Rebuilds the indexes on the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    let work = try Work(findings, in: context)
    let copy = try context.sqlDriver().openCopy(context.path)
    do throws(Problem) {
      var outcome = try copy.rebuildIndexes(work.indexes)
      try copy.close()
      outcome.notes.insert("rebuilt " + work.indexes.joined(separator: ", "), at: 0)
      return outcome
    } catch {
      try? copy.close()
      throw error
    }
  }

  /// The findings that can be mended, and the indexes for them.
  private struct Work {
    var mends: [Finding] = []
    var indexes: [String] = []

    init(_ findings: [Finding], in context: RepairContext) throws(Problem) {
      guard let catalog = try context.readableCatalog() else { return }
      // What costs nothing is not kept waiting by what does.
      let isForAll = context.maxLoss >= .changes || findings.allSatisfy { !$0.code.matches("index.*") }
      let contradicted = isForAll ? [] : findings.filter { $0.code == "row.contradicted" }.map(\.location.index)
      let findings = findings.filter { !contradicted.contains($0.location.index) || $0.location.index == nil }
      for finding in findings where Self.isOfIndex(finding) || Self.isOfRows(finding) {
        // A server builds no unique index over a key that two rows have: one of them has to go first.
        if finding.code == "index.not-unique", context.driver is any ServerDriver { continue }
        let names = Self.indexes(of: finding, catalog)
        guard !names.isEmpty else { continue }
        mends.append(finding)
        for name in names where !indexes.contains(name) { indexes.append(name) }
      }
    }

    private static func isOfIndex(_ finding: Finding) -> Bool {
      finding.code.matches("index.*") || finding.code == "row.contradicted"
        || finding.code == "page.duplicate-reference" && finding.location.index != nil
    }

    private static func isOfRows(_ finding: Finding) -> Bool {
      finding.code == "row.refuted" || finding.code == "page.stale"
    }

    /// A refuted row needs all indexes of its table, since it is all of them together that refute it.
    private static func indexes(of finding: Finding, _ catalog: Catalog) -> [String] {
      if !isOfRows(finding), let name = finding.location.index {
        let isKnown =
          catalog.tables.contains { $0.indexes.contains { $0.name == name } } || catalog.engineIndexes.contains(name)
        return isKnown ? [name] : []
      }
      return finding.location.table.flatMap { catalog.table($0) }?.indexes.map(\.name) ?? []
    }
  }
}

extension ReindexRepair {
  private static let orders = """
    create table orders(id integer primary key, sku text, town text);
    insert into orders(sku, town) values('bolt', 'Bath'), ('nut', 'York'), ('screw', 'Ely'), ('washer', 'Wells');
    """

  private static let examples = [
    Example("sound indexes", script: orders + "create index orders_sku on orders(sku);"),
    Example(
      "an index that lacks two rows",
      script: orders + """
        create index orders_sku on orders(sku) where id < 3;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
        """,
      finds: ["index.entry-missing"]),
    Example(
      "an index with an entry for a row that is gone",
      script: orders + """
        create index orders_sku on orders(sku);
        create table other(id integer primary key, sku text, town text);
        insert into other select * from orders where id < 4;
        pragma writable_schema = on;
        update sqlite_schema set rootpage = (
          select max(rootpage) + min(rootpage) from sqlite_schema where name in ('orders', 'other')
        ) - rootpage where name in ('orders', 'other');
        """,
      finds: ["index.entry-extra"]),
    Example(
      "a row that is in none of two indexes",
      script: orders + """
        create index orders_sku on orders(sku) where id < 4;
        create index orders_town on orders(town) where id < 4;
        pragma writable_schema = on;
        update sqlite_schema set sql = replace(sql, ' where id < 4', '') where type = 'index';
        """,
      finds: ["index.entry-missing", "row.refuted", "page.stale"]),
    Example(
      "an index whose root page is noise", script: orders + "create index orders_sku on orders(sku);",
      damage: [.overwrite(offset: 8192, bytes: [7, 7, 7, 7, 7, 7, 7, 7])], finds: ["index.malformed"]),
  ]
}
