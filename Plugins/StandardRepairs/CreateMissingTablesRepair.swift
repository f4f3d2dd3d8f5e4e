import MendKit

/// Makes tables that are missing, empty, from the definitions that the configuration names.
public struct CreateMissingTablesRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "create-missing-tables",
    title: "makes missing tables, with their indexes and triggers, from `schema:`",
    discussion: """
      A table that was never there, because an update brings it, is made at no cost. A table that got lost is not \
      mended by an empty one: where the newest good archive has the table, the store's own definitions or sequences \
      still refer to it, or pages of the store belong to nothing that is known, the repair costs everything that the \
      table held.
      """,
    kind: .repair,
    mends: ["table.missing"],
    loss: .everything,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers to make the tables that the schema text defines. Reads the definitions, and the structure of the store.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    let work = Work(findings, in: context)
    guard !work.tables.isEmpty, let traces = try Traces(in: context) else { return nil }
    let names = work.tables.joined(separator: ", ")
    let source = context.schema.map { Paths.name(of: $0.path) } ?? "the schema"
    for table in work.tables {
      guard let trace = traces.of(table) else { continue }
      return RepairOffer(
        loss: .everything, mends: work.mends, reason: "makes \(names) from \(source), empty: \(trace)", order: 30)
    }
    return RepairOffer(
      loss: .none, mends: work.mends,
      reason: "makes \(names) from \(source); no page, definition or archive knows of a table of that name", order: 30)
  }

  /// Makes the tables on the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    let work = Work(findings, in: context)
    let traces = try Traces(in: context)
    let copy = try context.sqlDriver().openCopy(context.path)
    do throws(Problem) {
      try copy.execute(work.statements.map { $0.text + ";\n" }.joined())
      try copy.close()
    } catch {
      try? copy.close()
      throw error
    }
    var outcome = RepairOutcome(notes: ["made " + work.tables.joined(separator: ", ")])
    for table in work.tables { outcome.rows[table] = RowTally(lost: traces.map { $0.lostRows(of: table) } ?? nil) }
    return outcome
  }

  /// The findings that the schema text can mend, and the statements for them.
  private struct Work {
    var mends: [Finding] = []
    var tables: [String] = []
    var statements: [SQLStatement] = []

    init(_ findings: [Finding], in context: RepairContext) {
      guard let schema = context.schema else { return }
      let text = SQLStatements(schema.text)
      for finding in findings where finding.code == "table.missing" {
        guard let table = finding.location.table else { continue }
        let definition = text.definition(ofTable: table)
        guard !definition.isEmpty else { continue }
        mends.append(finding)
        guard !tables.contains(table) else { continue }
        tables.append(table)
        statements += definition
      }
    }
  }
}

extension CreateMissingTablesRepair {
  private static let schema = """
    -- The application's definitions.
    create table users(id integer primary key, name text);
    create table audit(id integer primary key, what text); create index audit_what on audit(what);
    """
  private static let required = [
    OptionPair("required-tables", .map([OptionPair("tables", .list([.string("users"), .string("audit")]))]))
  ]

  private static let examples = [
    Example("all tables there", script: schema, schema: schema, checks: required),
    Example(
      "a table that the update brings", script: "create table users(id integer primary key, name text);",
      schema: schema,
      checks: required, finds: ["table.missing"]),
    Example(
      "a table that the archive still has", script: schema + "insert into audit(what) values('login');",
      afterBackup: "drop table audit;", schema: schema, checks: required, finds: ["table.missing"]),
  ]
}
