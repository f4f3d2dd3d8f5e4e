import MendKit
import TestSupport
import Testing

/// Full disks, as small volumes in memory.
@Suite("Trials: full disks", .enabled(if: geteuid() == 0)) struct DiskTrials {
  /// A volume of one mebibyte at a name in the trial's folder, while the body runs.
  private func withSmallVolume(_ trial: Trial, _ name: String, _ body: () throws -> Void) throws {
    try Paths.makeFolder(trial.file(name))
    let mounted = try run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", trial.file(name))
    guard mounted.exit == 0 else { throw PreparationFailed(mounted.errors) }
    defer { _ = try? run("umount", "-l", trial.file(name)) }
    try body()
  }

  /// A store of so many rows of a thousand bytes that do not compress, with an index that lacks most of them.
  private func make(_ trial: Trial, _ store: String, rows: Int, isSpoiled: Bool = true) throws {
    try trial.sql(
      """
      create table t(id integer primary key, key text, content blob);
      with recursive c(i) as (select 1 union all select i + 1 from c where i < \(rows))
        insert into t select i, 'key ' || i, randomblob(1000) from c;
      create index t_key on t(key)\(isSpoiled ? " where id < 3" : "");
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create index t_key on t(key)' where name = 't_key';
      """, on: store)
  }

  @Test("a full repository stops the run before anything is changed", arguments: ["repair", "preflight", "backup"])
  func repository(_ command: String) throws {
    let trial = try Trial()
    try make(trial, "app.db", rows: 2000)
    try withSmallVolume(trial, "small") {
      let before = try trial.sight(except: "small", "small/archives", "small/archives/.dbmend.lock")
      let outcome = try trial.dbmend(command, "--repository", "small/archives", "app.db")
      #expect(outcome.exit == 3, "\(outcome.everything)")
      #expect(outcome.problems.contains { $0["kind"]?.string == "noSpace" }, "\(outcome.everything)")
      #expect(outcome.problems.first?["advice"] != nil)
      #expect(try trial.sight(except: "small", "small/archives", "small/archives/.dbmend.lock") == before)
      #expect(try Paths.names(in: trial.file("small/archives")) == [".dbmend.lock"])
    }
  }

  @Test("no command is started without room for the archive")
  func command() throws {
    let trial = try Trial()
    try make(trial, "app.db", rows: 2000, isSpoiled: false)
    try withSmallVolume(trial, "small") {
      let outcome = try trial.dbmend("preflight", "--repository", "small/archives", "app.db", "--", "touch", "ran")
      #expect(outcome.exit == 3, "\(outcome.everything)")
      #expect(outcome.json?["command"] == nil && !FileStatus.exists(trial.file("ran")))
    }
  }

  @Test("without room for the working copy the store stays, and its archive too")
  func store() throws {
    let trial = try Trial()
    try withSmallVolume(trial, "small") {
      try make(trial, "small/app.db", rows: 600)
      let before = try trial.sight(except: "archives")
      for words in [["repair"], ["repair", "--output", "small/mended.db"]] {
        let outcome = try trial.dbmend(words: words + ["--repository", "archives", "small/app.db"])
        #expect(outcome.exit == 3, "\(outcome.everything)")
        #expect(outcome.problems.contains { $0["kind"]?.string == "noSpace" }, "\(outcome.everything)")
        var after = try trial.sight()
        for name in after.keys where name == "archives" || name.hasPrefix("archives/") { after[name] = nil }
        #expect(after == before)
      }
      #expect(try trial.archives("archives").count == 1)
    }
  }

  @Test("where the command filled the disk, the put-back fails with exit code 5, and works when there is room again")
  func putBack() throws {
    let trial = try Trial()
    try withSmallVolume(trial, "small") {
      try make(trial, "small/app.db", rows: 400, isSpoiled: false)
      let outcome = try trial.dbmend(
        "preflight", "--repository", "archives", "small/app.db", "--", "sh", "-c",
        "sqlite3 small/app.db 'delete from t where id > 100'; head -c 900000 /dev/zero > small/fill; exit 3")
      #expect(outcome.exit == 5, "\(outcome.everything)")
      #expect(outcome.json?["command"]?["exit"]?.integer == 3)
      #expect(outcome.problems.contains { $0["kind"]?.string == "noSpace" })
      #expect(outcome.store()?["put_back"] == .boolean(false))
      #expect(outcome.store()?["rows"] == nil)
      #expect(try trial.value("select count(*) from t", in: "small/app.db") == "100")
      #expect(try Paths.names(in: trial.file("small")) == ["app.db", "fill"])
      let archive = try #require(outcome.archive)

      try Paths.removeFile(trial.file("small/fill"))
      let restored = try trial.dbmend("restore", "--repository", "archives", archive, "small/app.db")
      #expect(restored.exit == 0, "\(restored.everything)")
      #expect(try trial.value("select count(*) from t", in: "small/app.db") == "400")
      #expect(try Paths.names(in: trial.file("small")) == ["app.db"])
    }
  }
}
