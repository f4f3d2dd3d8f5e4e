import MendKit
import TestSupport
import Testing

/// What `--output` and `--report` write, and what they must never write over.
@Suite("Trials: output files") struct OutputTrials {
  /// A damaged store with a good archive of an older state, a link and a second name for it, and another store.
  private func site() throws -> Trial {
    let trial = try Trial("app.db", "other.db")
    try trial.configure("app.db", "other.db")
    #expect(try trial.dbmend("backup").exit == 0)
    try trial.sql("insert into users(name) values ('Ida')")
    try trial.spoilIndex()
    try #require(symlink("app.db", trial.file("link.db")) == 0)
    try trial.folder.write("a log", to: "app.db-wal")
    return trial
  }

  @Test(
    "--output never replaces a store, under whatever name, even with --yes",
    arguments: ["repair", "restore latest"], ["app.db", "link.db", "./app.db", "other.db", "app.db-wal"])
  func overStore(_ command: String, _ file: String) throws {
    let trial = try site()
    let before = try trial.sight()
    let words = command.split(separator: " ").map(String.init) + ["app", "--output", file, "--yes"]
    let outcome = try trial.dbmend(words: words)
    #expect(outcome.exit == 2, "\(outcome.everything)")
    #expect(outcome.tells("it belongs to a store, and --output leaves stores untouched"))
    #expect(try trial.sight() == before)
  }

  @Test("--output replaces another file with --yes only, and nothing where the folder is not there")
  func otherFile() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try trial.folder.write("notes", to: "notes.txt")
    try Paths.makeFolder(trial.file("folder"))
    let before = try trial.sight()
    for (file, exit, said) in [
      ("notes.txt", 1, "a file of that name is there already"), ("no/mended.db", 1, "No such file or directory"),
    ] {
      let outcome = try trial.dbmend("repair", "--output", file, "app.db")
      #expect(outcome.exit == exit && outcome.tells(said), "\(outcome.everything)")
      #expect(try trial.sight() == before)
    }
    let folder = try trial.dbmend("repair", "--output", "folder", "--yes", "app.db")
    #expect(folder.exit == 1 && folder.tells("it is a folder, not a file"), "\(folder.everything)")
    #expect(try trial.sight() == before)
    let outcome = try trial.dbmend("repair", "--output", "notes.txt", "--yes", "app.db")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    #expect(try trial.value("pragma integrity_check", in: "notes.txt") == "ok")
    #expect(try trial.sight(except: "notes.txt")["app.db"] == before["app.db"])
    #expect(try trial.leftovers() == [])
  }

  @Test("a report is not written over a store that the run works on", arguments: ["check", "backup", "preflight"])
  func reportOverStore(_ command: String) throws {
    let trial = try Trial("app.db")
    try #require(symlink("app.db", trial.file("link.db")) == 0)
    let before = try trial.sight()
    for words in [["--report", "link.db", "app.db"], ["--report", "app.db", "link.db"]] {
      let outcome = try trial.text(command, words[0], words[1], words[2])
      #expect(outcome.exit == 2, "\(outcome)")
      #expect(outcome.errors.contains("could not write the report to \(words[1]): it is what the run works on"))
      #expect(try trial.sight() == before)
    }
    try trial.configure("app.db")
    #expect(try trial.text(command, "--report", "app.db").exit == 2)
    #expect(try trial.sight(except: "dbmend.yaml") == before)
  }

  @Test("a device or a pipe is never replaced by a file: --report writes into it, --output is refused")
  func devices() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try #require(try run("mknod", trial.file("null"), "c", "1", "3").exit == 0)
    try #require(symlink("null", trial.file("link")) == 0)
    let before = try trial.sight()
    for file in ["null", "link"] {
      #expect(try trial.text("check", "--format", "json", "--report", file, "app.db").exit == 1)
      let outcome = try trial.dbmend("repair", "--output", file, "--yes", "app.db")
      #expect(outcome.exit == 1 && outcome.tells("it is a device, not a file"), "\(outcome.everything)")
    }
    #expect(try trial.sight() == before)
    // The way of a shell's >(command), and of an open file.
    let piped = try run(
      "bash", "-c", "\"$0\" check --quiet --format json --report >(cat > report.json) app.db; sleep 0.3", Trial.program,
      folder: trial.folder.path)
    let report = try JSONValue(parsing: try trial.folder.read("report.json"))
    #expect(report["verdict"]?.string == "damaged", "\(piped)")
    let open = try run(
      "bash", "-c", "\"$0\" check --format json --report /dev/stdout app.db | cat", Trial.program,
      folder: trial.folder.path)
    #expect(open.output.contains("dbmend.report/1") && open.output.contains("Next:"), "\(open)")
    #expect(try FileStatus.of("/dev/stdout", followLinks: false).kind == .link)
  }

  @Test("a link stays a link when what it leads to is written")
  func links() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try Paths.makeFolder(trial.file("there"))
    for name in ["there/report", "there/mended.db"] { try trial.folder.write("old", to: name) }
    try #require(symlink("there/report", trial.file("report")) == 0)
    try #require(symlink("there/mended.db", trial.file("mended.db")) == 0)
    #expect(try trial.text("check", "--format", "json", "--report", "report", "app.db").exit == 1)
    #expect(try trial.dbmend("repair", "--output", "mended.db", "--yes", "app.db").exit == 0)
    for name in ["report", "mended.db"] {
      #expect(try FileStatus.of(trial.file(name), followLinks: false).kind == .link)
    }
    #expect(String(decoding: try trial.folder.read("there/report"), as: UTF8.self).contains("dbmend.report/1"))
    #expect(try trial.value("pragma integrity_check", in: "there/mended.db") == "ok")
    #expect(try Paths.names(in: trial.file("there")) == ["mended.db", "report"])
  }

  @Test("a report that cannot be written makes a success an error, and the store is as well as before")
  func unwritableReport() throws {
    let trial = try Trial("app.db")
    try Paths.makeFolder(trial.file("folder"))
    let before = try trial.sight()
    let outcome = try trial.text("check", "--format", "json", "--report", "folder", "app.db")
    #expect(outcome.exit == 3, "\(outcome)")
    #expect(outcome.errors.contains("folder"))
    #expect(try trial.sight() == before)
  }
}
