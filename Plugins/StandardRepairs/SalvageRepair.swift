import MendKit

/// Gets back what can be read of a store that its engine cannot read to its end.
public struct SalvageRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "salvage",
    title: "puts the parts of a damaged file together again",
    discussion: """
      Reads every page of the file, whether anything points to it or not. Tables keep the pages that are in order, as they \
      are; pages that lost their place in a table are put back where the keys around the gap and the shape of their rows say \
      that they were; of a page that is damaged itself every row is taken that can still be read. The trees above them, the \
      list of free pages and the header are built anew, and indexes that were damaged get from \
      their tables what they lost. A row that can be read nowhere any more is lost, so the loss is `rows`.

      A row whose page is gone is rebuilt where the table's sound indexes hold all of its columns. With an archive, or with \
      what `--from` names, a row that stood where the table cannot be read comes from there when every sound index of the \
      table still holds it, with the values that the indexes hold; never when one of them lacks it, since it was deleted. \
      Where a table has no sound index, nothing tells: such rows go to a table `dbmend_set_aside_TABLE`, or, where \
      `--max-loss changes` allows it, into the table.

      A row whose text holds nothing but zeros from the edge of a sector on was cut through by the damage: it goes to a table \
      `lost_and_found_N`, unless indexes and a backup prove what it was.

      Of a DuckDB file headers are written anew that the others tell, blocks are taken from the archive that the file itself \
      proves to be the same, and what can be read goes into a new file, row group by row group; rows of which a column cannot be \
      read get it from the row of their key in the archive that is the same in all other columns, or go to a table \
      `dbmend_set_aside_TABLE`. A damaged definition costs its own table alone, and not even that where `--schema` or the archive \
      has it.

      Of an H2 database headers and footers are written anew that the rest tells. Where pages are damaged, or the newest version \
      cannot be read, the pages that are left are put together in a new file: those below a lost node, and those of a chunk that is \
      cut off, come back too. H2's own recovery writes down what is in that file, and rows of the backup come back that every sound \
      index of their table holds. Rows below a lost node of which nothing tells whether they were there to the last go to a table \
      `dbmend_set_aside_TABLE`. Where the newest version cannot be read and nobody can tell whether what is left is of it, this costs \
      `changes`, and the newest version that is whole takes its place where that has as many rows.

      Of a PostgreSQL database everything that can be read goes into a new one. Of rows that have the same key in a unique index \
      the first one stays in its table, and the others go to a table `dbmend_set_aside_TABLE`.

      A document in JSON that is torn is closed behind its last whole value, and what stood behind that is named; zeros \
      behind a whole document, and a byte order mark before it, go at no loss.

      A full-text index is built anew from its contents, an R-Tree is put together of its nodes. In a damaged file a row that \
      breaks a CHECK or NOT NULL constraint, or holds a value of another type than its column allows, was changed by the \
      damage: it gets back what an index still holds of it, or goes to a table `dbmend_set_aside_TABLE`. Where nothing else \
      is damaged, an application may have written such rows: they stay, unless the repair is asked for with `--with salvage`. \
      Rows that every sound index of their table refutes, and rows that no table can be found for, go to tables \
      `lost_and_found_N`.

      Where definitions are lost, those of `--schema`, or of the newest good archive, are given to the trees that they fit: by \
      the number and the kinds of their values, and by the order in which tables were made. Another tree of a table becomes \
      `lost_table_PAGE`, with columns `c0`, `c1` and so on.
      """,
    kind: .repair,
    mends: [
      "table.malformed", "file.malformed", "file.not-a-database", "schema.malformed", "page.duplicate-reference",
      "index.malformed", "page.unused", "freelist.malformed", "pointer-map.malformed", "schema.mismatch",
      "file.nul-tail", "file.byte-order-mark", "check.violated",
      "column.null", "column.type", "virtual-table.malformed", "index.entry-*", "index.not-sorted", "index.not-unique",
      "text.invalid",
    ],
    loss: .rows,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers to put the store together, where something of a table or of the file itself is damaged.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard let driver = context.driver as? any SalvagingDriver, driver.isSalvageable(context.path) else { return nil }
    let findings = try withoutPlainIndexes(findings, in: context)
    guard isCalled(for: findings, in: context) else {
      let refused = findings.filter { Self.refused.contains($0.code) }
      return refused.isEmpty ? nil : RepairOffer(loss: .rows, mends: [], reason: Self.leave(refused))
    }
    let isOfServer = context.driver is any ServerDriver
    let mends = findings.filter { finding in
      if isOfServer, Self.ofServers.contains(finding.code) { return true }
      return finding.code != "text.invalid" && description.mends.contains { finding.code.matches($0) }
    }
    let backup = try context.backups?.newestGood()
    let plan =
      if let backup, let backups = context.backups {
        driver.salvagePlan(context.path) { (each) throws(Problem) in try backups.read(backup, each) }
      } else {
        driver.salvagePlan(context.path)
      }
    let takesMore = backup != nil && Self.takesUnproved(context) && plan.loss != .none
    return RepairOffer(
      loss: plan.loss, allowedLoss: takesMore ? .changes : nil, mends: mends,
      reason: plan.reason, order: 10)
  }

  /// Indexes are built anew at no cost, but for those on tables that belong to a module.
  private func withoutPlainIndexes(_ findings: [Finding], in context: RepairContext) throws(Problem) -> [Finding] {
    guard findings.contains(where: Self.isOfContent) else { return findings }
    let catalog = try context.readableCatalog()
    return findings.filter { finding in
      guard Self.isOfContent(finding) else { return true }
      if context.driver is any ServerDriver, Self.ofServers.contains(finding.code) { return true }
      guard let catalog, let table = finding.location.table else { return false }
      return catalog.table(table) == nil
    }
  }

  /// Whether a finding says that an index on sound pages is not what its table asks for.
  private static func isOfContent(_ finding: Finding) -> Bool {
    finding.code.matches("index.*") && finding.code != "index.malformed"
  }

  /// Whether something is damaged that only salvage is for. A row that its table refuses may have been written so; it counts as
  /// damaged where something else of the file is, or was.
  private func isCalled(for findings: [Finding], in context: RepairContext) -> Bool {
    if findings.contains(where: { Self.calls.contains($0.code) || Self.isOfContent($0) }) { return true }
    if context.driver is any ServerDriver, findings.contains(where: { Self.ofServers.contains($0.code) }) {
      return true
    }
    guard findings.contains(where: { Self.refused.contains($0.code) }) else { return false }
    return context.askedFor.contains(description.id)
      || context.found.contains { found in Self.damage.contains { found.code.matches($0) } }
  }

  private static func leave(_ refused: [Finding]) -> String {
    let tables = Set(refused.compactMap(\.location.table)).sorted().joined(separator: ", ")
    return
      "nothing else is damaged, so an application may have written the rows of \(tables) that the table's own definition "
      + "refuses, and they stay: correct them there, or set them aside with --with salvage"
  }

  /// Puts the working copy together.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let driver = context.driver as? any SalvagingDriver else {
      throw Problem(.unsupported, tried: "salvage", on: context.path, said: "its driver cannot")
    }
    let virtual = findings.filter { $0.code == "virtual-table.malformed" || Self.isOfContent($0) }.compactMap(
      \.location.table)
    let aid = SalvageAid(
      takesUnproved: Self.takesUnproved(context), tellsProvenance: context.tellsProvenance,
      setsAsideRefused: setsAsideRefused(findings, context.path),
      virtualTables: Set(virtual).sorted(),
      schema: { () throws(Problem) in try Self.schema(context) }
    ) { () throws(Problem) in
      guard let backup = try context.backups?.newestGood(), let scratch = context.scratch else { return nil }
      return try context.backups?.extract(backup, into: Paths.makeTemporaryFolder(Paths.join(scratch, "backup-")))
    }
    return try driver.salvage(context.path, with: aid)
  }

  /// Definitions for tables whose own are lost: those that are named, else those of the newest good archive.
  private static func schema(_ context: RepairContext) throws(Problem) -> SchemaText? {
    if let schema = context.schema { return schema }
    guard let backups = context.backups, let backup = try backups.newestGood() else { return nil }
    return try backups.schema(of: backup).map { SchemaText(path: backup.path, text: $0) }
  }

  private static func takesUnproved(_ context: RepairContext) -> Bool { context.maxLoss >= .changes }

  /// Whether rows are looked for that their own table refuses: where some were found, and where what is damaged kept the checks
  /// from seeing them. In a large file the checks that follow tell.
  private func setsAsideRefused(_ findings: [Finding], _ path: String) -> Bool {
    if findings.contains(where: { Self.refused.contains($0.code) }) { return true }
    let size = (try? FileStatus.of(path).size) ?? 0
    return size <= Self.mostBytesLookedThrough && findings.contains { $0.code == "table.malformed" }
  }

  private static let mostBytesLookedThrough = 128 << 20

  /// What rows have that their own table would refuse; and what keeps every check from seeing such rows.
  private static let refused: [FindingCode] = [
    "check.violated", "column.null", "column.type", "schema.malformed", "file.not-a-database", "file.malformed",
  ]

  /// What only salvage is for, and what tells that the file is damaged where others fail. The rest of what it mends, others mend
  /// too.
  private static let calls: [FindingCode] = [
    "table.malformed", "file.malformed", "file.nul-tail", "file.byte-order-mark", "file.not-a-database",
    "schema.malformed", "schema.mismatch",
    "page.duplicate-reference", "virtual-table.malformed", "index.malformed",
  ]

  /// What it mends of a server's store alone: there a whole new one is made, in which no two rows have the same key, and no text is
  /// none in the encoding.
  private static let ofServers: [FindingCode] = [
    "table.unreadable", "key.duplicate", "index.not-unique", "text.invalid",
  ]

  /// What no application leaves behind.
  private static let damage = [
    "table.malformed", "file.malformed", "file.not-a-database", "schema.malformed", "schema.mismatch", "page.*",
    "index.*", "freelist.malformed",
    "pointer-map.malformed", "virtual-table.malformed",
  ]
}

extension SalvageRepair {
  private static let orders = """
    create table orders(id integer primary key, sku text);
    with recursive n(i) as (values(1) union all select i + 1 from n where i < 2000)
    insert into orders(sku) select 'bolt number ' || i from n;
    """

  private static let table = """
    create table orders as select i as id, 'sku number ' || i * 7919 % 10007 as sku from range(20000) r(i); checkpoint;
    """

  private static let examples = [
    Example("a sound store", script: orders),
    Example("a sound DuckDB database", kind: "duckdb", script: table),
    Example(
      "a DuckDB database with a changed byte in a block of a table", kind: "duckdb", script: table,
      damage: [.overwrite(offset: 12_288 + 262_144 + 60, bytes: [0xA5, 0xA5])], finds: ["table.malformed"]),
    Example("a sound document", kind: "json", script: #"{"users": [1, 2, 3]}"#),
    Example(
      "a document that is torn", kind: "json", script: #"{"users": [{"name": "Ada"}, {"name": "Gra"#,
      finds: ["file.malformed"]),
    Example(
      "a byte order mark before a document", kind: "json", script: "\u{FEFF}[1, 2]", finds: ["file.byte-order-mark"]),
    Example("zeros behind a document", kind: "json", script: "[1, 2]\u{0}\u{0}\u{0}", finds: ["file.nul-tail"]),
    Example(
      "the root of a table, which only says where its leaves are, is gone", script: orders,
      damage: [.overwrite(offset: 4096, bytes: [UInt8](repeating: 0, count: 4096))], finds: ["table.malformed"]),
  ]
}
