import MendKit
import TestSupport
import Testing

/// What may not be read or written by the user who runs dbmend.
@Suite("Trials: permissions", .enabled(if: geteuid() == 0)) struct PermissionTrials {
  @Test(
    "a store that may not be read is unchecked, and nothing is made",
    arguments: ["check", "repair", "preflight", "backup"])
  func unreadable(_ command: String) throws {
    let trial = try Trial("app.db")
    chmod(trial.file("app.db"), 0o600)
    let before = try trial.sight()
    let outcome = try trial.dbmend(command, "app.db", user: Trial.nobody)
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.verdict == "unchecked")
    #expect(outcome.tells("Permission denied"))
    #expect(outcome.problems.first?["kind"]?.string == "denied")
    #expect(outcome.problems.first?["advice"] != nil)
    #expect(try trial.sight() == before)
  }

  @Test("a damaged store that may be read but not written stays as it is", arguments: ["repair", "preflight"])
  func unwritable(_ command: String) throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try Paths.makeFolder(trial.file("archives"))
    chmod(trial.file("archives"), 0o777)
    let before = try trial.sight(except: "archives")
    let outcome = try trial.dbmend(command, "--repository", "archives", "app.db", user: Trial.nobody)
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.errors.contains("could not open for writing \(trial.file("app.db")): Permission denied"))
    #expect(outcome.problems.first?["kind"]?.string == "denied")
    #expect(try trial.sight(except: "archives") == before)
    #expect(try trial.leftovers("archives") == [])
  }

  @Test("the command is not started over a store that could not be put back")
  func commandOverUnwritable() throws {
    let trial = try Trial("app.db")
    try Paths.makeFolder(trial.file("archives"))
    chmod(trial.file("archives"), 0o777)
    let before = try trial.sight(except: "archives")
    let outcome = try trial.dbmend(
      "preflight", "--repository", "archives", "app.db", "--", "touch", "archives/ran", user: Trial.nobody)
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.json?["command"] == nil)
    #expect(!FileStatus.exists(trial.file("archives/ran")))
    #expect(try trial.sight(except: "archives") == before)
  }

  @Test(
    "a repository that may not be written stops the run before anything", arguments: ["repair", "preflight", "backup"])
  func repository(_ command: String) throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    chmod(trial.file("app.db"), 0o666)
    try Paths.makeFolder(trial.file("archives"))
    chmod(trial.file("archives"), 0o555)
    let before = try trial.sight()
    for repository in ["archives", "archives/below", "."] {
      let outcome = try trial.dbmend(command, "--repository", repository, "app.db", user: Trial.nobody)
      #expect(outcome.exit == 3, "\(outcome.everything)")
      #expect(outcome.tells("Permission denied"))
      #expect(outcome.errors.contains("Next: try again:\n  dbmend \(command) --repository \(repository) app.db\n"))
      #expect(try trial.sight() == before)
    }
  }

  @Test("a repository that is a file is refused", arguments: ["repair", "preflight", "backup"])
  func repositoryIsFile(_ command: String) throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try trial.folder.write("precious", to: "archives")
    let before = try trial.sight()
    let outcome = try trial.dbmend(command, "--repository", "archives", "app.db")
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(outcome.problems.first?["on"]?.string?.hasPrefix(trial.file("archives")) == true)
    #expect(try trial.sight() == before)
  }

  /// Owner, mode, ACL and an extended attribute that root would not give by itself.
  private func mark(_ trial: Trial) throws {
    let path = trial.file("app.db")
    try #require(chown(path, 1234, 2345) == 0)
    try #require(chmod(path, 0o640) == 0)
    try #require(try run("setfacl", "-m", "u:3456:rw", path).exit == 0)
    try #require(try run("setfattr", "-n", "user.origin", "-v", "shop", path).exit == 0)
  }

  private func expectMarks(_ trial: Trial, location: SourceLocation = #_sourceLocation) throws {
    let path = trial.file("app.db")
    let status = try FileStatus.of(path)
    #expect(status.user == 1234 && status.group == 2345, sourceLocation: location)
    let list = try run("getfacl", "-pcn", path).output
    #expect(list.contains("user:3456:rw-"), "\(list)", sourceLocation: location)
    #expect(list.contains("other::---"), "\(list)", sourceLocation: location)
    let attribute = try run("getfattr", "-n", "user.origin", "--only-values", path).output
    #expect(attribute == "shop", sourceLocation: location)
  }

  @Test("owner, group, mode, ACL and extended attributes survive repair, put-back and restore")
  func attributes() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try mark(trial)
    #expect(try trial.dbmend("repair", "app.db").exit == 0)
    try expectMarks(trial)

    let failed = try trial.dbmend("preflight", "app.db", "--", "sqlite3", "app.db", "delete from users; select no")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
    try expectMarks(trial)

    // Even when the command took the file away, or made another one of it.
    let removed = try trial.dbmend(
      "preflight", "app.db", "--", "sh", "-c", "cp app.db x; rm app.db; echo > app.db; exit 1")
    #expect(removed.exit == 4, "\(removed.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
    try expectMarks(trial)

    #expect(try trial.dbmend("preflight", "app.db", "--", "rm", "app.db").exit == 4)
    try expectMarks(trial)

    try trial.sql("delete from users")
    #expect(try trial.dbmend("restore", "latest", "app.db").exit == 0)
    #expect(try trial.value("select count(*) from users") == "4")
    try expectMarks(trial)
    try Paths.removeFile(trial.file("app.db"))
    #expect(try trial.dbmend("restore", "latest", "app.db").exit == 0)
    try expectMarks(trial)
  }

  @Test("a user who may write a store of another's mends it, and owner and mode stay")
  func otherOwner() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    let before = try FileStatus.of(trial.file("app.db"))
    chmod(trial.file("app.db"), 0o666)
    chmod(trial.folder.path, 0o777)
    let outcome = try trial.dbmend("repair", "app.db", user: Trial.nobody)
    #expect(outcome.exit == 0, "\(outcome.everything)")
    let after = try FileStatus.of(trial.file("app.db"))
    #expect(after.user == before.user && after.group == before.group && after.mode == 0o666)
    #expect(after.inode == before.inode, "only a file that stays keeps its owner")
    #expect(try trial.value("pragma integrity_check") == "ok")
    #expect(try trial.leftovers() == [])
    #expect(try trial.dbmend("check", "app.db").exit == 0)
  }
}
