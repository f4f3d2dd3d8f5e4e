import MendKit

/// A report as JUnit XML (the form of Jenkins' `junit-10.xsd`): a test suite for each store, a test case for each check, a
/// failure for each finding that stands against the store, an error for what kept a store from being checked.
struct JUnitReport {
  private let report: Report
  private let context: ReportContext

  init(_ report: Report, context: ReportContext) {
    self.report = report
    self.context = context
  }

  /// One test case: its name and its failures, errors and remarks, as elements ready to be written.
  private struct Case {
    var name: String
    var seconds: Double?
    var failures: [String] = []
    var errors: [String] = []
    var isSkipped = false
    /// Why it counts as skipped though it ran: all that it found is accepted.
    var acceptances: [String] = []
    var remarks: [String] = []
  }

  var text: String {
    var suites = report.stores.map { (store: Optional($0), cases: cases($0)) }
    let ofRun = runCases
    if !ofRun.isEmpty { suites.append((store: nil, cases: ofRun)) }
    let all = suites.flatMap(\.cases)
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"dbmend\" \(counts(all)) time=\"\(time(report.seconds))\">\n"
    for suite in suites { text += self.suite(suite.store, suite.cases) }
    return text + "</testsuites>\n"
  }

  private func suite(_ store: StoreReport?, _ cases: [Case]) -> String {
    let name = XMLText.attribute(store?.title ?? "run")
    let skipped = cases.count { skip($0) != nil }
    let seconds = cases.reduce(0) { $0 + ($1.seconds ?? 0) }
    var text = "  <testsuite name=\"\(name)\" \(counts(cases)) skipped=\"\(skipped)\" time=\"\(time(seconds))\""
    if let store { text += " file=\"\(XMLText.attribute(context.relative(store.path)))\"" }
    text += ">\n"
    if let store { text += properties(store) }
    for test in cases { text += self.test(test, of: name) }
    return text + "  </testsuite>\n"
  }

  private func counts(_ cases: [Case]) -> String {
    "tests=\"\(cases.count)\" failures=\"\(cases.count { !$0.failures.isEmpty })\" "
      + "errors=\"\(cases.count { !$0.errors.isEmpty })\""
  }

  private func properties(_ store: StoreReport) -> String {
    let pairs: [(String, String?)] = [
      ("verdict", store.verdict.rawValue), ("kind", store.kind), ("bytes", store.bytes.map(String.init)),
      ("archive", store.archive),
    ]
    let lines = pairs.compactMap { pair in
      pair.1.map { "      <property name=\"\(pair.0)\" value=\"\(XMLText.attribute($0))\"/>\n" }
    }
    return "    <properties>\n\(lines.joined())    </properties>\n"
  }

  private func test(_ test: Case, of suite: String) -> String {
    var text = "    <testcase name=\"\(XMLText.attribute(test.name))\" classname=\"\(suite)\""
    if let seconds = test.seconds { text += " time=\"\(time(seconds))\"" }
    let children = test.failures + test.errors + (skip(test).map { [$0] } ?? [])
    if children.isEmpty, test.remarks.isEmpty { return text + "/>\n" }
    text += ">\n"
    for child in children { text += "      \(child)\n" }
    if !test.remarks.isEmpty {
      text += "      <system-out>\(XMLText.content(test.remarks.joined(separator: "\n")))</system-out>\n"
    }
    return text + "    </testcase>\n"
  }

  private func skip(_ test: Case) -> String? {
    if test.isSkipped { return "<skipped message=\"not run\"/>" }
    guard test.failures.isEmpty, test.errors.isEmpty, !test.acceptances.isEmpty else { return nil }
    return "<skipped message=\"\(XMLText.attribute(test.acceptances.joined(separator: "; ")))\"/>"
  }

  // MARK: - What becomes a test case

  private func cases(_ store: StoreReport) -> [Case] {
    var cases = store.checks.map { check in
      Case(
        name: check.check, seconds: check.seconds, isSkipped: check.verdict == .unchecked,
        remarks: (check.said.map { [$0] } ?? []) + check.measures.map(MeasureText.line))
    }
    var rest = Case(name: "findings")
    for finding in store.findings {
      if let place = place(of: finding, among: store.checks) {
        add(finding, to: &cases[place])
        cases[place].isSkipped = false
      } else {
        add(finding, to: &rest)
      }
    }
    if !rest.failures.isEmpty || !rest.remarks.isEmpty { cases.append(rest) }
    let errors = store.problems.map(error)
    if !errors.isEmpty { cases.append(Case(name: "run", errors: errors, remarks: store.notes)) }
    return cases
  }

  private var runCases: [Case] {
    var cases: [Case] = []
    if let command = report.command {
      var test = Case(name: "command", remarks: [Words.commandLine(command.words)])
      if command.exit != 0 {
        test.failures = ["<failure type=\"command.failed\" message=\"exit code \(command.exit)\"/>"]
      }
      cases.append(test)
    }
    if !report.problems.isEmpty {
      cases.append(Case(name: "run", errors: report.problems.map(error), remarks: report.notes))
    }
    return cases
  }

  /// The check that a finding belongs to: the one it names, else the first whose description knows its code.
  private func place(of finding: Finding, among checks: [CheckOutcome]) -> Int? {
    if let check = finding.check { return checks.firstIndex { $0.check == check } }
    let ids = context.descriptions.filter { description in
      description.kind == .check && description.finds.contains { finding.code.matches($0.code.rawValue) }
    }.map(\.id)
    return checks.firstIndex { check in ids.contains { check.check == $0 || check.check.hasPrefix($0 + ": ") } }
  }

  private func add(_ finding: Finding, to test: inout Case) {
    let place = FindingPlace.words(finding.location).joined(separator: ", ")
    let details = [place, finding.count > 1 ? "\(finding.count) times" : "", finding.evidence ?? ""]
      .filter { !$0.isEmpty }
    guard context.isOpen(finding) else {
      let word = finding.mended ? "mended" : finding.severity.rawValue
      let acceptance = finding.mended ? nil : finding.acceptance
      if let acceptance { test.acceptances.append("\(finding.code) is \(acceptance.words)") }
      test.remarks.append(
        "\(acceptance?.words ?? word) \(finding.code): \(finding.message)"
          + (details.isEmpty ? "" : " (\(details.joined(separator: "; ")))")
      )
      return
    }
    test.failures.append(
      "<failure type=\"\(XMLText.attribute(finding.code.rawValue))\" message=\"\(XMLText.attribute(finding.message))\">"
        + XMLText.content(details.joined(separator: "\n")) + "</failure>")
  }

  private func error(_ problem: Problem) -> String {
    "<error type=\"\(problem.kind.rawValue)\" message=\"\(XMLText.attribute(problem.description))\"/>"
  }

  /// Seconds with three digits behind the point, which is all that the schema takes.
  private func time(_ seconds: Double) -> String { Words.fixed(max(0, min(seconds, 1e9)), 3) }
}
