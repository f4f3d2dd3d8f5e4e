import MendKit
import TestSupport
import Testing

/// Names under which no store can be: nothing, a folder, a pipe, a socket, a device.
@Suite("Trials: what is no file") struct NoFileTrials {
  @Test("a missing path is an error, and nothing is created", arguments: ["check", "repair", "preflight", "backup"])
  func missing(_ command: String) throws {
    for path in ["gone.db", "no/such/folder/gone.db"] {
      let trial = try Trial()
      let outcome = try trial.dbmend(command, path)
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.verdict == "damaged")
      #expect(outcome.codes == ["file.missing"])
      #expect(outcome.tells("there is no file"))
      #expect(outcome.errors.contains("Next: check the path; if the file was lost:\n  dbmend restore latest \(path)\n"))
      #expect(try trial.folder.names() == [])
    }
  }

  @Test("a missing store of the configuration keeps the command from being started, and creates nothing")
  func missingConfigured() throws {
    let trial = try Trial()
    try trial.configure("app.db")
    let outcome = try trial.dbmend("preflight", "--", "touch", "ran")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.json?["command"] == nil)
    #expect(outcome.tells("The command was not started"))
    #expect(try trial.folder.names() == ["dbmend.yaml"])
  }

  @Test("restoring to a missing folder makes nothing", arguments: ["latest", "no/such.tar.zst"])
  func restoreNothing(_ archive: String) throws {
    let trial = try Trial()
    let outcome = try trial.dbmend("restore", archive, "no/gone.db")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.problems.count == 1)
    #expect(try trial.folder.names() == [])
  }

  @Test("a folder without stores is an error", arguments: ["check", "repair", "preflight", "backup"])
  func emptyFolder(_ command: String) throws {
    let trial = try Trial()
    try Paths.makeFolder(trial.file("data"))
    let before = try trial.sight()
    let outcome = try trial.dbmend(command, "data")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.tells("no file in it begins like one"))
    #expect(try trial.sight() == before)
  }

  @Test(
    "a pipe, a socket and a device are told by what they are, not waited for, and left alone",
    arguments: ["check", "repair", "preflight", "backup", "repair --plan", "preflight -- true"])
  func special(_ line: String) throws {
    let trial = try Trial()
    let words = line.split(separator: " ").map(String.init)
    try #require(try run("mkfifo", trial.file("pipe.db")).exit == 0)
    try #require(
      try run(
        "python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", trial.file("s.db")
      ).exit == 0)
    try #require(try run("mknod", trial.file("null.db"), "c", "1", "3").exit == 0)
    let before = try trial.sight()
    for (name, kind) in [("pipe.db", "pipe"), ("s.db", "socket"), ("null.db", "device")] {
      let end = words.firstIndex(of: "--") ?? words.count
      let rest = Array(words[1..<end]) + [name] + Array(words[end...])
      let outcome = try trial.dbmend(words: [words[0]] + rest)
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.codes == ["file.not-a-file"])
      #expect(outcome.tells("there is a \(kind) where a file was expected"))
      #expect(outcome.json?["command"] == nil)
    }
    #expect(try trial.sight() == before)
  }

  @Test("nothing is restored over a pipe or a folder")
  func restoreOver() throws {
    let trial = try Trial("app.db")
    #expect(try trial.dbmend("backup", "app.db").exit == 0)
    try Paths.removeFile(trial.file("app.db"))
    try #require(try run("mkfifo", trial.file("app.db")).exit == 0)
    let lock = "dbmend-archives/.dbmend.lock"
    let before = try trial.sight(except: lock)
    let outcome = try trial.dbmend("restore", "latest", "app.db")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.tells("it is a pipe, not a file"))
    #expect(try trial.sight(except: lock) == before)

    try Paths.removeFile(trial.file("app.db"))
    try SQLiteFile.make(try made(trial.file("app.db")) + "/other.db", Trial.shop)
    let within = try trial.sight(except: "dbmend-archives")
    let archive = try #require(try trial.archives().first)
    #expect(try trial.dbmend("restore", "dbmend-archives/\(archive)").exit == 1)
    #expect(try trial.sight(except: "dbmend-archives") == within)
  }

  private func made(_ path: String) throws -> String {
    try Paths.makeFolder(path)
    return path
  }
}
