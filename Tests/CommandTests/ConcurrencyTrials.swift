import MendKit
import TestSupport
import Testing

/// Other processes at the same store, or with the same repository.
@Suite("Trials: others at work") struct ConcurrencyTrials {
  @Test(
    "a store that is locked is unchecked, with the process that holds it",
    arguments: ["check", "repair", "preflight", "backup"])
  func locked(_ command: String) throws {
    let trial = try Trial("app.db")
    try trial.configure("app.db")
    let holder = try Holder(trial.file("app.db"), "begin exclusive")
    let before = try trial.sight(except: "backups")
    let outcome = try trial.dbmend(command, "app")
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.verdict == "unchecked")
    #expect(outcome.store()?["blocked_by"]?.array?.first?["program"]?.string?.hasPrefix("python3") == true)
    #expect(outcome.store()?["blocked_by"]?.array?.first?["pid"]?.integer == holder.pid)
    #expect(outcome.problems.first?["kind"]?.string == "locked")
    #expect(outcome.tells("another process kept it locked for 200 ms"))
    #expect(outcome.errors.contains("Next: stop python3"))
    #expect(try trial.sight(except: "backups") == before)
    holder.release()
    #expect(try trial.dbmend(command, "app").exit == 0)
  }

  @Test("the command is not started while one of the stores is locked")
  func lockedBeforeCommand() throws {
    let trial = try Trial("a.db", "b.db")
    try trial.configure("a.db", "b.db")
    let holder = try Holder(trial.file("b.db"), "begin exclusive")
    let outcome = try trial.dbmend("preflight", "--", "touch", "ran")
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.json?["command"] == nil && !FileStatus.exists(trial.file("ran")))
    #expect(outcome.store("production/a")?["verdict"]?.string == "healthy")
    holder.release()
  }

  @Test(
    "a store that another process has open is not swapped, and the process is named",
    arguments: ["repair", "restore", "preflight"])
  func openAtSwap(_ way: String) throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    if way == "restore" { try trial.sql("delete from users") } else { try trial.spoilIndex() }
    let holder = try Holder(trial.file("app.db"), "select 1 from users")
    let before = try trial.sight(except: "dbmend-archives")
    let words =
      switch way {
      case "restore": ["restore", "latest", "app.db"]
      case "preflight": ["preflight", "app.db", "--", "touch", "ran"]
      default: ["repair", "app.db"]
      }
    let outcome = try trial.dbmend(words: words)
    // It was checked; that it could not be replaced changes nothing about what was found.
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.store()?["blocked_by"]?.array?.first?["pid"]?.integer == holder.pid)
    #expect(outcome.tells("it is open in python3"))
    #expect(outcome.json?["command"] == nil)
    #expect(try trial.sight(except: "dbmend-archives") == before)
    #expect(try trial.leftovers() == [])
    holder.release()
    #expect(try trial.dbmend(words: words).exit == 0)
  }

  @Test("a store that the command left open in a process cannot be put back: exit code 5, and the way back is told")
  func openAfterCommand() throws {
    let trial = try Trial("app.db", "b.db")
    try trial.configure("app.db", "b.db")
    let outcome = try trial.dbmend(
      "preflight", "--", "sh", "-c",
      """
      python3 -c 'import sqlite3, time; c = sqlite3.connect("app.db"); c.execute("select 1 from users").fetchall()
      open("ready", "w"); time.sleep(20)' >/dev/null 2>&1 </dev/null & echo $! > pid
      until test -e ready; do sleep 0.05; done
      sqlite3 app.db "delete from users where id > 2; insert into orders(sku) values ('cog')"
      sqlite3 b.db "delete from users"
      exit 7
      """)
    let pid = Int(String(decoding: try trial.folder.read("pid"), as: UTF8.self).dropLast()) ?? 0
    defer { kill(pid_t(pid), SIGKILL) }
    #expect(outcome.exit == 5, "\(outcome.everything)")
    #expect(outcome.json?["command"]?["exit"]?.integer == 7)
    let store = try #require(outcome.store("production/app"))
    #expect(store["put_back"] == .boolean(false))
    #expect(store["blocked_by"]?.array?.first?["pid"]?.integer == pid)
    // Nothing was put back, so nothing is said to be dropped.
    #expect(store["rows"] == nil)
    #expect(!outcome.errors.contains("Drops 1 row of orders"))
    #expect(try trial.value("select count(*) from users") == "2")
    // The other store is as it was.
    #expect(outcome.store("production/b")?["put_back"] == .boolean(true))
    #expect(try trial.value("select count(*) from users", in: "b.db") == "4")

    let archive = try #require(store["archive"]?.string)
    #expect(outcome.tells("Its content from before the command is in"))
    #expect(outcome.errors.contains("Next: stop python3"))
    kill(pid_t(pid), SIGKILL)
    usleep(100_000)
    let restored = try trial.dbmend("restore", archive, "production/app")
    #expect(restored.exit == 0, "\(restored.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
    // The next run tells what the last one could not do, once.
    #expect(restored.tells("its command ran") || restored.tells("Its content from before is in"))
    #expect(try !trial.dbmend("check").tells("An earlier run"))
  }

  @Test("of two runs at once the second is refused and names the first; readers go on")
  func twoRuns() throws {
    let trial = try Trial("app.db")
    try trial.configure("app.db")
    #expect(try trial.dbmend("backup").exit == 0)
    // The runs are inside of the first one's command.
    let outcome = try trial.text(
      "preflight", "--", "sh", "-c",
      """
      echo $PPID > first
      for words in preflight backup prune "repair app" "restore latest app"; do
        \(Trial.program) $words --format json > out 2> err
        echo "$?" >> codes; cat out err >> said; cat out >> reports
      done
      for words in check list verify status; do \(Trial.program) $words > out 2>&1; echo "$?" >> readers; done
      """)
    #expect(outcome.exit == 0, "\(outcome)")
    func lines(_ name: String) throws -> [Substring] {
      String(decoding: try trial.folder.read(name), as: UTF8.self).split(separator: "\n")
    }
    #expect(try lines("codes") == ["3", "3", "3", "3", "3"])
    #expect(try lines("readers") == ["0", "0", "0", "0"])
    let first = try #require(try lines("first").first)
    let said = String(decoding: try trial.folder.read("said"), as: UTF8.self)
    #expect(said.split(separator: "another run of dbmend is working with it (process \(first))").count > 5, "\(said)")
    #expect(said.contains("\"pid\": \(first)"))
    let reports = String(decoding: try trial.folder.read("reports"), as: UTF8.self)
    #expect(reports.split(separator: "\"format\": \"dbmend.report/1\"").count == 6, "\(reports)")
  }

  @Test(
    "a store in WAL mode with its application at work is checked and archived without a new file or a blocked writer")
  func logged() throws {
    let trial = try Trial("app.db")
    let holder = try Holder(
      trial.file("app.db"), "pragma journal_mode = wal", "pragma wal_autocheckpoint = 0",
      "insert into users(name) values('in the log')")
    let before = try trial.sight()
    for words in [["check"], ["status"]] {
      let outcome = try trial.dbmend(words: words + ["app.db"])
      #expect(outcome.exit == 0, "\(outcome.everything)")
      #expect(try trial.sight() == before)
    }
    for words in [["backup"], ["preflight"]] {
      let outcome = try trial.dbmend(words: words + ["app.db"])
      #expect(outcome.exit == 0, "\(outcome.everything)")
      #expect(outcome.store()?["tables"]?["users"]?["rows"]?.integer == 5)
      // Marks of readers in the shared memory may come and go; the data, and the names, stay.
      let after = try trial.sight(except: "dbmend-archives")
      #expect(after.keys.sorted() == before.keys.sorted())
      #expect(after["app.db"] == before["app.db"] && after["app.db-wal"] == before["app.db-wal"])
    }
    try holder.execute("insert into users(name) values('after')")
    #expect(try trial.dbmend("restore", "latest", "app.db", "--output", "old.db").exit == 0)
    #expect(try trial.value("select count(*) from users", in: "old.db") == "5")
    holder.release()
    #expect(try trial.value("select count(*) from users") == "6")
  }

  @Test("a write-ahead log without its application is read, and nothing is made beside it")
  func leftLog() throws {
    let trial = try Trial("app.db")
    let holder = try Holder(
      trial.file("app.db"), "pragma journal_mode = wal", "pragma wal_autocheckpoint = 0",
      "insert into users(name) values('in the log')")
    // As after a crash: the file and its log, without shared memory.
    try trial.folder.write(try trial.folder.read("app.db"), to: "left.db")
    try trial.folder.write(try trial.folder.read("app.db-wal"), to: "left.db-wal")
    holder.release()
    let before = try trial.sight()
    #expect(try trial.dbmend("check", "left.db").exit == 0)
    #expect(try trial.sight() == before)
    let backup = try trial.dbmend("backup", "left.db")
    #expect(backup.exit == 0, "\(backup.everything)")
    #expect(backup.store()?["tables"]?["users"]?["rows"]?.integer == 5)
    #expect(try trial.sight(except: "dbmend-archives") == before)
  }

  @Test("a stale log beside a store that was restored or removed is never replayed into the restored one")
  func staleLog() throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    let holder = try Holder(
      trial.file("app.db"), "pragma journal_mode = wal", "pragma wal_autocheckpoint = 0",
      "update users set name = 'from the log'")
    let log = try trial.folder.read("app.db-wal")
    holder.release()
    for isRemoved in [true, false] {
      if isRemoved { try Paths.removeFile(trial.file("app.db")) }
      try trial.folder.write(log, to: "app.db-wal")
      let outcome = try trial.dbmend("restore", "latest", "app.db")
      #expect(outcome.exit == 0, "\(outcome.everything)")
      #expect(!FileStatus.exists(trial.file("app.db-wal")))
      #expect(try trial.value("select name from users where id = 1") == "Ada")
      #expect(try trial.value("pragma integrity_check") == "ok")
    }
  }

  @Test("a put-back waits for another run of dbmend that only reads the store")
  func readerAtPutBack() throws {
    let trial = try Trial("app.db")
    // Any program of that name will do that has the file open for a while.
    try trial.folder.write(
      "#!/usr/bin/python3\nimport time\nf = open('app.db')\nopen('open', 'w')\ntime.sleep(1.5)\n", to: "dbmend")
    chmod(trial.file("dbmend"), 0o755)
    let outcome = try trial.dbmend(
      "preflight", "app.db", "--", "sh", "-c",
      "./dbmend >/dev/null 2>&1 </dev/null & until test -e open; do sleep 0.02; done; sqlite3 app.db 'delete from users'; exit 7"
    )
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
  }
}
