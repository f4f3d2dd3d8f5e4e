import Foundation
import MendKit
import TestSupport
import Testing

/// What a long check shows while it works, and how it is stopped.
@Suite("Progress of a long check") struct ProgressTrials {
  private let trial: Trial

  init() throws {
    trial = try Trial("app.db")
    try Paths.makeFolder(trial.file("tmp"))
    // Small pages with many cells: enough for the slowest build to be busy with for a while, and the fastest to show.
    try trial.sql(
      """
      create table readings(id integer primary key, a integer, b text);
      with recursive n(i) as (values(1) union all select i + 1 from n where i < 1000000)
      insert into readings select i, i % 1000, 'reading' from n;
      create index readings_a on readings(a);
      """)
  }

  /// Runs a program on a terminal of its own, and types Ctrl-C once it shows how far it is, where that is asked for.
  private static let terminal = """
    import os, pty, select, signal, sys, time
    pid, screen = pty.fork()
    if pid == 0:
        # Who started the tests may have had it ignored or held back.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execvp(sys.argv[2], sys.argv[2:])
    said, typed = b'', None
    while select.select([screen], [], [], 60)[0]:
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
        if sys.argv[1] == 'stop' and typed is None and b' %' in said:
            typed = time.monotonic()
            os.write(screen, b'\\x03')
    status = os.waitpid(pid, 0)[1]
    took = time.monotonic() - typed if typed else 0
    print('signal', status & 127, 'exit', status >> 8, 'took', int(took * 1000))
    sys.stdout.flush()
    os.write(1, said)
    """

  private func onTerminal(_ action: String, _ words: String...) throws -> (outcome: [String], said: String) {
    let result = try run(
      ["python3", "-c", Self.terminal, action, Trial.program] + words, folder: trial.folder.path,
      environment: ["LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1", "TMPDIR": trial.file("tmp")])
    let lines = result.output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    try #require(lines.count == 2, "\(result)")
    return (lines[0].split(separator: " ").map(String.init), String(lines[1]))
  }

  @Test("a terminal shows one line that is written over and taken away; files and pipes get none of it")
  func terminal() throws {
    let (outcome, said) = try onTerminal("watch", "check", "app.db")
    #expect(outcome[1] == "0" && outcome[3] == "0", "\(outcome) \(said)")
    let drawn = said.components(separatedBy: "\r").filter { $0.contains(" %") }
    #expect(!drawn.isEmpty, "\(said)")
    #expect(drawn.allSatisfy { $0.contains("integrity") && !$0.dropLast().contains("\n") })
    let shares = drawn.compactMap { line in line.split(separator: " ").compactMap { Int($0) }.last }
    #expect(shares == shares.sorted() && shares.allSatisfy { (0...100).contains($0) })
    #expect(said.hasSuffix("ms\r\n") || said.hasSuffix(" s\r\n"), "\(said)")

    let (_, quiet) = try onTerminal("watch", "check", "--quiet", "app.db")
    #expect(!quiet.contains("%"))
    let plain = try trial.text("check", "app.db")
    #expect(!plain.output.contains("\r") && plain.errors == "")
  }

  @Test("Ctrl-C ends a check at once, and nothing is left of it")
  func interrupt() throws {
    let before = try trial.sight()
    let (outcome, said) = try onTerminal("stop", "check", "app.db")
    #expect(outcome[1] == String(SIGINT), "\(outcome) \(said)")
    #expect(Int(outcome[5]) ?? .max < 1000)
    #expect(try trial.sight() == before)
    // A store that is not held by what was stopped.
    try trial.sql("insert into users(name) values('Edsger')")
  }
}
