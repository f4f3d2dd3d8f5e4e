import MendKit
import Testing

@testable import MendEngine

enum ConfigurationSamples {
  /// The example of the design, with everything that the loader knows.
  static let whole = """
    version: 1
    repository: backups
    retention: { keep_last: 10, keep_damaged: 2, keep_daily: 7, keep_weekly: 4, keep_monthly: 12, keep_within: 7d, max_size: 2GiB }
    max_loss: rows
    busy_timeout: 250ms
    schema: schema.sql
    environments:
      production:
        stores:
          data: { path: data/production.db, kind: stub, max_loss: none }
      staging:
        max_loss: everything
        checks:
          integrity: { level: quick }
          required-tables: false
          sql: { name: orphan orders, expect: 3 }
        stores:
          data:
            path: /var/staging.db
            checks:
              - integrity: false
              - row-counts: { minimum: { users: 5 } }
              - sql: { name: own, query: select 1 }
    checks:
      - file-exists
      - integrity
      - required-tables: { tables: [users, orders] }
      - row-counts: { minimum: { users: 1 }, max_drop: 20% }
      - sql: { name: orphan orders, query: "select count(*) from orders where user_id is null", expect: 0 }
      - foreign-keys: { severity: warning }
    rules:
      - { when: { code: "row-count.*", table: logs }, severity: warning }
      - { when: { code: table.missing, store: "production/*" }, repair: create-missing-tables }
      - when: { index: i_1 }
        ignore: true
    hooks:
      before_backup: ./flush.sh
      on_failure: ./page-me.sh --now
    plugins: []

    """
}

@Suite("dbmend.yaml as typed values")
struct ConfigurationLoaderTests {
  @Test("everything that a file says arrives, with paths from the file's folder")
  func whole() throws {
    let configuration = try ConfigurationStubs.load(ConfigurationSamples.whole)
    #expect(configuration.file == "/srv/app/dbmend.yaml")
    #expect(configuration.repository == "/srv/app/backups")
    #expect(configuration.retention.keepLast == 10)
    #expect(configuration.retention.keepDamaged == 2)
    #expect(configuration.retention.keepDaily == 7)
    #expect(configuration.retention.keepWeekly == 4)
    #expect(configuration.retention.keepMonthly == 12)
    #expect(configuration.retention.keepWithin == 7 * 86400)
    #expect(configuration.retention.maxSize == 2 << 30)
    #expect(configuration.maxLoss == .rows)
    #expect(configuration.busyTimeout == 0.25)
    #expect(configuration.schema == "/srv/app/schema.sql")
    #expect(configuration.environments.map(\.name) == ["production", "staging"])
    let production = try #require(configuration.environments.first?.stores.first)
    #expect(production.path == "/srv/app/data/production.db")
    #expect(production.writtenPath == "data/production.db")
    #expect(production.kind == "stub")
    #expect(production.maxLoss == Loss.none)
    #expect(configuration.environments[1].maxLoss == .everything)
    #expect(configuration.environments[1].stores[0].path == "/var/staging.db")
    #expect(configuration.hooks == [.beforeBackup: "./flush.sh", .onFailure: "./page-me.sh --now"])
    #expect(configuration.rules.count == 3)
    #expect(
      configuration.rules[1]
        == Configuration.Rule(
          code: "table.missing", store: "production/*", repair: "create-missing-tables", origin: "dbmend.yaml:33"))
    #expect(configuration.rules[0].severity == .warning)
    #expect(configuration.rules[2].isIgnored)
  }

  @Test("checks of a store merge into those of its environment, and those into the file's")
  func merging() throws {
    let configuration = try ConfigurationStubs.load(ConfigurationSamples.whole)
    #expect(
      configuration.checks.map(\.title) == [
        "file-exists", "integrity", "required-tables", "row-counts", "sql: orphan orders", "foreign-keys",
      ])
    #expect(configuration.checks[5].severity == .warning)
    #expect(configuration.checks[3].origin == "dbmend.yaml:28")
    #expect(configuration.environments[0].stores[0].checks == configuration.checks)
    let staging = configuration.environments[1]
    #expect(
      staging.checks.map(\.title) == ["file-exists", "integrity", "row-counts", "sql: orphan orders", "foreign-keys"])
    #expect(Options(staging.checks[1].options).string("level") == "quick")
    let checks = staging.stores[0].checks
    #expect(checks.map(\.title) == ["file-exists", "row-counts", "sql: orphan orders", "foreign-keys", "sql: own"])
    let rows = Options(checks[1].options)
    #expect(rows.integers("minimum") == ["users": 5])
    #expect(rows.share("max_drop") == 0.2)
    let sql = Options(checks[2].options)
    #expect(sql.integer("expect") == 3)
    #expect(sql.string("query")?.hasPrefix("select count") == true)
  }

  @Test("a file that says only its version gets the defaults and the checks that hold without one")
  func defaults() throws {
    let configuration = try ConfigurationStubs.load("version: 1\n")
    #expect(configuration.repository == nil)
    #expect(configuration.retention.keepLast == 30)
    #expect(configuration.busyTimeout == 5)
    #expect(configuration.checks == Configuration.standardChecks)
    let own = try ConfigurationStubs.load(
      """
      version: 1
      repository: { path: ../archives }
      environments: { production: { stores: { data: { path: a.db, checks: { integrity: false, sequences: } } } } }
      """)
    #expect(own.repository == "/srv/archives")
    let ids = own.environments[0].stores[0].checks.map(\.id)
    #expect(ids == ["file-exists", "connects", "primary-keys", "sequences", "foreign-keys"])
  }

  @Test("checks may be written as a map, and a repeatable one with a list")
  func mapOfChecks() throws {
    let configuration = try ConfigurationStubs.load(
      """
      version: 1
      checks:
        integrity: true
        connects:
        sql:
          - { name: a, query: select 1 }
          - { name: b, query: select 2, severity: info }
      """)
    #expect(configuration.checks.map(\.title) == ["integrity", "connects", "sql: a", "sql: b"])
    #expect(configuration.checks[3].severity == .info)
  }

  @Test("a text that looks like a number keeps the form in which it was written")
  func writtenForm() throws {
    let configuration = try ConfigurationStubs.load(
      """
      version: 1
      repository: 0640
      environments: { p: { stores: { d: { path: 3.40, checks: [required-tables: { tables: [007, True, 1e3] }] } } } }
      """)
    #expect(configuration.repository == "/srv/app/0640")
    let store = configuration.environments[0].stores[0]
    #expect(store.path == "/srv/app/3.40")
    let tables = try #require(store.checks.first { $0.id == "required-tables" })
    #expect(Options(tables.options).strings("tables") == ["007", "True", "1e3"])
  }

  @Test("the URI of a server stays as it is")
  func uri() throws {
    let configuration = try ConfigurationStubs.load(
      "version: 1\nenvironments: { p: { stores: { d: { path: 'postgresql://host/db?sslmode=require' } } } }\n")
    #expect(configuration.environments[0].stores[0].path == "postgresql://host/db?sslmode=require")
  }

  @Test("the file is looked for here and upwards, but not in a stranger's hands")
  func find() throws {
    let folder = try ConfigurationTestFolder()
    let inner = Paths.join(folder.path, "a/b/c")
    try Paths.makeFolder(inner)
    #expect(ConfigurationLoader.find(from: inner) == nil)
    let file = try folder.write("version: 1\n", to: "a/dbmend.yaml")
    #expect(ConfigurationLoader.find(from: inner) == file)
    #expect(ConfigurationLoader.find(from: Paths.join(folder.path, "a")) == file)
    try #require(geteuid() == 0, "the tests run as root")
    #expect(chown(file, 4711, 4711) == 0)
    #expect(ConfigurationLoader.find(from: inner) == nil)
    #expect(ConfigurationLoader.find(from: Paths.join(folder.path, "a")) == file)
    #expect(chown(inner, 4711, 4711) == 0)
    #expect(ConfigurationLoader.find(from: inner) == file)
  }

  @Test("a file that is not there, a folder, a pipe and a file of megabytes are told as what they are")
  func unreadable() throws {
    let folder = try ConfigurationTestFolder()
    let pipe = Paths.join(folder.path, "pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let large = try folder.write(String(repeating: "# x\n", count: 300_000), to: "large.yaml")
    let cases = [
      (Paths.join(folder.path, "none.yaml"), "No such file or directory"),
      (folder.path, "it is a folder and not a file"),
      (pipe, "it is a pipe and not a file"), (large, "more than the 1.0 MB"),
    ]
    for (path, said) in cases {
      let problem = try #require(throws: Problem.self) {
        try ConfigurationLoader.load(file: path, registry: ConfigurationStubs.registry)
      }
      #expect(problem.kind == .configuration)
      #expect(problem.said.contains(said), "\(problem)")
      #expect(problem.subject == path)
    }
  }

  @Test("hooks in a file that everybody may write are not run")
  func writableByOthers() throws {
    let folder = try ConfigurationTestFolder()
    let file = try folder.write("version: 1\nhooks: { on_failure: ./x }\n", to: "dbmend.yaml")
    let registry = ConfigurationStubs.registry
    #expect(try ConfigurationLoader.load(file: file, registry: registry).hooks == [.onFailure: "./x"])
    #expect(chmod(file, 0o666) == 0)
    let problem = try #require(throws: Problem.self) { try ConfigurationLoader.load(file: file, registry: registry) }
    #expect(
      ConfigurationStubs.lines(of: problem, file: file) == [
        "2:1: everybody may write this file, so its hooks are not run; use chmod o-w on it"
      ])
  }
}
