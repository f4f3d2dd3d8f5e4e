import MendKit
import TestSupport
import Testing

/// What a program gets to read on standard output, and which exit code counts where several hold.
@Suite("Trials: formats and exit codes") struct FormatTrials {
  /// `dbmend` fails a test unless standard output is one JSON object and nothing else.
  @Test("with --format json every command has one object on standard output, whatever becomes of it")
  func oneObject() throws {
    let trial = try Trial("app.db", "bad.db")
    try trial.spoilIndex(of: "bad.db")
    try trial.configure("app.db", "bad.db")
    let lines: [(String, Int)] = [
      ("check", 1), ("check --verbose --explain", 1), ("check --quiet app", 0), ("check gone.db", 1),
      ("check --env nowhere", 2), ("check production/ap", 2), ("check --expect gone.yaml", 2),
      ("backup", 1), ("repair --plan bad", 1), ("repair production", 2), ("repair bad", 0), ("repair gone.db", 1),
      ("preflight", 0), ("preflight -- no-such-command", 4), ("preflight app -- false", 4), ("status", 0),
      ("status gone.db", 1), ("list", 0), ("verify", 0), ("verify gone.tar.zst", 1), ("prune", 0),
      ("prune --dry-run", 0),
      ("restore latest", 2), ("restore latest app", 0), ("restore gone.tar.zst", 1),
      ("restore latest app --output copy.db", 0), ("check --config gone.yaml", 2), ("plugins integrity", 0),
      ("plugins no-such-plugin", 2),
    ]
    for (line, exit) in lines {
      let outcome = try trial.dbmend(words: line.split(separator: " ").map(String.init))
      #expect(outcome.exit == exit, "dbmend \(line): \(outcome.everything)")
      let isReport = outcome.json?["format"]?.string == "dbmend.report/1"
      if isReport, exit == 2 { #expect(outcome.verdict == "unchecked", "dbmend \(line)") }
      if isReport, exit == 0 { #expect(["healthy", "repaired"].contains(outcome.verdict), "dbmend \(line)") }
      if isReport, exit == 1 { #expect(["damaged", "unchecked"].contains(outcome.verdict), "dbmend \(line)") }
    }
  }

  @Test("a wrong configuration is one object too", arguments: ["check", "backup", "preflight", "status", "list"])
  func wrongConfiguration(_ command: String) throws {
    let trial = try Trial("app.db")
    try trial.folder.write("version: 1\nretenton: 3\n", to: "dbmend.yaml")
    let outcome = try trial.dbmend(command)
    #expect(outcome.exit == 2, "\(outcome.everything)")
    #expect(outcome.verdict == "unchecked")
    #expect(outcome.tells("unknown key 'retenton'"))
    #expect(try trial.folder.names() == ["app.db", "dbmend.yaml"])
  }

  @Test("of several exit codes the first of 2, 5, 4, 3, 1, 0 counts")
  func precedence() throws {
    let trial = try Trial("app.db", "bad.db", "held.db", "sound.db")
    try trial.spoilIndex(of: "bad.db")
    #expect(try trial.dbmend("check", "sound.db", "bad.db").exit == 1)
    let holder = try Holder(trial.file("held.db"), "begin exclusive")
    try trial.configure("app.db", "bad.db", "held.db", "sound.db")
    let checked = try trial.dbmend("check")
    #expect(checked.exit == 3 && checked.verdict == "unchecked", "\(checked.everything)")
    #expect(checked.store("production/bad")?["verdict"]?.string == "damaged")
    #expect(checked.store("production/held")?["blocked_by"]?.array?.first?["pid"]?.integer == holder.pid)
    // The repair of one store stays though another could not be looked at.
    let flown = try trial.dbmend("preflight", "--", "touch", "ran")
    #expect(flown.exit == 3 && flown.json?["command"] == nil, "\(flown.everything)")
    #expect(flown.store("production/bad")?["verdict"]?.string == "repaired")
    #expect(try trial.value("pragma integrity_check", in: "bad.db") == "ok")
    holder.release()
    // A store that is locked when the command has failed: what it changed elsewhere comes back all the same.
    let failed = try trial.dbmend(
      "preflight", "--", "sh", "-c",
      """
      sqlite3 app.db 'delete from users'
      sqlite3 sound.db 'delete from users'
      python3 -c 'import sqlite3, time
      c = sqlite3.connect("sound.db", isolation_level=None); c.execute("begin exclusive"); print("held"); time.sleep(20)' &
      echo $! > pid; sleep 0.5; exit 7
      """)
    let pid = String(decoding: try trial.folder.read("pid"), as: UTF8.self)
    if let pid = Int32(pid.prefix { $0.isNumber }) { kill(pid, SIGKILL) }
    #expect(failed.exit == 5, "\(failed.everything)")
    #expect(failed.json?["command"]?["exit"]?.integer == 7)
    #expect(failed.store("production/app")?["put_back"] == .boolean(true))
    #expect(failed.store("production/sound")?["put_back"] == .boolean(false))
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test("what a failed command left is archived, but is nobody's newest good archive")
  func leftByCommand() throws {
    let trial = try Trial("app.db")
    let failed = try trial.dbmend("preflight", "app.db", "--", "sh", "-c", "sqlite3 app.db 'delete from users'; exit 1")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try trial.archives().count == 2)
    try Paths.removeFile(trial.file("app.db"))
    #expect(try trial.dbmend("restore", "latest", "app.db").exit == 0)
    #expect(try trial.value("select count(*) from users") == "4")
    // A hopeless store is rebuilt from what was there before the command too.
    try trial.spoilAll()
    #expect(try trial.dbmend("repair", "--max-loss", "changes", "app.db").exit == 0)
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test("the next step after an obstacle is to take it away, not to go back to an older state")
  func nextStep() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try trial.folder.write("", to: "archives")
    for words in [["repair"], ["preflight"]] {
      let outcome = try trial.dbmend(words: words + ["--repository", "archives", "app.db"])
      #expect(outcome.exit == 3, "\(outcome.everything)")
      #expect(!outcome.errors.contains("dbmend restore"), "\(outcome.errors)")
    }
    let holder = try Holder(trial.file("app.db"), "select * from users")
    let open = try trial.dbmend("repair", "app.db")
    #expect(open.exit == 1 && open.errors.contains("Next: stop \(holderName(open)) (pid \(holder.pid)), then:"))
    holder.release()
    try Paths.removeFile(trial.file("app.db"))
    try Paths.makeFolder(trial.file("pipes"))
    try #require(mkfifo(trial.file("app.db"), 0o600) == 0)
    let pipe = try trial.dbmend("repair", "app.db")
    #expect(pipe.exit == 1 && !pipe.errors.contains("dbmend restore"), "\(pipe.errors)")
    #expect(pipe.errors.contains("Next: check the path"))
  }

  private func holderName(_ outcome: Trial.Outcome) -> String {
    outcome.store()?["blocked_by"]?.array?.first?["program"]?.string ?? ""
  }
}
