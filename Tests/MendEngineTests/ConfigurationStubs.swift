import MendEngine
import MendKit
import Testing

/// What the tests of the configuration are written against: plugins that describe themselves, and a driver for stores of
/// one line a table: `STUBDB`, then `NAME ROWS [sequence]`; a line `broken` is an error, `dangling` a foreign key.
enum ConfigurationStubs {
  static let registry = PluginRegistry(
    drivers: [TextStoreDriver()],
    checks: [
      StubCheck(id: "file-exists"), StubCheck(id: "connects", opens: true),
      StubCheck(
        id: "integrity",
        options: [OptionDescription("level", .choice(["full", "quick"]), default: .string("full"), "How much.")],
        finds: [
          FindingDescription("page.corrupt", .error, "A page is damaged."),
          FindingDescription("index.entry-missing", .error, "An index lacks an entry."),
        ], word: "broken"),
      StubCheck(
        id: "required-tables",
        options: [
          OptionDescription(
            "tables", .either([.list(.string), .map(.either([.list(.string), .map(.string)]))]), isRequired: true,
            "Which.")
        ], finds: [FindingDescription("table.missing", .error, "A table is not there.")]),
      StubCheck(id: "primary-keys", finds: [FindingDescription("key.null", .error, "no key")], word: "keyless"),
      StubCheck(id: "sequences"),
      StubCheck(
        id: "row-counts",
        options: [
          OptionDescription("minimum", .map(.integer(0...Int.max)), "The least rows."),
          OptionDescription("maximum", .map(.integer(0...Int.max)), "The most rows."),
          OptionDescription("max_drop", .share, "The largest drop."),
        ], finds: [FindingDescription("row-count.low", .error, "Fewer rows than asked.")]),
      StubCheck(
        id: "foreign-keys", finds: [FindingDescription("foreign-key.dangling", .error, "A row refers to none.")],
        word: "dangling"),
      StubCheck(
        id: "sql",
        options: [
          OptionDescription("name", .string, isRequired: true, "What it is called."),
          OptionDescription("query", .string, isRequired: true, "The query."),
          OptionDescription("expect", .any, "What it must return."),
        ], isRepeatable: true),
      StubCheck(id: "free-space", options: [OptionDescription("warn_at", .share, default: .string("80%"), "When.")]),
    ],
    repairs: [StubRepair(id: "reindex"), StubRepair(id: "create-missing-tables", mends: ["table.missing"])])

  static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// The configuration in a text, as the content of `/srv/app/dbmend.yaml`.
  static func load(_ text: String) throws(Problem) -> Configuration {
    try ConfigurationLoader.parse(bytes(text), file: "/srv/app/dbmend.yaml", registry: registry)
  }

  /// The errors of a text, without the source lines, as `LINE:COLUMN: what is wrong`.
  static func errors(_ text: String) -> [String] {
    do throws(Problem) {
      _ = try load(text)
      return []
    } catch {
      #expect(error.kind == .configuration)
      return lines(of: error, file: "/srv/app/dbmend.yaml")
    }
  }

  static func lines(of problem: Problem, file: String) -> [String] {
    problem.said.split(separator: "\n").filter { $0.hasPrefix(file + ":") }.map { String($0.dropFirst(file.count + 1)) }
  }
}

extension Configuration.Rule {
  /// A rule of the keys that most tests need.
  init(
    code: String? = nil, table: String? = nil, index: String? = nil, store: String? = nil,
    severity: Severity? = nil, repair: String? = nil, isIgnored: Bool = false, origin: String? = nil
  ) {
    self.init(
      when: .init(code: code, store: store, table: table, index: index), severity: severity,
      repair: repair.map { .init([$0]) }, isIgnored: isIgnored, origin: origin)
  }
}

/// A folder of its own for one test, removed with its last reference.
final class ConfigurationTestFolder {
  let path: String

  init() throws { path = Paths.resolved(try Paths.makeTemporaryFolder("/tmp/dbmend-config-")) }

  deinit { try? Paths.removeTree(path) }

  @discardableResult
  func write(_ text: String, to name: String, mode: Int = 0o644) throws -> String {
    let file = Paths.join(path, name)
    try Paths.makeFolder(Paths.folder(of: file))
    try Durable.write(Array(text.utf8), to: file, mode: mode)
    return file
  }
}

private struct StubCheck: Check {
  let description: PluginDescription
  let opens: Bool
  let word: String?

  init(
    id: String, options: [OptionDescription] = [], finds: [FindingDescription] = [], isRepeatable: Bool = false,
    opens: Bool = false, word: String? = nil
  ) {
    description = PluginDescription(
      id: id, title: "The check \(id)", discussion: "", kind: .check, finds: finds, options: options,
      isRepeatable: isRepeatable)
    self.opens = opens
    self.word = word
  }

  func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    if opens { _ = try context.session() }
    guard let word, let code = description.finds.first?.code else { return [] }
    let text = try FileHandle.read(context.path).readAll(limit: 1 << 20)
    // `WORD`, or `WORD<tab>TABLE<tab>COUNT`.
    return String(decoding: text, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix(word) }.map { line in
      let words = line.split(separator: "\t").map(String.init)
      let place = Finding.Location(table: words.count > 1 ? words[1] : nil)
      return Finding(code, .error, at: place, "It is \(word).", count: words.count > 2 ? Int(words[2]) ?? 1 : 1)
    }
  }
}

private struct StubRepair: Repair {
  let description: PluginDescription

  init(id: String, mends: [String] = ["index.*"]) {
    description = PluginDescription(
      id: id, title: "The repair \(id)", discussion: "", kind: .repair, mends: mends, loss: Loss.none)
  }

  func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? { nil }
  func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome { RepairOutcome() }
}

private struct TextStoreDriver: Driver {
  let description = PluginDescription(id: "stub", title: "Stores of text", discussion: "", kind: .driver)

  func recognise(_ file: FileHead) -> Recognition {
    file.bytes.starts(with: Array("STUBDB".utf8)) ? .certain : .no
  }

  func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    let text = String(decoding: try FileHandle.read(path).readAll(limit: 1 << 20), as: UTF8.self)
    guard !text.contains("\nlocked") else {
      throw Problem(.locked, tried: "open", on: path, said: "database is locked", advice: "Wait for it.")
    }
    return TextStoreSession(text: text)
  }

  private func unused() -> Problem { Problem(.unsupported, tried: "use", on: "a stub", said: "not here") }

  func settle(_ copy: String) throws(Problem) {}
  func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot { throw unused() }
  func stamp(_ path: String) throws(Problem) -> StoreStamp { throw unused() }
  func sidecars(of path: String) -> [String] { [] }
  func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    throw unused()
  }
  func installObstacle(_ path: String) -> Problem? { nil }
  func openers(of path: String) -> [Blocker] { [] }
}

private final class TextStoreSession: StoreSession {
  let facts = StoreFacts(engine: "stub", format: "text", bytes: 0)
  private var rows: [String: Int] = [:]
  private var tables: [Table] = []

  init(text: String) {
    for line in text.split(separator: "\n").dropFirst() {
      let words = line.split(separator: "\t")
      guard words.count >= 2, let count = Int(words[1]), words[0] != "keyless" else { continue }
      let name = String(words[0])
      rows[name] = count
      tables.append(
        Table(name: name, columns: [], primaryKey: [], keyIsStructural: true, hasSequence: words.count > 2))
    }
  }

  func catalog() throws(Problem) -> Catalog { Catalog(tables: tables) }
  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] { [] }
  func rowCount(of table: Table) throws(Problem) -> Int { rows[table.name] ?? 0 }
  func sequences() throws(Problem) -> [SequenceState] { [] }
  func end() {}
}
