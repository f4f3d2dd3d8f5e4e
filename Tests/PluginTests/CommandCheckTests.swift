import MendKit
import TestSupport
import Testing

@testable import StandardChecks

@Suite("command: Monitoring Plugins programs as checks")
struct CommandCheckTests {
  private let folder: TemporaryFolder
  private let check = CommandCheck()

  init() throws {
    folder = try TemporaryFolder("dbmend-command")
    try SQLiteFile.make(folder.file("app.db"), "create table t(x);")
  }

  private func looking() -> CheckContext {
    let path = folder.file("app.db")
    return CheckContext(
      store: StoreIdentity(environment: "production", name: "data", path: path), path: path,
      driver: registry.driver("sqlite"), folder: folder.path)
  }

  /// What one command comes to: its findings, and what the check says and measures.
  private func outcome(_ run: OptionValue, _ more: KeyValuePairs<String, OptionValue> = [:]) throws -> (
    findings: [Finding], said: String?, measures: [Measure]
  ) {
    let context = looking()
    let given = [OptionPair("name", .string("it")), OptionPair("run", run)] + more.map { OptionPair($0.key, $0.value) }
    let findings = try check.findings(in: context, options: Options(given, defaults: check.description))
    return (findings, context.said, context.measures)
  }

  private func sh(_ script: String, _ more: KeyValuePairs<String, OptionValue> = [:]) throws -> (
    findings: [Finding], said: String?, measures: [Measure]
  ) {
    try outcome(.list([.string("sh"), .string("-c"), .string(script)]), more)
  }

  @Test("the first line and what was measured go into the report, whatever the exit code")
  func saidAndMeasured() throws {
    for (code, codes) in [(0, []), (1, ["command.warning"]), (2, ["command.critical"]), (3, ["command.unknown"])] {
      let outcome = try sh(
        "echo 'LOAD - a line | load1=0.5;1;2;0; load5=0.75'; echo more of it; echo '| x=3B'; echo 'y=4;;;; '; exit \(code)"
      )
      #expect(outcome.findings.map(\.code.rawValue) == codes)
      #expect(outcome.said == "LOAD - a line")
      #expect(outcome.measures.map(\.name) == ["load1", "load5", "x", "y"])
      guard let finding = outcome.findings.first else { continue }
      #expect(finding.message == "it: LOAD - a line")
      #expect(finding.evidence == "more of it")
      #expect(finding.measures == outcome.measures)
      #expect(finding.severity == (code == 1 ? .warning : .error))
    }
  }

  @Test(
    "whatever else happens to the program is unknown, with what became of it and its last words",
    arguments: [
      ("echo it works; exit 4", "exit code 4", "it works"), ("exit 127", "exit code 127", ""),
      ("kill -SEGV $$", "killed by signal 11", ""),
      ("echo trouble >&2; sleep 60", "did not end within 300 ms", "trouble"),
      ("yes", "wrote more than 66 kB", "y"), ("trap '' TERM; while :; do sleep 1; done", "did not end within", ""),
    ])
  func unknown(_ script: String, _ fate: String, _ words: String) throws {
    let start = Clock.system.steady()
    let finding = try #require(
      try sh(script, ["timeout": .string("300ms"), "output": .integer(65536)]).findings.first)
    #expect(finding.code == "command.unknown" && finding.severity == .error)
    #expect(finding.message.hasPrefix("it: sh did not do as Monitoring Plugins do: it "))
    #expect(finding.message.contains(fate), "\(finding.message)")
    #expect(words.isEmpty || (finding.evidence ?? "").contains(words))
    #expect(Clock.system.steady() - start < 10)
  }

  @Test("a program that takes all memory is ended")
  func memory() throws {
    let finding = try #require(
      try outcome(
        .list([.string("python3"), .string("-c"), .string("import time; x = b'a' * (1 << 28); time.sleep(20)")]),
        ["memory": .string("64MiB")]
      ).findings.first)
    // Python is refused the memory and ends with 1, as any script does that fails; it did not mean a warning.
    #expect(finding.code == "command.unknown" && finding.evidence == "MemoryError", "\(finding)")
  }

  @Test("a program that says nothing is quoted as that; unknown brings its last words on standard error")
  func silence() throws {
    #expect(try sh("exit 0").said == nil)
    #expect(try sh("exit 2").findings.first?.message == "it: sh said nothing")
    let failed = try #require(try sh("echo line 1: syntax error >&2; exit 1").findings.first)
    #expect(failed.code == "command.unknown" && failed.evidence == "line 1: syntax error")
    #expect(failed.message == "it: sh did not do as Monitoring Plugins do: it ended with exit code 1 and said nothing")
    #expect(try sh("echo no such host >&2; exit 3").findings.first?.evidence == "no such host")
  }

  @Test("a program that is not there is a finding that says where it was looked for")
  func missing() throws {
    let bare = try #require(try outcome(.string("check_moon_phase -w 1")).findings.first)
    #expect(bare.code == "command.unknown")
    #expect(bare.message.hasPrefix("it: there is no program 'check_moon_phase' in PATH or in /usr/lib/nagios/plugins"))
    #expect(
      try outcome(.string("./none.sh")).findings.first?.message == "it: there is no program \(folder.file("./none.sh"))"
    )
    try folder.write("#!/bin/sh\n", to: "plain.sh")
    #expect(try outcome(.string("./plain.sh")).findings.first?.message.contains("chmod +x") == true)
    try folder.write("#!/no/such/interpreter\n", to: "odd.sh")
    chmod(folder.file("odd.sh"), 0o755)
    #expect(try outcome(.string("./odd.sh")).findings.first?.message.contains("could not be started") == true)
    #expect(try outcome(.string(folder.path)).findings.first?.code == "command.unknown")
  }

  @Test("a program with a slash is the configuration's neighbour and runs in its folder; one without is never")
  func relative() throws {
    try folder.write("#!/bin/sh\npwd\n", to: "bin/where")
    chmod(folder.file("bin/where"), 0o755)
    #expect(try outcome(.string("bin/where")).said == folder.path)
    try folder.write("#!/bin/sh\necho mine\n", to: "check_mine")
    chmod(folder.file("check_mine"), 0o755)
    #expect(try outcome(.string("check_mine")).findings.first?.code == "command.unknown")
  }

  @Test("it gets the variables that it is given, which store it is, and never a path to it")
  func variables() throws {
    setenv("DBMEND_TEST_PASSED", "passed on", 1)
    setenv("DBMEND_TEST_KEPT", "kept back", 1)
    let outcome = try sh(
      "env | grep -vE '^(PWD|OLDPWD|SHLVL|_|PATH)=' | sort | tr '\\n' ' '",
      [
        "environment": .map([OptionPair("GIVEN", .string("a b"))]),
        "pass": .list([.string("DBMEND_TEST_PASSED"), .string("DBMEND_TEST_NONE")]),
      ])
    #expect(
      outcome.said
        == "DBMEND_ENVIRONMENT=production DBMEND_KIND=sqlite DBMEND_STORE=production/data DBMEND_TEST_PASSED=passed on "
        + "GIVEN=a b LANG=C")
  }

  @Test("words that come from outside cannot move a terminal's cursor, and are no longer than anybody reads")
  func harmless() throws {
    let outcome = try sh("printf 'a\\033[2Jb\\007\\377c'; head -c 5000 /dev/zero | tr '\\0' x; exit 2")
    let said = try #require(outcome.said)
    #expect(said.hasPrefix("a [2Jb \u{FFFD}cxxx") && said.count == 1000)
  }

  @Test(
    "performance data is read as the guidelines write it",
    arguments: [
      ("/=40%;80;90;0;100", [Measure("/", 40, unit: "%", warning: "80", critical: "90", minimum: 0, maximum: 100)]),
      ("'a b'=1 'it''s'=2s c=3", [Measure("a b", 1), Measure("it's", 2, unit: "s"), Measure("c", 3)]),
      ("time=0.5s;;;0", [Measure("time", 0.5, unit: "s", minimum: 0)]),
      ("x=-1.5e-3KB;@10:20;~:5", [Measure("x", -0.0015, unit: "KB", warning: "@10:20", critical: "~:5")]),
      ("x=1;10:;:5", [Measure("x", 1, warning: "10:", critical: ":5")]),
      ("x=U;1;2 y=7c", [Measure("y", 7, unit: "c")]),
      ("x=5EB", [Measure("x", 5, unit: "EB")]),
      ("x=1;nonsense;1:2:3;a;b", [Measure("x", 1)]),
      ("just words here y=2", [Measure("y", 2)]),
      ("=1 ''=2 'open=3", []), ("'a'b=1 c=2", [Measure("c", 2)]), ("x=1,5s y= z=- w=. v=1e400 u=1x2", []),
      ("", []), ("   ", []), ("a b=1=2 c=3", [Measure("c", 3)]), ("x=1;;;;;;;;", [Measure("x", 1)]),
    ])
  func performance(_ text: String, _ measures: [Measure]) {
    #expect(MonitoringOutput(Array("OK|\(text)".utf8)).measures == measures)
  }

  @Test("any bytes at all are read without harm, and without end")
  func anything() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("'=;|:@~U%s0123456789.eE-+ \n\r\u{0}é".utf8)
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
      _ = MonitoringOutput(bytes)
    }
    let many = MonitoringOutput(Array((String(repeating: "a=1 ", count: 100_000) + "\n").utf8))
    #expect(many.measures.isEmpty && many.said.count == 1000)
    #expect(MonitoringOutput(Array(("|" + String(repeating: "a=1 ", count: 100_000)).utf8)).measures.count == 1000)
  }

  // MARK: The real ones

  /// Whether Debian's monitoring-plugins-basic is installed (`scripts/bootstrap --tests`).
  static let areHere = FileStatus.exists("/usr/lib/nagios/plugins/check_disk")

  @Test("check_file_age", .enabled(if: areHere))
  func fileAge() throws {
    let well = try outcome(.list([.string("check_file_age"), .string("-f"), .string(folder.file("app.db"))]))
    #expect(well.findings.isEmpty)
    #expect(well.said?.hasPrefix("FILE_AGE OK: ") == true)
    #expect(well.measures.map(\.name) == ["age", "size"])
    #expect(well.measures.last?.value == 8192 && well.measures.last?.unit == "B")
    var times = [timeval(tv_sec: 1_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000, tv_usec: 0)]
    utimes(folder.file("app.db"), &times)
    let old = try outcome(.string("check_file_age -w 60 -c 1000000000000 -f app.db"))
    #expect(old.findings.map(\.code) == ["command.warning"])
    #expect(try outcome(.string("check_file_age -w 60 -c 600 -f app.db")).findings.map(\.code) == ["command.critical"])
    #expect(
      try outcome(.string("check_file_age -f none.db")).findings.first?.message.contains("File not found") == true)
  }

  @Test("check_disk", .enabled(if: areHere))
  func disk() throws {
    let well = try outcome(.string("check_disk -w 0% -c 0% -p /"))
    #expect(well.findings.isEmpty, "\(well.findings)")
    #expect(well.said?.hasPrefix("DISK OK") == true)
    let measure = try #require(well.measures.first)
    #expect(
      measure.name == "/" && measure.value > 0 && (measure.maximum ?? 0) >= measure.value && !measure.unit.isEmpty)
    #expect(measure.warning != nil && measure.critical != nil)
    #expect(try outcome(.string("check_disk -w 100% -c 0% -p /")).findings.map(\.code) == ["command.warning"])
    #expect(try outcome(.string("check_disk -w 100% -c 100% -p /")).findings.map(\.code) == ["command.critical"])
    #expect(try outcome(.string("check_disk --nonsense")).findings.map(\.code) == ["command.unknown"])
  }

  @Test("check_procs, and the right word for a wrong name", .enabled(if: areHere))
  func processes() throws {
    let well = try outcome(.string("check_procs -w 1:100000 -c 1:200000"))
    #expect(well.findings.isEmpty && well.said?.hasPrefix("PROCS OK: ") == true)
    #expect(well.measures.first?.name == "procs")
    #expect(try outcome(.string("check_procs -c 1: -C no-such-program")).findings.map(\.code) == ["command.critical"])
    #expect(
      try outcome(.string("check_prcos")).findings.first?.message.hasSuffix("did you mean 'check_procs'?") == true)
  }
}
