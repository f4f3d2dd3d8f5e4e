import MendEngine
import MendKit
import Synchronization
import Testing

@testable import dbmend

@Suite struct ConsoleTests {
  @Test(
    "UTF-8 is told by the locale's variables in their order",
    arguments: [
      (["LANG": "en_US.UTF-8"], true), (["LANG": "C"], false), ([:], false), (["LANG": "de_DE.utf8@euro"], true),
      (["LANG": "en_US.UTF-8", "LC_ALL": "C"], false), (["LC_CTYPE": "C.UTF-8", "LANG": "C"], true),
      (["LANG": "en_US.UTF-8", "LC_ALL": ""], true), (["LANG": "de_DE.ISO-8859-1"], false),
    ])
  func locale(_ variables: [String: String], _ isUnicode: Bool) {
    #expect(Console.isUnicode(Environment(variables)) == isUnicode)
  }

  private func watch(_ body: (TerminalProgress) -> Void) -> [String] {
    let written = Mutex<[String]>([])
    let now = Mutex(0.0)
    let clock = Clock(
      now: { 0 },
      steady: {
        now.withLock {
          $0 += 0.06; return $0
        }
      })
    let progress = TerminalProgress(clock: clock, width: 40, harmless: { $0 }) { text in
      written.withLock { $0.append(text) }
    }
    body(progress)
    return written.withLock { $0 }
  }

  private let store = StoreIdentity(environment: "production", name: "data", path: "/x")

  @Test("progress is one line, written over, not oftener than ten times a second, and taken away")
  func progress() {
    let written = watch { progress in
      progress.began(.archiving(store))
      progress.progressed(0.1)
      progress.progressed(0.5)
      progress.progressed(.nan)
      progress.finish()
      progress.finish()
    }
    #expect(
      written == [
        "\rarchiving production/data\u{1B}[K", "\rarchiving production/data 50 %\u{1B}[K", "\r\u{1B}[K",
      ])
  }

  @Test("while a command or hook writes to the terminal, progress is silent")
  func silence() {
    let written = watch { progress in
      progress.began(.archiving(store))
      progress.began(.running(["./update.sh"]))
      progress.progressed(0.5)
      progress.progressed(0.7)
    }
    #expect(written == ["\rarchiving production/data\u{1B}[K", "\r\u{1B}[K"])
  }

  @Test("a long title is cut to the terminal's width")
  func width() {
    let written = watch { $0.began(.verifying(archive: String(repeating: "x", count: 100))) }
    #expect(written.first?.count == 1 + 39 + 3)
  }
}

@Suite struct ExpectedReportTests {
  private func expectations(_ text: String) throws -> ExpectationFile {
    let folder = try Paths.makeTemporaryFolder("/tmp/dbmend-expect-")
    defer { try? Paths.removeTree(folder) }
    let file = folder + "/expected.yaml"
    try Durable.write(Array(text.utf8), to: file)
    return try ExpectationFile.load(file: file, registry: BuiltInPlugins.registry)
  }

  private func store(_ path: String, _ codes: [FindingCode]) -> StoreReport {
    StoreReport(
      store: StoreIdentity(environment: "adhoc", name: "x", path: path), path: path,
      verdict: codes.isEmpty ? .healthy : .damaged, findings: codes.map { Finding($0, .error, "found") })
  }

  @Test("expected findings are information, and the run is healthy")
  func met() throws {
    let file = try expectations("/srv/a.db: [index.entry-missing]\n/srv/b.db: []\n")
    let run = Report(stores: [store("/srv/a.db", ["index.entry-missing"]), store("/srv/b.db", [])])
    let report = ExpectedReport(run, file).report
    #expect(report.verdict == .healthy && report.problems.isEmpty)
    #expect(report.stores[0].findings.map(\.severity) == [.info])
  }

  @Test("a finding too many, one too few, a store too many and one too few are each told")
  func broken() throws {
    let file = try expectations("/srv/a.db: [index.entry-missing]\n/srv/gone.db: []\n")
    let run = Report(stores: [store("/srv/a.db", ["file.malformed"]), store("/srv/new.db", [])])
    let report = ExpectedReport(run, file).report
    #expect(report.verdict == .damaged)
    #expect(report.stores[0].findings.map(\.code) == ["file.malformed", "expectation.missing"])
    #expect(report.stores[1].findings.map(\.code) == ["expectation.unnamed"])
    #expect(report.problems.map(\.subject) == ["/srv/gone.db"])
  }

  @Test("a problem whose code was expected keeps nothing from being as expected")
  func problems() throws {
    let file = try expectations("/srv/a.db: [schema.unsupported]\n")
    var unchecked = store("/srv/a.db", [])
    unchecked.verdict = .unchecked
    unchecked.problems = [Problem(.unsupported, tried: "open", on: "it", said: "no", code: "schema.unsupported")]
    #expect(ExpectedReport(Report(stores: [unchecked]), file).report.verdict == .healthy)
  }
}
