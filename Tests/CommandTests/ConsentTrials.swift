import MendKit
import TestSupport
import Testing

/// Who has to agree to a repair that may lose something, and how.
@Suite("Consent to a repair") struct ConsentTrials {
  private let trial: Trial

  init() throws {
    trial = try Trial("app.db")
    try trial.sql(
      """
      create table parts(id integer primary key, name text);
      with recursive n(i) as (values(1) union all select i + 1 from n where i < 2000)
      insert into parts select i, 'part number ' || i from n;
      """)
  }

  /// Zeroes the root of `parts`, so that only a salvage helps.
  private func spoilTree() throws {
    let root = try #require(Int(try trial.value("select rootpage from sqlite_schema where name = 'parts'") ?? ""))
    try FileHandle.update(trial.file("app.db")).write([UInt8](repeating: 0, count: 4096), at: (root - 1) * 4096)
  }

  /// Runs a program on a terminal of its own and types an answer to its question.
  private static let terminal = """
    import os, pty, select, sys
    pid, screen = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    said, answered = b'', False
    while select.select([screen], [], [], 60)[0]:
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
        if b'[y/N]' in said and not answered:
            answered = True
            os.write(screen, sys.argv[1].encode() + b'\\n')
    print(os.waitpid(pid, 0)[1] >> 8)
    sys.stdout.flush()
    os.write(1, said)
    """

  private func onTerminal(answering answer: String, _ words: String...) throws -> (exit: Int, said: String) {
    let result = try run(
      ["python3", "-c", Self.terminal, answer, Trial.program] + words, folder: trial.folder.path,
      environment: ["LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1"])
    let lines = result.output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    try #require(lines.count == 2, "\(result)")
    return (Int(lines[0]) ?? -1, String(lines[1]))
  }

  @Test(
    "without a terminal, a store of no configuration that may lose rows is shown its plan and left alone until --yes")
  func elsewhere() throws {
    try spoilTree()
    let before = try trial.sight()
    let refused = try trial.text("repair", "app.db")
    #expect(refused.exit == 1)
    #expect(refused.output.contains("plan:") && refused.output.contains("1. salvage"), "\(refused)")
    #expect(refused.output.contains("parts  2,000"), "\(refused)")
    #expect(refused.output.contains("there is no terminal to ask on"), "\(refused)")
    #expect(refused.output.contains("dbmend repair --yes app.db"), "\(refused)")
    #expect(try trial.sight() == before)
    let done = try trial.dbmend("repair", "--yes", "app.db")
    #expect(done.exit == 0, "\(done.everything)")
    #expect(try trial.value("select count(*) from parts") == "2000")
  }

  @Test("--max-loss says what may be lost, and so does a configuration")
  func said() throws {
    try spoilTree()
    #expect(try trial.dbmend("repair", "--max-loss", "rows", "app.db").exit == 0)
    try spoilTree()
    try trial.configure("app.db")
    #expect(try trial.dbmend("repair", "app").exit == 0)
    #expect(try trial.value("pragma integrity_check") == "ok")
  }

  @Test("a repair that loses nothing needs no consent")
  func lossless() throws {
    try trial.spoilIndex()
    let done = try trial.dbmend("repair", "app.db")
    #expect(done.exit == 0, "\(done.everything)")
  }

  @Test("on a terminal the plan is shown and asked about; no is the default")
  func terminal() throws {
    try spoilTree()
    let before = try trial.sight()
    let refused = try onTerminal(answering: "", "repair", "app.db")
    #expect(refused.exit == 1)
    #expect(refused.said.contains("1. salvage") && refused.said.contains("Nothing was changed."), "\(refused.said)")
    #expect(try trial.sight() == before)
    let done = try onTerminal(answering: "y", "repair", "app.db")
    #expect(done.exit == 0, "\(done.said)")
    #expect(try trial.value("pragma integrity_check") == "ok")
    #expect(try onTerminal(answering: "", "repair", "app.db").exit == 0)
  }

  @Test("the next step after a plan has the options that the plan was made with")
  func options() throws {
    try spoilTree()
    let plan = try trial.text("repair", "--plan", "--max-loss", "changes", "--provenance", "app.db")
    #expect(plan.output.contains("dbmend repair --max-loss changes --provenance --yes app.db"), "\(plan)")
  }
}
