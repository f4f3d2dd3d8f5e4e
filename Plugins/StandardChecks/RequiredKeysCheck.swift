import MendKit

/// Whether a document has the values that the application needs.
public struct RequiredKeysCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "required-keys",
    title: "the document has the values that the application needs, of the right types, in the right version",
    discussion: """
      For stores that are one document, such as a JSON file. `keys` is a list of JSON Pointers (RFC 6901: `/users/0/name`), or a \
      map from a pointer to a type: `object`, `array`, `string`, `number`, `integer`, `boolean`, `null`, or a list of several. \
      An integer is a number, too.

      `schema_version` is the version that the document must say it has, under `/schema_version` or the pointer `version_at`. \
      For a whole JSON Schema, have a program check it with `command`.
      """,
    kind: .check,
    finds: [
      FindingDescription("document.key-missing", .error, "a required value is not there"),
      FindingDescription("document.key-type", .error, "a required value is of another type"),
      FindingDescription(
        "document.version", .error, "the document says that it is of another version, or does not say"),
      FindingDescription("document.none", .error, "the store is no document"),
    ],
    options: [
      OptionDescription(
        "keys", .either([.list(.string), .map(.list(.choice(DocumentValue.Kind.allCases.map(\.rawValue))))]),
        "JSON Pointers, or a map from pointers to types"),
      OptionDescription("schema_version", .string, "the version that the document must say it has"),
      OptionDescription(
        "version_at", .string, default: .string("/schema_version"), "the JSON Pointer of the document's version"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// What is missing or of another type, in the order in which it is required.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let wanted = try Self.wanted(options["keys"])
    let version = options.string("schema_version")
    let place = try Self.pointer(options.string("version_at") ?? "/schema_version")
    guard !wanted.isEmpty || version != nil else { return [] }
    guard let session = try context.session() as? any DocumentSession else {
      return [Finding("document.none", .error, "the store is no document, so it has no keys of its own")]
    }
    let values = try session.values(at: wanted.map(\.pointer) + [place])
    var findings = wanted.compactMap { finding(on: $0, values[$0.pointer]) }
    if let version, values[place]?.text != version {
      let found = values[place].map { "'\($0.text ?? $0.kind.rawValue)'" } ?? "no version"
      findings.append(
        Finding(
          "document.version", .error, at: Finding.Location(key: place),
          "the document has \(found) at \(place), not '\(version)'", evidence: found))
    }
    return findings
  }

  private struct Wanted {
    let pointer: String
    let kinds: [DocumentValue.Kind]
  }

  private static func wanted(_ value: OptionValue?) throws(Problem) -> [Wanted] {
    var wanted: [Wanted] = []
    if case .map(let pairs) = value {
      for pair in pairs {
        wanted.append(
          Wanted(
            pointer: try pointer(pair.key),
            kinds: (pair.value.texts ?? []).compactMap { DocumentValue.Kind(rawValue: $0) }))
      }
    } else {
      for text in value?.texts ?? [] { wanted.append(Wanted(pointer: try pointer(text), kinds: [])) }
    }
    return wanted
  }

  private static func pointer(_ text: String) throws(Problem) -> String {
    guard text.isEmpty || text.hasPrefix("/") else {
      throw Problem(
        .configuration, tried: "look for", on: "'\(text)'", said: "it is no JSON Pointer",
        advice: "Begin it with a slash, and put one between a key and the next: /users/0/name.")
    }
    return text
  }

  private func finding(on wanted: Wanted, _ value: DocumentValue?) -> Finding? {
    let place = wanted.pointer.isEmpty ? "the document itself" : wanted.pointer
    guard let value else {
      return Finding(
        "document.key-missing", .error, at: Finding.Location(key: wanted.pointer), "there is no value at \(place)")
    }
    let isMet =
      wanted.kinds.isEmpty || wanted.kinds.contains(value.kind)
      || value.kind == .integer && wanted.kinds.contains(.number)
    if isMet { return nil }
    let kinds = wanted.kinds.map(\.rawValue).joined(separator: " or ")
    return Finding(
      "document.key-type", .error, at: Finding.Location(key: wanted.pointer),
      "the value at \(place) is of type \(value.kind.rawValue), not \(kinds)", evidence: value.text)
  }
}

extension RequiredKeysCheck {
  private static let script = #"{"schema_version": 3, "users": [{"name": "Ada", "born": 1815}], "a/b": null}"#

  private static func keys(_ pairs: KeyValuePairs<String, String>) -> [OptionPair] {
    [OptionPair("keys", .map(pairs.map { OptionPair($0.key, .string($0.value)) }))]
  }

  private static let examples = [
    Example(
      "the right keys and types", kind: "json", script: script,
      options: keys(["/users": "array", "/users/0/born": "number", "/a~1b": "null"])
        + [OptionPair("schema_version", .integer(3))]),
    Example(
      "a key that is not there", kind: "json", script: script,
      options: [OptionPair("keys", .list([.string("/settings"), .string("/users/0")]))],
      finds: ["document.key-missing"]),
    Example(
      "a list where an object should be", kind: "json", script: script, options: keys(["/users": "object"]),
      finds: ["document.key-type"]),
    Example(
      "a document of another version", kind: "json", script: script,
      options: [OptionPair("schema_version", .integer(4))], finds: ["document.version"]),
    Example(
      "a database", script: "create table users(id integer primary key);",
      options: [OptionPair("keys", .list([.string("/users")]))], finds: ["document.none"]),
  ]
}
