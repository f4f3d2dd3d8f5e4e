import Foundation
import MendKit
import TestSupport
import Testing

@Suite("Trials: the command of a pre-flight")
struct PreflightTrials {
  @Test(
    "that cannot run to its end has the code that a shell gives it, and nothing has changed",
    arguments: [
      (["./not-there"], 127, "could not be started: No such file or directory"),
      (["./dbmend.yaml"], 126, "could not be started: Permission denied"),
      (["sh", "-c", "kill -9 $$"], 137, "killed by signal 9"),
      (["sh", "-c", "kill -TERM $$"], 143, "killed by signal 15"),
      (["false"], 1, "failed with exit code 1"),
    ])
  func unable(_ command: [String], _ exit: Int, _ said: String) throws {
    let site = try TrialSite()
    let before = try FileStatus.of(site.file("data.db"))
    let result = try site.dbmend(["preflight", "--format", "json", "--"] + command)
    #expect(result.exit == 4)
    let json = try JSONValue(parsing: Array(result.output.utf8))
    #expect(json["command"]?["exit"]?.integer == exit)
    #expect(result.errors.contains(said))
    #expect(try FileStatus.of(site.file("data.db")) == before)
    #expect(try site.leftovers() == [])
    #expect(try site.archives().count == 1)
  }

  @Test("that succeeds but leaves damage is undone, and what it made is kept in an archive")
  func damages() throws {
    let site = try TrialSite()
    let before = try site.bytes()
    let ruin = "dd if=/dev/zero of=data.db bs=1 seek=4096 count=100 conv=notrunc 2>/dev/null"
    let report = try site.report("preflight", "--", "sh", "-c", ruin)
    #expect(report.exit == 4)
    #expect(report.command == 0)
    #expect(report.notes().contains("The command ended with exit code 0 but left a store damaged."))
    #expect(try report.store()["put_back"] == .boolean(true))
    #expect(try site.bytes() == before)
    #expect(try site.archives().count == 2)
    let list = try site.dbmend("list")
    #expect(list.output.contains("damaged"))
  }

  @Test("that removes a store has it put back, with its mode")
  func removes() throws {
    let site = try TrialSite()
    #expect(chmod(site.file("data.db"), 0o640) == 0)
    let before = try site.bytes()
    let report = try site.report("preflight", "--", "rm", "data.db")
    #expect(report.exit == 4)
    #expect(report.notes("data").contains("The command removed the file"))
    #expect(try site.bytes() == before)
    #expect(try FileStatus.of(site.file("data.db")).mode == 0o640)
    #expect(try site.leftovers() == [])
  }

  @Test(
    "that puts something else in a store's place has the store put back, and what it put there kept",
    arguments: ["echo hello > new && mv new data.db", ": > data.db", "rm data.db && mkdir data.db"])
  func replaces(_ script: String) throws {
    let site = try TrialSite()
    let before = try site.bytes()
    let report = try site.report("preflight", "--", "sh", "-c", script)
    if script.contains("mkdir") {
      // A folder is no file that could be archived or exchanged: it stays, and the way back is said.
      #expect(report.exit == 5)
      #expect(try report.store()["put_back"] == .boolean(false))
      #expect(rmdir(site.file("data.db")) == 0)
      #expect(try site.dbmend("restore", "latest", "data").exit == 0)
    } else {
      #expect(report.exit == 4)
      #expect(try site.archives().count == 2)
    }
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
  }

  @Test("that fails has the whole other database that it put in place undone, and told what that drops")
  func otherDatabase() throws {
    let site = try TrialSite()
    try SQLiteFile.make(site.file("new"), TrialSite.shop + "insert into users(name) values('Barbara');")
    let before = try site.bytes()
    let report = try site.report("preflight", "--", "sh", "-c", "mv new data.db; exit 3")
    #expect(report.exit == 4)
    #expect(report.command == 3)
    #expect(report.notes("data").contains("Drops 1 row of users."))
    #expect(try report.store()["rows"]?["users"]?["lost"]?.integer == 1)
    #expect(try site.bytes() == before)
  }

  /// A command that leaves a process behind that has a file open and nothing else of this test, which would wait for it.
  private static func leaveOpen(_ file: String) -> String {
    "python3 -c 'import subprocess as s; print(s.Popen([\"sleep\", \"30\"], stdin=open(\"\(file)\"), stdout=-3, "
      + "stderr=-3).pid)' > pid"
  }

  @Test("that leaves a process with the store open: not put back, and the report says by whom and where the archive is")
  func leavesOpen() throws {
    let site = try TrialSite()
    let script = "sqlite3 data.db 'delete from users'; \(Self.leaveOpen("data.db")); exit 3"
    let report = try site.report("preflight", "--", "sh", "-c", script)
    let pid = try #require(Int32(String(decoding: try site.folder.read("pid"), as: UTF8.self).dropLast()))
    defer { kill(pid, SIGKILL) }
    #expect(report.exit == 5)
    let store = try report.store()
    #expect(store["put_back"] == .boolean(false))
    #expect(store["blocked_by"]?.array?.first?["pid"]?.integer == Int(pid))
    let archive = try #require(store["archive"]?.string)
    #expect(report.notes("data").contains("Its content from before the command is in \(archive)."))
    // Nothing was undone, so the report must not say so.
    #expect(!report.notes("data").contains("undone"))
    #expect(store["rows"] == nil)
    #expect(report.text.contains("dbmend restore \(archive) production/data"))
    #expect(try site.value("select count(*) from users") == "0")

    kill(pid, SIGKILL)
    usleep(50_000)
    let next = try site.dbmend("restore", archive, "production/data")
    #expect(next.exit == 0, "\(next.said)")
    #expect(next.said.contains("production/data"))
    #expect(next.said.contains("could not put production/data back after its command"))
    #expect(!next.said.contains("died"))
    #expect(try site.value("select count(*) from users") == "3")
    #expect(try site.leftovers() == [])
  }

  @Test("that changes one of three stores and fails: only that one is put back")
  func oneOfThree() throws {
    let site = try TrialSite(["one", "two", "three"])
    let before = try ["one", "three"].map { try FileStatus.of(site.file("\($0).db")) }
    let bytes = try site.bytes("two")
    let report = try site.report("preflight", "--", "sh", "-c", "sqlite3 two.db 'delete from users'; exit 9")
    #expect(report.exit == 4)
    #expect(try ["one", "three"].map { try FileStatus.of(site.file("\($0).db")) } == before)
    #expect(try site.bytes("two") == bytes)
    #expect(try report.store("two")["put_back"] == .boolean(true))
    #expect(try report.store("one")["put_back"] == nil)
    #expect(try site.archives().count == 4)
  }

  @Test("that damages one of three stores has all that it changed undone, also where that is sound")
  func damagesOneOfThree() throws {
    let site = try TrialSite(["one", "two", "three"])
    let before = try ["one", "two", "three"].map { try site.bytes($0) }
    let script = "sqlite3 two.db 'delete from users'; head -c 5000 one.db > x; mv x one.db"
    let report = try site.report("preflight", "--", "sh", "-c", script)
    #expect(report.exit == 4)
    #expect(try ["one", "two", "three"].map { try site.bytes($0) } == before)
    #expect(try report.store("two")["put_back"] == .boolean(true))
    #expect(try report.store("three")["put_back"] == nil)
  }

  @Test("that fails while one store can be put back and one cannot: exit 5, and the other is put back")
  func oneOfTwoOpen() throws {
    let site = try TrialSite(["one", "two"])
    let bytes = try site.bytes("two")
    let script = """
      for name in one two; do sqlite3 $name.db 'delete from users'; done
      \(Self.leaveOpen("one.db")); exit 3
      """
    let report = try site.report("preflight", "--", "sh", "-c", script)
    let pid = try #require(Int32(String(decoding: try site.folder.read("pid"), as: UTF8.self).dropLast()))
    kill(pid, SIGKILL)
    #expect(report.exit == 5)
    #expect(try report.store("one")["put_back"] == .boolean(false))
    #expect(try report.store("two")["put_back"] == .boolean(true))
    #expect(try site.bytes("two") == bytes)
  }

  @Test("writes where a person reads when standard output carries a report, and passes its input through")
  func streams() throws {
    let site = try TrialSite()
    let report = try site.report("preflight", "--", "sh", "-c", "echo to-out; echo to-err >&2")
    #expect(report.exit == 0)
    #expect(report.text.contains("to-out") && report.text.contains("to-err"))
    let text = try site.dbmend("preflight", "--", "sh", "-c", "echo to-out; echo to-err >&2")
    #expect(text.output.contains("to-out\n") && text.errors == "to-err\n")
    let file = try site.dbmend("preflight", "--format", "json", "--report", "r.json", "--", "echo", "to-out")
    #expect(file.output.contains("to-out\n"))
    #expect(try JSONValue(parsing: site.folder.read("r.json"))["command"]?["exit"]?.integer == 0)
  }

  @Test("is not started when a store is damaged beyond what may be lost, and told how to allow it")
  func notStarted() throws {
    let site = try TrialSite(["data"], "max_loss: none")
    #expect(try site.dbmend("backup").exit == 0)
    try site.sql("insert into users(name) values('Late')")
    try FileHandle.update(site.file("data.db")).write([UInt8](repeating: 0, count: 100), at: 4096)
    let before = try site.bytes()
    let report = try site.report("preflight", "--", "touch", "ran")
    #expect(report.exit == 1)
    #expect(!FileStatus.exists(site.file("ran")))
    #expect(report.command == nil)
    #expect(report.notes().contains("The command was not started"))
    #expect(report.text.contains("--max-loss"))
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
  }

  @Test("is not started while another run works with the repository, which is named")
  func twoRuns() throws {
    let site = try TrialSite()
    let first = Process()
    first.executableURL = URL(fileURLWithPath: TrialSite.program)
    first.arguments = ["preflight", "--", "sh", "-c", "touch started; read line"]
    first.currentDirectoryURL = URL(fileURLWithPath: site.folder.path)
    let input = Pipe()
    first.standardInput = input
    first.standardOutput = Foundation.FileHandle.nullDevice
    try first.run()
    for _ in 0..<500 where !FileStatus.exists(site.file("started")) { usleep(10_000) }
    for words in [["preflight", "--", "touch", "ran"], ["repair", "data"], ["backup"], ["restore", "latest"]] {
      let report = try site.dbmend([words[0], "--format", "json"] + words.dropFirst())
      #expect(report.exit == 3, "\(words)")
      #expect(report.errors.contains("process \(first.processIdentifier)"), "\(report.errors)")
    }
    let blocked = try site.report("preflight")
    #expect(try blocked.store()["blocked_by"]?.array?.first?["pid"]?.integer == Int(first.processIdentifier))
    // Reading needs no lock.
    #expect(try site.dbmend("check").exit == 0)
    #expect(try site.dbmend("list").exit == 0)
    #expect(try site.dbmend("verify").exit == 0)
    #expect(!FileStatus.exists(site.file("ran")))
    try input.fileHandleForWriting.close()
    first.waitUntilExit()
    // "read" ends with 1 at the end of its input, so the first run failed as a command does.
    #expect(first.terminationStatus == 4)
  }
}
