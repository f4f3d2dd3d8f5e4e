import MendKit
import TestSupport
import Testing

/// Stores in places that let less be done than their permission bits say, and beside things that are no logs or journals.
@Suite("Trials: odd places", .enabled(if: geteuid() == 0)) struct OddPlaceTrials {
  /// Runs the body while a folder of the trial is mounted read-only.
  private func withReadOnly(_ trial: Trial, _ name: String, _ body: () throws -> Void) throws {
    let place = trial.file(name)
    for words in [["--bind", place, place], ["-o", "remount,ro,bind", place]] {
      let mounted = try run(["mount"] + words)
      guard mounted.exit == 0 else { throw PreparationFailed(mounted.errors) }
    }
    defer { _ = try? run("umount", "-l", place) }
    try body()
  }

  @Test("a store on a file system that is mounted read-only is checked, mended elsewhere, and changed by nobody")
  func readOnly() throws {
    let trial = try Trial("place/app.db")
    try trial.spoilIndex(of: "place/app.db")
    try withReadOnly(trial, "place") {
      let before = try trial.sight(except: "archives", "archives/.dbmend.lock")
      #expect(try trial.dbmend("check", "place/app.db").exit == 1)
      for words in [["repair"], ["repair", "--repository", "archives"], ["preflight", "--repository", "archives"]] {
        let end = words[0] == "preflight" ? ["place/app.db", "--", "touch", "ran"] : ["place/app.db"]
        let outcome = try trial.dbmend(words: words + end)
        #expect(outcome.exit == 3, "\(outcome.everything)")
        #expect(outcome.tells("Read-only file system") && outcome.tells("use --repository or --output"))
        // Another user could not do more, and an older state is not what was asked for.
        #expect(!outcome.errors.contains("sudo") && !outcome.errors.contains("dbmend restore"), "\(outcome.errors)")
      }
      #expect(try trial.sight(except: "archives", "archives/.dbmend.lock") == before)
      let mended = try trial.dbmend("repair", "--output", "mended.db", "place/app.db")
      #expect(mended.exit == 0, "\(mended.everything)")
      #expect(try trial.value("pragma integrity_check", in: "mended.db") == "ok")
    }
  }

  @Test("a file that not even root may write is left alone, and the reason to look for is told")
  func immutable() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    // Not every file system knows the flag; where it does not, there is nothing to try.
    guard try run("chattr", "+i", trial.file("app.db")).exit == 0 else { return }
    defer { _ = try? run("chattr", "-i", trial.file("app.db")) }
    let before = try trial.sight()
    for words in [["repair", "app.db"], ["preflight", "app.db", "--", "touch", "ran"]] {
      let outcome = try trial.dbmend(words: words)
      #expect(outcome.exit == 3 && outcome.tells("lsattr"), "\(outcome.everything)")
      #expect(try trial.sight(except: "dbmend-archives", "dbmend-archives/.dbmend.lock") == before)
    }
  }

  @Test("a log or journal that may not be read leaves the store unchecked: without it the content would be another")
  func unreadableSidecar() throws {
    for suffix in ["-wal", "-journal"] {
      let trial = try Trial("app.db")
      chmod(trial.file("app.db"), 0o644)
      chmod(try trial.folder.write("a log", to: "app.db" + suffix), 0o600)
      let before = try trial.sight()
      let outcome = try trial.dbmend("check", "app.db", user: Trial.nobody)
      #expect(outcome.exit == 3 && outcome.tells("Permission denied"), "\(outcome.everything)")
      #expect(outcome.errors.contains("app.db\(suffix): Permission denied"))
      #expect(try trial.sight() == before)
    }
  }

  @Test("what stands under the name of a log or a journal and is none of SQLite's is not read, waited for or lost")
  func noSidecar() throws {
    for suffix in ["-wal", "-journal"] {
      let trial = try Trial("pipe.db", "link.db", "noise.db")
      try #require(mkfifo(trial.file("pipe.db" + suffix), 0o600) == 0)
      try #require(symlink("nowhere", trial.file("link.db" + suffix)) == 0)
      try trial.folder.write([UInt8](repeating: 0x5A, count: 5000), to: "noise.db" + suffix)
      let before = try trial.sight()
      let archives = try TemporaryFolder("dbmend-trial-archives")
      for store in ["pipe.db", "link.db", "noise.db"] {
        #expect(try trial.dbmend("check", store).exit == 0)
        #expect(try trial.dbmend("backup", "--repository", archives.path, store).exit == 0)
      }
      #expect(try trial.sight() == before)
    }
  }

  @Test("a file that would be larger than the limits allow is an error like a full disk, and does not end dbmend")
  func sizeLimit() throws {
    let trial = try Trial("app.db")
    try trial.sql("create table noise as select randomblob(200000) as bytes")
    try trial.spoilIndex()
    let before = try trial.sight()
    for words in ["backup", "repair"] {
      let outcome = try run(
        "bash", "-c", "ulimit -f 64; \"$0\" \(words) --repository archives app.db 2>&1 | cat; exit ${PIPESTATUS[0]}",
        Trial.program, folder: trial.folder.path)
      #expect(outcome.exit == 3, "\(outcome)")
      #expect(outcome.output.contains("File too large"), "\(outcome)")
      #expect(try trial.leftovers("archives") == [])
    }
    #expect(try trial.sight(except: "archives", "archives/.dbmend.lock") == before)
  }

  @Test("a repository that may not be listed is no empty one", arguments: ["list", "verify", "prune", "status"])
  func unlistable(_ command: String) throws {
    let trial = try Trial("app.db")
    chmod(trial.file("app.db"), 0o644)
    try trial.configure("app.db")
    #expect(try trial.dbmend("backup").exit == 0)
    let outcome = try trial.dbmend(command, user: Trial.nobody)
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.everything.contains("Permission denied"), "\(outcome.everything)")
  }

  @Test("what of a folder cannot be looked into is told beside what could")
  func partOfFolder() throws {
    let trial = try Trial("data/sound.db", "data/bad.db", "data/closed/app.db", "data/mine.db")
    try trial.spoilIndex(of: "data/bad.db")
    for (name, mode) in [("data/sound.db", 0o644), ("data/bad.db", 0o644), ("data/mine.db", 0o600)] {
      chmod(trial.file(name), mode_t(mode))
    }
    chmod(trial.file("data/closed"), 0o700)
    let before = try trial.sight()
    let outcome = try trial.dbmend("check", "data", user: Trial.nobody)
    #expect(outcome.exit == 3 && outcome.verdict == "unchecked", "\(outcome.everything)")
    #expect(outcome.tells("could not list data/closed: Permission denied") || outcome.tells("data/closed"))
    let verdicts = Dictionary(
      uniqueKeysWithValues: outcome.stores.map { ($0["path"]?.string ?? "", $0["verdict"]?.string ?? "") })
    #expect(verdicts == ["data/sound.db": "healthy", "data/bad.db": "damaged", "data/mine.db": "unchecked"])
    #expect(try trial.sight() == before)
  }

  @Test("with --fail-on warning a warning is damage, and one that no repair mends is left with exit code 1")
  func failOnWarning() throws {
    let trial = try Trial("app.db")
    try trial.sql("create table pairs(a integer primary key, b integer references users(id));")
    try trial.sql("insert into pairs values (1, 99)")
    let before = try trial.sight()
    let mild = try trial.dbmend("check", "app.db")
    #expect(mild.exit == 0 && mild.verdict == "healthy", "\(mild.everything)")
    #expect(mild.store()?["findings"]?.array?.first?["severity"]?.string == "warning")
    for words in [["check"], ["repair", "--plan"], ["repair"]] {
      let strict = try trial.dbmend(words: words + ["--fail-on", "warning", "app.db"])
      #expect(strict.exit == 1 && strict.verdict == "damaged", "\(strict.everything)")
    }
    #expect(try trial.sight(except: "dbmend-archives", "dbmend-archives/.dbmend.lock") == before)
    let flown = try trial.dbmend("preflight", "--fail-on", "warning", "app.db", "--", "touch", "ran")
    #expect(flown.exit == 1 && !FileStatus.exists(trial.file("ran")), "\(flown.everything)")
  }
}
