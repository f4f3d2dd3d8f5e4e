import MendKit

/// Takes a log that cannot be replayed away from its store.
public struct SetAsideLogRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "set-aside-log",
    title: "sets aside what cannot be replayed of the log beside a store",
    discussion: """
      An engine that finds the log of its last transactions damaged refuses the whole store. The transactions before the damage \
      stay in the log and are replayed; what follows is let go of, since a later transaction may rest on one that is lost: the \
      loss is `changes`. A log that cannot be replayed although it is whole, because it is of another state of the store, is let \
      go of altogether. The report says what the log held, as far as its entries can be read. Its bytes stay: in the archive that \
      is taken of the damaged store, and beside the mended store, as `.wal.orphan-TIME`.
      """,
    kind: .repair,
    mends: ["wal.malformed"],
    loss: .changes,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers to take the log away, where the driver says that it can be done.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    let mends = findings.filter { $0.code == "wal.malformed" }
    guard !mends.isEmpty, let driver = context.driver as? any LoggedDriver, let plan = try driver.logPlan(context.path)
    else { return nil }
    return RepairOffer(loss: .changes, mends: mends, reason: plan, order: 8)
  }

  /// Takes the log of the working copy away.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let driver = context.driver as? any LoggedDriver else {
      throw Problem(.unsupported, tried: "set the log aside of", on: context.path, said: "its driver cannot")
    }
    return try driver.setAsideLog(context.path)
  }
}

extension SetAsideLogRepair {
  /// A database whose client was ended before it wrote a checkpoint.
  private static let script = """
    create table users(id integer primary key, name text);
    insert into users values (1, 'Ada'), (2, 'Grace');
    checkpoint;
    pragma disable_checkpoint_on_shutdown;
    insert into users values (3, 'Mary');
    insert into users values (4, 'Joan');
    """

  private static let examples = [
    Example("a log that the engine takes", kind: "duckdb", script: script),
    Example(
      "a log of which an entry is damaged", kind: "duckdb", script: script,
      damage: [.beside(".wal", .overwrite(offset: 80, bytes: [0xA5, 0xA5]))], finds: ["wal.malformed"]),
  ]
}
