import MendKit

/// Takes the parts of a store that are damaged from a backup, where nothing was committed since it was taken.
public struct RestorePagesRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "restore-pages",
    title: "takes damaged pages from the newest good archive, where nothing was committed since",
    discussion: """
      Holds the store against the newest good archive, or against what `--from` names, page by page. Where everything that \
      survives of the store is as it is in the archive, the archive is the store: then the pages that differ are taken from \
      it, and the loss is `none`. One page that can be read and was written since is enough for the repair to have nothing \
      to offer, since old content must not come back in place of a newer one. A DuckDB file is held \
      against it header by header and block by block. Files without pages are held against the archive \
      byte by byte: a torn one of which the archive has the beginning gets the rest.
      """,
    kind: .repair,
    mends: ["*"],
    loss: Loss.none,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers the archive's pages, where all that survives of the store proves that nothing was committed since.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    let isAskedFor = context.askedFor.contains(description.id)
    let mends = Unmendable.excluded(from: findings, askedFor: isAskedFor).filter { finding in
      // The same content breaks the same rules of the operator.
      !Self.rules.contains { finding.code.matches($0) }
    }
    guard !mends.isEmpty, let driver = context.driver as? any ComparingDriver,
      let backup = try context.backups?.newestGood(), backup.verdict == .healthy || backup.verdict == .repaired
    else { return nil }
    let result = try compare(driver, backup, in: context, restores: false)
    guard result.isSame, result.differing > 0 else { return nil }
    return RepairOffer(
      loss: .none, mends: mends,
      reason:
        "takes \(result.differing) of \(result.parts) \(result.unit) from the archive \(Paths.name(of: backup.path)); "
        + (result.isOfParts ? "" : "nothing was committed since it was taken: ") + result.reason, order: 5)
  }

  /// Writes the archive's pages over those of the working copy that differ.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let driver = context.driver as? any ComparingDriver, let backup = try context.backups?.newestGood() else {
      throw Problem(
        .archive, tried: "find the newest good archive of", on: context.store.description,
        said: "there is none any more", advice: "Look at what dbmend list shows.")
    }
    let result = try compare(driver, backup, in: context, restores: true)
    guard result.isSame else {
      throw Problem(
        .changing, tried: "take pages of an archive over to", on: context.store.description, said: result.reason,
        advice: "Run dbmend again.")
    }
    var outcome = RepairOutcome(notes: [
      "took \(result.differing) of \(result.parts) \(result.unit) from \(Paths.name(of: backup.path)) of "
        + "\(UTCTime(seconds: backup.taken).iso)"
    ])
    outcome.rows = result.rows.mapValues { RowTally(fromBackup: $0) }
    return outcome
  }

  private func compare(
    _ driver: any ComparingDriver, _ backup: Backup, in context: RepairContext, restores: Bool
  ) throws(Problem) -> ComparisonResult {
    let comparison = try driver.comparison(
      of: context.path, isUnchanged: context.isUnchanged(since: backup), restores: restores, patience: context.patience)
    try context.backups?.read(backup) { (bytes) throws(Problem) in try comparison.take(bytes) }
    return try comparison.finish()
  }

  private static let rules = ["row-count.*", "sql.*"]
}

extension RestorePagesRepair {
  private static let script = """
    create table users(id integer primary key, name text);
    with recursive n(i) as (values(1) union all select i + 1 from n where i < 900)
    insert into users(name) select 'user number ' || i from n;
    """

  private static let examples = [
    Example("a healthy store with an archive", script: script, afterBackup: ""),
    Example(
      "a document of which the end is lost, and the rest is the archive's", kind: "json",
      script: #"{"users": [{"name": "Ada"}, {"name": "Grace"}]}"#, afterBackup: "", damage: [.truncate(to: 25)],
      finds: ["file.malformed"]),
    Example(
      "a page of a table is noise, and nothing was committed since the archive was taken", script: script,
      afterBackup: "", damage: [.overwrite(offset: 3 * 4096, bytes: [UInt8](repeating: 0xA5, count: 4096))],
      finds: ["table.malformed"]),
  ]
}
