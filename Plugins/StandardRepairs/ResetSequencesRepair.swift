import MendKit

/// Sets sequences to the largest keys of their tables.
public struct ResetSequencesRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "reset-sequences",
    title: "sets sequences to the largest keys of their tables, and makes those that are missing",
    discussion: """
      The next key that is given out is then one above the largest in the table. Keys of rows that were deleted from \
      the end of the table may be given out again, because nothing remembers them any more.
      """,
    kind: .repair,
    mends: ["sequence.*"],
    loss: Loss.none,
    examples: [
      Example(
        "a sequence at its largest key",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          """),
      Example(
        "a sequence that is gone",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          delete from sqlite_sequence;
          """,
        finds: ["sequence.missing"]),
      Example(
        "a sequence behind the largest key",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          update sqlite_sequence set seq = 1;
          """,
        finds: ["sequence.behind"]),
    ])

  /// The repair.
  public init() {}

  /// Offers to set the sequences of the tables that the findings name.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard context.answersSQL else { return nil }
    let mends = findings.filter { $0.code.matches("sequence.*") && $0.location.table != nil }
    guard !mends.isEmpty else { return nil }
    return RepairOffer(
      loss: .none, mends: mends,
      reason: "sets the sequence of \(tables(mends).joined(separator: ", ")) to the largest key in use", order: 40)
  }

  /// Sets the sequences on the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    let tables = tables(findings.filter { $0.code.matches("sequence.*") })
    let copy = try context.sqlDriver().openCopy(context.path)
    do throws(Problem) {
      try copy.resetSequences(tables)
      try copy.close()
    } catch {
      try? copy.close()
      throw error
    }
    return RepairOutcome(notes: ["set the sequence of " + tables.joined(separator: ", ")])
  }

  private func tables(_ findings: [Finding]) -> [String] { Set(findings.compactMap(\.location.table)).sorted() }
}
