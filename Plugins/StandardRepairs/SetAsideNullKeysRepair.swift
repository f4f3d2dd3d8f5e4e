import MendKit

/// Moves rows without a primary key to a table of their own.
public struct SetAsideNullKeysRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "set-aside-null-keys",
    title: "moves rows whose primary key is NULL to a table of their own",
    discussion: """
      No key can be made up for such a row, and the application cannot find it by one. The rows stay in the store, \
      in `dbmend_set_aside_TABLE` beside their table, with all their values; from there they can be put back by hand \
      under a key. Since they leave the table that the application reads, the loss is declared as `rows`.
      """,
    kind: .repair,
    mends: ["key.null"],
    loss: .rows,
    examples: [
      Example(
        "keys that are there",
        script: "create table countries(code text primary key); insert into countries values('DE');"),
      Example(
        "a row whose key is NULL",
        script: """
          create table countries(code text primary key, name text);
          insert into countries values('DE', 'Germany'), (null, 'Atlantis');
          """,
        finds: ["key.null"]),
    ])

  /// The repair.
  public init() {}

  /// Offers to move the rows of the tables that the findings name.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    let mends = findings.filter { $0.code == "key.null" && $0.location.table != nil }
    guard !mends.isEmpty, let catalog = try context.readableCatalog() else { return nil }
    let isOfServer = context.driver is any ServerDriver
    let places = tables(mends).map { "\($0) to \(Self.place(for: $0, in: catalog, hasSchemas: isOfServer))" }
    return RepairOffer(
      loss: .rows, mends: mends, reason: "moves the rows without a key from \(places.joined(separator: ", from "))",
      order: 35)
  }

  /// Moves the rows on the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    let copy = try context.sqlDriver().openCopy(context.path)
    do throws(Problem) {
      var outcome = RepairOutcome()
      for name in tables(findings.filter({ $0.code == "key.null" })) {
        let catalog = try copy.catalog()
        guard let table = catalog.table(name) else { continue }
        let asked = Self.place(for: table.name, in: catalog)
        let moved = try copy.setAsideNullKeys(of: table, into: asked)
        let place = copy.placeAside(of: table) ?? asked
        outcome.rows[table.name] = RowTally(kept: try copy.rowCount(of: table), setAside: moved)
        outcome.notes.append("moved \(moved == 1 ? "1 row" : "\(moved) rows") of \(table.name) to \(place)")
      }
      try copy.close()
      return outcome
    } catch {
      try? copy.close()
      throw error
    }
  }

  private func tables(_ findings: [Finding]) -> [String] { Set(findings.compactMap(\.location.table)).sorted() }

  /// A free name for the rows that are set aside: what an earlier repair set aside stays as it is. Where tables are called
  /// `schema.table`, it is in the same schema.
  private static func place(for table: String, in catalog: Catalog, hasSchemas: Bool = false) -> String {
    var name = "dbmend_set_aside_" + table
    if hasSchemas, let dot = table.firstIndex(of: ".") {
      name = table[...dot] + "dbmend_set_aside_" + table[table.index(after: dot)...]
    }
    var candidate = name
    var number = 2
    while catalog.table(candidate) != nil
      || catalog.views.contains(where: { $0.lowercased() == candidate.lowercased() })
    {
      candidate = "\(name)_\(number)"
      number += 1
    }
    return candidate
  }
}
