import MendKit

/// Makes a readable database of a damaged working copy.
///
/// 1. What frames the chunks is put right (`ChunkMending.swift`). 2. Where pages are damaged or lost, those that are left are put
/// together in a new file (`Reassembly.swift`), H2's own `Recover` writes down what is in that, and a new database is made of it.
/// Where the newest version is lost, and an older one that is whole has as many rows as can be put together, it is opened at that.
struct Salvage {
  let copy: String
  let login: Login
  let aid: SalvageAid

  /// What is to be done.
  private enum Way {
    case frames(ChunkMending.Plan)
    case older(Int)
    case reassembly(Reassembly)
    case nothing
  }

  private static func way(_ file: FileHandle, _ survey: FileSurvey) throws(Problem) -> Way {
    let mending = try ChunkMending(file)
    switch try mending.plan() {
    case .nothing: return try Reassembly(file, survey).map { .reassembly($0) } ?? .nothing
    case .older(let version):
      let older = try mending.version(at: version).flatMap { (version) throws(Problem) in
        try Reassembly(file, survey, older: version)
      }
      if let found = try Reassembly(file, survey), found.loss < .changes || found.rows > older?.rows ?? 0 {
        return .reassembly(found)
      }
      // H2 loses a large object at times, and stops at the row that refers to it.
      if let older, try older.lacksObjects() { return .reassembly(older) }
      return .older(version)
    case let plan: return .frames(plan)
    }
  }

  private static func way(at path: String) throws(Problem) -> Way {
    let file = try FileHandle.read(path)
    return try way(file, FileSurvey.make(file))
  }

  /// What it costs at most, and what it does.
  static func plan(_ path: String) -> (loss: Loss, reason: String) {
    let way = try? Self.way(at: path)
    switch way {
    case .frames(.complete):
      return (
        .none,
        "writes the header and the footer of the newest chunk anew, from what the rest of it says; every page is in order"
      )
    case .frames(.headers(let version)):
      return (
        .none,
        "writes both headers anew, for version \(version), the newest one in the file: nothing in it tells of a newer one"
      )
    case .frames:
      return (
        .none, "writes damaged headers and footers anew, from what the rest of the file says; every page is in order"
      )
    case .older(let version):
      return (
        .changes,
        "opens the database at version \(version), the newest one all of whose chunks and pages are whole; what was committed "
          + "after it is lost"
      )
    case .reassembly(let found):
      let rest = "has H2's Recover write down every row of it, and makes a new database of that"
      guard found.loss == .changes else {
        return (.rows, "puts the pages that are left together, \(rest); rows on damaged pages are lost")
      }
      return (
        .changes,
        "the newest version cannot be read: puts the pages together that are left of it and of older ones, and \(rest); rows on "
          + "lost pages are lost, and nobody can tell of every row whether it is of the newest version"
      )
    case .nothing, nil: return (.rows, "finds no rows that are left in the file")
    }
  }

  /// Whether there are rows to begin with.
  static func isPossible(_ path: String) -> Bool {
    guard let handle = try? FileHandle.read(path), let file = try? StoreFile(handle),
      !StoreHeaders.isEncrypted(file.headers.bytes),
      file.headers.newest.map({ (2...3).contains($0.readFormat) }) ?? true
    else { return false }
    guard let way = try? way(handle, FileSurvey.make(handle)) else { return false }
    if case .nothing = way { return false }
    return true
  }

  /// Works on the copy, and says what became of each table's rows.
  func run() throws(Problem) -> RepairOutcome {
    let file = try FileHandle.update(copy)
    let survey = try FileSurvey.make(file)
    switch try Self.way(file, survey) {
    case .frames:
      let notes = try ChunkMending(file).run()
      let after = try FileSurvey.make(file)
      if !notes.isEmpty, after.isSound { return try counted(notes) { _ in 0 } }
      guard let found = try Reassembly(file, after) else { throw nothingLeft }
      return try rebuild(after, RowEvidence.collect(after, file), found, notes)
    case .older(let version):
      if let outcome = try backupInPlace(of: version, survey) { return outcome }
      // What a version held that is gone nobody can count.
      let notes = try ChunkMending(file).run()
      return try counted(notes) { _ in nil }
    case .reassembly(let found): return try rebuild(survey, RowEvidence.collect(survey, file), found, [])
    case .nothing: throw nothingLeft
    }
  }

  private var nothingLeft: Problem {
    Problem(
      .damaged, tried: "find rows that are left in", on: copy, said: "there are none",
      advice: "Restore it from a backup: dbmend restore latest.")
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

  /// Puts the backup in the place of the copy, where that is of a newer version than the newest one that is whole.
  private func backupInPlace(of version: Int, _ survey: FileSurvey) throws(Problem) -> RepairOutcome? {
    guard aid.takesUnproved, let backup = try BackupCopy(aid, in: Paths.folder(of: copy)), backup.survey.isSound,
      backup.isOf(survey.headers), backup.version > version
    else { return nil }
    try Durable.rename(backup.place.file, to: copy)
    var outcome = try counted(["the newest version that is whole is older than the backup, which took its place"]) {
      _ in
      nil
    }
    for (table, tally) in outcome.rows { outcome.rows[table] = RowTally(fromBackup: tally.kept, lost: nil) }
    return outcome
  }

  /// Makes a new database of what was put together. With `prefersBackup`, what is left of a lost version gives way to a backup of a
  /// newer one.
  private func rebuild(
    _ survey: FileSurvey, _ collected: [String: RowEvidence], _ reassembly: Reassembly, _ notes: [String],
    prefersBackup: Bool = true
  ) throws(Problem) -> RepairOutcome {
    let client = try Client.find(login)
    let folder = Paths.folder(of: copy)
    var found = reassembly
    var evidence = collected
    var notes = notes
    if found.tables.contains(where: { $0.name == nil && $0.chain.entries > 0 }) {
      do throws(Problem) {
        if let lost = try LostDefinitions(aid, client, in: folder) { try found.define(lost) }
      } catch {
        notes.append(error.description)
      }
    }
    var backup = evidence.isEmpty && found.isSurveyed ? nil : try BackupCopy(aid, in: folder)
    if backup?.survey.isSound == false {
      notes.append("the backup has damaged pages itself, and no rows are taken from it")
      backup = nil
    }
    let isSameStore = backup?.isOf(survey.headers) ?? false
    var gaveWay = false
    if let backup, !found.isSurveyed {
      if isSameStore, aid.takesUnproved, prefersBackup { gaveWay = try found.giveWay(to: backup) }
      evidence.merge(try found.evidence()) { $1 }
    }
    let place = try EnginePlace(in: folder)
    let proofs = survey.objects.objects.compactMapValues { $0.index == nil ? evidence[$0.table] : nil }
    let written = try found.write(to: place.file, proofs)
    for (map, numbers) in written.found {
      if let table = survey.objects[map]?.table { evidence[table]?.take(numbers) }
    }
    let script = Paths.join(place.folder, EnginePlace.name + ".h2.sql")
    let recovered = try client.recover(EnginePlace.name, in: place.folder)
    guard recovered.isSuccess, FileStatus.exists(script) else {
      try refuseOtherFormat(place, client)
      throw Problem(
        .damaged, tried: "have H2 recover what is left of", on: copy, said: recovered.lastWords,
        advice: "Restore it from a backup: dbmend restore latest.")
    }
    let recovery = try RecoveryScript(script)
    let new = try EnginePlace(in: folder)
    var outcome = RepairOutcome(notes: notes + found.notes(written))
    var asides: [Int: String] = [:]
    for table in found.tables where written.aside[table.id] != nil {
      asides[Reassembly.firstAside + table.id] = table.name
    }
    outcome.notes += try recovery.run(client, on: EnginePlace.name, in: new.folder, subject: copy, asides: asides)
    // An engine of another version may read the pages, and would leave a database that the application cannot open.
    let format = try StoreFile(FileHandle.read(copy)).format
    guard try StoreFile(FileHandle.read(new.file)).format == format else {
      throw EngineWords.refused(
        format, "it would write a database that the application cannot open", by: client, on: copy)
    }
    let names = recovery.tables
    var taken: [String: BackupRows.Tally] = [:]
    if let backup {
      let rows = BackupRows(
        evidence: evidence, backup: backup, isSameStore: isSameStore, takesUnproved: aid.takesUnproved, client: client)
      let (tallies, failures) = try rows.fill(EnginePlace.name, in: new.folder)
      if gaveWay, !failures.isEmpty {
        return try rebuild(survey, collected, reassembly, notes + failures, prefersBackup: false)
      }
      taken = tallies
      outcome.notes += failures
    }
    let counted = try client.run(
      names.map { .query("SELECT COUNT(*) FROM \($0.sql)") }, on: EnginePlace.name, in: new.folder)
    for (table, answer) in zip(names, counted) {
      let kept = answer.rows.first?.first.flatMap { $0 }.flatMap { Int($0) }
      guard let kept else { continue }
      let more = taken[table.name] ?? BackupRows.Tally()
      outcome.rows[table.name] = RowTally(
        kept: max(0, kept - more.fromBackup), fromBackup: more.fromBackup, setAside: more.setAside,
        lost: lost(table.number, table.name, kept, found, survey))
    }
    // Of a table that has but one page nothing may be left to be written down.
    for table in found.tables {
      guard let name = table.name, outcome.rows[name] == nil, !table.chain.gaps.isEmpty else { continue }
      let more = taken[name] ?? BackupRows.Tally()
      outcome.rows[name] = RowTally(
        fromBackup: more.fromBackup, setAside: more.setAside, lost: lost(table.id, name, more.fromBackup, found, survey)
      )
    }
    for table in found.tables where table.name == nil && table.chain.entries > 0 {
      outcome.rows["lost_table_\(table.id)"] = RowTally(kept: table.chain.entries, lost: table.lost.map { max(0, $0) })
    }
    for (id, count) in written.aside {
      guard let name = found.tables.first(where: { $0.id == id })?.name else { continue }
      var tally = outcome.rows[name] ?? RowTally(lost: nil)
      tally.setAside += count
      tally.lost = tally.lost.map { max(0, $0 - count) }
      outcome.rows[name] = tally
    }
    for definition in found.definitions where found.layout == nil && outcome.rows[definition.name] == nil {
      outcome.rows[definition.name] = RowTally(lost: nil)
    }
    guard !outcome.rows.isEmpty else {
      throw Problem(
        .damaged, tried: "have H2 recover what is left of", on: copy, said: "no table is left in it",
        advice: "Restore it from a backup: dbmend restore latest.")
    }
    try Durable.rename(new.file, to: copy)
    return outcome
  }

  /// Throws where the engine does not open what it is to recover because that is of another version than the engine.
  private func refuseOtherFormat(_ place: EnginePlace, _ client: Client) throws(Problem) {
    guard let words = try client.run([.query("SELECT 1")], on: EnginePlace.name, in: place.folder).first?.failure,
      EngineWords.problem(words, on: copy).code == "schema.unsupported"
    else { return }
    throw EngineWords.refused(try StoreFile(FileHandle.read(copy)).format, words, by: client, on: copy)
  }

  /// The rows that a table lost: those that it had, as its tree tells, or else one of its indexes, less those that it has; nil where
  /// nobody can count them.
  private func lost(_ number: Int, _ name: String, _ kept: Int, _ found: Reassembly, _ survey: FileSurvey) -> Int? {
    guard let table = found.tables.first(where: { $0.id == number }) else { return found.layout == nil ? nil : 0 }
    if let lost = table.lost { return max(0, table.chain.entries + lost - kept) }
    guard found.layout != nil else { return nil }
    let indexes = survey.objects.objects.filter { $0.value.table == name && $0.value.index != nil }
    return indexes.keys.sorted().lazy.compactMap { survey.entries[$0] }.first.map { max(0, $0 - kept) }
  }
}
