import Foundation
import MendKit
import Testing

/// The program as a process of its own: what only its streams and its exit code can show.
@Suite struct ProcessTests {
  /// The program that was built with these tests.
  private var program: String { Paths.join(Paths.folder(of: Paths.resolved("/proc/self/exe")), "dbmend") }

  private func shell(_ script: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script, program]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  @Test("--version and help succeed on standard output alone")
  func version() throws {
    let outcome = try shell("\"$0\" --version 2>/dev/null && \"$0\" help 2>/dev/null")
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("dbmend \(try versionText())\n"))
  }

  private func versionText() throws -> String {
    let text = try shell("\"$0\" --version").output
    return String(text.dropFirst("dbmend ".count).dropLast())
  }

  @Test("wrong use is told on standard error, with exit code 2 and nothing on standard output")
  func usage() throws {
    let outcome = try shell("\"$0\" check --fromat json 2>/dev/null; echo $?; \"$0\" 2>/dev/null; echo $?")
    #expect(outcome.output == "2\n2\n")
    let said = try shell("LC_ALL=C \"$0\" check --fromat json 2>&1 >/dev/null").output
    #expect(
      said == """
        error: unknown option '--fromat' for 'dbmend check'; did you mean '--format'?
          -> Run 'dbmend help check' to see how it is used.

        """)
  }

  @Test("output that cannot be written makes a success an error", arguments: ["help", "plugins", "--version"])
  func fullOutput(_ command: String) throws {
    let outcome = try shell("LC_ALL=C \"$0\" \(command) 2>&1 >/dev/full")
    #expect(outcome.status == 3)
    #expect(outcome.output == "error: could not write to standard output: No space left on device\n")
  }

  @Test("a reader that goes away ends the program without a word")
  func closedPipe() throws {
    let outcome = try shell("\"$0\" help | true; echo ${PIPESTATUS[0]}")
    // Whether the reader is gone before the only write is a matter of luck.
    #expect(["0\n", "3\n"].contains(outcome.output))
  }

  @Test("no colours where standard output is no terminal")
  func colours() throws {
    #expect(!(try shell("\"$0\" help check").output.contains("\u{1B}")))
  }

  @Test("a terminal gets colours, unless NO_COLOR, --no-color or TERM=dumb say otherwise")
  func terminal() throws {
    func show(_ start: String, _ end: String = "") throws -> Bool {
      // script(1) runs a command on a terminal of its own.
      let line = "export TERM=xterm; \(start) script -qec \"'$0' help check \(end)\" /dev/null"
      return try shell(line).output.contains("\u{1B}[1m")
    }
    #expect(try show("unset NO_COLOR;"))
    #expect(!(try show("export NO_COLOR=1;")))
    #expect(try show("export NO_COLOR=;"))
    #expect(!(try show("unset NO_COLOR;", "--no-color")))
    #expect(!(try show("unset NO_COLOR; TERM=dumb")))
  }
}
