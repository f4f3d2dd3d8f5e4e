import MendKit
import TestSupport
import Testing

/// Folders, through every command.
@Suite("Trials: folders") struct FolderTrials {
  private func trial() throws -> Trial {
    let trial = try Trial()
    _ = try run(
      "sh", "-c",
      """
      cd \(trial.folder.path) && mkdir -p docs/sub docs/empty && echo first > docs/a.txt && echo '{"name": "Ada"}' > docs/sub/b.json
      ln -s ../a.txt docs/sub/link && head -c 200000 /dev/urandom > docs/sub/c.bin
      touch -d '1 hour ago' docs/a.txt docs/sub/b.json docs/sub/c.bin
      """)
    return trial
  }

  /// Runs a shell script in the trial's folder.
  private func shell(_ trial: Trial, _ script: String) throws {
    let result = try run("sh", "-c", "cd \(trial.folder.path) && \(script)")
    try #require(result.exit == 0, "\(result.errors)")
  }

  /// Every path of the folder with its mode, size, time and checksum.
  private func state(_ trial: Trial, _ folder: String = "docs", time: String = "%T@") throws -> String {
    let script = """
      cd \(trial.folder.path)/\(folder) && find . -type f -printf '%p %m %s \(time) ' -exec sh -c 'sha256sum < "$1"' - {} \\; \
      -o -type l -printf '%p -> %l\\n' -o -printf '%p %m\\n' | sort
      """
    return try run("sh", "-c", script).output
  }

  private func rot(_ trial: Trial, _ name: String) throws {
    let path = trial.file(name)
    let modified = try FileStatus.of(path).modified
    let file = try FileHandle.update(path)
    let byte = try file.read(1, at: 3)[0]
    try file.write([byte ^ 1], at: 3)
    FileTimes.set(modified, of: file)
  }

  @Test("a backup is a folder that tar unpacks, and a restore into a missing place brings everything back")
  func backup() throws {
    let trial = try trial()
    let before = try state(trial)
    let backup = try trial.dbmend("backup", "docs")
    #expect(backup.exit == 0, "\(backup.everything)")
    try shell(trial, "mkdir out && tar -C out -xf dbmend-archives/*.tar.zst")
    // Plain tar keeps whole seconds.
    #expect(try state(trial, "out/docs", time: "%Ts") == state(trial, time: "%Ts"))
    #expect(try trial.dbmend("verify").exit == 0)
    let again = try trial.dbmend("backup", "docs")
    #expect(again.exit == 0)
    #expect(try Paths.names(in: trial.file("dbmend-archives")).count { $0.hasSuffix(".tar.zst") } == 1)
    try shell(trial, "rm -r docs")
    let restore = try trial.dbmend("restore", "latest", "docs")
    #expect(restore.exit == 0, "\(restore.everything)")
    #expect(try state(trial) == before)
    #expect(try trial.dbmend("restore", "latest", "docs", "--output", "copy").exit == 0)
    #expect(try state(trial, "copy") == before)
  }

  @Test("a file that its disk changed comes back at no loss; what somebody wrote, added and removed stays as it is")
  func rotten() throws {
    let trial = try trial()
    #expect(try trial.dbmend("backup", "docs").exit == 0)
    let sound = try trial.folder.read("docs/sub/c.bin")
    try rot(trial, "docs/sub/c.bin")
    try shell(trial, "rm docs/a.txt; echo '{}' > docs/sub/b.json; echo new > docs/new")
    let check = try trial.dbmend("check", "docs")
    #expect(check.exit == 1)
    #expect(Set(check.codes) == ["file.rotten", "file.removed", "file.changed", "file.added"])
    let plan = try trial.dbmend("repair", "--plan", "docs", "--max-loss", "none")
    #expect(plan.tells("sub/c.bin"), "\(plan.everything)")
    let repair = try trial.dbmend("repair", "docs", "--max-loss", "none")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try trial.folder.read("docs/sub/c.bin") == sound)
    #expect(try trial.folder.read("docs/sub/b.json") == Array("{}\n".utf8))
    #expect(!FileStatus.exists(trial.file("docs/a.txt")) && FileStatus.exists(trial.file("docs/new")))
    #expect(try Paths.names(in: trial.folder.path).contains { $0.hasPrefix(".dbmend-work") } == false)
  }

  @Test("missing and changed files come back where changes may be lost, and new ones stay")
  func changes() throws {
    let trial = try trial()
    let before = try state(trial)
    #expect(try trial.dbmend("backup", "docs").exit == 0)
    try shell(
      trial,
      "rm -r docs/sub/b.json docs/empty; echo other > docs/a.txt; ln -sfn /etc docs/sub/link; echo new > docs/new")
    let unasked = try trial.dbmend("repair", "docs")
    #expect(unasked.exit == 0)
    #expect(!FileStatus.exists(trial.file("docs/sub/b.json")))
    let plan = try trial.dbmend("repair", "--plan", "docs", "--max-loss", "changes")
    for name in ["a.txt", "sub/b.json", "sub/link", "empty"] { #expect(plan.tells(name + ":"), "\(name)") }
    let repair = try trial.dbmend("repair", "docs", "--max-loss", "changes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try trial.folder.read("docs/new") == Array("new\n".utf8))
    try shell(trial, "rm docs/new")
    #expect(try state(trial) == before)
    #expect(try trial.dbmend("list").output.contains("damaged"))
  }

  @Test("a file that was only touched is no change, and stays as it is with a repair and with a restore")
  func touched() throws {
    let trial = try trial()
    let before = try state(trial, time: "")
    #expect(try trial.dbmend("backup", "docs").exit == 0)
    try shell(trial, "touch docs/a.txt; rm docs/sub/c.bin")
    let touched = try FileStatus.of(trial.file("docs/a.txt"))
    let check = try trial.dbmend("check", "docs")
    #expect(check.exit == 0 && check.codes == ["file.removed"], "\(check.everything)")
    #expect(try trial.dbmend("restore", "latest", "docs").exit == 0)
    #expect(try FileStatus.of(trial.file("docs/a.txt")) == touched)
    #expect(try state(trial, time: "") == before)
    try shell(trial, "echo other > docs/sub/b.json")
    #expect(try trial.dbmend("repair", "docs", "--max-loss", "changes").exit == 0)
    #expect(try FileStatus.of(trial.file("docs/a.txt")) == touched)
    #expect(try state(trial, time: "") == before)
  }

  @Test("a backup of a damaged folder keeps none of what it archived while it checked")
  func damagedBackup() throws {
    let trial = try trial()
    try shell(trial, "echo '{\"name\": ' > docs/sub/b.json")
    let backup = try trial.dbmend("backup", "docs")
    #expect(backup.exit == 1)
    #expect(backup.codes == ["file.malformed"], "\(backup.everything)")
    let names = try Paths.names(in: trial.file("dbmend-archives"))
    #expect(names.count { $0.hasSuffix(".tar.zst") } == 1 && !names.contains { $0.hasSuffix(".partial") }, "\(names)")
    #expect(try trial.dbmend("list").output.contains("damaged"))
    #expect(try trial.dbmend("restore", "latest", "docs").exit == 1)
  }

  @Test("a rule makes an error of what is missing")
  func ruled() throws {
    let trial = try trial()
    try trial.configure("docs", more: "rules:\n  - { when: { code: file.removed }, severity: error }\n")
    #expect(try trial.dbmend("backup").exit == 0)
    try shell(trial, "rm docs/a.txt")
    #expect(try trial.dbmend("check").exit == 1)
    let refused = try trial.dbmend("repair", "production/docs")
    #expect(refused.exit == 1, "\(refused.everything)")
    #expect(try trial.dbmend("repair", "production/docs", "--max-loss", "changes").exit == 0)
    #expect(FileStatus.exists(trial.file("docs/a.txt")))
  }

  @Test("what a failed command did to a folder is undone, and what it left is in an archive")
  func preflight() throws {
    let trial = try trial()
    try trial.configure("docs", more: "")
    let before = try state(trial)
    let failed = try trial.dbmend(
      "preflight", "--", "sh", "-c",
      "cd docs; rm -r a.txt empty; echo x > sub/b.json; mkdir d; echo y > d/y; chmod 700 sub; chmod 600 sub/c.bin; ln -sfn / sub/link; exit 3"
    )
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try state(trial) == before)
    #expect(try trial.dbmend("list").output.contains("put-back"))
    #expect(try trial.dbmend("preflight", "--", "true").exit == 0)
    try shell(trial, "ln docs/a.txt other")
    let refused = try trial.dbmend("preflight", "--", "true")
    #expect(refused.exit == 1 && refused.tells("hard links"), "\(refused.everything)")
  }

  @Test("options of the configuration choose what belongs to the store, and wrong ones are told with their place")
  func options() throws {
    let trial = try trial()
    let head =
      "version: 1\nenvironments:\n  production:\n    stores:\n      data: { path: docs, kind: folder, options: "
    try trial.folder.write(head + "{ include: ['*.json'], exclude: [empty/] } }\n", to: "dbmend.yaml")
    #expect(try trial.dbmend("backup").exit == 0)
    let listing = try run("sh", "-c", "cd \(trial.folder.path) && tar -tf dbmend-archives/*.tar.zst").output
    #expect(
      listing.split(separator: "\n") == ["docs/", "docs/sub/", "docs/sub/b.json", "files.jsonl", "manifest.json"])
    try shell(trial, "rm docs/a.txt")
    let failed = try trial.dbmend("preflight", "--", "sh", "-c", "rm docs/sub/*; exit 1")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(FileStatus.exists(trial.file("docs/sub/b.json")) && !FileStatus.exists(trial.file("docs/sub/c.bin")))
    #expect(FileStatus.exists(trial.file("docs/empty")))
    try trial.folder.write(head + "{ includes: ['*.json'] } }\n", to: "dbmend.yaml")
    let wrong = try trial.dbmend("check")
    #expect(wrong.exit == 2 && wrong.tells("did you mean 'include'"), "\(wrong.everything)")
  }

  @Test(
    "a restore that is killed while it exchanges files leaves the old or the new folder once the next run has looked")
  func killed() throws {
    let trial = try Trial()
    try shell(trial, "mkdir docs; for i in $(seq 200); do echo old $i > docs/$i; done")
    #expect(try trial.dbmend("backup", "docs").exit == 0)
    let state = { try run("sh", "-c", "cd \(trial.folder.path)/docs && ls | sort | xargs cat").output }
    let old = try state()
    try shell(trial, "for i in $(seq 200); do echo new $i > docs/$i; done; sleep 0.01")
    #expect(try trial.dbmend("backup", "docs").exit == 0)
    let archives = try Paths.names(in: trial.file("dbmend-archives")).filter { $0.hasSuffix(".tar.zst") }.sorted()
    let oldest = try #require(archives.min { $0.count == $1.count ? $0 < $1 : $0.count < $1.count })
    let new = try state()
    var finished = false
    for moment in 1...200 where !finished {
      let seconds = 0.005 * Double(moment) * (1 + Double(moment) / 20)
      _ = try run(
        "sh", "-c",
        "cd \(trial.folder.path); timeout -s KILL \(seconds) \(Trial.program) restore dbmend-archives/\(oldest) docs")
      let next = try trial.dbmend("backup", "docs")
      #expect(next.exit == 0, "\(next.everything)")
      let now = try state()
      #expect(now == old || now == new, "killed after \(seconds) s: \(next.everything)")
      finished = now == old
    }
    #expect(finished)
    #expect(try Paths.names(in: trial.folder.path).contains { $0.hasPrefix(".dbmend-work") } == false)
  }

  @Test("a check creates nothing and changes no time")
  func readOnly() throws {
    let trial = try trial()
    let before = try state(trial)
    let times = try run("sh", "-c", "cd \(trial.folder.path) && find . -printf '%p %T@ %C@\\n' | sort").output
    try trial.configure("docs", more: "")
    #expect(try trial.dbmend("check").exit == 0)
    try Paths.removeFile(trial.file("dbmend.yaml"))
    #expect(try state(trial) == before)
    let now = try run("sh", "-c", "cd \(trial.folder.path) && find docs -printf './%p %T@ %C@\\n' | sort").output
    #expect(times.contains(now) || now.split(separator: "\n").allSatisfy { times.contains($0) })
  }
}
