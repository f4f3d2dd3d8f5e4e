import MendKit

/// Makes a readable database of a damaged working copy.
///
/// 1. Headers are put right. 2. Blocks that are proved to be the backup's come from there (`BlockProof.swift`). 3. Where damaged
/// blocks are left, what can be read is written into a new file by the engine, table by table (`TableSalvage.swift`).
final class Salvage {
  private let copy: String
  private let aid: SalvageAid
  private var outcome = RepairOutcome()
  /// Why the rows may be those of another state than the newest; nil where they are of that.
  private var doubt: String?

  init(_ copy: String, _ aid: SalvageAid) {
    self.copy = copy
    self.aid = aid
  }

  /// Works on the copy, and says what became of each table's rows.
  func run() throws(Problem) -> RepairOutcome {
    var outcome = try mend()
    guard let doubt, let session = try? DuckDBSession.open(copy, patience: 1) else { return outcome }
    defer { session.end() }
    outcome.notes.append(doubt)
    for table in session.structure.catalog.tables {
      let kept = outcome.rows[table.name] == nil ? try session.rowCount(of: table) : 0
      outcome.rows[table.name, default: RowTally(kept: kept)].lost = nil
    }
    return outcome
  }

  private func mend() throws(Problem) -> RepairOutcome {
    try mendHeaders()
    var survey = try surveyed()
    if try correctBlocks(survey) { survey = try surveyed() }
    if !survey.unreadable.isEmpty, let backup = try aid.backup() {
      try takeBlocks(survey, from: backup)
      survey = try surveyed()
      if !survey.unreadable.isEmpty { return try rebuild(survey, backup: backup) }
    }
    if !survey.unreadable.isEmpty { return try rebuild(survey, backup: nil) }
    // Blocks are sound, and the engine may still stumble: it is asked to write everything anew where it does.
    guard outcome.notes.isEmpty else { return outcome }
    if try CatalogAge.contradiction(at: copy) != nil {
      doubt = "the catalog is not that of the newest checkpoint: rows may be as they were before it, or be missing"
    }
    return try rebuild(survey, backup: try aid.backup())
  }

  /// Puts single bytes right that the checksums tell; whether there were any.
  private func correctBlocks(_ survey: FileSurvey) throws(Problem) -> Bool {
    guard let size = survey.headers.active?.blockSize, !survey.damaged.isEmpty else { return false }
    let file = try FileHandle.update(copy)
    var corrected: [Int] = []
    for id in survey.damaged {
      let offset = FileHeaders.end + id * size
      guard let block = BlockCorrection.corrected(try file.read(size, at: offset)) else { continue }
      try file.write(block, at: offset)
      corrected.append(id)
    }
    guard !corrected.isEmpty else { return false }
    try file.sync()
    let list = corrected.prefix(5).map(String.init).joined(separator: ", ") + (corrected.count > 5 ? " and others" : "")
    outcome.notes.append(
      "put a changed byte right in \(corrected.count == 1 ? "block" : "blocks") \(list), which the checksum tells")
    return true
  }

  private func surveyed() throws(Problem) -> FileSurvey {
    let file = try FileHandle.read(copy)
    return try FileSurvey.make(file, headers: try FileHeaders(file), workers: Workers.processors)
  }

  private func mendHeaders() throws(Problem) {
    let file = try FileHandle.update(copy)
    let headers = try FileHeaders(file)
    switch HeaderMending(headers).plan {
    case .nothing: return
    case .hopeless:
      throw Problem(
        .damaged, tried: "put the headers right of", on: copy, said: "none of them tells where the catalog is",
        code: "file.malformed")
    case .older(let words):
      doubt = words
      fallthrough
    case .rewrite, .renew:
      try HeaderMending(headers).run(file)
      try file.sync()
      outcome.notes.append("wrote \(headers.damaged.joined(separator: " and ")) anew")
    }
  }

  private func takeBlocks(_ survey: FileSurvey, from backup: String) throws(Problem) {
    let taken = try BlockProof(copy, survey, backup, takesUnproved: aid.takesUnproved).run()
    guard !taken.isEmpty else { return }
    let list = taken.prefix(5).map(String.init).joined(separator: ", ") + (taken.count > 5 ? " and others" : "")
    outcome.notes.append(
      "took \(taken.count) \(taken.count == 1 ? "block" : "blocks") (\(list)) from the backup, "
        + (aid.takesUnproved
          ? "which are the same, or most probably so" : "which the file itself proves to be the same")
    )
  }

  private func rebuild(_ survey: FileSurvey, backup: String?) throws(Problem) -> RepairOutcome {
    let log = try WriteAheadLog.beside(copy)
    do throws(Problem) {
      return try rebuildAsItIs(survey, backup: backup)
    } catch {
      // What the damage hit may be what the log's replay needs.
      guard let log, aid.takesUnproved, error.kind == .damaged else { throw error }
      try Sidecars.remove(beside: copy)
      var made = try rebuildAsItIs(survey, backup: backup)
      try SetAsideMark.write(beside: copy, kept: 0)
      var lost = log.content
      lost.add(log.rest)
      for (table, own) in lost.losses(of: copy) {
        guard var tally = made.rows[table] else {
          made.rows[table] = own
          continue
        }
        tally.lost = tally.lost.flatMap { before in own.lost.map { before + $0 } }
        made.rows[table] = tally
      }
      outcome.notes.append(
        "the log was set aside, since it cannot be replayed into the damaged file; it held: "
          + (lost.words ?? "nothing that can be read"))
      return RepairOutcome(rows: made.rows, notes: outcome.notes)
    }
  }

  private func rebuildAsItIs(_ survey: FileSurvey, backup: String?) throws(Problem) -> RepairOutcome {
    var grafted: CatalogGraft.Outcome?
    let admitted = try CatalogAdmission(copy, survey).run { () throws(Problem) in
      grafted = try CatalogGraft(copy, survey, schema: aid.schema)?.run()
      return grafted != nil
    }
    let survey = admitted.isEmpty ? survey : try surveyed()
    let rebuild = try Rebuild(
      copy, survey, backup: backup, takesUnproved: aid.takesUnproved, isAdmitted: !admitted.isEmpty)
    let made = try rebuild.run()
    outcome.rows.merge(made.rows) { $1 }
    outcome.notes += made.notes
    guard !admitted.isEmpty else { return outcome }
    let list = admitted.map(String.init).joined(separator: ", ")
    outcome.notes.append(
      "the catalog was read although the checksum of its \(admitted.count == 1 ? "block" : "blocks") \(list) is wrong: what the "
        + "damage changed there nobody can tell, so look the tables through")
    for (table, rows) in rebuild.rows {
      var tally = outcome.rows[table] ?? RowTally(kept: rows)
      tally.lost = nil
      outcome.rows[table] = tally
    }
    outcome.notes += grafted?.notes ?? []
    for (table, rows) in grafted?.lost ?? [:] { outcome.rows[table] = RowTally(lost: rows) }
    return outcome
  }
}
