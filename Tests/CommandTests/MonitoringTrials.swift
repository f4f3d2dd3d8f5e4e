import MendKit
import TestSupport
import Testing

@Suite("Monitoring Plugins programs as a user runs them", .serialized)
struct MonitoringTrials {
  /// A shop whose checks are these besides `connects`.
  private func trial(_ checks: String...) throws -> Trial {
    let trial = try Trial("data.db")
    try trial.configure("data.db", more: "checks:\n" + (["connects"] + checks).map { "  - \($0)\n" }.joined())
    return trial
  }

  @Test("what the program says and measures stands in every report")
  func reports() throws {
    let trial = try trial(
      "command: { name: room, run: \"sh -c 'echo \\\"ROOM OK | used=40%;80;90;0;100\\\"'\" }",
      "command: { name: load, run: [sh, -c, \"echo 'LOAD CRITICAL | load=9'; exit 2\"] }")
    let report = try trial.dbmend("check")
    #expect(report.exit == 1)
    let checks = try #require(report.store()?["checks"]?.array)
    #expect(checks.map { $0["check"]?.string } == ["connects", "command: room", "command: load"])
    #expect(checks[1]["said"]?.string == "ROOM OK")
    let measure = try #require(checks[1]["measures"]?.array?.first)
    #expect(
      measure.text()
        == #"{"name":"used","value":40,"unit":"%","warning":"80","critical":"90","minimum":0,"maximum":100}"#)
    #expect(report.codes == ["command.critical"])
    #expect(report.store()?["findings"]?.array?[0]["measures"]?.array?[0]["value"]?.integer == 9)
    let text = try trial.text("check", "--verbose", "--no-color")
    #expect(text.output.contains("        ROOM OK\n        used 40 %, warning 80, critical 90, from 0 to 100\n"))
    #expect(text.output.contains("load: LOAD CRITICAL"))
    #expect(try trial.text("check", "--format", "junit").output.contains("<system-out>ROOM OK\nused 40 %"))
    #expect(try trial.text("check", "--format", "sarif").output.contains(#""name": "load""#))
  }

  @Test("two commands that fail alike are two findings, and so are two queries")
  func alike() throws {
    let trial = try trial(
      "command: { name: one, run: \"sh -c 'exit 2'\" }", "command: { name: two, run: \"sh -c 'exit 2'\" }",
      "sql: { name: three, query: select 1, expect: 2 }", "sql: { name: four, query: select 1, expect: 3 }")
    let report = try trial.dbmend("check")
    #expect(report.codes == ["command.critical", "command.critical", "sql.unexpected", "sql.unexpected"])
    let checks = report.store()?["findings"]?.array?.map { $0["check"]?.string }
    #expect(checks == ["command: one", "command: two", "sql: three", "sql: four"])
  }

  @Test("a repair is not undone for a disk that fills, and its report has the commands of the place")
  func repairs() throws {
    let trial = try trial("integrity", "command: { name: disk, run: \"sh -c 'echo FULL; exit 2'\" }")
    try trial.spoilIndex(of: "data.db")
    let report = try trial.dbmend("repair", "production/data", "--yes")
    #expect(report.exit == 1, "\(report.everything)")
    #expect(report.store()?["plan"]?.array?.first?["outcome"]?.string == "mended", "\(report.everything)")
    let checks = report.store()?["checks"]?.array?.compactMap { $0["check"]?.string } ?? []
    #expect(checks.contains("command: disk"))
    #expect(try trial.text("repair", "production/data", "--plan").exit == 1)
  }

  @Test("a rule makes what nobody knows a warning, and a run goes on")
  func rule() throws {
    let trial = try Trial("data.db")
    try trial.configure(
      "data.db",
      more: """
        checks:
          - connects
          - command: { name: moon, run: check_moon_phase }
        rules:
          - { when: { code: command.unknown }, severity: warning }
        """)
    let report = try trial.dbmend("preflight", "--", "true")
    #expect(report.exit == 0, "\(report.everything)")
    #expect(report.codes.contains("command.unknown"))
  }

  @Test("a command that cannot be read is an error with its place, and nothing runs")
  func unreadable() throws {
    let trial = try trial("command: { name: it, run: \"check_disk 'oops\" }", "command: { name: or, run: \"a | b\" }")
    let text = try trial.text("check")
    #expect(text.exit == 2)
    #expect(
      text.errors.contains("dbmend.yaml:8:31: this is no command: a quote ' is opened and never closed"), "\(text)")
    #expect(text.errors.contains("dbmend.yaml:9:31: this is no command: '|' is for a shell"))
  }

  @Test(
    "a configuration that everybody may write, or that a stranger left here, has no program run",
    .enabled(if: geteuid() == 0))
  func distrust() throws {
    let trial = try trial("command: { name: it, run: \"touch ran\" }", "sql: { name: one, query: select 1, expect: 1 }")
    chmod(trial.file("dbmend.yaml"), 0o666)
    let open = try trial.text("check")
    #expect(
      open.exit == 2 && open.errors.contains("dbmend.yaml:8:26: everybody may write this file, so no program"),
      "\(open)")
    chmod(trial.file("dbmend.yaml"), 0o644)
    chown(trial.file("dbmend.yaml"), 65534, 65534)
    let stranger = try trial.text("check")
    #expect(
      stranger.exit == 2 && stranger.errors.contains("belongs to another user, and nobody named it"), "\(stranger)")
    #expect(!FileStatus.exists(trial.file("ran")))
    // Who names it answers for it.
    #expect(try trial.dbmend("check", "--config", "dbmend.yaml").exit == 0)
    #expect(FileStatus.exists(trial.file("ran")))
  }

  @Test("the real ones of Debian", .enabled(if: FileStatus.exists("/usr/lib/nagios/plugins/check_disk")))
  func real() throws {
    let trial = try trial(
      "command: { name: disk, run: \"check_disk -w 0% -c 0% -p .\" }",
      "command: { name: age, run: \"check_file_age -w 3600 -c 7200 -f data.db\" }",
      "command: { name: processes, run: \"check_procs -c 1:100000\" }")
    let report = try trial.dbmend("check")
    #expect(report.exit == 0, "\(report.everything)")
    let checks = try #require(report.store()?["checks"]?.array)
    #expect(checks.dropFirst().allSatisfy { $0["said"]?.string?.contains(" OK") == true && $0["measures"] != nil })
  }
}
