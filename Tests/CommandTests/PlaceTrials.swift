import MendKit
import TestSupport
import Testing

/// Stores that are reached by a link, have two names, or are mounted.
@Suite("Trials: links and mounts") struct PlaceTrials {
  @Test("a link to the store is followed, and stays a link", arguments: ["repair", "put-back", "restore"])
  func linked(_ way: String) throws {
    let trial = try Trial("real.db")
    try #require(symlink("real.db", trial.file("app.db")) == 0)
    switch way {
    case "repair":
      try trial.spoilIndex(of: "real.db")
      #expect(try trial.dbmend("repair", "app.db").exit == 0)
    case "put-back":
      let outcome = try trial.dbmend("preflight", "app.db", "--", "sqlite3", "app.db", "delete from users; select no")
      #expect(outcome.exit == 4, "\(outcome.everything)")
    default:
      #expect(try trial.dbmend("backup", "app.db").exit == 0)
      try trial.sql("delete from users", on: "real.db")
      #expect(try trial.dbmend("restore", "latest", "app.db").exit == 0)
    }
    #expect(try FileStatus.of(trial.file("app.db"), followLinks: false).kind == .link)
    #expect(try FileStatus.of(trial.file("real.db"), followLinks: false).kind == .file)
    #expect(try trial.value("select count(*) from users", in: "real.db") == "4")
    #expect(try trial.value("pragma integrity_check", in: "real.db") == "ok")
    #expect(try trial.leftovers() == [])
  }

  @Test("a link that leads nowhere is a missing store, and what it names is not made")
  func danglingLink() throws {
    let trial = try Trial()
    try #require(symlink("gone.db", trial.file("app.db")) == 0)
    let before = try trial.sight()
    for command in ["check", "repair", "preflight", "backup"] {
      let outcome = try trial.dbmend(command, "app.db")
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.codes == ["file.missing"])
      #expect(try trial.sight() == before)
    }
  }

  @Test("a store with two names is refused before anything is done, the command included")
  func hardLink() throws {
    let trial = try Trial("app.db")
    try #require(link(trial.file("app.db"), trial.file("other.db")) == 0)
    let healthy = try trial.sight()
    let preflight = try trial.dbmend("preflight", "app.db", "--", "touch", "ran")
    #expect(preflight.exit == 1, "\(preflight.everything)")
    #expect(preflight.tells("hard links"))
    #expect(preflight.json?["command"] == nil)
    #expect(try trial.sight(except: "dbmend-archives") == healthy)

    try trial.spoilIndex()
    let before = try trial.sight(except: "dbmend-archives")
    let repair = try trial.dbmend("repair", "app.db")
    #expect(repair.exit == 1, "\(repair.everything)")
    #expect(repair.problems.compactMap { $0["code"]?.string } == ["file.hard-link"])
    #expect(try trial.sight(except: "dbmend-archives") == before)
    #expect(try trial.leftovers() == [])
    // The way round that the message tells.
    #expect(try trial.dbmend("repair", "--output", "mended.db", "app.db").exit == 0)
    #expect(try trial.value("pragma integrity_check", in: "mended.db") == "ok")
  }

  @Test(
    "a store that is a mount point is mended in its place", .enabled(if: geteuid() == 0),
    arguments: ["repair", "put-back"])
  func bindMount(_ way: String) throws {
    let trial = try Trial("real.db")
    if way == "repair" { try trial.spoilIndex(of: "real.db") }
    try trial.folder.write("", to: "app.db")
    try #require(try run("mount", "--bind", trial.file("real.db"), trial.file("app.db")).exit == 0)
    defer { _ = try? run("umount", "-l", trial.file("app.db")) }
    let outcome =
      way == "repair"
      ? try trial.dbmend("repair", "app.db")
      : try trial.dbmend("preflight", "app.db", "--", "sqlite3", "app.db", "delete from users; select no")
    #expect(outcome.exit == (way == "repair" ? 0 : 4), "\(outcome.everything)")
    for name in ["app.db", "real.db"] {
      #expect(try trial.value("select count(*) from users", in: name) == "4")
      #expect(try trial.value("pragma integrity_check", in: name) == "ok")
    }
    #expect(try trial.leftovers() == [])
  }
}
