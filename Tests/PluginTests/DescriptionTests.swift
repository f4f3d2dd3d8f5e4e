import MendKit
import Testing

@Suite("Plugins describe themselves wholly")
struct DescriptionTests {
  private static let plugins = registry.checks.map(\.description) + registry.repairs.map(\.description)

  @Test("ids are unique, and words are those of the configuration")
  func ids() {
    let ids = registry.descriptions.map(\.id)
    #expect(Set(ids).count == ids.count)
    for id in ids { #expect(id.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" }, "\(id)") }
  }

  @Test("each has a title, a discussion, an example to pass and one to flag", arguments: plugins.map(\.id))
  func completeness(_ id: String) throws {
    let about = try #require(Self.plugins.first { $0.id == id })
    #expect(!about.title.isEmpty && !about.title.hasSuffix("."))
    #expect(about.discussion.count > 80 && about.discussion.hasSuffix("."))
    #expect(about.examples.contains { $0.finds.isEmpty })
    #expect(about.examples.contains { !$0.finds.isEmpty })
    #expect(Set(about.examples.map(\.title)).count == about.examples.count)
    switch about.kind {
    case .check: #expect(!about.finds.isEmpty && about.mends.isEmpty && about.loss == nil)
    case .repair: #expect(!about.mends.isEmpty && about.finds.isEmpty && about.loss != nil)
    case .driver: Issue.record("a driver among checks and repairs")
    }
    for option in about.options {
      if let value = option.defaultValue { #expect(option.type.complaint(about: value) == nil, "\(option.name)") }
      #expect(!(option.isRequired && option.defaultValue != nil))
      #expect(!option.meaning.isEmpty && !option.meaning.hasSuffix("."))
    }
  }

  /// Codes for which no example can be made by a script and a change of bytes, and why.
  private static let withoutExample: [String: [FindingCode: String]] = [
    "file-exists": [
      "file.not-a-file": "an example makes a file; FileExistsTests has folders, sockets and pipes",
      "file.unreadable": "needs a device that fails; FileExistsTests reads one that does",
    ],
    "connects": [
      "journal.hot": "needs a writer that is killed; the driver's tests have one",
      "journal.foreign": "a second file; the driver's tests have several",
      "wal.foreign": "a second file; the driver's tests have several",
      "journal.malformed": "a second file; for drivers that tell it from a stale journal",
      "wal.unapplied": "a second file; for drivers that have something to say of it",
      "wal.malformed": "a second file that is in use; the driver's tests have one",
    ],
    "integrity": [
      "index.invalid": "needs a server; PostgreSQLTrials have one",
      "checksum.failures": "needs a server; PostgreSQLDamageTrials have one",
      "row.contradicted": "needs a server; PostgreSQLDamageTrials have one",
      "page.blank": "needs a server; PostgreSQLDamageTrials have one",
      "file.special": "no pipe can be written down; the driver's tests have one",
      "file.unreadable": "needs a device that fails to read",
      "page.rotten": "a change that leaves the file's time as it was; PageRotTests make one",
      "index.entry-count": "an index that cannot be compared row by row; the driver's tests have one",
      "file.not-a-database": "found on opening: see the examples of connects",
      "file.encrypted": "found on opening: see the examples of file-exists",
      "schema.malformed": "found on opening: see the examples of connects",
      "schema.unsupported": "is thrown as a problem: the store counts as unchecked, not as damaged",
      "key.null": "the engine reports it only of keys declared NOT NULL; the driver's tests have one",
      "virtual-table.malformed": "depends on the modules of the engine that is linked",
    ],
  ]

  @Test(
    "each code that a check describes is shown by an example, or it is said why not",
    arguments: registry.checks.map(\.description.id))
  func codes(_ id: String) throws {
    let about = try #require(Self.plugins.first { $0.id == id })
    let shown = about.examples.reduce(into: Set<FindingCode>()) { $0.formUnion($1.finds) }
    let excused = Set((Self.withoutExample[id] ?? [:]).keys)
    let described = Set(about.finds.map(\.code))
    #expect(described.count == about.finds.count)
    #expect(described.subtracting(shown) == excused)
  }
}
