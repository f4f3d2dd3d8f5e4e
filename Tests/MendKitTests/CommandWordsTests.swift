import MendKit
import Testing

@Suite("A command is split into words as a shell does it, without one")
struct CommandWordsTests {
  @Test(
    "quotes and backslashes",
    arguments: [
      ("check_disk -w 20% -c 10% -p /", ["check_disk", "-w", "20%", "-c", "10%", "-p", "/"]),
      ("  a\t b\n c  ", ["a", "b", "c"]),
      ("sh -c 'echo \"two words\"; exit 1'", ["sh", "-c", "echo \"two words\"; exit 1"]),
      (#"a "b c"d'e f' \"g\" h\ i"#, ["a", "b cde f", "\"g\"", "h i"]),
      (#"a "\"\\\$\x" '\'"#, ["a", #""\$\x"#, #"\"#]),
      ("a '' \"\"", ["a", "", ""]),
      ("a $HOME * ~ b>c", ["a", "$HOME", "*", "~", "b>c"]),
      ("a '|' \\> \"&&\"", ["a", "|", ">", "&&"]),
      ("a b\\\nc", ["a", "bc"]),
    ])
  func splits(_ text: String, _ words: [String]) throws {
    #expect(try CommandWords(splitting: text).words == words)
  }

  @Test("a shell's own reading agrees, where nothing is to be expanded")
  func agreesWithShell() throws {
    for text in [#"a "b c"d'e f' \"g\" h\ i"#, #"x '' "" "\"\\\$\`" 'a\b' "a'b" 'c"d'"#, "a\\\\b 'c d'\"e f\"g"] {
      let outcome = try ConfinedProgram(path: "/bin/sh", arguments: ["-c", "printf '%s\\n' \(text)"]).run()
      let lines = String(decoding: outcome.output, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      #expect(try CommandWords(splitting: text).words == lines.dropLast().map(String.init))
    }
  }

  @Test(
    "what is no command is refused with the reason",
    arguments: [
      ("", "no program"), ("  ", "no program"), ("''", "no program"), ("a 'b", "quote ' is opened"),
      ("a \"b", "quote \" is opened"), ("a \\", "backslash"), ("check_disk | mail", "'|' is for a shell"),
      ("a && b", "'&&' is for a shell"), ("a > b", "'>' is for a shell"), ("a \u{0}", "zero byte"),
    ])
  func refused(_ text: String, _ said: String) {
    #expect { try CommandWords(splitting: text) } throws: {
      ($0 as? CommandWords.Complaint)?.said.contains(said) == true
    }
  }

  @Test("an option takes text and lists of words, and says where in them something is wrong")
  func option() {
    let type = OptionType.commandLine
    #expect(type.complaint(about: .string("check_disk -p /")) == nil)
    #expect(type.complaint(about: .list([.string("check_disk"), .integer(5)])) == nil)
    #expect(type.complaint(about: .list([.string("a"), .map([])]))?.path == ["1"])
    #expect(type.complaint(about: .string("a 'b"))?.said == "this is no command: a quote ' is opened and never closed")
    #expect(type.complaint(about: .list([])) != nil)
    #expect(type.complaint(about: .null) != nil)
    #expect(type.complaint(about: .map([])) != nil)
  }
}
