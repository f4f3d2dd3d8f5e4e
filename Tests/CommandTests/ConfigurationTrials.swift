import MendKit
import TestSupport
import Testing

/// What dbmend.yaml says, right and wrong.
@Suite("Trials: the configuration") struct ConfigurationTrials {
  @Test(
    "what is wrong in the configuration is told with file, line, column and the right word, and nothing runs",
    arguments: [
      ("retension: { keep_last: 3 }", "dbmend.yaml:6:1", "retention"),
      ("retention: { keep_lost: 3 }", "dbmend.yaml:6:14", "keep_last"),
      ("max_loss: row", "dbmend.yaml:6:11", "rows"), ("checks: [integritty]", "dbmend.yaml:6:10", "integrity"),
      ("hooks: { before_backupp: x }", "dbmend.yaml:6:10", "before_backup"),
      ("retention: { keep_last: many }", "dbmend.yaml:6:25", "keep_last"),
    ])
  func wrong(_ line: String, _ place: String, _ word: String) throws {
    let trial = try Trial("app.db")
    try trial.configure("app.db", more: line)
    let before = try trial.sight()
    for words in [["check"], ["repair", "app"], ["preflight", "--", "touch", "ran"], ["backup"], ["list"], ["prune"]] {
      let outcome = try trial.dbmend(words: words)
      #expect(outcome.exit == 2, "\(outcome.everything)")
      #expect(outcome.tells(place) && outcome.tells(word), "\(outcome.everything)")
      #expect(try trial.sight() == before)
    }
    // Standard output stays empty without a report, and a report goes where it is wanted.
    let text = try trial.text("check")
    #expect(text.exit == 2 && text.output == "" && text.errors.contains(place))
    _ = try trial.text("check", "--format", "junit", "--report", "r.xml")
    #expect(String(decoding: try trial.folder.read("r.xml"), as: UTF8.self).contains(word))
  }

  @Test("a configuration that is not there or cannot be read is an error", arguments: ["gone.yaml", "."])
  func unreadable(_ file: String) throws {
    let trial = try Trial("app.db")
    let before = try trial.sight()
    let outcome = try trial.dbmend("check", "--config", file, "app.db")
    #expect([1, 2, 3].contains(outcome.exit) && !outcome.problems.isEmpty, "\(outcome.everything)")
    #expect(try trial.sight() == before)
  }

  @Test("an environment is chosen by name, and has its own max_loss")
  func environments() throws {
    let trial = try Trial("a.db", "b.db")
    try trial.folder.write(
      """
      version: 1
      repository: backups
      environments:
        production: { stores: { data: { path: a.db } } }
        staging: { max_loss: changes, stores: { data: { path: b.db } } }
      """, to: "dbmend.yaml")
    let staging = try trial.dbmend("backup", "--env", "staging")
    #expect(staging.stores.compactMap { $0["store"]?.string } == ["staging/data"])
    #expect(try trial.dbmend("backup").stores.count == 2)
    let unknown = try trial.dbmend("check", "--env", "stagin")
    #expect(unknown.exit == 2 && unknown.tells("staging"), "\(unknown.everything)")
    #expect(try trial.dbmend("check", "data").exit == 2)
    #expect(try trial.dbmend("check", "--env", "staging", "data").exit == 0)

    for name in ["a.db", "b.db"] { try trial.spoilAll(of: name) }
    let damaged = try trial.folder.read("a.db")
    let outcome = try trial.dbmend("preflight")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.store("staging/data")?["verdict"]?.string == "repaired")
    #expect(outcome.store("production/data")?["verdict"]?.string == "damaged")
    #expect(outcome.store("production/data")?["needed_loss"]?.string == "changes")
    #expect(outcome.tells("Run again with --max-loss changes to accept that"))
    #expect(try trial.folder.read("a.db") == damaged)
    #expect(try trial.value("select count(*) from users", in: "b.db") == "4")
    #expect(try trial.dbmend("repair", "--max-loss", "changes", "production/data").exit == 0)
  }

  @Test("a plan above max_loss is refused with how to allow it, and --plan touches nothing")
  func maxLoss() throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    try trial.spoilAll()
    let before = try trial.sight()
    let refused = try trial.dbmend("repair", "app.db")
    #expect(refused.exit == 1, "\(refused.everything)")
    #expect(refused.errors.contains("dbmend repair --max-loss changes app.db"))
    let plan = try trial.dbmend("repair", "--plan", "--max-loss", "changes", "app.db")
    #expect(plan.exit == 1, "\(plan.everything)")
    #expect(plan.store()?["plan"]?.array?.first?["repair"]?.string == "restore-backup")
    #expect(plan.store()?["plan"]?.array?.first?["loss"]?.string == "changes")
    #expect(
      try trial.sight(except: "dbmend-archives/.dbmend.lock")
        == before.filter { $0.key != "dbmend-archives/.dbmend.lock" })
  }

  @Test("repair --output leaves the original untouched, and says by its code whether findings remain")
  func output() throws {
    let trial = try Trial("app.db")
    try trial.sql("create table staff(name text not null); insert into staff values ('Ida')")
    try trial.sql(
      """
      create table pairs(a integer primary key, b integer references users(id)); insert into pairs values (1, 99);
      """)
    try trial.spoilIndex()
    let before = try trial.sight()
    let outcome = try trial.dbmend("repair", "--output", "mended.db", "app.db")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    #expect(try trial.sight(except: "mended.db") == before)
    #expect(try trial.value("pragma integrity_check", in: "mended.db") == "ok")
    let again = try trial.dbmend("repair", "--output", "mended.db", "app.db")
    #expect(again.exit == 1 && again.tells("a file of that name is there already"), "\(again.everything)")
    // The violated foreign key is a warning; as an error it remains, and the result is written all the same.
    let strict = try trial.dbmend("repair", "--fail-on", "warning", "--output", "strict.db", "app.db")
    #expect(strict.exit == 1, "\(strict.everything)")
    #expect(try trial.value("pragma integrity_check", in: "strict.db") == "ok")
    #expect(try trial.sight(except: "mended.db", "strict.db") == before)
    // A sound store needs no mending, and that nothing was written is said.
    let sound = try trial.dbmend("repair", "--output", "sound.db", "mended.db")
    #expect(sound.exit == 0 && sound.tells("sound.db was not written"), "\(sound.everything)")
  }

  @Test("hooks stand in their order around repair, command and put-back")
  func hooks() throws {
    let trial = try Trial("app.db")
    let moments = ["before_backup", "before_repair", "after_repair", "before_restore", "after_restore", "on_failure"]
    let list = moments.map { "\($0): 'echo \($0) >> said'" }.joined(separator: ", ")
    try trial.configure("app.db", more: "hooks: { \(list) }")
    func said() throws -> [String] {
      guard FileStatus.exists(trial.file("said")) else { return [] }
      let text = String(decoding: try trial.folder.read("said"), as: UTF8.self)
      try Paths.removeFile(trial.file("said"))
      return text.split(separator: "\n").map(String.init)
    }
    try trial.spoilIndex()
    #expect(try trial.dbmend("repair", "app").exit == 0)
    #expect(try said() == ["before_backup", "before_repair", "after_repair"])
    let outcome = try trial.dbmend(
      "preflight", "--", "sh", "-c", "echo command >> said; sqlite3 app.db 'delete from users'; exit 1")
    #expect(outcome.exit == 4, "\(outcome.everything)")
    #expect(try said() == ["before_backup", "command", "before_restore", "after_restore", "on_failure"])
    #expect(try trial.dbmend("check").exit == 0)
    #expect(try said() == [])
  }

  @Test(
    "a hook that fails stops what it stands before", arguments: ["before_backup", "before_repair", "before_restore"])
  func failingHook(_ moment: String) throws {
    let trial = try Trial("app.db")
    try trial.configure("app.db")
    if moment == "before_restore" { #expect(try trial.dbmend("backup").exit == 0) }
    try trial.configure(
      "app.db", more: "hooks: { \(moment): 'exit 5', on_failure: 'echo paged $DBMEND_STORE > paged' }")
    if moment == "before_restore" { try trial.sql("delete from users") } else { try trial.spoilIndex() }
    let before = try trial.sight(except: "backups")
    let outcome = try trial.dbmend(
      words: moment == "before_restore" ? ["restore", "latest", "app"] : ["repair", "app"])
    #expect(outcome.exit == 3, "\(outcome.everything)")
    #expect(
      outcome.tells("run the hook \(moment)") || outcome.errors.contains("hook \(moment)"), "\(outcome.everything)")
    #expect(outcome.tells("exit code 5"))
    var after = try trial.sight(except: "paged")
    for name in after.keys where name.hasPrefix("backups") { after[name] = nil }
    #expect(after == before.filter { !$0.key.hasPrefix("backups") })
    #expect(String(decoding: try trial.folder.read("paged"), as: UTF8.self) == "paged production/app\n")
    #expect(try trial.leftovers("backups") == [])
  }

  @Test("a folder is searched for stores, archives left out, and what is expected is held exactly")
  func folder() throws {
    let trial = try Trial("data/a.db", "data/deep/b.db")
    try trial.spoilIndex(of: "data/deep/b.db")
    try trial.folder.write("no store", to: "data/notes.txt")
    #expect(try trial.dbmend("backup", "data/a.db").exit == 0)
    let before = try trial.sight()
    let outcome = try trial.dbmend("check", "data")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.stores.compactMap { $0["path"]?.string } == ["data/a.db", "data/deep/b.db"])
    try trial.folder.write("a.db: []\ndeep/b.db: [index.entry-missing]\n", to: "data/expected.yaml")
    #expect(try trial.dbmend("check", "data", "--expect", "data/expected.yaml").exit == 0)
    for (text, said) in [
      ("a.db: [file.malformed]\ndeep/b.db: [index.entry-missing]\n", "expectation.missing"),
      ("a.db: []\ndeep/b.db: []\n", "index.entry-missing"),
      ("deep/b.db: [index.entry-missing]\n", "expectation.unnamed"),
    ] {
      try trial.folder.write(text, to: "data/expected.yaml")
      let mismatch = try trial.dbmend("check", "data", "--expect", "data/expected.yaml")
      #expect(mismatch.exit == 1 && mismatch.tells(said), "\(mismatch.everything)")
    }
    try Paths.removeFile(trial.file("data/expected.yaml"))
    #expect(try trial.sight() == before)
    // What cannot be named cannot be checked, which is no success.
    _ = try run("sh", "-c", "cp data/a.db \"data/$(printf 'bad\\377.db')\"", folder: trial.folder.path)
    let unnameable = try trial.dbmend("check", "data/")
    #expect(unnameable.exit == 3 && unnameable.tells("its name is not valid UTF-8"), "\(unnameable.everything)")
    _ = try run("sh", "-c", "rm data/bad*", folder: trial.folder.path)
    // One store is repaired at a time.
    #expect(try trial.dbmend("repair", "data").exit == 2)
    #expect(
      try trial.sight(except: "data/dbmend-archives", "data/deep/dbmend-archives").filter { $0.key.hasSuffix(".db") }
        == before.filter { $0.key.hasSuffix(".db") })
  }
}
