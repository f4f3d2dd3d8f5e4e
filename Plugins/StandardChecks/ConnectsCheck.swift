import MendKit

/// Whether the store opens for reading.
public struct ConnectsCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "connects",
    title: "the store opens for reading, with an engine and a format as asked",
    discussion: """
      Opens the store as the other checks do: read-only, creating nothing, waiting for a lock no longer than \
      `busy_timeout`. What is noticed on opening, such as a transaction that a crash interrupted, is reported as it \
      is; nothing is rolled back.

      With `minimum_engine` the check also holds the version of the engine that dbmend uses against the one that the \
      application needs, and with `format` what the file's header tells of its format.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "file.not-a-database", .fatal, "the engine does not know the file as one of its own", isOfStore: true),
      FindingDescription("file.malformed", .fatal, "the engine finds the file too damaged to open"),
      FindingDescription(
        "file.nul-tail", .error, "NUL bytes fill the file behind the text of a document", isOfStore: true),
      FindingDescription(
        "file.byte-order-mark", .error, "a byte order mark stands before the text of a document", isOfStore: true),
      FindingDescription("schema.malformed", .fatal, "the definitions of the tables cannot be read"),
      FindingDescription(
        "schema.mismatch", .fatal, "the engine refuses a row of the schema table that contradicts its own definition"),
      FindingDescription(
        "journal.hot", .warning, "a transaction was interrupted, and the next writer will roll it back"),
      FindingDescription("journal.malformed", .error, "the rollback journal beside the file is damaged"),
      FindingDescription("wal.unapplied", .info, "the write-ahead log holds commits that are not in the file yet"),
      FindingDescription("wal.malformed", .error, "the write-ahead log beside the file is damaged", or: [.fatal]),
      FindingDescription(
        "journal.foreign", .error, "the rollback journal beside the file is of another database: move it away"),
      FindingDescription(
        "wal.foreign", .error, "the write-ahead log beside the file is of another database: move it away"),
      FindingDescription("engine.too-old", .error, "the engine here is older than asked for", isOfStore: true),
      FindingDescription("format.unexpected", .error, "the file's format is not the one asked for", isOfStore: true),
    ],
    options: [
      OptionDescription("minimum_engine", .string, "the least version that the engine must have, in quotes: \"3.35\""),
      OptionDescription("format", .string, "a pattern for what the header tells of the format, `*` for any characters"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// What was noticed on opening, and where engine and format are not as asked.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    // A file that no driver knows was described better by the check of the file, where that ran.
    if context.driver == nil, context.previous.contains(where: { $0.code.matches("file.*") && $0.severity == .fatal }) {
      return []
    }
    let facts = try context.session().facts
    var findings = facts.notices
    if let wanted = try minimumEngine(options) {
      let version = facts.engine.drop { !$0.isNumber }
      if isOlder(String(version), than: wanted) {
        findings.append(
          Finding(
            "engine.too-old", .error, "the engine is \(facts.engine), older than \(wanted)", evidence: facts.engine))
      }
    }
    if let pattern = options.string("format"), !Glob.matches(pattern.lowercased(), facts.format.lowercased()) {
      findings.append(
        Finding("format.unexpected", .error, "the format is not of the kind '\(pattern)'", evidence: facts.format))
    }
    return findings
  }

  private func minimumEngine(_ options: Options) throws(Problem) -> String? {
    guard let value = options["minimum_engine"], let text = value.text else { return nil }
    var isVersion = !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
    // A bare 3.40 was read as the number 3.4, which is another version.
    if case .number = value { isVersion = false }
    guard isVersion else {
      throw Problem(
        .configuration, tried: "compare the engine's version with", on: "minimum_engine",
        said: "'\(text)' is no version",
        advice: "Write the version in quotes, with numbers and full stops only: \"3.40\".")
    }
    return text
  }

  private func isOlder(_ version: String, than wanted: String) -> Bool {
    func parts(_ text: String) -> [Int] {
      text.prefix { $0.isNumber || $0 == "." }.split(separator: ".").map { Int($0) ?? 0 }
    }
    let (version, wanted) = (parts(version), parts(wanted))
    for place in 0..<max(version.count, wanted.count) {
      let one = place < version.count ? version[place] : 0
      let other = place < wanted.count ? wanted[place] : 0
      if one != other { return one < other }
    }
    return false
  }
}

extension ConnectsCheck {
  private static let script =
    "create table users(id integer primary key, name text); insert into users(name) values('Ada');"

  private static let examples = [
    Example("a healthy database", script: script, options: [OptionPair("minimum_engine", .string("3.7"))]),
    Example(
      "a database that needs a newer engine", script: script,
      options: [OptionPair("minimum_engine", .string("99.0"))], finds: ["engine.too-old"]),
    Example(
      "a database of another format", script: script, options: [OptionPair("format", .string("no such format"))],
      finds: ["format.unexpected"]),
    Example(
      "a database whose header is gone", script: script,
      damage: [.overwrite(offset: 0, bytes: [UInt8](repeating: 0, count: 16))], finds: ["file.not-a-database"]),
    Example("a document in JSON", kind: "json", script: #"{"users": []}"#),
    Example(
      "a document with a byte order mark", kind: "json", script: "\u{FEFF}{}", finds: ["file.byte-order-mark"]),
    Example("a document with zeros behind it", kind: "json", script: "{}\u{0}\u{0}", finds: ["file.nul-tail"]),
    Example("a document that is torn", kind: "json", script: #"{"users": ["#, finds: ["file.malformed"]),
    Example(
      "a definition that is no statement",
      script: script + "pragma writable_schema = on; update sqlite_schema set sql = 'garble' where name = 'users';",
      finds: ["schema.malformed"]),
    Example(
      "a table that the schema table has under another name",
      script: script + "pragma writable_schema = on; update sqlite_schema set name = 'us' where name = 'users';",
      finds: ["schema.mismatch"]),
  ]
}
