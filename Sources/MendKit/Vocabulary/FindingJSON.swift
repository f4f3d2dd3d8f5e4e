extension Finding {
  /// The finding as reports and hooks have it in JSON. Keys that do not apply are left out; keys are added, never changed.
  public var json: JSONValue {
    .object([
      "code": .string(code.rawValue),
      "severity": .string(severity.rawValue),
      "check": check.map { .string($0) },
      "table": location.table.map { .string($0) },
      "index": location.index.map { .string($0) },
      "column": location.column.map { .string($0) },
      "row": location.row.map { .integer(Int($0)) },
      "key": location.key.map { .string($0) },
      "page": location.page.map { .integer($0) },
      "byte": location.byte.map { .integer($0) },
      "line": location.text.map { .integer($0.line) },
      "character": location.text.map { .integer($0.character) },
      "file": location.file.map { .string($0) },
      "count": .integer(count),
      "measures": measures.isEmpty ? nil : .array(measures.map(\.json)),
      "evidence": evidence.map { .string($0) },
      "message": .string(message),
      "mended": .boolean(mended),
      "accepted": acceptance.map(\.json),
    ])
  }
}

extension Measure {
  /// The measure as reports have it in JSON. A value that is no number of JSON's (an infinite one) is left out.
  public var json: JSONValue {
    .object([
      "name": .string(name), "value": value.isFinite ? .number(value) : nil, "unit": .string(unit),
      "warning": warning.map { .string($0) }, "critical": critical.map { .string($0) },
      "minimum": minimum.flatMap { $0.isFinite ? .number($0) : nil },
      "maximum": maximum.flatMap { $0.isFinite ? .number($0) : nil },
    ])
  }
}

extension Acceptance {
  /// The acceptance as reports have it in JSON.
  public var json: JSONValue {
    .object([
      "until": .string(until.description), "because": .string(because), "rule": rule.map { .string($0) },
      "days_left": .integer(daysLeft),
    ])
  }
}
