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

  @Test("where a standard stream is closed, nothing that is meant for it goes into a file that was opened instead")
  func closedStreams() throws {
    let outcome = try shell(
      """
      cd "$(mktemp -d)" && sqlite3 app.db 'create table t(a)' && sum=$(cksum < app.db)
      for closed in '<&-' '>&-' '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        for words in 'check app.db' 'preflight --format json app.db -- echo precious' 'backup app.db'; do
          eval "\"\\$0\" $words $closed" > out 2> err
          test "$(cksum < app.db)" = "$sum" || echo "the store changed: $words $closed"
          grep -la precious app.db dbmend-archives/.* dbmend-archives/*.json 2> /dev/null
        done
      done
      "$0" check app.db >&- 2> err; echo $?; rm -r "$PWD"
      """)
    #expect(outcome.output == "3\n")
  }

  @Test("a word that is no UTF-8 is refused, since it would come to mean another file")
  func bytes() throws {
    let outcome = try shell("LC_ALL=C \"$0\" check $'bad\\xff.db' > /dev/null; echo $?")
    #expect(outcome.output.hasPrefix("error: could not understand argument 2, "))
    #expect(outcome.output.contains("it is not valid UTF-8") && outcome.output.hasSuffix("2\n"))
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
