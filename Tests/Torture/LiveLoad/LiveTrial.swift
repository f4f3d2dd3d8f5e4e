import MendKit
import TestSupport

/// One store, its writers, and the runs of dbmend beside them.
struct LiveTrial {
  let name: String
  let scenario: LiveScenario
  private let effort: Effort
  private let folder: TemporaryFolder
  private let load: Load
  private(set) var outcome = Ordeal.Outcome()
  private(set) var tally: LiveTally
  /// Archives that were held against the time of their run.
  private var seen: Set<String> = []

  init(_ name: String, _ scenario: LiveScenario, _ effort: Effort, transfer: String, tally: LiveTally) throws {
    self.name = name
    self.scenario = scenario
    self.effort = effort
    self.tally = tally
    folder = try TemporaryFolder("dbmend-live-store")
    try SQLiteFile.make(
      folder.file("app.db"),
      Bank.script(
        journal: scenario.journal, pageSize: scenario.pageSize, megabytes: scenario.megabytes,
        writers: scenario.writers))
    if scenario.isDamaged { try SQLiteFile.make(folder.file("app.db"), Bank.damage) }
    try folder.write(
      """
      version: 1
      repository: backups
      retention: { keep_last: 1000, keep_damaged: 1000 }
      environments: { production: { stores: { app: { path: app.db } } } }
      """, to: "dbmend.yaml")
    load = Load(transfer, folder.file("app.db"), folder: folder, writers: scenario.writers, scenario.words)
  }

  mutating func run() throws {
    try load.start()
    var beside = Load.Phase()
    var control = Load.Phase()
    if scenario.habit != .killed {
      usleep(50_000)
      _ = try load.phase()
      try load.readBeside(0.4)
      control = try load.phase()
    }
    for command in commands {
      if scenario.habit == .killed {
        load.kill()
        try runBeside(command)
        try load.start()
        usleep(30_000)
      } else {
        try runBeside(command)
        beside.add(try load.phase())
      }
    }
    load.stop()
    if scenario.habit != .killed {
      tally.add(beside, control: control, journal: scenario.journal)
      if beside.errors > 0, control.errors == 0 {
        fail(
          "writers got \(beside.errors) errors beside dbmend (\(beside.firstError ?? "")), and none beside an ordinary reader"
        )
      }
    }
    try holdLiveStore()
    if scenario.isDamaged { try repairAtRest() }
    try holdArchives()
  }

  private var commands: [[String]] {
    let failing = ["preflight", "--", "false"]
    guard !scenario.isDamaged else {
      return [
        ["check"], ["backup"], ["repair", "app"], ["repair", "app", "--plan"], ["preflight", "--", "true"],
        ["repair", "app"],
      ]
    }
    return [
      ["check"], ["backup"], ["status"], failing, ["verify"], ["preflight", "--", "true"], ["list"], ["check"],
      ["backup"],
    ]
  }

  private mutating func fail(_ words: String) { outcome.failures.append(Ordeal.Failure(name, words)) }

  // MARK: Runs

  private mutating func runBeside(_ words: [String]) throws {
    let before = try load.newest()
    let start = Clock.system.steady()
    let isReport = !["list", "verify", "status"].contains(words[0])
    let result = try TestSupport.run(
      ["timeout", "120", effort.program, words[0]] + (isReport ? ["--format", "json"] : []) + words.dropFirst(),
      folder: folder.path, environment: ["NO_COLOR": "1"])
    let after = try load.newest()
    let report = try? JSONValue(parsing: Array(result.output.utf8))
    // Of a repair that is refused more is asked: it has to name the writers.
    let isRepair = scenario.isDamaged && ["repair", "preflight"].contains(words[0])
    let gaveUp = result.exit == 3 && !isRepair && Self.isBusy(report)
    tally.count(words[0], gaveUp: gaveUp, seconds: Clock.system.steady() - start)
    var trouble = gaveUp ? nil : unexpected(words, result, report)
    if trouble == nil, let archive = report?["stores"]?.array?.first?["archive"]?.string {
      trouble = try hold(archive, from: before, to: after)
    }
    outcome.count(
      trouble.map {
        Ordeal.Failure(
          name, "dbmend \(words.joined(separator: " ")): \($0)\nexit \(result.exit)\n\(result.errors.suffix(1500))")
      })
  }

  /// Whether a report says that the store was locked or changing, and who stood in the way or what to do.
  private static func isBusy(_ report: JSONValue?) -> Bool {
    let problems = ([report].compactMap { $0 } + (report?["stores"]?.array ?? [])).flatMap {
      $0["problems"]?.array ?? []
    }
    return !problems.isEmpty && problems.allSatisfy { ["locked", "changing"].contains($0["kind"]?.string) }
  }

  /// What is wrong with how a run ended; nil when it ended as it has to.
  private func unexpected(_ words: [String], _ result: ProgramResult, _ report: JSONValue?) -> String? {
    let store = report?["stores"]?.array?.first
    let blockers = (store?["blocked_by"]?.array ?? []).compactMap { $0["pid"]?.integer }
    let codes = Set(
      (store?["findings"]?.array ?? []).filter { $0["severity"]?.string != "info" }.compactMap { $0["code"]?.string })
    switch words[0] {
    case _ where scenario.isDamaged && words[0] != "check" && words[0] != "backup":
      if words.contains("--plan") { return [0, 1].contains(result.exit) ? nil : "a plan that failed" }
      if result.exit == 0 { return scenario.hasOpenWriters ? "the store was replaced under its writers" : nil }
      guard [1, 3].contains(result.exit) else { return "expected a refusal (exit 1 or 3)" }
      let isNamed = !blockers.isEmpty && (!scenario.hasOpenWriters || !Set(blockers).isDisjoint(with: load.pids))
      return isNamed || scenario.habit == .reopen
        ? nil : "expected the writers \(load.pids) to be named, not \(blockers)"
    case _ where scenario.isDamaged:
      if scenario.habit == .reopen, result.exit == 0 { return nil }
      return result.exit == 1 && codes.contains("index.entry-missing")
        && codes.isSubset(of: ["index.entry-missing", "journal.hot"])
        ? nil : "expected the one damage that there is, and got \(codes.sorted())"
    case "preflight" where words.last == "false":
      if scenario.habit == .killed || scenario.habit == .reopen {
        return [4, 5].contains(result.exit) ? nil : "expected 4 or 5"
      }
      // That nothing of the writers' was dropped is seen at the end.
      if result.exit == 4 { return nil }
      return result.exit == 5 && !Set(blockers).isDisjoint(with: load.pids)
        ? nil : "expected exit 5 and the writers \(load.pids) to be named, not \(blockers)"
    default:
      guard result.exit == 0 else { return "expected exit 0, and the findings are \(codes.sorted())" }
      return codes.isSubset(of: ["journal.hot"]) ? nil : "a healthy store has findings: \(codes.sorted())"
    }
  }

  // MARK: What is there afterwards

  /// Holds an archive that a run made against what was committed before and after it.
  private mutating func hold(_ archive: String, from before: [Int], to after: [Int]) throws -> String? {
    guard seen.insert(Paths.name(of: archive)).inserted else { return nil }
    return try withContent(of: archive) { file in
      let serials = try Bank.serials(file)
      if let trouble = try Bank.trouble(file, isDamaged: scenario.isDamaged) { return "\(archive): \(trouble)" }
      for (writer, serial) in serials.enumerated() where serial < before[writer] || serial > after[writer] + 1 {
        return
          "\(archive) has \(serial) transactions of writer \(writer + 1), of which \(before[writer]) were committed before "
          + "the run and \(after[writer]) after it"
      }
      return nil
    }
  }

  /// Gives the content of an archive, as tar unpacks it.
  private func withContent<R>(of archive: String, _ body: (String) throws -> R) throws -> R {
    let place = try TemporaryFolder("dbmend-live-archive")
    let path = Paths.join(folder.path, archive)
    let result = try TestSupport.run("tar", "-xf", path, folder: place.path)
    guard result.exit == 0 else { throw PreparationFailed("tar -xf \(path): \(result.errors)") }
    return try body(place.file("app.db"))
  }

  private mutating func holdArchives() throws {
    let archives = try Paths.names(in: folder.file("backups")).filter { $0.hasSuffix(".tar.zst") }
    for archive in archives where !seen.contains(archive) {
      if let trouble = try withContent(
        of: "backups/" + archive, { try Bank.trouble($0, isDamaged: scenario.isDamaged) })
      {
        fail("\(archive): \(trouble)")
      }
    }
  }

  /// Every transaction that a writer was told is committed is in the store, or in the archive of what a put-back replaced.
  private mutating func holdLiveStore() throws {
    let path = folder.file("app.db")
    if let trouble = try Bank.trouble(path, isDamaged: scenario.isDamaged) { fail("the store afterwards: \(trouble)") }
    let live = try Bank.serials(path)
    for (writer, serials) in try load.serials().enumerated() {
      var lost: [Int] = []
      for (at, serial) in serials.enumerated() {
        let next = at + 1 < serials.count ? serials[at + 1] - 1 : live[writer]
        if next < serial { lost.append(serial) }
      }
      for serial in lost where !(try isArchived(serial, of: writer)) {
        fail(
          "writer \(writer + 1) committed its transaction \(serial), which is neither in the store (\(live[writer])) nor in an archive"
        )
      }
      if scenario.hasOpenWriters, !lost.isEmpty {
        fail("transactions of writers that had the store open were dropped: \(lost.prefix(5)) of writer \(writer + 1)")
      }
    }
  }

  private func isArchived(_ serial: Int, of writer: Int) throws -> Bool {
    for archive in try Paths.names(in: folder.file("backups")) where archive.hasSuffix(".tar.zst") {
      if try withContent(of: "backups/" + archive, { try Bank.serials($0)[writer] }) >= serial { return true }
    }
    return false
  }

  private mutating func repairAtRest() throws {
    let path = folder.file("app.db")
    let before = try Bank.serials(path)
    let result = try TestSupport.run(effort.program, "repair", "app", folder: folder.path)
    var trouble = result.exit == 0 ? try Bank.trouble(path) : "expected the store to be repaired once nobody writes"
    if trouble == nil, try Bank.serials(path) != before { trouble = "the repair changed what was committed" }
    outcome.count(
      trouble.map { Ordeal.Failure(name, "\($0)\n\(result.output.suffix(1500))\(result.errors.suffix(500))") })
  }
}

extension LiveScenario {
  /// Whether the writers have the store open all the time.
  var hasOpenWriters: Bool { habit != .reopen && habit != .killed }
}
