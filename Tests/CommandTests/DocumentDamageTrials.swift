import MendKit
import TestSupport
import Testing

/// One way in which a store is damaged, what a check says of it, and what a repair brings back.
struct DamageCase: CustomTestStringConvertible, Sendable {
  var name: String
  /// Run by a shell in the trial's folder; `$f` is the store.
  var damage: String
  /// What the check finds, as far as it is an error.
  var codes: Set<String>
  /// What a check ends with.
  var check: Int = 1
  /// What `repair --yes` ends with, by the loss that it is allowed, and what is there then.
  var repairs: [String: (exit: Int, left: Content)]

  enum Content: Sendable {
    /// What was archived.
    case archived
    /// What the damage left.
    case damaged
    /// This text.
    case text(String)
  }

  var testDescription: String { name }
}

/// The findings of a check that are no mere information.
func errors(_ check: Trial.Outcome) -> [JSONValue] {
  (check.store()?["findings"]?.array ?? []).filter { finding in
    ["error", "fatal"].contains(finding["severity"]?.string ?? "")
  }
}

/// JSON files with every kind of damage, by every command, and with an archive of the sound one.
@Suite("Trials: damaged JSON files") struct DocumentDamageTrials {
  private static let sound =
    #"{"schema_version": 3, "users": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}], "theme": "dark"}"#

  static let cases: [DamageCase] = [
    DamageCase(
      name: "bytes overwritten in the middle by what no program writes",
      damage: "printf '\\001\\002\\377\\376' | dd of=$f bs=1 seek=40 conv=notrunc",
      codes: ["file.malformed", "text.encoding"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "truncated, and the rest is the archive's", damage: "truncate -s 60 $f", codes: ["file.malformed"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "truncated after it was written to",
      damage: "echo '{\"theme\": \"light\", \"users\": [{\"id\": 7}, {\"i' > $f",
      codes: ["file.malformed"],
      repairs: [
        "none": (1, .damaged), "rows": (0, .text("{\"theme\": \"light\", \"users\": [{\"id\": 7}]}\n")),
      ]),
    DamageCase(
      name: "its beginning is zeros", damage: "dd if=/dev/zero of=$f bs=1 count=10 conv=notrunc",
      codes: ["file.malformed"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "all of it is zeros", damage: "n=$(stat -c %s $f); rm $f; truncate -s $n $f", codes: ["file.malformed"],
      repairs: ["rows": (1, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "its end is zeros", damage: "truncate -s 60 $f; truncate -s 103 $f", codes: ["file.malformed"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "zeros fill the file behind the text", damage: "truncate -s 4096 $f", codes: ["file.nul-tail"],
      repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "a byte order mark", damage: "cp $f x; printf '\\357\\273\\277' > $f; cat x >> $f; rm x",
      codes: ["file.byte-order-mark"], repairs: ["none": (0, .archived)]),
    DamageCase(
      name: "another encoding", damage: "iconv -f UTF-8 -t UTF-16LE $f > x; cat x > $f; rm x",
      codes: ["file.malformed"],
      repairs: ["rows": (1, .damaged), "changes": (0, .archived)]),
    DamageCase(
      name: "empty", damage: ": > $f", codes: ["file.empty", "file.malformed"],
      repairs: ["rows": (1, .damaged), "changes": (0, .archived)]),
    DamageCase(name: "gone", damage: "rm $f", codes: ["file.missing"], repairs: ["changes": (1, .damaged)]),
    DamageCase(
      name: "a folder in its place", damage: "rm $f; mkdir $f", codes: ["file.not-a-file"],
      repairs: ["changes": (1, .damaged)]),
    DamageCase(
      name: "a text instead", damage: "echo 'see the other file' > $f", codes: ["file.malformed"],
      repairs: ["rows": (1, .damaged), "changes": (0, .archived)]),
  ]

  @Test("what is found, and what comes back", arguments: cases)
  func damaged(_ one: DamageCase) throws {
    for (loss, expected) in one.repairs {
      let trial = try Trial()
      try trial.folder.write(Self.sound, to: "profile.json")
      try #require(try trial.dbmend("backup", "profile.json").exit == 0)
      try #require(try run("sh", "-c", "cd \(trial.folder.path); f=profile.json; \(one.damage)").exit == 0)
      let damaged = try? trial.folder.read("profile.json")
      let check = try trial.dbmend("check", "profile.json")
      let found = errors(check)
      #expect(check.exit == one.check, "\(check.everything)")
      let codes = Set(found.compactMap { $0["code"]?.string })
      #expect(codes.isSubset(of: one.codes), "\(check.codes)")
      #expect(!found.isEmpty)
      let repair = try trial.dbmend("repair", "profile.json", "--yes", "--max-loss", loss)
      #expect(repair.exit == expected.exit, "\(loss): \(repair.everything)")
      let now = try? trial.folder.read("profile.json")
      switch expected.left {
      case .archived: #expect(now == Array(Self.sound.utf8))
      case .damaged: #expect(now == damaged)
      case .text(let text): #expect(now.map { String(decoding: $0, as: UTF8.self) } == text)
      }
    }
  }

  @Test("a file that another process has open, or that may not be read, is left as it is")
  func held() throws {
    let trial = try Trial()
    try trial.folder.write(Array(Self.sound.utf8.prefix(60)), to: "profile.json")
    let holder = try run(
      "sh", "-c",
      "cd \(trial.folder.path); exec 5< profile.json; timeout 30 \(Trial.program) repair --yes profile.json; echo exit $?"
    )
    #expect(holder.output.contains("exit 1") && holder.output.contains("it is open in"), "\(holder)")
    #expect(try trial.folder.read("profile.json").count == 60)
    guard geteuid() == 0 else { return }
    chmod(trial.file("profile.json"), 0o600)
    #expect(try trial.dbmend("check", "profile.json", user: Trial.nobody).exit == 3)
  }
}
