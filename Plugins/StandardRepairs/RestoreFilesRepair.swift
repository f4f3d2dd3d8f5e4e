import MendKit

/// Takes files of a folder from a backup, one by one.
public struct RestoreFilesRepair: Repair {
  /// What the repair says of itself.
  public let description = PluginDescription(
    id: "restore-files",
    title: "takes files of a folder that their disk changed from the newest good archive",
    discussion: """
      A file of which the content changed, but neither the size nor the time of change, was written by nobody: it comes back \
      from the newest good archive, or from what `--from` names, and the loss is `none`. So does one that the disk does not give any \
      more, and a JSON file that is torn, where all that is left of it is the archive's.

      What `--from` names may be a plain copy of the folder too. It has no checksums of its own: where it and the store have another content \
      with the same size and time, nobody can tell which of the two its disk changed, and the file comes back with `--max-loss changes`.

      A file that is missing, that somebody wrote to, or that is damaged within, may be as somebody meant it: it comes back only \
      with `--max-loss changes`, and then what was written since the archive was taken goes. Files that are new since then stay in any \
      case. The plan names each file. A file that has another time of change, and nothing else, is as the archive has it: it \
      stays, and so it does when the whole folder is restored.
      """,
    kind: .repair,
    mends: ["file.*", "text.encoding", "document.*"],
    loss: .changes,
    examples: Self.examples)

  /// The repair.
  public init() {}

  /// Offers the archive's files, where it has some that the findings speak of.
  public func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard let driver = context.driver as? any FileByFileDriver, let notes = try context.backups?.notes() else {
      return nil
    }
    let files = try Selection(differences(driver, notes, findings, in: context), findings, context.maxLoss)
    guard !files.taken.isEmpty else { return nil }
    let archive = Paths.name(of: notes.archive)
    let isCertain = files.meant.isEmpty
    return RepairOffer(
      loss: files.certain.isEmpty ? .changes : .none, allowedLoss: isCertain ? nil : .changes, mends: files.mends,
      reason:
        "takes \(files.taken.count) \(files.taken.count == 1 ? "file" : "files") from \(notes.isProven ? "the archive " : "")\(archive): "
        + (isCertain
          ? "nobody wrote what is there now"
          : "what was written since it was taken is lost"),
      order: 5, details: files.taken.map { "\($0.path): \($0.what); it comes from \(archive)." })
  }

  /// Puts the archive's files into the working copy.
  public func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    guard let driver = context.driver as? any FileByFileDriver, let backups = context.backups,
      let notes = try backups.notes(), let backup = try backups.newestGood(), let scratch = context.scratch
    else {
      throw Problem(
        .archive, tried: "find the newest good archive of", on: context.store.description,
        said: "there is none any more", advice: "Look at what dbmend list shows.")
    }
    let files = try Selection(differences(driver, notes, findings, in: context), findings, context.maxLoss)
    let folder = try Paths.makeTemporaryFolder(Paths.join(scratch, "files-"))
    let names = Set(files.taken.compactMap(\.listed?.name))
    try driver.take(backups.extract(backup, files: names, into: folder), from: folder, into: context.path)
    let archive = "\(Paths.name(of: backup.path)) of \(UTCTime(seconds: backup.taken).iso)"
    var outcome = RepairOutcome(notes: files.taken.map { "\($0.path): \($0.what); it came from \(archive)." })
    outcome.rows["files"] = RowTally(fromBackup: files.taken.count { $0.listed?.kind == .file })
    return outcome
  }

  /// What differs from the archive; a damaged file of which all that is left is the archive's is torn.
  private func differences(
    _ driver: any FileByFileDriver, _ notes: BackupNotes, _ findings: [Finding], in context: RepairContext
  ) throws(Problem) -> [FileDifference] {
    var differences = try driver.differences(of: context.path, from: notes)
    let damaged = Set(findings.filter { $0.severity >= .error && !$0.isPerhapsMeant }.compactMap(\.location.file))
    let candidates = differences.indices.filter { index in
      let difference = differences[index]
      return difference.kind == .changed && damaged.contains(difference.path) && difference.listed?.kind == .file
    }
    guard !candidates.isEmpty, let backups = context.backups, let backup = try backups.newestGood() else {
      return differences
    }
    let place = context.scratch ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    // Where the archive's files have no room, they count as changed: that costs more, and nothing is believed that was not seen.
    let needed = candidates.reduce(0) { $0 + (differences[$1].listed?.size ?? 0) }
    guard let room = try? Volume.of(place).available, room / 2 > needed else { return differences }
    let folder = try Paths.makeTemporaryFolder(Paths.join(place, "dbmend-files-"))
    defer { try? Paths.removeTree(folder) }
    let names = Set(candidates.compactMap { differences[$0].listed?.name })
    _ = try backups.extract(backup, files: names, into: folder)
    for index in candidates {
      let file = Paths.join(context.path, differences[index].path)
      guard let name = differences[index].listed?.name,
        let why = try driver.remnant(file, of: Paths.join(folder, name))
      else { continue }
      differences[index].kind = .torn
      differences[index].what = why
    }
    return differences
  }
}

/// Which files are taken, and which findings that mends.
private struct Selection {
  /// Those that nobody wrote.
  let certain: [FileDifference]
  /// Those that somebody may have meant to be as they are.
  let meant: [FileDifference]
  let mends: [Finding]

  var taken: [FileDifference] { certain + meant }

  /// Files that nobody wrote come back in any case. Others are thought of where a finding names them, and, beside the first, where
  /// changes may be lost.
  init(_ differences: [FileDifference], _ findings: [Finding], _ maxLoss: Loss) {
    certain = differences.filter { [.rotten, .unreadable, .torn].contains($0.kind) }
    let named = Set(findings.compactMap(\.location.file))
    // Of many files of a kind, findings name the first few.
    let isAll = findings.contains { $0.count > 1 && $0.isPerhapsMeant }
    meant =
      certain.isEmpty || maxLoss >= .changes
      ? differences.filter { difference in
        (difference.kind == .changed || difference.kind == .removed) && (isAll || named.contains(difference.path))
      } : []
    let paths = Set((certain + meant).map(\.path))
    mends = findings.filter { $0.location.file.map(paths.contains) ?? false }
  }
}

extension RestoreFilesRepair {
  private static let script = """
    a.txt: what was written first
    b/c.json: {"name": "Ada"}
    """

  private static let examples = [
    Example("a healthy folder with an archive", kind: "folder", script: script, afterBackup: ""),
    Example(
      "a file that its disk changed", kind: "folder", script: script, afterBackup: "",
      damage: [.within("a.txt", .replace("first", with: "frist"), keepsTime: true)], finds: ["file.rotten"]),
  ]
}
