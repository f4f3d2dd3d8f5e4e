import MendKit

/// Makes a new, empty store with all its tables.
public struct RecreateSchemaRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "recreate-schema",
    title: "makes a new, empty store with every table of `schema:`",
    discussion: """
      The last resort, for a store whose content does not matter or is kept elsewhere: a staging database, a cache. \
      The new store has every table, index, view and trigger of the file that `schema:` names, and the rows that are \
      inserted there; without such a file the definitions of the newest good archive are used. All content is lost.

      It is offered only where a part of the store cannot be read any more. A file that looks encrypted is never \
      recreated unless this repair is asked for by name.
      """,
    kind: .repair,
    mends: ["*"],
    loss: .everything,
    examples: [
      Example("a healthy store", script: script, schema: schema),
      Example(
        "a file whose header is gone", script: script,
        damage: [.overwrite(offset: 0, bytes: [UInt8](repeating: 0, count: 16))], schema: schema,
        finds: ["file.not-a-database"]),
    ])

  private static let script =
    "create table users(id integer primary key, name text); insert into users(name) values('Ada');"
  private static let schema =
    "create table users(id integer primary key, name text); create index users_name on users(name);"

  /// The repair.
  public init() {}

  /// Offers a new store where a part of the old one cannot be read, or where it is asked for by name.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    let isAskedFor = context.askedFor.contains(description.id)
    let mends = Unmendable.excluded(from: findings, askedFor: isAskedFor).filter { finding in
      // An empty table has no rows either.
      !finding.code.matches("row-count.*") && !finding.code.matches("sql.*")
    }
    guard isAskedFor || mends.contains(where: isHopeless), !mends.isEmpty else { return nil }
    if !isAskedFor, try looksEncrypted(context.path) { return nil }
    guard let schema = try schema(context) else { return nil }
    return RepairOffer(
      loss: .everything, mends: mends,
      reason: "makes a new, empty store from \(schema.path); what can be read of the old one stays in its archive only",
      order: 95, replacesStore: true)
  }

  /// Makes the new store in the place of the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let schema = try schema(context) else {
      throw Problem(
        .configuration, tried: "find the definitions of", on: context.store.description,
        said: "neither the configuration nor an archive has any",
        advice: "Name a file with CREATE statements: schema: in dbmend.yaml, or --schema.")
    }
    let live = context.liveRows()
    let archived = try context.backups?.newestGood()?.rows ?? [:]
    try context.clearPlace()
    let store = try context.sqlDriver().createStore(context.path)
    var outcome = RepairOutcome(notes: ["made a new, empty store from \(schema.path)"])
    do throws(Problem) {
      let statements = SQLStatements(schema.text).building.filter {
        !($0.defines.map { store.isReserved($0.name) } ?? false)
      }
      try store.execute(statements.map { $0.text + ";\n" }.joined())
      for table in Set(try store.catalog().tables.map(\.name)).union(archived.keys).union(live?.keys.map(\.self) ?? [])
      {
        outcome.rows[table] = RowTally(lost: lost(table, live: live, archived: archived))
      }
      try store.close()
    } catch {
      try? store.close()
      throw error
    }
    return outcome
  }

  /// Whether a finding says that a part of the store cannot be read.
  private func isHopeless(_ finding: Finding) -> Bool {
    finding.severity == .fatal
      || ["file.*", "schema.malformed", "table.malformed", "table.unreadable", "page.duplicate-reference"].contains {
        finding.code.matches($0)
      }
  }

  /// What the live store still has of a table; where that cannot be counted, nobody can say, except of a table that is
  /// nowhere.
  private func lost(_ table: String, live: [String: Int?]?, archived: [String: Int]) -> Int? {
    guard let live else { return nil }
    if let count = live[table] { return count }
    return archived[table] ?? 0
  }

  private func looksEncrypted(_ path: String) throws(Problem) -> Bool {
    guard !path.contains("://"), FileStatus.exists(path) else { return false }
    let file = try FileHandle.read(path)
    return try ContentSigns.encryption(of: file) != nil
  }

  private func schema(_ context: RepairContext) throws(Problem) -> SchemaText? {
    if let schema = context.schema { return SQLStatements(schema.text).tables.isEmpty ? nil : schema }
    guard let backups = context.backups, let backup = try backups.newestGood(),
      let text = try backups.schema(of: backup), !SQLStatements(text).tables.isEmpty
    else { return nil }
    return SchemaText(path: Paths.name(of: backup.path), text: text)
  }
}
