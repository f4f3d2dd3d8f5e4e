import MendKit
import Testing

@testable import MendEngine

@Suite("dbmend init")
struct ConfigurationInitTests {
  private let folder: ConfigurationTestFolder
  private let initialiser = Initialiser(registry: ConfigurationStubs.registry)

  init() throws { folder = try ConfigurationTestFolder() }

  private func store(_ name: String, _ tables: [String]) throws {
    try folder.write("STUBDB\n" + tables.map { $0 + "\n" }.joined(), to: name)
  }

  private func initialise(_ paths: [String] = [], force: Bool = false) throws -> Initialiser.Outcome {
    try initialiser.initialise(paths: paths.map { Paths.join(folder.path, $0) }, folder: folder.path, force: force)
  }

  private func problem(_ paths: [String] = [], force: Bool = false) throws -> Problem {
    try #require(throws: Problem.self) { try initialise(paths, force: force) }
  }

  private func load() throws -> Configuration {
    try ConfigurationLoader.load(
      file: Paths.join(folder.path, "dbmend.yaml"), registry: ConfigurationStubs.registry)
  }

  @Test("the stores of a folder are found, named by their place, and written so that the file loads again")
  func whole() throws {
    try store("data/production.db", ["users\t5", "orders\t0\tsequence"])
    try store("data/staging.db", ["users\t2", "orders\t1"])
    try store("test/deep/app.db", ["users\t1", "orders\t0"])
    try store("plain.sqlite", [])
    try folder.write("no database", to: "data/readme.txt")
    let outcome = try initialise()
    #expect(outcome.leftOut.isEmpty)
    #expect(
      outcome.stores.map { "\($0.environment)/\($0.name)" }
        == ["production/data", "production/plain", "staging/data", "test/app"])
    let configuration = try load()
    #expect(configuration.repository == Paths.join(folder.path, "backups"))
    let stores = configuration.environments.flatMap(\.stores)
    #expect(
      stores.map(\.writtenPath) == ["data/production.db", "plain.sqlite", "data/staging.db", "test/deep/app.db"])
    #expect(
      configuration.checks.map(\.id) == [
        "file-exists", "connects", "integrity", "required-tables", "primary-keys", "sequences", "row-counts",
        "foreign-keys", "free-space",
      ])
    #expect(configuration.checks[3].options == [OptionPair("tables", .list([.string("orders"), .string("users")]))])
    func minimum(_ store: Int) -> [String: Int] {
      stores[store].checks.first { $0.id == "row-counts" }.map { Options($0.options).integers("minimum") } ?? [:]
    }
    #expect(minimum(0) == ["users": 1])
    #expect(minimum(1) == [:])
    #expect(minimum(2) == ["users": 1, "orders": 1])
    #expect(stores[1].checks.contains { $0.id == "required-tables" } == false)
    for store in stores {
      let rows = try #require(store.checks.first { $0.id == "row-counts" })
      #expect(Options(rows.options).share("max_drop") == 0.2)
    }
    #expect(try initialise(force: true).text == outcome.text)
  }

  @Test("hidden folders, archives, links and what lies too deep are passed by")
  func passedBy() throws {
    try store("app.db", ["users\t5"])
    for name in [".hidden/a.db", "dbmend-archives/a.db", "backups/a.db", "1/2/3/4/a.db", ".b.db"] {
      try store(name, [])
    }
    #expect(symlink("app.db", Paths.join(folder.path, "link.db")) == 0)
    #expect(symlink(".", Paths.join(folder.path, "circle")) == 0)
    try store("1/2/3/a.db", [])
    #expect(try initialise().stores.map(\.path) == ["1/2/3/a.db", "app.db"].map { Paths.join(folder.path, $0) })
  }

  @Test("a store that two paths name is taken once, and two of one name get different ones")
  func names() throws {
    try store("a/app.db", [])
    try store("b/app.db", [])
    try store("a/my data (1).db", [])
    try store("a/-.db", [])
    #expect(symlink("a/app.db", Paths.join(folder.path, "again.db")) == 0)
    let outcome = try initialise(["a", "b", "again.db", "a/app.db"])
    #expect(outcome.stores.map(\.name) == ["app", "app-2", "data", "my-data--1-"])
    #expect(try load().environments[0].stores.map(\.name) == ["app", "app-2", "data", "my-data--1-"])
  }

  @Test("tables of any name come back as they are, however many")
  func strangeNames() throws {
    let names = [
      "yes", "order items", "it's", "a: b", "#1", "\"q\"", "日本", "null", String(repeating: "t", count: 2000),
    ]
    try store("app.db", names.map { "\($0)\t3" } + (0..<200).map { "table_\($0)\t1" })
    _ = try initialise()
    let checks = try load().environments[0].stores[0].checks
    let tables = checks.first { $0.id == "required-tables" }.flatMap { Options($0.options).strings("tables") } ?? []
    #expect(Set(tables) == Set(names + (0..<200).map { "table_\($0)" }))
    let rows = checks.first { $0.id == "row-counts" }.map { Options($0.options).integers("minimum") } ?? [:]
    #expect(rows.count == names.count + 200)
  }

  @Test("a damaged store is left out and named, with the repair as the next step")
  func damaged() throws {
    try store("good.db", ["users\t5"])
    try store("bad.db", ["broken"])
    let outcome = try initialise()
    #expect(outcome.stores.map(\.name) == ["good"])
    let bad = Paths.join(folder.path, "bad.db")
    #expect(
      outcome.leftOut == [
        Initialiser.LeftOut(
          path: bad, reason: "page.corrupt: It is broken.",
          advice: "Repair it first: dbmend repair \(bad); then run dbmend init again.")
      ])
    #expect(!outcome.text.contains("bad"))
  }

  @Test("where no store is healthy, nothing is written")
  func noneHealthy() throws {
    try store("bad.db", ["broken"])
    try store("worse.db", ["broken"])
    let problem = try problem()
    #expect(problem.kind == .damaged)
    #expect(problem.said.contains("bad.db: page.corrupt") && problem.said.contains("worse.db: page.corrupt"))
    #expect(!FileStatus.exists(Paths.join(folder.path, "dbmend.yaml")))
    #expect(try self.problem(["bad.db"]).description.contains("dbmend repair"))
  }

  @Test("a store that cannot be opened is left out with what the engine says")
  func locked() throws {
    try store("busy.db", ["locked"])
    try store("good.db", [])
    #expect(try initialise().leftOut.map(\.reason) == ["database is locked"])
    #expect(try initialise(force: true).leftOut.map(\.advice) == ["Wait for it."])
  }

  @Test("a search among more files than anyone means is given up")
  func tooMany() throws {
    for index in 0..<12 { try folder.write("x", to: "folder/\(index)") }
    var search = StoreSearch(registry: ConfigurationStubs.registry, repository: "/none")
    search.maximalFiles = 10
    let problem = try #require(throws: Problem.self) { try search.search(folder.path) }
    #expect(problem.kind == .refused)
    #expect(problem.said == "there are more than 10 files")
  }

  @Test("foreign keys that dangle already are no reason to leave a store out, and only warned of from then on")
  func dangling() throws {
    try store("app.db", ["users\t5", "dangling"])
    #expect(try initialise().stores.count == 1)
    #expect(try load().checks.first { $0.id == "foreign-keys" }?.severity == .warning)
  }

  @Test("a table of which no row has a key is the application's way; one of which some rows have none is damaged")
  func keyless() throws {
    try store("production.db", ["usage\t5", "log\t2", "keyless\tusage\t5", "keyless\tlog\t2"])
    try store("staging.db", ["usage\t7", "log\t9", "keyless\tusage\t7"])
    try store("test.db", ["usage\t7", "keyless\tusage\t6"])
    let outcome = try initialise()
    #expect(outcome.leftOut.map(\.reason) == ["key.null: It is keyless."])
    let rules = try load().rules
    #expect(rules.allSatisfy { $0.isIgnored && $0.when.code == "key.null" })
    #expect(rules.map(\.when.table) == ["log", "usage"])
    #expect(rules.map(\.when.store) == ["production/data", nil])
  }

  @Test("a configuration that is there already is replaced only by force, through a link too")
  func existing() throws {
    try store("app.db", [])
    let file = try folder.write("mine\n", to: "real.yaml")
    #expect(symlink("real.yaml", Paths.join(folder.path, "dbmend.yaml")) == 0)
    let problem = try problem()
    #expect(problem.kind == .refused)
    #expect(problem.advice?.contains("--force") == true)
    #expect(try FileHandle.read(file).readAll(limit: 100) == Array("mine\n".utf8))
    let text = try initialise(force: true).text
    #expect(try FileHandle.read(file).readAll(limit: 1 << 20) == Array(text.utf8))
    #expect(try FileStatus.of(Paths.join(folder.path, "dbmend.yaml"), followLinks: false).kind == .link)
  }

  @Test("a path that is missing, is no store, or is no file at all is told as that")
  func wrongPaths() throws {
    #expect(try problem().kind == .missing)
    #expect(try problem().advice?.contains("dbmend init PATH") == true)
    #expect(try problem(["none.db"]).kind == .missing)
    try folder.write("text", to: "notes.txt")
    #expect(try problem(["notes.txt"]).said == "no driver here knows a file of this kind")
    #expect(mkfifo(Paths.join(folder.path, "pipe"), 0o600) == 0)
    #expect(try problem(["pipe"]).kind == .refused)
    #expect(!FileStatus.exists(Paths.join(folder.path, "dbmend.yaml")))
  }

  @Test("a store outside of the folder keeps its whole path, and its own folder speaks for the environment")
  func outside() throws {
    let other = try ConfigurationTestFolder()
    let path = try other.write("STUBDB\nusers\t1\n", to: "staging/app.db")
    let outcome = try initialiser.initialise(paths: [path], folder: folder.path, force: false)
    #expect(outcome.stores.map(\.environment) == ["staging"])
    #expect(try load().environments[0].stores[0].writtenPath == path)
  }

  @Test("a folder that is not there gets no configuration")
  func missingFolder() throws {
    try store("app.db", [])
    let problem = try #require(throws: Problem.self) {
      try initialiser.initialise(
        paths: [Paths.join(folder.path, "app.db")], folder: Paths.join(folder.path, "none"), force: false)
    }
    #expect(problem.kind == .missing)
    #expect(!FileStatus.exists(Paths.join(folder.path, "none")))
  }
}
