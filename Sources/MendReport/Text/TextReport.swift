import MendKit

/// A report for a person: the verdict of each store first, what is damaged before what is well, and at the end the next
/// step to take. A healthy store takes one line.
struct TextReport {
  private let report: Report
  private let context: ReportContext
  private let style: TextStyle

  init(_ report: Report, context: ReportContext, style: TextStyle) {
    self.report = report
    self.context = context
    self.style = style
  }

  var text: String {
    var lines: [String] = []
    for problem in report.problems { lines += ProblemText(style).lines(problem) }
    lines += stores
    if let command = report.command, context.detail != .quiet || command.exit != 0 { lines += commandLines(command) }
    if context.detail != .quiet || report.verdict != .healthy { lines += notes }
    if let summary { lines += ["", summary] }
    if let next = NextStep.after(report, context) { lines += nextLines(next) }
    if lines.first == "" { lines.removeFirst() }
    return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
  }

  /// Damaged first, then unchecked, then the rest; stores of one verdict stay in their order.
  private var stores: [String] {
    let shown = report.stores.filter { context.detail != .quiet || StoreText.isWorthTelling($0, context) }
    let ranked = shown.enumerated().sorted { one, other in
      let ranks = (rank(one.element), rank(other.element))
      return ranks.0 == ranks.1 ? one.offset < other.offset : ranks.0 < ranks.1
    }
    let titles = shown.map { style.harmless($0.title) }
    // A very long path would push every other line apart.
    let titleWidth = titles.map(TextTable.width).filter { $0 <= 60 }.max() ?? 0
    let verdictWidth = shown.map { $0.verdict.rawValue.count }.max() ?? 0
    var lines: [String] = []
    for (index, entry) in ranked.enumerated() {
      let store = StoreText(
        entry.element, context: context, style: style, titleWidth: titleWidth, verdictWidth: verdictWidth)
      let more = store.details
      // Stores with details stand apart; stores of one line each stand together.
      if index > 0, !more.isEmpty || lines.last?.hasPrefix("  ") == true { lines.append("") }
      lines.append(store.headline)
      lines += more
    }
    return lines
  }

  private func rank(_ store: StoreReport) -> Int {
    switch store.verdict {
    case .damaged: 0
    case .unchecked: 1
    case .repaired: 2
    case .healthy: store.findings.isEmpty ? 4 : 3
    }
  }

  private func commandLines(_ command: Report.CommandOutcome) -> [String] {
    let words = style.harmless(Words.commandLine(command.words))
    let (mark, said): (String, String) =
      switch command.exit {
      case 0: (style.paint(style.mark(.good), .good), "the command succeeded")
      case 127: (style.paint(style.mark(.bad), .bad), "the command was not found")
      case 126: (style.paint(style.mark(.bad), .bad), "the command may not be run")
      case 129...192:
        (style.paint(style.mark(.bad), .bad), "the command was killed by \(SignalName.of(command.exit - 128))")
      default: (style.paint(style.mark(.bad), .bad), "the command failed with exit code \(command.exit)")
      }
    return ["\(mark) \(style.paint(said, .strong))" + (words.isEmpty ? "" : "  \(words)")]
  }

  private var notes: [String] {
    report.notes.map { "\(style.mark(.info)) \(style.harmless($0))" }
  }

  /// `3 stores: 1 damaged, 2 healthy (0.12 s)`; nil where one line says it all already.
  private var summary: String? {
    guard context.detail != .quiet else { return nil }
    if report.stores.isEmpty {
      return report.problems.isEmpty && report.command == nil ? "no store was found" : nil
    }
    guard report.stores.count > 1 else { return nil }
    let parts = [Verdict.damaged, .unchecked, .repaired, .healthy].compactMap { verdict -> String? in
      let count = report.stores.count { $0.verdict == verdict }
      return count == 0 ? nil : "\(Words.grouped(count)) \(verdict.rawValue)"
    }
    return "\(Words.count(report.stores.count, "store")): \(parts.joined(separator: ", "))"
      + " (\(Words.duration(report.seconds)))"
  }

  private func nextLines(_ next: NextStep) -> [String] {
    let start = style.paint("Next:", .strong)
    guard let command = next.command else { return ["", "\(start) \(style.harmless(next.words))"] }
    return ["", "\(start) \(style.harmless(next.words))", "  " + style.paint(style.harmless(command), .strong)]
  }
}

/// Names of the signals that end programs; the others go by number.
enum SignalName {
  static func of(_ number: Int) -> String {
    let names = [
      1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
      11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    ]
    return names[number].map { "\($0) (signal \(number))" } ?? "signal \(number)"
  }
}
