import MendKit
import TestSupport
import Testing

@Suite("Trials: hooks")
struct HookTrials {
  private func site(_ changes: [String: String] = [:], _ more: String = "") throws -> TrialSite {
    let moments = [
      "before_backup", "before_repair", "after_repair", "before_restore", "after_restore", "on_failure",
    ]
    let hooks = moments.map { moment in
      "  \(moment): \"echo $DBMEND_MOMENT $DBMEND_STORE >> log; \(changes[moment] ?? "true")\""
    }
    return try TrialSite(["data"], "hooks:\n" + hooks.joined(separator: "\n") + "\n" + more)
  }

  private func log(_ site: TrialSite) throws -> [String] {
    guard FileStatus.exists(site.file("log")) else { return [] }
    let lines = String(decoding: try site.folder.read("log"), as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.hasSuffix(" production/data") })
    return lines.compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  @Test("run in their order around a repair, and their output does not mix with a report")
  func repair() throws {
    let site = try site(["after_repair": "echo from-hook"])
    try site.sql(TrialSite.dropIndexEntries)
    let report = try site.report("repair", "data")
    #expect(report.exit == 0)
    #expect(try log(site) == ["before_backup", "before_repair", "after_repair"])
    #expect(report.text.contains("from-hook"))
  }

  @Test("run in their order around a repair before a command and its put-back")
  func preflight() throws {
    let site = try site()
    try site.sql(TrialSite.dropIndexEntries)
    let result = try site.dbmend("preflight", "--", "sh", "-c", "echo command x production/data >> log; rm data.db")
    #expect(result.exit == 4)
    #expect(
      try log(site) == [
        "before_backup", "before_repair", "after_repair", "command", "before_restore", "after_restore", "on_failure",
      ])
  }

  @Test("run around a restore; one into a file needs none")
  func restore() throws {
    let site = try site()
    #expect(try site.dbmend("backup").exit == 0)
    try Paths.removeFile(site.file("log"))
    #expect(try site.dbmend("restore", "latest", "--output", "old.db").exit == 0)
    #expect(try log(site) == [])
    #expect(try site.dbmend("restore", "latest").exit == 0)
    #expect(try log(site) == ["before_restore", "after_restore"])
  }

  @Test(
    "that fail stop the run before the change",
    arguments: [("before_backup", "preflight"), ("before_repair", "repair"), ("before_restore", "restore")])
  func failing(_ moment: String, _ action: String) throws {
    let site = try site([moment: "exit 7"])
    if action == "restore" {
      #expect(try site.dbmend("backup").exit == 0)
      try Paths.removeFile(site.file("log"))
      try site.sql("delete from users")
    }
    if action == "repair" { try site.sql(TrialSite.dropIndexEntries) }
    let before = try FileStatus.of(site.file("data.db"))
    let words = ["preflight": ["--", "touch", "ran"], "repair": ["data"], "restore": ["latest"]][action] ?? []
    let result = try site.dbmend([action] + words)
    #expect(result.exit == 3)
    #expect(result.said.contains("could not run the hook \(moment)"))
    #expect(result.said.contains("exit code 7"))
    #expect(try FileStatus.of(site.file("data.db")) == before)
    #expect(!FileStatus.exists(site.file("ran")))
    let ran = try log(site)
    #expect(ran.last == "on_failure")
    // What was not begun needs no end.
    #expect(!ran.contains("after_repair") && !ran.contains("after_restore"))
    #expect(try site.leftovers() == [])
  }

  @Test("that fail before a put-back leave what the command made, and say where the old content is")
  func failingPutBack() throws {
    let site = try site(["before_restore": "exit 7"])
    let report = try site.report("preflight", "--", "sh", "-c", "sqlite3 data.db 'delete from users'; exit 1")
    #expect(report.exit == 5)
    #expect(report.notes("data").contains("It could not be put back"))
    #expect(try log(site) == ["before_backup", "before_restore", "on_failure"])
    #expect(try site.value("select count(*) from users") == "0")
  }

  @Test("that fail after the change do not undo it; the code says that something is wrong")
  func failingAfter() throws {
    let site = try site(["after_repair": "exit 7"])
    try site.sql(TrialSite.dropIndexEntries)
    let result = try site.dbmend("repair", "data")
    #expect(result.exit == 3)
    #expect(result.said.contains("after_repair"))
    #expect(try site.value("pragma integrity_check") == "ok")
  }

  @Test("start the application again when a repair is of no use or the store stays in use")
  func stillInUse() throws {
    let site = try site(["before_repair": "true", "after_repair": "touch started"])
    try site.sql(TrialSite.dropIndexEntries)
    let reader = try FileHandle.read(site.file("data.db"))
    let result = try site.dbmend("repair", "data")
    reader.close()
    #expect(result.exit == 1)
    #expect(try log(site) == ["before_backup", "before_repair", "after_repair", "on_failure"])
    #expect(FileStatus.exists(site.file("started")))
  }

  @Test("on_failure is not called when all is well, and its own failure changes no code")
  func onFailure() throws {
    let site = try site(["on_failure": "exit 9"])
    #expect(try site.dbmend("preflight", "--", "true").exit == 0)
    #expect(try !log(site).contains("on_failure"))
    let result = try site.dbmend("preflight", "--", "false")
    #expect(result.exit == 4)
    #expect(result.said.contains("on_failure"))
  }
}
