import MendKit

/// Writes all content into a new file.
public struct RewriteRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "rewrite",
    title: "writes all content into a new file, without pages that belong to nothing",
    discussion: """
      Reads every table to its end and writes it anew, with a fresh list of free pages. Where only pages that belong to nothing \
      or what the file says of its own pages (the list of free pages, the pointer maps, the header) is at fault, no row is \
      touched and the loss is `none`. The same holds where pages of a table only miscount what is free on them, and it is \
      certain that every row was read all the same. Where pages of a table are damaged otherwise but every table can still be \
      read, the loss is `rows`: a damaged page may have held rows that are not seen any more. Where a table cannot be read to \
      its end, the repair fails and the next one is tried.

      A log or journal of another database that lies beside the store is left out, and when the new file takes the store's \
      place, it is kept there under another name.
      """,
    kind: .repair,
    mends: [
      "page.unused", "freelist.malformed", "pointer-map.malformed", "header.malformed", "table.malformed",
      "file.malformed", "page.duplicate-reference", "wal.foreign", "journal.foreign",
    ],
    loss: .rows,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers to write the store anew, where its definitions can be read.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    // Copies of a server's store were written anew when they were made.
    if context.driver is any ServerDriver { return nil }
    let mends = findings.filter { finding in
      // An index that claims another's page is built anew; here it would be copied as it is.
      description.mends.contains { finding.code.matches($0) }
        && !(finding.code == "page.duplicate-reference" && finding.location.index != nil)
    }
    guard !mends.isEmpty, try context.sqlDriver().isRewritable(context.path), try context.readableCatalog() != nil
    else {
      return nil
    }
    let ofRows = mends.filter { Self.ofRows.contains($0.code) && !Self.isOfFreePages($0) }
    let touchesRows = !ofRows.allSatisfy(\.hidesNoRow)
    let reason =
      if touchesRows {
        "writes every table that can be read to its end into a new file; rows that damaged pages no longer show are lost"
      } else if ofRows.isEmpty {
        "writes all tables into a new file; no row is touched"
      } else {
        "writes all tables into a new file; the damaged pages miscount their free bytes only, and every row is read"
      }
    return RepairOffer(loss: touchesRows ? .rows : .none, mends: mends, reason: reason, order: 30)
  }

  /// Writes the working copy anew.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    let copy = try context.sqlDriver().openCopy(context.path)
    do throws(Problem) {
      var outcome = RepairOutcome(notes: ["wrote all content into a new file"])
      let malformed = findings.filter { $0.code != "file.malformed" && Self.ofRows.contains($0.code) }
      let tables = Set(malformed.compactMap(\.location.table))
      try copy.rewrite()
      let catalog = try copy.catalog()
      for name in tables {
        guard let table = catalog.table(name) else { continue }
        // What a damaged page no longer shows, nobody can count.
        let isWhole = malformed.allSatisfy { $0.location.table != name || $0.hidesNoRow }
        outcome.rows[name] = RowTally(kept: try copy.rowCount(of: table), lost: isWhole ? 0 : nil)
      }
      try copy.close()
      return outcome
    } catch {
      try? copy.close()
      throw error
    }
  }
}

extension RewriteRepair {
  /// Findings that may stand for rows.
  private static let ofRows: [FindingCode] = ["table.malformed", "file.malformed", "page.duplicate-reference"]

  /// Whether a page is in use and on the list of free pages as well: the list is written anew, and the page stays.
  private static func isOfFreePages(_ finding: Finding) -> Bool {
    finding.code == "page.duplicate-reference" && finding.location.table == nil && finding.hidesNoRow
  }
  private static let orders = """
    create table orders(id integer primary key, sku text);
    insert into orders(sku) values('bolt'), ('nut'), ('screw'), ('washer');
    """

  private static let examples = [
    Example("a sound store", script: orders),
    Example(
      "pages of an index whose definition is lost",
      script: orders + """
        create index orders_sku on orders(sku);
        pragma writable_schema = on;
        delete from sqlite_schema where name = 'orders_sku';
        """,
      finds: ["page.unused"]),
    Example(
      "a header that counts free pages which are not there", script: orders,
      damage: [.overwrite(offset: 36, bytes: [0, 0, 0, 5])], finds: ["freelist.malformed"]),
    Example(
      "a pointer map that is wrong about a page", script: "pragma auto_vacuum = full;" + orders,
      damage: [.overwrite(offset: 4096, bytes: [5])], finds: ["pointer-map.malformed"]),
    Example(
      "a header that asks for incremental vacuum in a file without pointer maps", script: orders,
      damage: [.overwrite(offset: 64, bytes: [0, 0, 0, 1])], finds: ["header.malformed"]),
    Example(
      "a page of a table that counts its free bytes wrong", script: orders,
      damage: [.overwrite(offset: 4096 + 7, bytes: [9])], finds: ["table.malformed"]),
  ]
}
