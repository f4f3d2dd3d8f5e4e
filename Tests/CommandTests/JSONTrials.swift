import MendKit
import TestSupport
import Testing

/// JSON files, through every command.
@Suite("Trials: JSON files") struct JSONTrials {
  private static let profile =
    #"{"schema_version": 3, "users": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}], "theme": "dark"}"#

  @Test("a torn file is found to the byte, line and character, and gets its end back from the archive at no loss")
  func torn() throws {
    let trial = try Trial()
    try trial.folder.write(Self.profile, to: "profile.json")
    #expect(try trial.dbmend("backup", "profile.json").exit == 0)
    try trial.folder.write(Array(Self.profile.utf8.prefix(50)), to: "profile.json")
    let check = try trial.dbmend("check", "profile.json")
    #expect(check.exit == 1 && check.codes == ["file.malformed"])
    let finding = check.store()?["findings"]?.array?.first
    #expect(finding?["byte"]?.integer == 50 && finding?["line"]?.integer == 1)
    #expect(finding?["character"]?.integer == 51)
    let repair = try trial.dbmend("repair", "profile.json", "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try trial.folder.read("profile.json") == Array(Self.profile.utf8))
  }

  @Test("without an archive it is closed, the lost end is named, and the damaged file is in an archive")
  func closed() throws {
    let trial = try Trial()
    try trial.folder.write(Array(Self.profile.utf8.prefix(60)), to: "profile.json")
    let refused = try trial.dbmend("repair", "profile.json", "--max-loss", "none", "--yes")
    #expect(refused.exit == 1)
    #expect(try trial.folder.read("profile.json").count == 60)
    let repair = try trial.dbmend("repair", "profile.json", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.tells("lost are the"))
    #expect(try trial.dbmend("check", "profile.json").exit == 0)
    #expect(try trial.dbmend("list").output.contains("damaged"))
  }

  @Test("keys, version, rows and size are held against the rules of the configuration; a failed command is put back")
  func configured() throws {
    let trial = try Trial()
    try trial.folder.write(Self.profile, to: "profile.json")
    try trial.configure(
      "profile.json",
      more: """
        checks:
          - integrity
          - required-keys: { keys: { /users: array, /theme: string }, schema_version: 3 }
          - row-counts: { minimum: { users: 2 } }
          - size: { max_drop: 50% }
        """)
    let passed = try trial.dbmend("preflight", "--", "true")
    #expect(passed.exit == 0, "\(passed.everything)")
    let failed = try trial.dbmend("preflight", "--", "sh", "-c", "echo '{\"schema_version\": 4}' > profile.json")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try trial.folder.read("profile.json") == Array(Self.profile.utf8))
    try trial.folder.write(#"{"schema_version": 4, "users": [], "theme": 1}"#, to: "profile.json")
    let check = try trial.dbmend("check")
    #expect(
      Set(check.codes) == ["document.version", "document.key-type", "row-count.below-minimum", "size.dropped"],
      "\(check.everything)")
    let restore = try trial.dbmend("restore", "latest", "production/profile")
    #expect(restore.exit == 0, "\(restore.everything)")
    #expect(try trial.folder.read("profile.json") == Array(Self.profile.utf8))
  }

  /// Runs `dbmend write` in the trial's folder with this on its standard input.
  private func write(_ trial: Trial, _ text: String, _ words: String = "profile.json") throws -> ProgramResult {
    try trial.folder.write(text, to: "new")
    return try run(
      ["sh", "-c", "\"$0\" write \(words) < new", Trial.program], folder: trial.folder.path,
      environment: ["LC_ALL": "C.UTF-8"])
  }

  @Test("write makes a file, replaces it after archiving it, keeps its mode, and refuses what is damaged")
  func writes() throws {
    let trial = try Trial()
    #expect(try write(trial, Self.profile).exit == 0)
    #expect(try trial.folder.read("profile.json") == Array(Self.profile.utf8))
    chmod(trial.file("profile.json"), 0o600)
    let replaced = try write(trial, #"{"schema_version": 4}"#)
    #expect(replaced.exit == 0, "\(replaced.output)\(replaced.errors)")
    #expect(try FileStatus.of(trial.file("profile.json")).mode & 0o777 == 0o600)
    let refused = try write(trial, #"{"schema_version": 5"#)
    #expect(refused.exit == 1 && refused.output.contains("not written"))
    #expect(try trial.folder.read("profile.json") == Array(#"{"schema_version": 4}"#.utf8))
    #expect(try write(trial, "").exit == 2)
    #expect(try trial.dbmend("restore", "latest", "profile.json").exit == 0)
    #expect(try trial.folder.read("profile.json") == Array(Self.profile.utf8))
    // A damaged file is archived as what it is, and replaced.
    try trial.folder.write("{", to: "profile.json")
    #expect(try write(trial, Self.profile).exit == 0)
    #expect(try trial.folder.names().filter { $0 != "new" } == ["dbmend-archives", "profile.json"])
  }

  @Test("of what was written over the newest stay, and what a backup archived is left alone")
  func keeps() throws {
    let trial = try Trial()
    try trial.folder.write("[0]", to: "profile.json")
    #expect(try trial.dbmend("backup", "profile.json").exit == 0)
    for number in 1...9 { #expect(try write(trial, "[\(number)]", "--keep 3 profile.json").exit == 0) }
    let archives = try trial.dbmend("list").json?["archives"]?.array ?? []
    #expect(archives.count == 4, "\(archives)")
    #expect(try write(trial, "[1]", "--keep 0 profile.json").exit == 2)
  }

  @Test("writers take turns, and none is lost")
  func turns() throws {
    let trial = try Trial()
    try trial.folder.write("[0]", to: "profile.json")
    let writers = 12
    let folder = trial.folder.path
    let results = Workers.map(writers, workers: writers) { number in
      try? run(
        ["sh", "-c", "echo \"[$1]\" | \"$0\" write --keep 50 profile.json", Trial.program, "\(number + 1)"],
        folder: folder, environment: ["LC_ALL": "C.UTF-8"])
    }
    for result in results { #expect(result?.exit == 0, "\(result?.output ?? "")\(result?.errors ?? "")") }
    // Each content but the last was archived by the writer that came behind it.
    let archives = try trial.dbmend("list").json?["archives"]?.array ?? []
    #expect(archives.count == writers)
  }

  @Test("a write that is killed leaves the old content or the new one, and the next one cleans up")
  func killed() throws {
    let trial = try Trial()
    let old = "[\"" + String(repeating: "old ", count: 20_000) + "\"]"
    let new = "[\"" + String(repeating: "new ", count: 30_000) + "\"]"
    try trial.folder.write(old, to: "profile.json")
    try trial.folder.write(new, to: "new")
    var finished = false
    for moment in 1...120 where !finished {
      let seconds = 0.002 * Double(moment) * (1 + Double(moment) / 20)
      let run = try run(
        "sh", "-c",
        "cd \(trial.folder.path); timeout -s KILL \(seconds) \(Trial.program) write profile.json < new; echo exit $?")
      let now = String(decoding: try trial.folder.read("profile.json"), as: UTF8.self)
      #expect(now == old || now == new, "killed after \(seconds) s")
      finished = run.output.contains("exit 0")
      if now == new, !finished { try trial.folder.write(old, to: "profile.json") }
    }
    #expect(finished)
    #expect(try trial.folder.names().filter { $0 != "new" } == ["dbmend-archives", "profile.json"])
    #expect(try trial.dbmend("verify").exit == 0)
  }

  @Test("a search through a folder leaves JSON files alone, since few of them are an application's data")
  func search() throws {
    let trial = try Trial("app.db")
    try trial.folder.write("{", to: "report.json")
    let check = try trial.dbmend("check", ".")
    #expect(check.exit == 0, "\(check.everything)")
  }
}
