import MendArchive
import MendEngine
import MendKit
import MendReport

/// What `dbmend status` tells of stores.
struct StatusText {
  private let style: TextStyle
  private let isVerbose: Bool
  private let isQuiet: Bool
  private let now: Int64

  init(_ style: TextStyle, isVerbose: Bool, isQuiet: Bool, now: Int64 = Clock.system.now()) {
    self.style = style
    self.isVerbose = isVerbose
    self.isQuiet = isQuiet
    self.now = now
  }

  /// A block of lines for each store.
  func page(_ statuses: [StoreStatus]) -> String {
    let shown = statuses.filter { !isQuiet || $0.report.verdict != .healthy || $0.problem != nil }
    if statuses.isEmpty { return "no store was found\n" }
    return shown.map { block($0).joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private func block(_ status: StoreStatus) -> [String] {
    let report = status.report
    let isWell = report.verdict == .healthy || report.verdict == .repaired
    let mark = style.paint(style.mark(isWell ? .good : .bad), isWell ? .good : .bad)
    let isAdhoc = report.store.isAdhoc
    var lines = [
      "\(mark) \(style.paint(style.harmless(isAdhoc ? report.path : report.store.description), .strong))  "
        + style.paint(report.verdict.rawValue, isWell ? .good : .bad)
    ]
    var table = TextTable([.left, .left])
    if !isAdhoc { table.rows.append(["path", style.harmless(report.path)]) }
    table.rows.append(["kind", style.harmless(report.kind ?? "unknown")])
    if let bytes = report.bytes { table.rows.append(["size", ByteSize(bytes: bytes).short]) }
    if !report.tables.isEmpty { table.rows.append(["rows", rows(report.tables)]) }
    if let changed = status.changed {
      let seconds = changed / 1_000_000_000
      table.rows.append(["changed", "\(ArchiveText(style).time(seconds)) UTC (\(ago(seconds)))"])
    }
    table.rows.append(["archives", archives(status)])
    if let volume = status.volume { table.rows.append(["disk", room(volume)]) }
    if let volume = status.repositoryVolume, volume != status.volume {
      table.rows.append(["archive disk", room(volume)])
    }
    lines += table.lines().map { "  " + $0 }
    for finding in report.findings where finding.severity >= .warning || finding.acceptance != nil {
      let role: TextStyle.Role = finding.acceptance != nil ? .dim : finding.severity >= .error ? .bad : .warning
      let acceptance = finding.acceptance.map { ", \($0.words)" } ?? ""
      lines.append(
        "  \(style.paint(acceptance.isEmpty ? finding.severity.rawValue : "known", role)) "
          + "\(style.harmless(finding.code.rawValue)): \(style.harmless(finding.message + acceptance))")
    }
    for problem in report.problems + [status.problem].compactMap(\.self) {
      lines += ProblemText(style).lines(problem, indent: 2)
    }
    if isVerbose { lines += tables(report.tables) }
    return lines
  }

  /// The largest tables in a line.
  private func rows(_ tables: [String: Int]) -> String {
    let total = tables.values.reduce(0) { $0.addingReportingOverflow($1).partialValue }
    let largest = tables.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }.prefix(4)
    let parts = largest.map { "\(style.harmless($0.key)) \(Words.grouped($0.value))" }
    let more = tables.count > largest.count ? ", \(style.mark(.more))" : ""
    return "\(Words.grouped(total)) in \(Words.count(tables.count, "table")): \(parts.joined(separator: ", "))\(more)"
  }

  private func tables(_ tables: [String: Int]) -> [String] {
    var table = TextTable([.left, .right])
    table.rows = tables.sorted { $0.key < $1.key }.map { [style.harmless($0.key), Words.count($0.value, "row")] }
    return table.lines().map { "    " + $0 }
  }

  private func archives(_ status: StoreStatus) -> String {
    if status.problem != nil { return style.paint("unknown", .warning) }
    guard status.archives > 0 else { return style.paint("none", .warning) }
    var text = "\(Words.grouped(status.archives)), \(ByteSize(bytes: status.archiveBytes).short)"
    if let good = status.newestGood?.manifest {
      text += ", newest good one \(ArchiveText(style).time(good.taken)) UTC (\(ago(good.taken)))"
    } else {
      text += ", " + style.paint("none of them good", .bad)
    }
    return text
  }

  private func room(_ volume: Volume) -> String {
    "\(ByteSize(bytes: volume.available).short) free of \(ByteSize(bytes: volume.size).short)"
  }

  /// How long ago a moment was, in one unit.
  private func ago(_ seconds: Int64) -> String {
    let age = now - seconds
    if age < 0 { return "in the future" }
    if age < 60 { return "just now" }
    if age < 3600 { return "\(Words.count(Int(age / 60), "minute")) ago" }
    if age < 86400 { return "\(Words.count(Int(age / 3600), "hour")) ago" }
    return "\(Words.count(Int(age / 86400), "day")) ago"
  }

  /// Stores for a program.
  static func json(_ statuses: [StoreStatus]) -> JSONValue {
    .object(["format": .string("dbmend.status/1"), "stores": .array(statuses.map(json))])
  }

  private static func json(_ status: StoreStatus) -> JSONValue {
    let report = status.report
    let tables = report.tables.sorted { $0.key < $1.key }.map { table in
      JSONMember(table.key, .object(["rows": .integer(table.value)]))
    }
    func room(_ volume: Volume) -> JSONValue {
      .object(["size": .integer(volume.size), "available": .integer(volume.available)])
    }
    return .object([
      "store": .string(report.store.description), "kind": report.kind.map { .string($0) },
      "path": .string(report.path), "verdict": .string(report.verdict.rawValue),
      "bytes": report.bytes.map { .integer($0) }, "tables": .object(tables),
      "changed": status.changed.map { .string(UTCTime(seconds: $0 / 1_000_000_000).iso) },
      "findings": .array(report.findings.map { .string($0.code.rawValue) }),
      "archives": .object([
        "repository": .string(status.repository), "count": .integer(status.archives),
        "bytes": .integer(status.archiveBytes), "newest": status.newest.map(ArchiveText.json),
        "newest_good": status.newestGood.map(ArchiveText.json),
      ]),
      "disk": status.volume.map(room), "repository_disk": status.repositoryVolume.map(room),
      "problem": (report.problems.first ?? status.problem).map { .string($0.description) },
    ])
  }
}
