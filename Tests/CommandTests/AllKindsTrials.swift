import MendKit
import TestSupport
import Testing

/// One deployment with a store of every kind, in one configuration.
@Suite("Trials: every kind of store at once") struct AllKindsTrials {
  private let trial: Trial
  private let cluster: PostgresCluster
  private let database: String

  init() throws {
    trial = try Trial("app.db")
    cluster = try PostgresCluster.shared()
    database = try cluster.database(
      "create table orders(id int primary key, sku text); insert into orders select i, 'sku ' || i from generate_series(1, 500) i"
    )
    try trial.folder.write(#"{"users": [{"name": "Ada"}, {"name": "Grace"}]}"#, to: "profile.json")
    try Paths.makeFolder(trial.file("docs/sub"))
    try trial.folder.write("first", to: "docs/a.txt")
    try trial.folder.write("second", to: "docs/sub/b.txt")
    try DuckDBFile.run(
      trial.file("facts.duckdb"), "create table facts as select range i, 'fact ' || range t from range(5000)")
    try h2("create table ledger(id int primary key, note varchar) as select x, 'note ' || x from system_range(1, 300)")
    try trial.folder.write(
      """
      version: 1
      repository: backups
      environments:
        production:
          stores:
            app: { path: app.db }
            profile: { path: profile.json }
            docs: { path: docs }
            facts: { path: facts.duckdb }
            ledger: { path: ledger.mv.db }
            orders: { path: "\(cluster.uri(database))" }
      """, to: "dbmend.yaml")
  }

  private static let h2Words = "java -cp ${H2_JAR:-/usr/share/java/h2.jar} org.h2.tools.Shell -user sa -url jdbc:h2:"

  /// Runs SQL on the H2 database by its own program; the first row that it answers, which stands behind the names of the columns.
  @discardableResult private func h2(_ sql: String) throws -> String {
    let script = "\(Self.h2Words)\(trial.file("ledger")) -sql \"$0\""
    let result = try run("sh", "-c", script, sql)
    guard result.exit == 0, !result.output.contains("Error: ") else { throw PreparationFailed("\(result)") }
    return String(result.output.split(separator: "\n").dropFirst().first ?? "")
  }

  /// What every store holds.
  private func content() throws -> [String] {
    [
      try SQLiteFile.value(trial.file("app.db"), "select count(*) || ':' || sum(id) from users") ?? "",
      String(decoding: try trial.folder.read("profile.json"), as: UTF8.self),
      try run("sh", "-c", "cd \(trial.folder.path)/docs && find . -type f | sort | xargs tail -n +1").output,
      try DuckDBFile.value(trial.file("facts.duckdb"), "select count(*), sum(i) from facts"),
      try cluster.rows("orders", in: database).joined(separator: "\n"),
      try h2("select count(*), sum(id) from ledger"),
    ]
  }

  /// A script that an update might be: it changes every store.
  private func update() throws -> String {
    let duckdb = try DuckDBFile.client() ?? "duckdb"
    return """
      sqlite3 app.db 'delete from users' && echo '{}' > profile.json && rm docs/a.txt && echo new > docs/c.txt &&
      \(duckdb) facts.duckdb 'delete from facts where i > 10' && psql -q '\(cluster.uri(database))' -c 'delete from orders where id > 3' &&
      \(Self.h2Words)\(trial.file("ledger")) -sql 'delete from ledger where id > 5'
      """
  }

  @Test("a failed update over all of them puts every one back, and a good one leaves its work")
  func preflight() throws {
    guard try DuckDBFile.isHere else { return }
    let before = try content()
    let check = try trial.dbmend("check")
    #expect(check.exit == 0, "\(check.everything)")
    #expect(
      Set(check.stores.compactMap { $0["kind"]?.string }) == ["sqlite", "json", "folder", "duckdb", "postgresql", "h2"])
    let failed = try trial.dbmend("preflight", "--", "sh", "-c", update() + "; exit 7")
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(failed.stores.allSatisfy { $0["put_back"] == .boolean(true) }, "\(failed.everything)")
    #expect(try content() == before)
    let good = try trial.dbmend("preflight", "--", "sh", "-c", update())
    #expect(good.exit == 0, "\(good.everything)")
    let after = try content()
    #expect(zip(before, after).allSatisfy { $0 != $1 })
    for store in ["app", "profile", "docs", "facts", "orders", "ledger"] {
      let archives = try trial.dbmend("list").json?["archives"]?.array ?? []
      let own = archives.filter { archive in
        archive["store"]?.string == "production/\(store)" && archive["reason"]?.string == "preflight"
      }
      let paths = own.compactMap { $0["archive"]?.string }
      let oldest = try #require(paths.min())
      let restore = try trial.dbmend("restore", oldest, "production/\(store)")
      #expect(restore.exit == 0, "\(store): \(restore.everything)")
    }
    #expect(try content() == before)
  }
}
