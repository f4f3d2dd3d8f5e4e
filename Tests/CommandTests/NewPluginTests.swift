import MendKit
import TestSupport
import Testing

@testable import dbmend

@Suite("dbmend plugins new, and the examples that it writes from") struct NewPluginTests {
  /// Every example: its kind, its name and its language.
  static let samples: [(kind: PluginDescription.Kind, name: String, language: PluginLanguage)] = [
    (.check, "file-types", .swift), (.check, "ledger", .c), (.check, "future-times", .python),
    (.check, "blank-texts", .sh), (.repair, "clear-references", .swift), (.repair, "clear-references", .c),
    (.repair, "clear-references", .python), (.repair, "clear-references", .sh),
  ]

  @Test("an example is what would be written under its name, with its test", arguments: samples.indices)
  func examples(_ index: Int) throws {
    let example = Self.samples[index]
    let plugin = NewPlugin(kind: example.kind, name: example.name, language: example.language)
    for file in plugin.files {
      let path = Paths.join(Page.root, "examples/plugins/\(example.language.rawValue)/\(file.path)")
      let bytes = try FileHandle.read(path).readAll(limit: 1 << 20)
      #expect(String(decoding: bytes, as: UTF8.self) == file.text, "\(path)")
      #expect(try FileStatus.of(path).mode & 0o111 == file.mode & 0o111, "\(path)")
    }
  }

  @Test("what is written works, by the very commands that are printed", arguments: samples.indices)
  func works(_ index: Int) throws {
    let example = Self.samples[index]
    let trial = try Trial()
    let written = try trial.dbmend(
      "plugins", "new", example.kind.rawValue, "my-own", "--language", example.language.rawValue, "--output", "it's new"
    )
    try #require(written.exit == 0, "\(written.everything)")
    let files = (written.json?["written"]?.array ?? []).compactMap(\.string)
    #expect(files.first == "it's new/my-own.\(example.language.suffix)")
    let commands = (written.json?["commands"]?.array ?? []).compactMap(\.string)
    let path = "PATH=\(Paths.folder(of: Trial.program)):$PATH"
    let shell = try run(
      ["sh", "-e", "-c", ([path] + commands).joined(separator: "\n")], folder: trial.folder.path,
      environment: ["NO_COLOR": "1"])
    #expect(shell.exit == 0, "\(commands)\n\(shell.output)\(shell.errors)")
    #expect(shell.output.hasSuffix("things tried, all well\n"), "\(shell.output)\(shell.errors)")
    #expect(shell.output.contains("request: a store with bytes of noise") == (example.name != "file-types"))
    // The test that was written does the same.
    let test = try run(
      ["sh", "it's new/my-own.test.sh"], folder: trial.folder.path,
      environment: ["NO_COLOR": "1", "DBMEND": Trial.program])
    #expect(test.exit == 0 && test.output == shell.output, "\(test.output)\(test.errors)")
    // Nothing is left of the example's name.
    let text = String(decoding: try trial.folder.read(files[0]), as: UTF8.self)
    #expect(!text.contains(example.name))
  }

  @Test("nothing is written over, and then nothing is written at all")
  func existing() throws {
    let trial = try Trial()
    let first = try trial.text("plugins", "new", "check", "quota", "--language", "c")
    #expect(first.exit == 0 && first.output.contains("next:\n  cc -std=c11 "), "\(first)")
    #expect(try trial.folder.names() == ["dbmend_plugin.h", "quota.c", "quota.test.sh"])
    let again = try trial.text("plugins", "new", "check", "quota", "--language", "c")
    #expect(
      again.exit != 0 && again.errors.contains("quota.c: there is something already; nothing was written"), "\(again)")
    // What they share may be there, as long as it is the same.
    #expect(try trial.text("plugins", "new", "repair", "other", "--language", "c").exit == 0)
    try trial.folder.write("mine", to: "dbmend_plugin.h")
    #expect(try trial.text("plugins", "new", "check", "third", "--language", "c").exit != 0)
    #expect(try !trial.folder.names().contains("third.c"))
    symlink("/nowhere", trial.file("fourth.py"))
    #expect(try trial.text("plugins", "new", "check", "fourth").exit != 0)
    #expect(try !trial.folder.names().contains("fourth.test.sh"))
  }

  @Test(
    "what cannot be written is refused with the way to do it right",
    arguments: [
      (["new"], "needs check or repair"), (["new", "chekc", "a"], "did you mean 'check'?"),
      (["new", "check"], "needs a name"),
      (["new", "check", "../evil"], "is no name"), (["new", "check", "Quota"], "is no name"),
      (["new", "check", "a b"], "is no name"), (["new", "check", "test"], "is no name"),
      (["new", "check", "integrity"], "there is a check 'integrity' already"),
      (["new", "check", "a", "b"], "one word too many"),
      (["new", "check", "a", "--language", "cobol"], "cobol"), (["test"], "needs the file"),
      (["test", "a", "b"], "one word too many"), (["integrity", "b"], "one word too many"),
      (["tset"], "did you mean 'test'?"), (["test", "nowhere.py"], "No such file"),
    ])
  func refused(_ words: [String], _ said: String) throws {
    let trial = try Trial()
    let result = try trial.text(["plugins"] + words)
    #expect(result.exit == 2 && result.errors.contains(said), "\(result)")
    #expect(try trial.folder.names().isEmpty)
  }
}
