import MendKit
import TestSupport
import Testing

/// Files that are no store, or none that this SQLite reads.
@Suite("Trials: files of another kind") struct KindTrials {
  private func noise(_ size: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<size).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  @Test(
    "a file of another kind and an empty one are damaged, and nothing is changed by any command",
    arguments: [("text", "file.not-a-database"), ("empty", "file.empty"), ("zeros", "file.not-a-database")])
  func otherKind(_ kind: String, _ code: String) throws {
    let trial = try Trial()
    let content: [UInt8] =
      switch kind {
      case "text": Array("a letter to nobody\n".utf8)
      case "zeros": [UInt8](repeating: 0, count: 5000)
      default: []
      }
    try trial.folder.write(content, to: "app.db")
    let before = try trial.sight()
    #expect(try trial.dbmend("check", "app.db").exit == 1)
    #expect(try trial.sight() == before)
    for command in ["repair", "preflight", "backup"] {
      let outcome = try trial.dbmend(command, "app.db")
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.codes == [code])
      #expect(outcome.verdict == "damaged")
      #expect(try trial.sight(except: "dbmend-archives") == before)
    }
    #expect(try trial.dbmend("preflight", "app.db", "--", "touch", "ran").json?["command"] == nil)
    #expect(!FileStatus.exists(trial.file("ran")))
    // The backup archived it as what it is, which is nothing to go back to.
    #expect(try trial.dbmend("restore", "latest", "app.db").tells("holds none"))
  }

  @Test("a file that looks encrypted is said to be, and recreated only when that is asked for by name")
  func encrypted() throws {
    let trial = try Trial()
    try trial.folder.write(noise(102_400), to: "app.db")
    try trial.folder.write("create table users(id integer primary key);", to: "schema.sql")
    let before = try trial.sight(except: "dbmend-archives")
    for words in [
      ["check"], ["repair"], ["preflight"], ["repair", "--max-loss", "everything", "--schema", "schema.sql", "--yes"],
    ] {
      let outcome = try trial.dbmend(words: words + ["app.db"])
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.codes == ["file.encrypted"])
      #expect(outcome.tells("looks encrypted"))
      #expect(try trial.sight(except: "dbmend-archives") == before)
    }
    let outcome = try trial.dbmend(
      "repair", "--with", "recreate-schema", "--max-loss", "everything", "--schema", "schema.sql", "app.db")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    #expect(try trial.value("select count(*) from users") == "0")
    let archive = try #require(outcome.archive)
    try #require(try run("tar", "-xf", archive, folder: try made(trial.file("out"))).exit == 0)
    #expect(try trial.folder.read("out/app.db") == before["app.db"]?.bytes)
  }

  @Test("a file that was encrypted since its backup is not replaced by the backup unless asked by name")
  func encryptedSince() throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    try trial.folder.write(noise(102_400), to: "app.db")
    let outcome = try trial.dbmend("repair", "--max-loss", "everything", "app.db")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(try trial.folder.read("app.db") == noise(102_400))
    #expect(try trial.dbmend("repair", "--with", "restore-backup", "--max-loss", "changes", "app.db").exit == 0)
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test(
    "a schema that this SQLite cannot read leaves a sound file unchecked, archived byte for byte, and never repaired")
  func unsupportedSchema() throws {
    let trial = try Trial("app.db")
    try trial.sql(
      """
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create index orders_sku on orders(sku) within reason' where name = 'orders_sku';
      """)
    let before = try trial.sight()
    for words in [["check"], ["repair", "--max-loss", "everything"], ["preflight"]] {
      let outcome = try trial.dbmend(words: words + ["app.db"])
      #expect(outcome.exit == 3, "\(outcome.everything)")
      #expect(outcome.verdict == "unchecked")
      #expect(outcome.problems.compactMap { $0["code"]?.string } == ["schema.unsupported"])
      #expect(outcome.problems.first?["advice"] != nil)
      #expect(try trial.sight(except: "dbmend-archives") == before)
    }
    #expect(try trial.dbmend("preflight", "app.db", "--", "touch", "ran").json?["command"] == nil)
    let outcome = try trial.dbmend("backup", "app.db")
    #expect(outcome.exit == 3, "\(outcome.everything)")
    let archive = try #require(outcome.archive)
    try #require(try run("tar", "-xf", archive, folder: try made(trial.file("out"))).exit == 0)
    #expect(try trial.folder.read("out/app.db") == before["app.db"]?.bytes)
    #expect(
      try trial.sight(
        except: "dbmend-archives", "out", "out/app.db", "out/manifest.json", "out/schema.sql",
        "out/pages.bin") == before)
  }

  private func made(_ path: String) throws -> String {
    try Paths.makeFolder(path)
    return path
  }

  @Test("the hot journal of a program that died is told, and what reads the store gets the state before it")
  func hotJournal() throws {
    let trial = try Trial("app.db")
    // A transaction that spilled into the file, and a copy of both files in the middle of it.
    let holder = try Holder(
      trial.file("app.db"), "pragma cache_size = 2", "begin immediate",
      "with recursive c(i) as (select 1 union all select i + 1 from c where i < 2000) "
        + "insert into users(name) select hex(randomblob(100)) from c")
    try #require(FileStatus.exists(trial.file("app.db-journal")))
    try trial.folder.write(try trial.folder.read("app.db"), to: "hot.db")
    try trial.folder.write(try trial.folder.read("app.db-journal"), to: "hot.db-journal")
    holder.release()
    let before = try trial.sight()
    let check = try trial.dbmend("check", "hot.db")
    #expect(check.exit == 0, "\(check.everything)")
    #expect(check.codes.count == 1 && check.codes.first?.contains("journal") == true, "\(check.codes)")
    #expect(try trial.sight() == before)
    // Nothing is damaged: SQLite itself rolls back at the next opening, and the archive holds the state after that.
    let preflight = try trial.dbmend("preflight", "hot.db")
    #expect(preflight.exit == 0, "\(preflight.everything)")
    #expect(try trial.sight(except: "dbmend-archives") == before)
    #expect(try trial.dbmend("restore", "latest", "hot.db", "--output", "old.db").exit == 0)
    #expect(try trial.value("select count(*) from users", in: "old.db") == "4")
    #expect(try trial.value("select count(*) from users", in: "hot.db") == "4")
  }
}
