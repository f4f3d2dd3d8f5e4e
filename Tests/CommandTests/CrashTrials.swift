import Foundation
import MendKit
import TestSupport
import Testing

/// dbmend killed at many moments. Whatever the moment, the store's content is the old or the new one, whole, and the next
/// run says which, and cleans up.
@Suite("Trials: killed in the middle") struct CrashTrials {
  /// Runs dbmend and kills it after so many milliseconds; whether it was still running.
  private func kill(_ trial: Trial, after milliseconds: Double, _ words: [String]) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Trial.program)
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: trial.folder.path)
    process.standardOutput = Foundation.FileHandle.nullDevice
    process.standardError = Foundation.FileHandle.nullDevice
    process.standardInput = Foundation.FileHandle.nullDevice
    try process.run()
    usleep(UInt32(milliseconds * 1000))
    _ = Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
  }

  /// Waits for every process whose current folder is this one.
  private func waitUntilNobodyWorks(in folder: String) throws {
    let own = String(getpid())
    for _ in 0..<20_000 {
      let isAtWork = try Paths.names(in: "/proc").contains { entry in
        entry != own && Int(entry) != nil
          && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(entry)/cwd")) == folder
      }
      if !isAtWork { return }
      usleep(1_000)
    }
    Issue.record("a process is still at work in \(folder) after 20 s")
  }

  private func rows(_ trial: Trial, _ store: String) throws -> [[String?]] {
    try SQLiteFile.rows(trial.file(store), "select * from users not indexed order by id")
      + SQLiteFile.rows(trial.file(store), "select * from orders not indexed order by id")
  }

  @Test("a repair", arguments: ["exchange", "overwrite"])
  func repair(_ way: String) throws {
    var outcomes: Set<String> = []
    var step = way == "exchange" ? 1.0 : 1.5
    var share = 12.0
    var moment = 2.0
    var sweeps = 0
    // Later and later until a run comes to its end: how long one takes depends on the machine and its load. A busy one lets
    // the moments between the journal and the exchange slip through, so they are looked for again, in smaller steps.
    while moment < 2000 {
      defer { moment += max(step, moment / share) }
      let trial = try Trial("app.db")
      let expected = try rows(trial, "app.db")
      try trial.spoilIndex()
      var name = "app.db"
      if way == "overwrite" {
        try trial.folder.write("", to: "mounted.db")
        try #require(try run("mount", "--bind", trial.file("app.db"), trial.file("mounted.db")).exit == 0)
        name = "mounted.db"
      }
      defer { if way == "overwrite" { _ = try? run("umount", "-l", trial.file("mounted.db")) } }
      let old = try trial.folder.read(name)
      let wasKilled = try kill(trial, after: moment, ["repair", name])

      // A file that was to be written into may have a journal beside it, which any reader plays back.
      let check = try trial.dbmend("check", name)
      #expect([0, 1].contains(check.exit), "after \(moment) ms: \(check.everything)")
      if check.exit == 1 {
        #expect(
          Set(check.codes).subtracting(["journal.hot"]) == ["index.entry-missing"],
          "after \(moment) ms: \(check.everything)")
        if way == "exchange" { #expect(try trial.folder.read(name) == old) }
      }
      let hadJournal = FileStatus.exists(trial.file("dbmend-archives/.dbmend-journal.json"))
      let next = try trial.dbmend("repair", name)
      #expect(next.exit == 0, "after \(moment) ms: \(next.everything)")
      if hadJournal {
        #expect(next.tells("An earlier run (dbmend repair"), "after \(moment) ms: \(next.everything)")
        #expect(
          next.errors.contains("old content is in place") || next.errors.contains("new, verified content is in place")
            || next.errors.contains("was written to since"), "\(next.errors)")
      }
      #expect(next.verdict == (check.exit == 0 ? "healthy" : "repaired"), "after \(moment) ms: \(next.everything)")
      #expect(try rows(trial, name) == expected)
      #expect(try trial.value("pragma integrity_check", in: name) == "ok")
      let left = try trial.leftovers()
      #expect(left == [], "after \(moment) ms")
      #expect(try trial.dbmend("verify").exit == 0)
      outcomes.insert("\(wasKilled) \(hadJournal) \(check.exit)")
      guard !wasKilled, moment > 20 else { continue }
      sweeps += 1
      if outcomes.contains("true true 1") || sweeps == 8 { break }
      (step, share) = (step * 0.7, share * 1.5)
      moment = moment / 4
    }
    // The moments were spread over the whole run.
    #expect(outcomes.contains("true true 1"), "\(outcomes)")
  }

  @Test(
    "what a run left that died while it wrote an archive goes, also where the next one writes none",
    arguments: ["backup", "restore"])
  func leftovers(_ command: String) throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    if command == "restore" { try Paths.removeFile(trial.file("app.db")) }
    for name in [".adhoc_app.db_20260101_000000.tar.zst.1.partial", ".adhoc_app.db_20260101_000000.pages.1.partial"] {
      try trial.folder.write("half", to: "dbmend-archives/" + name)
    }
    let next =
      command == "backup" ? try trial.dbmend("backup", "app.db") : try trial.dbmend("restore", "latest", "app.db")
    #expect(next.exit == 0, "\(next.everything)")
    #expect(try trial.leftovers().isEmpty)
  }

  @Test("a restore, over a store and where none is")
  func restore() throws {
    for isMissing in [false, true] {
      for moment in stride(from: 2.0, through: 50, by: 2) {
        let trial = try Trial("app.db")
        #expect(try trial.dbmend("backup", "app.db").exit == 0)
        let archived = try rows(trial, "app.db")
        try trial.sql("delete from users")
        let newer = try rows(trial, "app.db")
        if isMissing { try Paths.removeFile(trial.file("app.db")) }
        let archive = Paths.join("dbmend-archives", try #require(try trial.archives().first))
        let wasKilled = try kill(trial, after: moment, ["restore", archive, "app.db"])
        if !isMissing || FileStatus.exists(trial.file("app.db")) {
          let now = try rows(trial, "app.db")
          #expect(now == archived || (!isMissing && now == newer), "after \(moment) ms: \(now)")
          #expect(try trial.value("pragma integrity_check") == "ok")
        }
        let next = try trial.dbmend("restore", archive, "app.db")
        #expect(next.exit == 0, "after \(moment) ms: \(next.everything)")
        #expect(try rows(trial, "app.db") == archived)
        let left = try trial.leftovers()
        #expect(left == [], "after \(moment) ms")
        if !wasKilled { break }
      }
    }
  }

  @Test("a pre-flight that puts a store back")
  func preflight() throws {
    for moment in stride(from: 3.0, through: 70, by: 2) {
      let trial = try Trial("app.db")
      let old = try rows(trial, "app.db")
      let wasKilled = try kill(
        trial, after: moment,
        ["preflight", "app.db", "--", "sqlite3", "app.db", "delete from users where id > 2; select no"])
      // The command outlives dbmend, for as long as this machine takes.
      try waitUntilNobodyWorks(in: Paths.resolved(trial.folder.path))
      let now = try rows(trial, "app.db")
      #expect(now == old || now.count == old.count - 2, "after \(moment) ms: \(now)")
      #expect(try trial.value("pragma integrity_check") == "ok")
      let hadJournal = FileStatus.exists(trial.file("dbmend-archives/.dbmend-journal.json"))
      let next = try trial.dbmend("backup", "app.db")
      #expect(next.exit == 0, "after \(moment) ms: \(next.everything)")
      #expect(next.tells("An earlier run (dbmend preflight") == hadJournal, "after \(moment) ms: \(next.everything)")
      // A run that died does not bring old data back by itself; it says how.
      #expect(try rows(trial, "app.db") == now)
      let left = try trial.leftovers()
      #expect(left == [], "after \(moment) ms")
      if now != old {
        #expect(next.errors.contains("to go back to it run: dbmend restore "), "after \(moment) ms: \(next.everything)")
        let line = try #require(
          next.errors.split(separator: "\n").first { $0.contains("to go back to it run: dbmend restore ") })
        let words = try #require(line.components(separatedBy: "run: dbmend ").last).split(separator: " ").map(
          String.init)
        let restored = try trial.dbmend(words: words)
        #expect(restored.exit == 0, "after \(moment) ms: \(restored.everything)")
        #expect(try rows(trial, "app.db") == old)
      }
      if !wasKilled { break }
    }
  }

  @Test("a backup leaves no half archive, and the next one cleans up")
  func backup() throws {
    let trial = try Trial("app.db")
    try trial.sql(
      """
      create table t(content blob);
      with recursive c(i) as (select 1 union all select i + 1 from c where i < 3000) insert into t select randomblob(1000) from c;
      """)
    for moment in stride(from: 2.0, through: 60, by: 4) {
      _ = try kill(trial, after: moment, ["backup", "app.db"])
      #expect(try trial.dbmend("verify").exit == 0, "after \(moment) ms")
    }
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    #expect(try trial.leftovers() == [])
    #expect(try trial.archives().count == 1)
    let names = try Paths.names(in: trial.file("dbmend-archives"))
    #expect(names.filter { $0.hasSuffix(".manifest.json") }.count == 1, "\(names)")
  }
}
