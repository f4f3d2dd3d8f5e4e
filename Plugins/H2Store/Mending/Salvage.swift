import MendKit

/// Makes a readable database of a damaged working copy.
///
/// 1. What frames the chunks is put right (`ChunkMending.swift`). 2. Where pages are damaged, or the engine stumbles all the same,
/// H2's own `Recover` writes down what it can read, and a new database is made of that.
struct Salvage {
  let copy: String
  let login: Login
  let aid: SalvageAid

  /// What it costs at most, and what it does.
  static func plan(_ path: String) -> (loss: Loss, reason: String) {
    let rebuild =
      "has H2's Recover write down every row that it can read, and makes a new database of that; rows on damaged pages are lost"
    guard let file = try? FileHandle.read(path), let plan = try? ChunkMending(file).plan() else {
      return (.rows, rebuild)
    }
    switch plan {
    case .nothing: return (.rows, rebuild)
    case .complete:
      return (
        .none,
        "writes the header and the footer of the newest chunk anew, from what the rest of it says; every page is in order"
      )
    case .renew:
      return (
        .none, "writes damaged headers and footers anew, from what the rest of the file says; every page is in order"
      )
    case .headers(let version):
      return (
        .none,
        "writes both headers anew, for version \(version), the newest one in the file: nothing in it tells of a newer one"
      )
    case .older(let version):
      return (
        .changes,
        "opens the database at version \(version), the newest one all of whose chunks and pages are whole; what was committed "
          + "after it is lost"
      )
    }
  }

  /// Whether there are chunks to begin with.
  static func isPossible(_ path: String) -> Bool {
    guard let handle = try? FileHandle.read(path), let file = try? StoreFile(handle),
      !StoreHeaders.isEncrypted(file.headers.bytes),
      file.headers.newest.map({ (2...3).contains($0.readFormat) }) ?? true
    else { return false }
    return ((try? file.wholeChunks()) ?? []).isEmpty == false
  }

  /// Works on the copy, and says what became of each table's rows.
  func run() throws(Problem) -> RepairOutcome {
    let file = try FileHandle.update(copy)
    let mending = try ChunkMending(file)
    let plan = try mending.plan()
    let notes = try mending.run()
    let survey = try FileSurvey.make(file)
    if !notes.isEmpty, survey.isSound {
      // What a version held that is gone nobody can count.
      if case .older = plan { return try counted(notes) { _ in nil } }
      return try counted(notes) { _ in 0 }
    }
    let evidence = try RowEvidence.collect(survey, file)
    let blanked = try PageBlanking(file).run()
    file.close()
    var outcome: RepairOutcome
    do throws(Problem) {
      outcome = try rebuild(survey, evidence, blanked)
    } catch {
      // H2's recovery does not come through every file; what changed since an older version may be given up where that is allowed.
      guard aid.takesUnproved, let done = try ChunkMending(FileHandle.update(copy)).goBack() else { throw error }
      let words = error.said.prefix { !$0.isNewline }
      return try counted(notes + ["H2's Recover could not write the database down: \(words)", done]) { table in
        survey.objects.objects.first { $0.value == ObjectNames.Object(table: table) }
          .flatMap { Self.rows(of: table, map: $0.key, survey) }
      }
    }
    outcome.notes = notes + outcome.notes
    return outcome
  }

  /// The rows of each table of the copy as it is now. `before` tells how many a table had; 0 where none can be lost, nil where
  /// nobody knows.
  private func counted(_ notes: [String], before: (String) -> Int?) throws(Problem) -> RepairOutcome {
    var outcome = RepairOutcome(notes: notes)
    if let session = try? H2Session.open(copy, login: login) {
      for table in try session.catalog().tables {
        let kept = try session.rowCount(of: table)
        outcome.rows[table.name] = RowTally(kept: kept, lost: before(table.name).map { max(0, $0 - kept) })
      }
      session.end()
    }
    return outcome
  }

  /// Rebuilds the database without its damaged pages. H2's recovery does not come through one that lacks parts of large objects:
  /// then, where changes may be lost, it reads what stands in the pages all the same.
  private func rebuild(
    _ survey: FileSurvey, _ evidence: [String: RowEvidence], _ blanked: [PageBlanking.Blanked]
  ) throws(Problem) -> RepairOutcome {
    do throws(Problem) {
      var outcome = try rebuild(survey, evidence)
      if !blanked.isEmpty {
        outcome.notes.append("\(blanked.count) pages could not be read; the rows in them are lost")
      }
      return outcome
    } catch {
      let ofObjects = survey.damages.allSatisfy { $0.map?.hasPrefix("lob") ?? false }
      guard ofObjects, aid.takesUnproved, !blanked.isEmpty else { throw error }
      try PageBlanking.undo(blanked, in: FileHandle.update(copy))
      var outcome = try rebuild(survey, evidence)
      for table in outcome.rows.keys { outcome.rows[table]?.lost = nil }
      outcome.notes.append(
        "large objects were read although pages of theirs are damaged: what the damage changed in them nobody can tell, so look "
          + "them through")
      return outcome
    }
  }

  private func rebuild(_ survey: FileSurvey, _ evidence: [String: RowEvidence]) throws(Problem) -> RepairOutcome {
    let client = try Client.find(login)
    let folder = Paths.folder(of: copy)
    let place = try EnginePlace(in: folder)
    try Durable.rename(copy, to: place.file)
    defer { if FileStatus.exists(place.file) { try? Durable.rename(place.file, to: copy) } }
    let script = Paths.join(place.folder, EnginePlace.name + ".h2.sql")
    let recovered = try client.recover(EnginePlace.name, in: place.folder)
    guard recovered.isSuccess, FileStatus.exists(script) else {
      throw Problem(
        .damaged, tried: "have H2 recover what is left of", on: copy, said: recovered.lastWords,
        advice: "Restore it from a backup: dbmend restore latest.")
    }
    let recovery = try RecoveryScript(script)
    let new = try EnginePlace(in: folder)
    var outcome = RepairOutcome(notes: ["made a new database of what H2's Recover could read"])
    outcome.notes += try recovery.run(client, on: EnginePlace.name, in: new.folder, subject: copy)
    let names = recovery.tables
    let backup = BackupRows(evidence: evidence, created: survey.headers.newest?.created, aid: aid, client: client)
    let (taken, notes) = try backup.fill(EnginePlace.name, in: new.folder, subject: copy)
    outcome.notes += notes
    let counted = try client.run(
      names.map { .query("SELECT COUNT(*) FROM \($0.sql)") }, on: EnginePlace.name, in: new.folder)
    for (table, answer) in zip(names, counted) {
      let kept = answer.rows.first?.first.flatMap { $0 }.flatMap { Int($0) }
      let before = Self.rows(of: table.name, map: "table.\(table.number)", survey)
      guard let kept else { continue }
      let more = taken[table.name] ?? BackupRows.Tally()
      outcome.rows[table.name] = RowTally(
        kept: max(0, kept - more.fromBackup), fromBackup: more.fromBackup, setAside: more.setAside,
        lost: before.map { max(0, $0 - kept) })
    }
    // Of a table that has but one page nothing may be left to be written down.
    for (map, object) in survey.objects.objects where object.index == nil && outcome.rows[object.table] == nil {
      guard survey.damages.contains(where: { $0.map == map }) else { continue }
      let more = taken[object.table] ?? BackupRows.Tally()
      outcome.rows[object.table] = RowTally(
        fromBackup: more.fromBackup, setAside: more.setAside,
        lost: Self.rows(of: object.table, map: map, survey).map { max(0, $0 - more.fromBackup) })
    }
    guard !outcome.rows.isEmpty else {
      throw Problem(
        .damaged, tried: "have H2 recover what is left of", on: copy, said: "no table is left in it",
        advice: "Restore it from a backup: dbmend restore latest.")
    }
    try Durable.rename(new.file, to: place.file)
    return outcome
  }

  /// The rows that a table had, as its root tells, or else one of its indexes; nil where none does.
  private static func rows(of table: String, map: String, _ survey: FileSurvey) -> Int? {
    if let count = survey.declared[map] { return count }
    let indexes = survey.objects.objects.filter { $0.value.table == table && $0.value.index != nil }
    return indexes.keys.sorted().lazy.compactMap { survey.entries[$0] }.first
  }
}
