import MendKit
import TestSupport
import Testing

/// Folders with every kind of damage, with an archive of the sound one.
@Suite("Trials: damaged folders") struct FolderDamageTrials {
  private static let rotten =
    "touch -r a.txt ../t; printf X | dd of=a.txt bs=1 seek=2 conv=notrunc; touch -r ../t a.txt"

  static let cases: [DamageCase] = [
    DamageCase(
      name: "a file that the disk changed", damage: rotten, codes: ["file.rotten"], repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "many files that the disk changed",
      damage: "for i in $(seq 30); do touch -r many/$i ../t; printf XX > many/$i; touch -r ../t many/$i; done",
      codes: ["file.rotten"], repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "JSON that the disk changed",
      damage: "touch -r b.json ../t; printf ']' | dd of=b.json bs=1 seek=2 conv=notrunc; touch -r ../t b.json",
      codes: ["file.rotten", "file.malformed"], repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "JSON that is torn, and the rest is the archive's", damage: "truncate -s 24 b.json",
      codes: ["file.malformed"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "JSON that was written to and cut off", damage: "echo '{\"name\": \"Gra' > b.json",
      codes: ["file.malformed"],
      repairs: ["rows": (1, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "a file that is zeros, with its old time",
      damage: "touch -r a.txt ../t; head -c 6 /dev/zero > a.txt; touch -r ../t a.txt",
      codes: ["file.rotten"], repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "rot beside what somebody wrote and removed", damage: rotten + "; rm sub/c; echo other > many/1",
      codes: ["file.rotten"], repairs: ["none": (0, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "files that were removed", damage: "rm -r sub many", codes: [], check: 0,
      repairs: ["rows": (0, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "a file in the place of a folder", damage: "rm -r sub; echo x > sub", codes: [], check: 0,
      repairs: ["rows": (0, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "a link that leads elsewhere, and another mode", damage: "ln -sfn /etc link; chmod 600 a.txt", codes: [],
      check: 0,
      repairs: ["rows": (0, .damaged), "changes": (0, .archived)]),
    DamageCase(name: "gone", damage: "cd ..; rm -r docs", codes: ["file.missing"], repairs: ["changes": (1, .damaged)]),
    DamageCase(
      name: "a file under its name", damage: "cd ..; rm -r docs; echo x > docs",
      codes: ["file.not-a-file", "file.unknown-kind"],
      repairs: ["changes": (1, .damaged)]),
  ]

  /// Every path with its mode and content.
  private func state(_ trial: Trial) throws -> String {
    try run(
      "sh", "-c",
      """
      cd \(trial.folder.path) && find docs -type f -printf '%p %m ' -exec sh -c 'sha256sum < "$1"' - {} \\; \
      -o -type l -printf '%p -> %l\\n' -o -printf '%p %m\\n' | sort
      """
    ).output
  }

  @Test("what is found, and what comes back", arguments: cases)
  func damaged(_ one: DamageCase) throws {
    for (loss, expected) in one.repairs {
      let trial = try Trial()
      let made = try run(
        "sh", "-c",
        """
        cd \(trial.folder.path); mkdir -p docs/sub docs/many; cd docs; echo first > a.txt; echo '{"name": "Ada", "field": "mathematics"}' > b.json
        echo third > sub/c; ln -s a.txt link; for i in $(seq 30); do printf $i > many/$i; done
        for i in $(seq 9); do printf 0$i > many/$i; done; find . -type f -exec touch -d '1 hour ago' {} +
        """)
      try #require(made.exit == 0)
      let sound = try state(trial)
      try trial.configure("docs")
      try #require(try trial.dbmend("backup").exit == 0)
      try #require(try run("sh", "-c", "cd \(trial.folder.path)/docs; \(one.damage)").exit == 0)
      let damaged = try state(trial)
      let check = try trial.dbmend("check")
      #expect(check.exit == one.check, "\(check.everything)")
      let found = errors(check)
      let codes = Set(found.compactMap { $0["code"]?.string })
      #expect(codes.isSubset(of: one.codes), "\(check.codes)")
      #expect(found.isEmpty == one.codes.isEmpty)
      let repair = try trial.dbmend("repair", "production/docs", "--max-loss", loss)
      #expect(repair.exit == expected.exit, "\(loss): \(repair.everything)")
      switch expected.left {
      case .archived: #expect(try state(trial) == sound, "\(repair.everything)")
      case .damaged:
        // What the disk changed comes back in any case; all else is as it was left.
        let lines = try Set(state(trial).split(separator: "\n")).subtracting(sound.split(separator: "\n"))
        #expect(lines.isSubset(of: Set(damaged.split(separator: "\n"))), "\(repair.everything)")
        let gone = Set(damaged.split(separator: "\n")).subtracting(try state(trial).split(separator: "\n"))
        #expect(gone.allSatisfy { $0.hasPrefix("docs/a.txt") })
      case .text: Issue.record("a folder is no text")
      }
    }
  }

  @Test("folders that were removed come back with what was in them, and what is new in the store stays")
  func removed() throws {
    let trial = try Trial()
    let path = trial.folder.path
    let made = try run(
      "sh", "-c",
      "cd \(path); mkdir -p docs/sub/deep docs/kind; echo a > docs/a; echo b > docs/sub/b; echo c > docs/sub/deep/c; chmod 750 docs/sub; find docs -exec touch -d '1 hour ago' {} +"
    )
    try #require(made.exit == 0)
    let sound = try state(trial)
    try #require(try trial.dbmend("backup", "docs").exit == 0)
    try #require(
      try run("sh", "-c", "cd \(path)/docs; rm -r sub kind; echo x > kind; echo new > new; echo other > a").exit == 0)
    let repair = try trial.dbmend("repair", "docs", "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["plan"]?.array?.compactMap { $0["repair"]?.string } == ["restore-files"])
    let lines = try state(trial).split(separator: "\n")
    #expect(lines.filter { !$0.hasPrefix("docs/new ") } == sound.split(separator: "\n"), "\(repair.everything)")
    #expect(lines.contains { $0.hasPrefix("docs/new ") })
  }

  @Test("a file that another process has open is not replaced, and one that may not be read is told")
  func held() throws {
    let trial = try Trial()
    let made = try run(
      "sh", "-c",
      "cd \(trial.folder.path); chmod 755 .; mkdir docs; echo first > docs/a.txt; echo more > docs/b.txt; touch -d '1 hour ago' docs/*"
    )
    try #require(made.exit == 0)
    try #require(try trial.dbmend("backup", "docs").exit == 0)
    let path = trial.folder.path
    try #require(try run("sh", "-c", "cd \(path)/docs; \(Self.rotten)").exit == 0)
    let repair = try run(
      "sh", "-c", "cd \(path); exec 5< docs/a.txt; timeout 30 \(Trial.program) repair docs; echo exit $?")
    #expect(repair.output.contains("exit 1") && repair.output.contains("is open in"), "\(repair)")
    #expect(try trial.dbmend("repair", "docs").exit == 0)
    guard geteuid() == 0 else { return }
    chmod(trial.file("docs/b.txt"), 0o600)
    let check = try trial.dbmend("check", "--repository", "other", "docs", user: Trial.nobody)
    #expect(check.exit == 1, "\(check.everything)")
  }
}
