import MendKit
import TestSupport
import Testing

/// Commands after `--` that fail in every way.
@Suite("Trials: the command") struct CommandTrials {
  private func trial() throws -> Trial {
    let trial = try Trial("a.db", "b.db", "c.db")
    try trial.configure("a.db", "b.db", "c.db")
    return trial
  }

  @Test(
    "a command that is not there, may not be run, fails or is killed has the code that a shell gives it",
    arguments: [
      (["./gone"], 127), (["/etc/passwd"], 126), (["sh", "-c", "exit 9"], 9), (["sh", "-c", "kill -KILL $$"], 137),
      (["sh", "-c", "kill -TERM $$"], 143),
    ])
  func codes(_ command: [String], _ code: Int) throws {
    let trial = try trial()
    let before = try trial.sight(except: "backups")
    let outcome = try trial.dbmend(words: ["preflight", "--"] + command)
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(outcome.json?["command"]?["exit"]?.integer == code)
    #expect(outcome.errors.contains("Next: mend what made the command fail, then:\n  dbmend preflight -- "))
    var after = try trial.sight()
    for name in after.keys where name.hasPrefix("backups") { after[name] = nil }
    #expect(after == before)
    #expect(try trial.archives("backups").count == 3)
    #expect(try trial.leftovers("backups") == [])
  }

  @Test("only the stores that the command changed are put back, with what that drops in the report")
  func changed() throws {
    let trial = try trial()
    let before = try trial.sight(except: "backups")
    let outcome = try trial.dbmend(
      "preflight", "--", "sh", "-c",
      "sqlite3 a.db 'delete from orders where id = 4'; sqlite3 b.db 'insert into users(name) values (1), (2)'; exit 1")
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(outcome.store("production/a")?["put_back"] == .boolean(true))
    #expect(outcome.store("production/a")?["rows"]?["orders"]?["from_backup"]?.integer == 1)
    #expect(outcome.store("production/b")?["put_back"] == .boolean(true))
    #expect(outcome.store("production/b")?["rows"]?["users"]?["lost"]?.integer == 2)
    #expect(outcome.tells("Drops 2 rows of users."))
    #expect(outcome.store("production/c")?["put_back"] == nil)
    let after = try trial.sight(except: "backups")
    #expect(after["c.db"] == before["c.db"])
    for name in ["a.db", "b.db"] {
      #expect(after[name]?.bytes == before[name]?.bytes && after[name]?.mode == before[name]?.mode)
    }
    #expect(try trial.leftovers("backups") == [])
    // What was replaced was archived first.
    let archives = try trial.archives("backups")
    #expect(archives.count { $0.hasPrefix("production_b_") } == 2)
    let replaced = try trial.dbmend("list", "production/b")
    #expect(replaced.output.contains("put-back"))
  }

  @Test(
    "a command that leaves a store damaged is undone though it ends with 0",
    arguments: [
      "head -c 500 /dev/urandom | dd of=a.db conv=notrunc status=none", "echo garbage > a.db", ": > a.db", "rm a.db",
      "rm a.db; cp b.db x; mv x a.db; echo 'drop table users' | sqlite3 a.db; truncate -s 9000 a.db",
      "sqlite3 a.db 'pragma journal_mode = wal'; rm -f a.db; echo x > a.db-wal",
    ])
  func damage(_ script: String) throws {
    let trial = try trial()
    let before = try trial.folder.read("a.db")
    let outcome = try trial.dbmend("preflight", "--", "sh", "-c", script)
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(outcome.json?["command"]?["exit"]?.integer == 0)
    #expect(outcome.store("production/a")?["put_back"] == .boolean(true))
    #expect(outcome.store("production/a")?["verdict"]?.string == "healthy")
    #expect(outcome.tells("left a store damaged"))
    #expect(try trial.folder.read("a.db") == before)
    #expect(!FileStatus.exists(trial.file("a.db-wal")))
    #expect(try trial.dbmend("check").exit == 0)
    #expect(try trial.leftovers("backups").filter { !$0.contains(".orphan") } == [])
  }

  @Test(
    "a store that the command replaced by another healthy file comes back when the command fails, and stays when not")
  func replaced() throws {
    let trial = try trial()
    let before = try trial.folder.read("a.db")
    let script = "cp a.db x; sqlite3 x 'delete from users'; mv x a.db; exit "
    let failed = try trial.dbmend("preflight", "--", "sh", "-c", script + "1")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try trial.folder.read("a.db") == before)
    let succeeded = try trial.dbmend("preflight", "--", "sh", "-c", script + "0")
    #expect(succeeded.exit == 0, "\(succeeded.everything)")
    #expect(try trial.value("select count(*) from users", in: "a.db") == "0")
  }

  @Test(
    "a pipe or a folder in the store's place cannot be undone: exit code 5, and the archive is named",
    arguments: ["mkfifo a.db", "mkdir a.db"])
  func noFile(_ script: String) throws {
    let trial = try trial()
    let before = try trial.folder.read("a.db")
    let outcome = try trial.dbmend("preflight", "--", "sh", "-c", "rm a.db; " + script)
    #expect(outcome.exit == 5, "\(outcome.everything)")
    let archive = try #require(outcome.store("production/a")?["archive"]?.string)
    #expect(outcome.tells("Its content from before the command is in \(archive)"))
    try Paths.removeTree(trial.file("a.db"))
    #expect(try trial.dbmend("restore", archive).exit == 0)
    #expect(try trial.folder.read("a.db") == before)
  }

  @Test("a signal to dbmend goes to the command, and what that did is undone", arguments: ["TERM", "HUP", "INT"])
  func signals(_ signal: String) throws {
    let trial = try trial()
    let before = try trial.folder.read("a.db")
    let outcome = try trial.dbmend(
      "preflight", "--", "bash", "-c", "sqlite3 a.db 'delete from users'; kill -\(signal) $PPID; sleep 1; exit 3")
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(try trial.folder.read("a.db") == before)
    #expect(try trial.leftovers("backups") == [])
  }

  @Test("with a report on standard output the command's own output goes to standard error, and its input is passed on")
  func streams() throws {
    let trial = try trial()
    let outcome = try trial.dbmend("preflight", "--", "sh", "-c", "echo out; echo err >&2; cat")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    #expect(!outcome.output.contains("\nout\n") && outcome.errors.contains("out\n") && outcome.errors.contains("err\n"))
    let text = try trial.text("preflight", "--", "sh", "-c", "echo out; echo err >&2")
    #expect(text.output.hasPrefix("out\n") && text.errors == "err\n")
    let report = try trial.text("preflight", "--format", "json", "--report", "r.json", "--", "echo", "out")
    #expect(report.output.hasPrefix("out\n"))
    #expect(throws: Never.self) { try JSONValue(parsing: try trial.folder.read("r.json")) }
  }

  @Test("a store in WAL mode that the command wrote to is put back, log and all")
  func logged() throws {
    let trial = try trial()
    try trial.sql("pragma journal_mode = wal; insert into users(name) values ('Edith')", on: "a.db")
    let outcome = try trial.dbmend(
      "preflight", "--", "python3", "-c",
      """
      import os, sqlite3
      c = sqlite3.connect("a.db", isolation_level=None); c.execute("pragma wal_autocheckpoint = 0")
      c.execute("delete from users"); os._exit(1)
      """)
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(try trial.value("select count(*) from users", in: "a.db") == "5")
    #expect(try trial.leftovers("backups") == [])
  }

  @Test("rows that the command dropped beyond max_drop are damage, and come back")
  func maxDrop() throws {
    let trial = try Trial("a.db")
    try trial.configure("a.db", more: "checks: [file-exists, connects, row-counts: { max_drop: 40% }]")
    let small = try trial.dbmend("preflight", "--", "sqlite3", "a.db", "delete from users where id = 4")
    #expect(small.exit == 0, "\(small.everything)")
    let large = try trial.dbmend("preflight", "--", "sqlite3", "a.db", "delete from users where id > 1")
    #expect(large.exit == 4, "\(large.everything)")
    #expect(large.output.contains("row-count.") && large.output.contains("\"mended\": true"))
    #expect(try trial.value("select count(*) from users", in: "a.db") == "3")
  }
}
