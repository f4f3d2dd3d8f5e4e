import MendKit
import TestSupport
import Testing

@Suite("Trials: environments, the loss that is allowed, and dropped rows")
struct EnvironmentTrials {
  /// Production and staging, each with an archive and then with a table that cannot be read any more.
  private func site() throws -> TrialSite {
    let site = try TrialSite()
    try SQLiteFile.make(site.file("stage.db"), TrialSite.shop)
    try site.folder.write(
      """
      version: 1
      repository: backups
      max_loss: rows
      environments:
        production: { stores: { data: { path: data.db } } }
        staging: { max_loss: changes, stores: { data: { path: stage.db } } }
      checks: [file-exists, connects, integrity, row-counts: { max_drop: 30% }]
      """, to: "dbmend.yaml")
    #expect(try site.dbmend("backup").exit == 0)
    return site
  }

  private func damage(_ site: TrialSite) throws {
    for name in ["data", "stage"] {
      try site.sql("insert into users(name) values('Late')", in: name)
      let file = try FileHandle.update(site.file("\(name).db"))
      try file.write([UInt8](repeating: 0x5A, count: try file.status().size), at: 0)
    }
  }

  @Test("each environment has its own limit of loss; what is above it is refused, with how to allow it")
  func limits() throws {
    let site = try site()
    try damage(site)
    let before = try site.bytes()
    let production = try site.report("repair", "production/data")
    #expect(production.exit == 1)
    #expect(production.notes("data").contains("may cost changes; allowed: rows"))
    #expect(production.text.contains("dbmend repair --max-loss changes production/data"))
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
    #expect(try site.dbmend("repair", "staging/data").exit == 0)
    #expect(try site.value("select count(*) from users", in: "stage") == "3")
    // The command that the report gave works as it stands.
    #expect(try site.dbmend("repair", "--max-loss", "changes", "production/data").exit == 0)
    #expect(try site.value("select count(*) from users") == "3")
  }

  @Test("a report of what a repair could not do gives no advice on a copy that is gone")
  func adviceOnCopies() throws {
    let site = try site()
    try damage(site)
    let production = try site.report("repair", "production/data")
    #expect(!production.notes("data").contains("Run dbmend repair on it"))
    #expect(!production.notes("data").contains(".dbmend-work-"))
  }

  @Test("the variable allows as the option does, and the option wins")
  func variable() throws {
    let site = try site()
    try damage(site)
    func repair(_ more: [String]) throws -> Int {
      try run(
        [TrialSite.program, "repair", "production/data"] + more, folder: site.folder.path,
        environment: ["DBMEND_MAX_LOSS": "changes", "NO_COLOR": "1"]
      ).exit
    }
    #expect(try repair(["--max-loss", "none"]) == 1)
    #expect(try repair([]) == 0)
  }

  @Test("--env means the stores of that environment alone, for every command that takes targets")
  func choice() throws {
    let site = try site()
    let production = try FileStatus.of(site.file("data.db"))
    let script = "sqlite3 data.db 'delete from orders'; sqlite3 stage.db 'delete from orders'; exit 1"
    let report = try site.report("preflight", "--env", "staging", "--", "sh", "-c", script)
    #expect(report.exit == 4)
    #expect(report.json["stores"]?.array?.compactMap { $0["store"]?.string } == ["staging/data"])
    #expect(try site.value("select count(*) from orders", in: "stage") == "4")
    // What the run was not asked to protect is the command's own affair.
    #expect(try FileStatus.of(site.file("data.db")) != production)
    #expect(try site.value("select count(*) from orders") == "0")
    #expect(try site.dbmend("check", "data").exit == 2)
    #expect(try site.dbmend("check", "data", "--env", "staging").exit == 0)
    let wrong = try site.dbmend("preflight", "--env", "stagin", "--", "touch", "ran")
    #expect(wrong.exit == 2)
    #expect(wrong.said.contains("did you mean 'staging'?"))
    #expect(!FileStatus.exists(site.file("ran")))
  }

  @Test("a command that drops more rows than are allowed is undone, and one that drops fewer is not")
  func drops() throws {
    let site = try site()
    let report = try site.report("preflight", "--", "sqlite3", "data.db", "delete from users where id > 1")
    #expect(report.exit == 4)
    #expect(report.command == 0)
    #expect(try report.store()["findings"]?.array?.contains { $0["code"]?.string == "row-count.dropped" } == true)
    #expect(try site.value("select count(*) from users") == "3")
    #expect(try site.dbmend("preflight", "--", "sqlite3", "data.db", "delete from orders where id = 4").exit == 0)
    #expect(try site.value("select count(*) from orders") == "3")
  }

  @Test("rows that an operator deleted stop the next pre-flight, and a repair does not bring them back unasked")
  func deleted() throws {
    let site = try site()
    try site.sql("delete from users where id > 1")
    let report = try site.report("preflight", "--env", "production", "--", "touch", "ran")
    #expect(report.exit == 1)
    #expect(try report.codes() == ["row-count.dropped"])
    #expect(!FileStatus.exists(site.file("ran")))
    #expect(try site.dbmend("repair", "production/data").exit == 1)
    #expect(try site.value("select count(*) from users") == "1")
  }
}
