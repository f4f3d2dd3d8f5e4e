import MendKit

/// A report as SARIF 2.1.0 (OASIS). Rules are made from what the checks say of themselves.
struct SARIFReport {
  private let report: Report
  private let context: ReportContext

  init(_ report: Report, context: ReportContext) {
    self.report = report
    self.context = context
  }

  var text: String { value.text(pretty: true) + "\n" }

  var value: JSONValue {
    let rules = rules
    var positions: [String: Int] = [:]
    for (index, rule) in rules.enumerated() { positions[rule.code.rawValue] = index }
    let results = report.stores.flatMap { store in
      store.findings.map { result($0, in: store, rule: positions[$0.code.rawValue] ?? 0) }
    }
    return .object([
      "$schema": .string("https://json.schemastore.org/sarif-2.1.0.json"),
      "version": .string("2.1.0"),
      "runs": .array([
        .object([
          "tool": .object([
            "driver": .object([
              "name": .string("dbmend"), "version": .string(context.version),
              "rules": .array(rules.map(descriptor)),
            ])
          ]),
          "invocations": .array([invocation]),
          "results": .array(results),
        ])
      ]),
    ])
  }

  /// Every code that a check describes, and those beside them that were found.
  private var rules: [FindingDescription] {
    var seen: Set<String> = []
    var rules: [FindingDescription] = []
    for rule in context.descriptions.flatMap(\.finds) where seen.insert(rule.code.rawValue).inserted {
      rules.append(rule)
    }
    for finding in report.stores.flatMap(\.findings) where seen.insert(finding.code.rawValue).inserted {
      rules.append(FindingDescription(finding.code, finding.severity, finding.code.rawValue))
    }
    return rules
  }

  private func descriptor(_ rule: FindingDescription) -> JSONValue {
    let check = context.descriptions.first { $0.finds.contains { $0.code == rule.code } }
    return .object([
      "id": .string(rule.code.rawValue),
      "shortDescription": message(rule.meaning),
      "fullDescription": check.map { message($0.discussion.isEmpty ? $0.title : $0.discussion) },
      "defaultConfiguration": .object(["level": .string(level(rule.severity))]),
    ])
  }

  private func result(_ finding: Finding, in store: StoreReport, rule: Int) -> JSONValue {
    .object([
      "ruleId": .string(finding.code.rawValue),
      "ruleIndex": .integer(rule),
      // What was mended is told, but is no failure any more; SARIF (3.27.10) then wants the level "none".
      "kind": finding.mended ? .string("informational") : nil,
      "level": .string(finding.mended ? "none" : level(finding.severity)),
      "message": message(finding.evidence.map { "\(finding.message) (\($0))" } ?? finding.message),
      "occurrenceCount": .integer(max(1, finding.count)),
      "locations": .array([location(finding.location, in: store)]),
      // SARIF 3.35: decided outside of what was looked at, and by somebody who may.
      "suppressions": finding.acceptance.map { acceptance in
        .array([
          .object([
            "kind": .string("external"), "status": .string("accepted"), "justification": .string(acceptance.words),
          ])
        ])
      },
      "partialFingerprints": .object(["dbmendFinding/v1": .string(fingerprint(finding, store))]),
      "properties": .object([
        "store": .string(store.store.description), "severity": .string(finding.severity.rawValue),
        "page": finding.location.page.map { .integer($0) }, "mended": finding.mended ? .boolean(true) : nil,
        "acceptedUntil": finding.acceptance.map { .string($0.until.description) },
        "measures": finding.measures.isEmpty ? nil : .array(finding.measures.map(\.json)),
      ]),
    ])
  }

  private func location(_ place: Finding.Location, in store: StoreReport) -> JSONValue {
    let table = place.table.map { ("table", $0, $0) }
    let index = place.index.map { ("index", $0, [place.table, $0].compactMap(\.self).joined(separator: ".")) }
    let column = place.column.map { ("column", $0, [place.table, $0].compactMap(\.self).joined(separator: ".")) }
    let row = place.row.map { ("row", String($0), "\(place.table ?? "")[\($0)]") }
    let key = place.key.map { ("row", $0, "\(place.table ?? "")[\($0)]") }
    let file = place.file.map { ("resource", $0, $0) }
    let logical = [file, table, index, column, row, key].compactMap { entry in
      entry.map { kind, name, whole -> JSONValue in
        .object(["kind": .string(kind), "name": .string(name), "fullyQualifiedName": .string(whole)])
      }
    }
    return .object([
      "physicalLocation": .object([
        "artifactLocation": .object(["uri": .string(URIReference.of(store.path, context))]),
        // A database has no lines; GitHub's code scanning shows no result without a first one.
        "region": .object([
          "startLine": .integer(place.text?.line ?? 1), "startColumn": place.text.map { .integer($0.character) },
          "byteOffset": place.byte.map { .integer($0) },
        ]),
      ]),
      "logicalLocations": logical.isEmpty ? nil : .array(logical),
    ])
  }

  private var invocation: JSONValue {
    let problems = report.problems + report.stores.flatMap(\.problems)
    let notifications = problems.map { problem -> JSONValue in
      .object(["level": .string("error"), "message": message(problem.description)])
    }
    return .object([
      "executionSuccessful": .boolean(report.verdict != .unchecked && report.problems.isEmpty),
      "toolExecutionNotifications": notifications.isEmpty ? nil : .array(notifications),
    ])
  }

  /// What makes two findings of two runs the same trouble (`Finding.isSameTrouble`).
  private func fingerprint(_ finding: Finding, _ store: StoreReport) -> String {
    let place = finding.location
    let parts = [place.table, place.index, place.column, place.file].map { $0 ?? "" }
    let name = finding.name.map { [$0] } ?? []
    return ([store.store.description, finding.code.rawValue] + parts + name).joined(separator: "|")
  }

  private func message(_ text: String) -> JSONValue { .object(["text": .string(text)]) }

  private func level(_ severity: Severity) -> String {
    switch severity {
    case .info: "note"
    case .warning: "warning"
    case .error, .fatal: "error"
    }
  }
}

/// Paths as URI references (RFC 3986).
enum URIReference {
  /// A path below the run's folder as a relative reference, another one as a `file:` URI; a URI stays as it is.
  static func of(_ path: String, _ context: ReportContext) -> String {
    if path.contains("://") { return path }
    let relative = context.relative(path)
    if relative.hasPrefix("/") { return "file://" + encoded(relative) }
    let text = encoded(relative)
    // A colon in the first segment would read as a scheme (section 4.2).
    let first = text.split(separator: "/", maxSplits: 1).first ?? ""
    return first.contains(":") ? "./" + text : text
  }

  private static func encoded(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "!"),
        UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
        UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += "%"
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      }
    }
    return text
  }
}
