import MendKit

/// A problem for a person: what was tried, on what, what was said, and on lines of their own who stands in the way and
/// what to do.
public struct ProblemText {
  /// The subject of problems that say all in what was said, as those of the command line do.
  public static let commandLine = "the command line"

  private let style: TextStyle

  /// Writes in this style.
  public init(_ style: TextStyle) { self.style = style }

  /// The lines, indented by so many spaces.
  public func lines(_ problem: Problem, indent: Int = 0) -> [String] {
    let margin = String(repeating: " ", count: indent)
    let start = style.paint("error:", .bad)
    var lines: [String] = []
    // Lines that were said stay lines, indented, so that none of them can pass for a line of the report.
    let said = problem.said.split(separator: "\n", omittingEmptySubsequences: false).map { style.harmless(String($0)) }
    if problem.kind == .usage, problem.subject == Self.commandLine {
      lines.append("\(margin)\(start) \(said.first ?? "")")
      lines += said.dropFirst().map { margin + $0 }
    } else if said.count > 1 {
      lines.append("\(margin)\(start) \(opening(problem)):")
      lines += said.map { $0.isEmpty ? "" : margin + "  " + $0 }
    } else {
      lines.append("\(margin)\(start) \(opening(problem)): \(said.first ?? "")")
    }
    for blocker in problem.blockers {
      lines.append("\(margin)  held by \(style.harmless(blocker.program)) (pid \(blocker.pid))")
    }
    if let advice = problem.advice {
      lines.append("\(margin)  \(style.paint(style.mark(.arrow), .dim)) \(style.harmless(advice))")
    }
    return lines
  }

  private func opening(_ problem: Problem) -> String {
    style.harmless("could not \(problem.tried) \(problem.subject)")
  }
}
