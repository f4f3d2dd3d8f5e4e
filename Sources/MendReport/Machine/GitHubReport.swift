import MendKit

/// A report as workflow commands, one a line, that GitHub shows as annotations of a run.
struct GitHubReport {
  private let report: Report
  private let context: ReportContext

  init(_ report: Report, context: ReportContext) {
    self.report = report
    self.context = context
  }

  var text: String {
    var lines = report.problems.map { line("error", file: nil, title: "dbmend", $0.description) }
    for store in report.stores {
      for finding in store.findings where context.detail != .quiet || !finding.mended {
        lines.append(line(level(finding), file: store.path, title: title(finding), message(finding, in: store)))
      }
      for problem in store.problems {
        lines.append(line("error", file: store.path, title: store.title, problem.description))
      }
    }
    if let command = report.command, command.exit != 0 {
      lines.append(
        line(
          "error", file: nil, title: "command failed",
          "exit code \(command.exit): \(Words.commandLine(command.words))"))
    }
    return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
  }

  private func level(_ finding: Finding) -> String {
    if finding.mended { return "notice" }
    if let acceptance = finding.acceptance { return acceptance.endsSoon ? "warning" : "notice" }
    if context.isOpen(finding) { return "error" }
    switch finding.severity {
    case .info: return "notice"
    case .warning: return "warning"
    case .error, .fatal: return "error"
    }
  }

  private func title(_ finding: Finding) -> String {
    if finding.mended { return "\(finding.code.rawValue) (mended)" }
    return finding.acceptance != nil ? "\(finding.code.rawValue) (accepted)" : finding.code.rawValue
  }

  private func message(_ finding: Finding, in store: StoreReport) -> String {
    var place = [store.title] + FindingPlace.words(finding.location)
    if finding.count > 1 { place.append("\(finding.count) times") }
    var text = "\(finding.message)\n\(place.joined(separator: ", "))"
    if let acceptance = finding.acceptance { text += "\n\(acceptance.words)" }
    if let evidence = finding.evidence, !evidence.isEmpty { text += "\n\(evidence)" }
    return text
  }

  private func line(_ level: String, file: String?, title: String, _ message: String) -> String {
    var properties: [String] = []
    if let file { properties.append("file=\(Self.escaped(context.relative(file), isProperty: true))") }
    properties.append("title=\(Self.escaped(title, isProperty: true))")
    return "::\(level) \(properties.joined(separator: ","))::\(Self.escaped(message, isProperty: false))"
  }

  /// As the runner's own toolkit escapes: `%`, CR and LF everywhere, `:` and `,` in properties too. Other control
  /// characters would act on the terminal of who reads the log.
  static func escaped(_ text: String, isProperty: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": result += "%25"
      case "\r": result += "%0D"
      case "\n": result += "%0A"
      case ":" where isProperty: result += "%3A"
      case "," where isProperty: result += "%2C"
      case _ where HarmlessText.mustEscape(scalar): result += HarmlessText.escape(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
