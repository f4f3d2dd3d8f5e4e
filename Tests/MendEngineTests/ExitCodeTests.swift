import MendKit
import Testing

@testable import MendEngine

@Suite("Exit codes")
struct ExitCodeTests {
  let identity = StoreIdentity(environment: "production", name: "data", path: "/srv/data.db")

  func store(_ verdict: Verdict, putBack: Bool = false, lost: Bool = false) -> StoreReport {
    var report = StoreReport(store: identity, path: "data.db", verdict: verdict, wasPutBack: putBack)
    report.couldNotBePutBack = lost
    return report
  }

  @Test(
    "each verdict has its code",
    arguments: [
      (Verdict.healthy, ExitCode.healthy), (.repaired, .healthy), (.damaged, .damaged), (.unchecked, .unchecked),
    ])
  func verdicts(_ verdict: Verdict, _ code: ExitCode) {
    #expect(ExitCode(for: Report(stores: [store(verdict)])) == code)
  }

  @Test(
    "each kind of problem has its code",
    arguments: [
      (Problem.Kind.usage, ExitCode.usage), (.configuration, .usage), (.missing, .damaged), (.damaged, .damaged),
      (.refused, .damaged), (.archive, .damaged), (.locked, .unchecked), (.denied, .unchecked),
      (.unsupported, .unchecked), (.noSpace, .unchecked), (.changing, .unchecked), (.program, .unchecked),
      (.system, .unchecked),
    ])
  func problems(_ kind: Problem.Kind, _ code: ExitCode) {
    let problem = Problem(kind, tried: "open", on: "x", said: "no")
    #expect(ExitCode(for: Report(problems: [problem])) == code)
    var report = store(.healthy)
    report.problems = [problem]
    #expect(ExitCode(for: Report(stores: [report])) == code)
  }

  @Test("a failed command is 4, and 5 when a store could not be put back")
  func command() {
    let failed = Report.CommandOutcome(exit: 3, words: ["false"])
    #expect(ExitCode(for: Report(stores: [store(.healthy)], command: failed)) == .commandFailed)
    #expect(ExitCode(for: Report(stores: [store(.damaged, lost: true)], command: failed)) == .notPutBack)
    let fine = Report.CommandOutcome(exit: 0, words: ["true"])
    #expect(ExitCode(for: Report(stores: [store(.healthy)], command: fine)) == .healthy)
    #expect(ExitCode(for: Report(stores: [store(.healthy, putBack: true)], command: fine)) == .commandFailed)
  }

  @Test("where several hold, the first of 2, 5, 4, 3, 1, 0 is the code")
  func precedence() {
    var all = Report(
      stores: [store(.healthy), store(.damaged), store(.unchecked), store(.damaged, lost: true)],
      command: .init(exit: 1, words: ["false"]), problems: [Problem(.usage, tried: "a", on: "b", said: "c")])
    #expect(ExitCode(for: all) == .usage)
    all.problems = []
    #expect(ExitCode(for: all) == .notPutBack)
    all.stores.removeLast()
    #expect(ExitCode(for: all) == .commandFailed)
    all.command = nil
    #expect(ExitCode(for: all) == .unchecked)
    all.stores.removeLast()
    #expect(ExitCode(for: all) == .damaged)
    all.stores.removeLast()
    #expect(ExitCode(for: all) == .healthy)
  }
}
