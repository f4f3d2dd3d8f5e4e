import MendKit
import TestSupport
import Testing

/// The fixture databases, held against what is expected of them by the program as CI jobs run it.
@Suite("Fixtures") struct FixtureTests {
  @Test("a check without a configuration finds in each fixture exactly what is expected")
  func unconfigured() throws {
    let result = try dbmend("check", "fixtures/", "--expect", "fixtures/expected.yaml")
    #expect(result.exit == 0, "\(result.output)\(result.errors)")
  }

  @Test("a check with a configuration finds exactly what is expected")
  func configured() throws {
    let folder = "fixtures/configured"
    let result = try dbmend("check", "--config", "\(folder)/dbmend.yaml", "--expect", "\(folder)/expected.yaml")
    #expect(result.exit == 0, "\(result.output)\(result.errors)")
  }

  @Test("checks leave every fixture, and what lies beside it, as it was")
  func untouched() throws {
    let before = try states(of: fixtures)
    _ = try dbmend("check", "fixtures/")
    _ = try dbmend("check", "--config", "fixtures/configured/dbmend.yaml")
    #expect(try states(of: fixtures) == before)
  }

  @Test("make-fixtures makes the committed bytes again")
  func reproducible() throws {
    let folder = try TemporaryFolder()
    let made = try run(root + "/scripts/make-fixtures", folder.path)
    try #require(made.exit == 0, "\(made.output)\(made.errors)")
    let names = try files(in: folder.path)
    // What people wrote stands beside what the script makes.
    #expect(try files(in: fixtures).filter { !$0.hasSuffix(".yaml") } == names)
    for name in names {
      let committed = try FileHandle.read(Paths.join(fixtures, name)).readAll(limit: 1 << 20)
      #expect(try folder.read(name) == committed, "\(name)")
    }
  }

  @Test("a wrong expectation is a failure that names what differs")
  func wrongExpectation() throws {
    let folder = try TemporaryFolder()
    for name in ["ordinary.db", "key-null.db", "sequence-missing.db"] {
      let source = Paths.join(fixtures, (name == "ordinary.db" ? "healthy/" : "damaged/") + name)
      try folder.write(try FileHandle.read(source).readAll(limit: 1 << 20), to: name)
    }
    let expected = try folder.write(
      """
      ordinary.db: [page.unused]
      key-null.db: []
      gone.db: [file.missing]
      """, to: "expected.yaml")
    let result = try dbmend("check", folder.path, "--expect", expected)
    #expect(result.exit == 1)
    let said = result.output + result.errors
    #expect(said.contains("page.unused was expected, but was not found\n      expected.yaml:1"))
    #expect(said.contains("error    key.null"))
    #expect(said.contains("gone.db: expected.yaml:3 expects it"))
    #expect(said.contains("no expectation names this store"))
    #expect(said.contains("3 stores: 3 damaged"))
  }

  @Test("a wrong expectation fails JUnit reports too, and an expected finding does not")
  func wrongExpectationInJUnit() throws {
    let folder = try TemporaryFolder()
    for name in ["key-null.db", "page-unused.db"] {
      try folder.write(try FileHandle.read(Paths.join(fixtures, "damaged/" + name)).readAll(limit: 1 << 20), to: name)
    }
    let expected = try folder.write("key-null.db: [key.null]\npage-unused.db: []\n", to: "expected.yaml")
    let result = try dbmend("check", folder.path, "--expect", expected, "--format", "junit")
    #expect(result.exit == 1)
    #expect(result.output.contains("<failure"))
    #expect(result.output.contains("page.unused"))
    let suites = result.output.split(separator: "<testsuite ").map(String.init)
    let asExpected = try #require(suites.first { $0.contains("key-null.db") })
    #expect(!asExpected.contains("<failure"))
  }

  /// Findings that no file in a repository can show, and why.
  private let withoutFixture: [String: String] = [
    "checksum.failures": "needs a server, which is no file",
    "page.blank": "needs a server, which is no file",
    "index.invalid": "needs a server, which is no file",
    "disk.no-room": "depends on the machine's volumes",
    "file.added": "needs an archive, which knows its store by the absolute path",
    "file.changed": "needs an archive, which knows its store by the absolute path",
    "file.removed": "needs an archive, which knows its store by the absolute path",
    "file.rotten": "needs an archive, which knows its store by the absolute path and its files by their times",
    "file.special": "no repository keeps a pipe",
    "file.unreadable": "needs a device that fails to read",
    "journal.malformed": "SQLite takes a damaged journal for none",
    "page.rotten": "needs an archive, which knows its store by the absolute path and the file's times",
    "row.contradicted": "needs a server, which is no file",
    "row-count.dropped": "needs an archive, which knows its store by the absolute path",
    "size.dropped": "needs an archive, which knows its store by the absolute path",
    "wal.malformed": "needs the index of the log that a running application keeps: a log alone ends at the damage",
    "wal.unapplied":
      "SQLite's driver lays the log over the file and has no more to say; a DuckDB file differs with its client",
  ]

  @Test("every finding that a check describes has a fixture, or a reason to have none")
  func everyFinding() throws {
    let plugins = try dbmend("plugins", "--format", "json")
    try #require(plugins.exit == 0)
    let descriptions = try #require(try JSONValue(parsing: Array(plugins.output.utf8)).array)
    let checks = descriptions.filter { $0["kind"]?.string == "check" }
    let codes = Set(checks.flatMap { $0["finds"]?.array ?? [] }.compactMap { $0["code"]?.string })
    try #require(codes.count > 30)
    let shown = try expectedCodes("expected.yaml").union(try expectedCodes("configured/expected.yaml"))
    for code in codes.sorted() {
      #expect(shown.contains(code) || withoutFixture[code] != nil, "\(code) has no fixture")
    }
    for code in withoutFixture.keys {
      #expect(!shown.contains(code), "\(code) has a fixture after all")
      #expect(codes.contains(code), "\(code) is found by no check")
    }
  }

  /// The words of a file of expectations that are no comment.
  private func expectedCodes(_ name: String) throws -> Set<String> {
    let bytes = try FileHandle.read(Paths.join(fixtures, name)).readAll(limit: 1 << 20)
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Set(lines.flatMap { $0.split { !$0.isLetter && $0 != "." && $0 != "-" } }.map(String.init))
  }

  private let root = packageRoot
  private let fixtures = Paths.join(packageRoot, "fixtures")

  /// Every file below a folder, as a path within it, sorted.
  private func files(in folder: String, below: String = "") throws -> [String] {
    try Paths.names(in: below.isEmpty ? folder : Paths.join(folder, below)).flatMap { name -> [String] in
      let path = below.isEmpty ? name : Paths.join(below, name)
      let isFolder = try FileStatus.of(Paths.join(folder, path)).kind == .folder
      return try isFolder ? files(in: folder, below: path) : [path]
    }.sorted()
  }

  /// Size and time of the last change of every file below a folder.
  private func states(of folder: String) throws -> [String: String] {
    var states: [String: String] = [:]
    for name in try files(in: folder) {
      let status = try FileStatus.of(Paths.join(folder, name))
      states[name] = "\(status.size) \(status.modified) \(status.inode)"
    }
    return states
  }
}

/// The folder of Package.swift.
private let packageRoot = Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath)))

/// Runs the program that was built with these tests, in the package's folder.
private func dbmend(_ words: String...) throws -> ProgramResult {
  let beside = Paths.join(Paths.folder(of: Paths.resolved(CommandLine.arguments[0])), "dbmend")
  let program = FileStatus.exists(beside) ? beside : Paths.join(packageRoot, ".build/debug/dbmend")
  return try run([program] + words, folder: packageRoot, environment: ["NO_COLOR": "1"])
}
