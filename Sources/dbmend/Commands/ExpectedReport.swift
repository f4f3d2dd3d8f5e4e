import MendEngine
import MendKit

/// A report as `check --expect` tells it: an expected finding is information, an unexpected one an error.
struct ExpectedReport {
  let report: Report

  init(_ report: Report, _ expectations: ExpectationFile) {
    var report = report
    for entry in expectations.entries where !report.stores.contains(where: { $0.store.path == entry.path }) {
      report.problems.append(
        Problem(
          .missing, tried: "find among the checked stores", on: entry.writtenPath, said: "\(entry.origin) expects it",
          advice: "Check the path, which is relative to the file, or name the store as a target too."))
    }
    report.stores = report.stores.map { store in
      Self.told(store, expectations.entries.first { $0.path == store.store.path })
    }
    report.verdict = Verdict.combined(report.stores.map(\.verdict))
    self.report = report
  }

  private static func told(_ store: StoreReport, _ entry: ExpectationFile.Entry?) -> StoreReport {
    let expected = entry?.codes ?? []
    var store = store
    var found: Set<FindingCode> = []
    store.findings = store.findings.map { finding in
      found.insert(finding.code)
      var finding = finding
      finding.severity = expected.contains(finding.code) ? .info : max(finding.severity, .error)
      // A file of expectations is exact: what no line of it names is not accepted by a rule, either.
      if !expected.contains(finding.code) { finding.acceptance = nil }
      return finding
    }
    // A problem with an expected code is what was wanted too: a locked store, a file that may not be read.
    store.problems = store.problems.filter { problem in
      guard let code = problem.code, expected.contains(code) else { return true }
      found.insert(code)
      return false
    }
    for code in expected.subtracting(found).sorted() {
      store.findings.append(
        Finding("expectation.missing", .error, "\(code) was expected, but was not found", evidence: entry?.origin))
    }
    if entry == nil {
      store.findings.append(Finding("expectation.unnamed", .error, "no expectation names this store"))
    }
    let isAsExpected = store.problems.isEmpty && store.findings.allSatisfy { $0.severity < .error }
    store.verdict = isAsExpected ? .healthy : store.problems.isEmpty ? .damaged : .unchecked
    if isAsExpected {
      store.blockedBy = []
      store.checks = store.checks.map { CheckOutcome(check: $0.check, verdict: .healthy, seconds: $0.seconds) }
    }
    return store
  }
}
