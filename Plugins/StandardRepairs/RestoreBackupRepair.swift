import MendKit

/// Puts the newest good archive in the place of the store.
public struct RestoreBackupRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "restore-backup",
    title: "puts the content of the newest good archive in the place of the store",
    discussion: """
      What changed since the archive was taken is lost, deletions included: the loss is `changes`. Where the store's \
      size, time of last change, change counter and log are all as they were when the archive was taken, nothing was \
      committed in between; then the archive holds exactly what the store held, and the loss is `none`.

      Findings about the place of the file, its permissions or the engine are none of its business. A file that \
      looks encrypted is replaced only when the repair is asked for by name.
      """,
    kind: .repair,
    mends: ["*"],
    loss: .changes,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers the newest good archive, where there is one.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    let isAskedFor = context.askedFor.contains(description.id)
    let mends = Unmendable.excluded(from: findings, askedFor: isAskedFor)
    guard !mends.isEmpty, let backup = try context.backups?.newestGood() else { return nil }
    let name = Paths.name(of: backup.path)
    let time = UTCTime(seconds: backup.taken).iso
    guard context.isUnchanged(since: backup) else {
      return RepairOffer(
        loss: .changes, mends: mends,
        reason: "puts back the archive \(name); what changed since \(time) is lost, deletions included", order: 90,
        replacesStore: true)
    }
    // The same content breaks the same rules of the operator.
    let isAboutRulesOnly = mends.allSatisfy { $0.code.matches("row-count.*") || $0.code.matches("sql.*") }
    guard !isAboutRulesOnly || isAskedFor else { return nil }
    return RepairOffer(
      loss: .none, mends: mends,
      reason: "puts back the archive \(name); nothing was committed since it was taken at \(time)", order: 90,
      replacesStore: true)
  }

  /// Writes the archive's content to the place of the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let backups = context.backups, let backup = try backups.newestGood(), let scratch = context.scratch else {
      throw Problem(
        .archive, tried: "find the newest good archive of", on: context.store.description,
        said: "there is none any more", advice: "Look at what dbmend list shows.")
    }
    let isUnchanged = context.isUnchanged(since: backup)
    let live = isUnchanged ? nil : context.liveRows()
    let folder = try Paths.makeTemporaryFolder(Paths.join(scratch, "restore-"))
    do throws(Problem) {
      let file = try backups.extract(backup, into: folder)
      if let driver = context.driver as? any ServerDriver {
        try driver.fill(context.path, from: [file], for: context.store.path)
        try Paths.removeTree(folder)
        return outcome(backup, live: live, isUnchanged: isUnchanged)
      }
      try context.clearPlace()
      for (from, to) in zip(context.driver.sidecars(of: file), context.driver.sidecars(of: context.path))
      where FileStatus.exists(from) {
        try Durable.rename(from, to: to)
      }
      try Durable.rename(file, to: context.path)
      try Paths.removeTree(folder)
    } catch {
      try? Paths.removeTree(folder)
      throw error
    }
    return outcome(backup, live: live, isUnchanged: isUnchanged)
  }

  private func outcome(_ backup: Backup, live: [String: Int?]?, isUnchanged: Bool) -> RepairOutcome {
    let name = Paths.name(of: backup.path)
    var outcome = RepairOutcome(notes: ["took everything from \(name) of \(UTCTime(seconds: backup.taken).iso)"])
    outcome.rows = tally(backup, live: live, isUnchanged: isUnchanged)
    return outcome
  }

  private func tally(_ backup: Backup, live: [String: Int?]?, isUnchanged: Bool) -> [String: RowTally] {
    var rows: [String: RowTally] = [:]
    for (table, count) in backup.rows {
      var lost: Int?
      if isUnchanged {
        lost = 0
      } else if let live {
        // A table that the live store does not have loses nothing by coming back.
        lost = (live[table] ?? .some(0)).map { max(0, $0 - count) }
      }
      rows[table] = RowTally(fromBackup: count, lost: lost)
    }
    for (table, count) in live ?? [:] where backup.rows[table] == nil { rows[table] = RowTally(lost: count) }
    return rows
  }
}

extension RestoreBackupRepair {
  private static let script = """
    create table users(id integer primary key, name text);
    insert into users(name) values('Ada'), ('Grace'), ('Mary'), ('Joan');
    """

  private static let examples = [
    Example("a healthy store with an archive", script: script, afterBackup: ""),
    Example(
      "rows deleted by mistake", script: script, afterBackup: "delete from users where id > 1;",
      checks: [OptionPair("row-counts", .map([OptionPair("max_drop", .string("10%"))]))], finds: ["row-count.dropped"]),
    Example(
      "a file whose header is gone", script: script, afterBackup: "",
      damage: [.overwrite(offset: 0, bytes: [UInt8](repeating: 0, count: 16))], finds: ["file.not-a-database"]),
  ]
}
