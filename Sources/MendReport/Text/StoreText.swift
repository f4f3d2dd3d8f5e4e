import MendKit

/// One store in a text report: a headline, and below it what was found, what is planned or was done, and what it cost.
struct StoreText {
  /// The findings that a normal report lists; the rest is counted.
  static let shownFindings = 20
  /// The tables whose rows a normal report tells one by one; those with the most rows to tell of come first.
  static let shownTables = 12

  private let store: StoreReport
  private let context: ReportContext
  private let style: TextStyle
  private let titleWidth: Int
  private let verdictWidth: Int

  init(_ store: StoreReport, context: ReportContext, style: TextStyle, titleWidth: Int, verdictWidth: Int) {
    self.store = store
    self.context = context
    self.style = style
    self.titleWidth = titleWidth
    self.verdictWidth = verdictWidth
  }

  /// Whether a quiet report names the store at all.
  static func isWorthTelling(_ store: StoreReport, _ context: ReportContext) -> Bool {
    store.verdict != .healthy || store.findings.contains { $0.severity >= .warning || $0.acceptance != nil }
      || !store.problems.isEmpty
      || store.wasPutBack || store.couldNotBePutBack
  }

  var headline: String {
    let (mark, role): (TextStyle.Mark, TextStyle.Role) =
      switch store.verdict {
      case .healthy where store.findings.contains(where: Self.isWorthAWarning): (.warning, .warning)
      case .healthy, .repaired: (.good, .good)
      case .damaged: (.bad, .bad)
      case .unchecked: (.bad, .bad)
      }
    let title = style.harmless(store.title)
    let facts = facts.joined(separator: ", ")
    let line =
      style.paint(style.mark(mark), role) + " " + style.paint(title, .strong)
      + String(repeating: " ", count: max(0, titleWidth - TextTable.width(title))) + "  "
      + style.paint(store.verdict.rawValue, role)
    if facts.isEmpty { return line }
    return line + String(repeating: " ", count: verdictWidth - store.verdict.rawValue.count) + "  "
      + style.paint(facts, .dim)
  }

  /// What a healthy store is not all well for: a warning, or an error that is accepted for a few more days only.
  private static func isWorthAWarning(_ finding: Finding) -> Bool {
    finding.acceptance.map(\.endsSoon) ?? (finding.severity >= .warning)
  }

  private var facts: [String] {
    var facts: [String] = []
    if !store.isAdhoc { facts.append(style.harmless(store.path)) }
    if let bytes = store.bytes { facts.append(ByteSize(bytes: bytes).short) }
    if !store.tables.isEmpty {
      facts.append(Words.count(store.tables.count, "table"))
      facts.append(Words.count(store.tables.values.reduce(0) { $0.addingReportingOverflow($1).partialValue }, "row"))
    }
    if !store.checks.isEmpty {
      facts.append(
        "\(Words.count(store.checks.count, "check")) in \(Words.duration(store.checks.reduce(0) { $0 + $1.seconds }))")
    }
    return facts
  }

  var details: [String] {
    var lines = findings
    for problem in store.problems { lines += ProblemText(style).lines(problem, indent: 2) }
    if store.problems.allSatisfy(\.blockers.isEmpty) {
      lines += store.blockedBy.map { "  held by \(style.harmless($0.program)) (pid \($0.pid))" }
    }
    if context.detail == .verbose { lines += checks }
    lines += store.checks.compactMap(\.verified).compactMap { AccountText($0, store, style).line(context.detail) }
    lines += plan
    lines += rows
    if context.detail == .verbose { lines += tables }
    for note in store.notes where context.detail != .quiet || store.verdict != .healthy {
      lines.append("  \(style.mark(.info)) \(style.harmless(note))")
    }
    if store.wasPutBack {
      lines.append("  \(style.paint(style.mark(.good), .good)) put back: it has the content it had before")
    }
    if store.couldNotBePutBack { lines.append("  \(style.paint(style.mark(.bad), .bad)) could not be put back") }
    if let archive = store.archive, context.detail != .quiet || store.couldNotBePutBack {
      lines.append("  archive: \(style.harmless(context.relative(archive)))")
    }
    return lines
  }

  // MARK: - Findings

  private var findings: [String] {
    // The worst first, what is still wrong before what was mended.
    let ordered = store.findings.enumerated().sorted { one, other in
      let (a, b) = (one.element, other.element)
      if a.mended != b.mended { return !a.mended }
      if (a.acceptance == nil) != (b.acceptance == nil) { return a.acceptance == nil }
      return a.severity == b.severity ? one.offset < other.offset : a.severity > b.severity
    }.map(\.element)
    // What is merely worth knowing is told to who asks for everything.
    let told = context.detail == .verbose ? ordered : ordered.filter { $0.severity >= .warning || $0.acceptance != nil }
    let shown = context.detail == .verbose ? told[...] : told.prefix(Self.shownFindings)
    let codeWidth = shown.map { TextTable.width(style.harmless($0.code.rawValue)) }.max() ?? 0
    var lines = shown.flatMap { self.lines(of: $0, codeWidth: codeWidth) }
    if shown.count < told.count {
      lines.append(
        "  \(style.mark(.more)) and \(Words.count(told.count - shown.count, "finding")) more; --verbose shows them")
    }
    return lines
  }

  private func lines(of finding: Finding, codeWidth: Int) -> [String] {
    let (mark, role): (TextStyle.Mark, TextStyle.Role) =
      if finding.mended {
        (.good, .good)
      } else if let acceptance = finding.acceptance {
        acceptance.endsSoon ? (.warning, .warning) : (.info, .dim)
      } else if finding.severity >= .error {
        (.bad, .bad)
      } else if finding.severity == .warning {
        (.warning, .warning)
      } else {
        (.info, .dim)
      }
    let word = finding.mended ? "mended" : finding.acceptance != nil ? "known" : finding.severity.rawValue
    let code = style.harmless(finding.code.rawValue)
    var line =
      "  \(style.paint(style.mark(mark), role)) \(style.paint(word, role))"
      + String(repeating: " ", count: max(0, 7 - word.count)) + "  \(code)"
    var place = FindingPlace.words(finding.location).map(style.harmless)
    if finding.count > 1 { place.append("\(Words.grouped(finding.count)) times") }
    if !place.isEmpty {
      line +=
        String(repeating: " ", count: max(0, codeWidth - TextTable.width(code))) + "  " + place.joined(separator: ", ")
    }
    var lines = [line, "      " + style.harmless(finding.message)]
    if let acceptance = finding.acceptance {
      lines.append("      " + style.paint(style.harmless(acceptance.words), role))
    }
    if context.detail == .verbose, !finding.measures.isEmpty {
      let measures = finding.measures.map { "\($0.name) \($0.words)" }.joined(separator: ", ")
      lines.append("      " + style.paint(style.harmless("measured: " + measures), .dim))
    }
    if let evidence = finding.evidence, !evidence.isEmpty {
      lines.append("      " + style.paint(style.harmless(shortened(evidence)), .dim))
    }
    return lines
  }

  private func shortened(_ text: String) -> String {
    guard context.detail != .verbose, text.count > 200 else { return text }
    return text.prefix(200) + style.mark(.more)
  }

  // MARK: - Checks, repairs and rows

  private var checks: [String] {
    guard !store.checks.isEmpty else { return [] }
    var table = TextTable([.left, .left, .left, .right])
    for check in store.checks {
      let (mark, role): (TextStyle.Mark, TextStyle.Role) =
        switch check.verdict {
        case .healthy, .repaired: (.good, .good)
        case .damaged, .unchecked: (.bad, .bad)
        }
      table.rows.append([
        style.paint(style.mark(mark), role), style.harmless(check.check), check.verdict.rawValue,
        Words.duration(check.seconds),
      ])
    }
    var lines = ["  checks:"]
    for (check, line) in zip(store.checks, table.lines()) {
      lines.append("    " + line)
      if let said = check.said { lines.append("        " + style.harmless(said)) }
      lines += check.measures.map { "        " + style.paint(style.harmless(MeasureText.line($0)), .dim) }
    }
    return lines
  }

  private var plan: [String] {
    guard !store.plan.isEmpty else { return [] }
    let isDone = store.plan.contains { $0.outcome != nil }
    var lines = ["  " + (isDone ? "repairs:" : "plan:")]
    for (index, step) in store.plan.enumerated() {
      let outcome: String =
        switch step.outcome {
        case .mended: style.paint("mended", .good) + ", "
        case .insufficient: style.paint("not enough", .warning) + ", "
        case .failed: style.paint("failed", .bad) + ", "
        case nil: ""
        }
      lines.append(
        "    \(index + 1). \(style.paint(style.harmless(step.repair), .strong)): \(outcome)\(cost(step.loss))")
      lines.append("       " + style.harmless(step.reason))
      let because = step.because.map { style.harmless($0.rawValue) }.joined(separator: ", ")
      if !because.isEmpty { lines.append("       " + style.paint("for \(because)", .dim)) }
    }
    return lines
  }

  private func cost(_ loss: Loss) -> String {
    switch loss {
    case .none: "loss none: every row stays"
    case .rows: style.paint("loss rows", .warning) + ": at most rows that can be read nowhere any more"
    case .changes: style.paint("loss changes", .warning) + ": at most what changed since the backup"
    case .everything: style.paint("loss everything", .bad) + ": an empty schema is left"
    }
  }

  private var rows: [String] {
    guard !store.rows.isEmpty else { return [] }
    var table = TextTable([.left, .right, .right, .right, .right, .right])
    table.rows.append(["rows", "kept", "from index", "from backup", "set aside", "lost"])
    let all = store.rows.sorted { ($1.value.moved, $0.key) < ($0.value.moved, $1.key) }
    let shown = context.detail == .verbose || all.count <= Self.shownTables ? all[...] : all.prefix(Self.shownTables)
    for (name, tally) in shown {
      let numbers = [tally.kept, tally.fromIndex, tally.fromBackup, tally.setAside].map(Words.grouped)
      let lost = tally.lost.map { $0 == 0 ? "0" : style.paint(Words.grouped($0), .bad) } ?? style.paint("unknown", .bad)
      table.rows.append([style.harmless(name)] + numbers + [lost])
    }
    var lines = table.lines().map { "  " + $0 }
    if shown.count < all.count {
      let rest = all.dropFirst(shown.count).reduce(0) { $0 + $1.value.moved }
      lines.append(
        "  \(style.mark(.more)) and \(Words.count(all.count - shown.count, "table")) more with "
          + "\(Words.count(rest, "row")); --verbose shows them")
    }
    return lines
  }

  private var tables: [String] {
    guard !store.tables.isEmpty else { return [] }
    var table = TextTable([.left, .right])
    for (name, count) in store.tables.sorted(by: { $0.key < $1.key }) {
      table.rows.append([style.harmless(name), Words.count(count, "row")])
    }
    return ["  tables:"] + table.lines().map { "    " + $0 }
  }
}

/// Where a finding is, in words.
enum FindingPlace {
  /// From the widest to the narrowest: `table orders`, `index orders_sku`, `row 17`, `page 4`.
  static func words(_ location: Finding.Location) -> [String] {
    var words: [String] = []
    if let file = location.file { words.append("file \(file)") }
    if let table = location.table { words.append("table \(table)") }
    if let index = location.index { words.append("index \(index)") }
    if let column = location.column { words.append("column \(column)") }
    if let row = location.row { words.append("row \(row)") }
    if let key = location.key { words.append("key \(key)") }
    if let page = location.page { words.append("page \(page)") }
    if let byte = location.byte { words.append("byte \(byte)") }
    return words
  }
}

extension RowTally {
  /// The rows that did not simply stay.
  fileprivate var moved: Int { fromIndex + fromBackup + setAside + (lost ?? 0) }
}
