import MendKit

/// The forms in which a report can be written.
public enum ReportFormat: String, Sendable, CaseIterable {
  /// For a person at a terminal or in a log.
  case text
  /// One object of the form `dbmend.report/1`.
  case json
  /// JUnit XML: a test suite for each store, a test case for each check.
  case junit
  /// SARIF 2.1.0, as code scanning services take it.
  case sarif
  /// Workflow commands that GitHub shows as annotations.
  case github

  /// Whether a program reads it, so that nothing else may stand on the same stream.
  public var isForMachines: Bool { self != .text }

  /// The report in this form, with a line feed at its end unless it is empty. `style` serves the text alone.
  public func render(_ report: Report, context: ReportContext, style: TextStyle = .plain) -> String {
    switch self {
    case .text: TextReport(report, context: context, style: style).text
    case .json: JSONReport(report).text
    case .junit: JUnitReport(report, context: context).text
    case .sarif: SARIFReport(report, context: context).text
    case .github: GitHubReport(report, context: context).text
    }
  }
}
