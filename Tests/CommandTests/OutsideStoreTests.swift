import MendKit
import TestSupport
import Testing

@Suite("Plugins from outside on every kind of store, and in every pipeline") struct OutsideStoreTests {
  private static let looker = """
    {"id": "look", "title": "says what it was given", "kind": "check", "finds": ["look.seen"], "needs": ["snapshot", "catalog", "rows"]}
    """
  private static let looking = """
    def answer(request):
        store = request["store"]
        path = store["snapshot"]
        if os.path.isdir(path):
            seen = sorted(os.path.relpath(os.path.join(place, name), path) for place, _, names in os.walk(path) for name in names)
        else:
            seen = open(path, "rb").read(64).decode("latin-1")
        counts = {table["name"]: table.get("rows") for table in store["catalog"]["tables"]}
        return {"findings": [{"code": "look.seen", "severity": "info", "message": json.dumps([store["kind"], seen, counts], sort_keys=True)}]}
    """

  private func seen(_ trial: Trial, _ target: String) throws -> String {
    try trial.plugin("look", describing: Self.looker, Self.looking)
    let outcome = try trial.dbmend("check", target, "--plugin", "look")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    return outcome.finding("look.seen")?["message"]?.string ?? outcome.everything
  }

  @Test("a JSON file") func json() throws {
    let trial = try Trial()
    try trial.folder.write(#"{"users": [1, 2]}"#, to: "a.json")
    #expect(try seen(trial, "a.json").contains(#"["json", "{\"users\": [1, 2]}""#))
  }

  @Test("a folder") func folder() throws {
    let trial = try Trial()
    try Paths.makeFolder(trial.file("f/sub"))
    try trial.folder.write("one", to: "f/one.txt")
    try trial.folder.write("two", to: "f/sub/two.txt")
    try trial.folder.write(
      """
      version: 1
      plugins: [look]
      environments: { e: { stores: { s: { path: f, kind: folder } } } }
      checks: [integrity, look]
      """, to: "dbmend.yaml")
    try trial.plugin("look", describing: Self.looker, Self.looking)
    let outcome = try trial.dbmend("check")
    #expect(
      outcome.finding("look.seen")?["message"]?.string?.contains(#"["one.txt", "sub/two.txt"]"#) == true,
      "\(outcome.everything)")
  }

  @Test("a DuckDB database") func duckdb() throws {
    guard try DuckDBFile.client() != nil else { return }
    let trial = try Trial()
    _ = try DuckDBFile.run(trial.file("a.duckdb"), "create table users as select range as id from range(7)")
    let text = try seen(trial, "a.duckdb")
    #expect(text.contains("DUCK") && text.contains(#"{"users": 7}"#), "\(text)")
  }

  @Test("a PostgreSQL database: a dump") func postgres() throws {
    let cluster = try PostgresCluster.shared()
    let database = try cluster.database(
      "create table users(id int primary key); insert into users select generate_series(1, 5);")
    let trial = try Trial()
    let text = try seen(trial, cluster.uri(database))
    #expect(text.contains("PGDMP") && text.contains(#"{"users": 5}"#), "\(text)")
  }

  @Test("a damaged database: the raw bytes, and a plugin that stumbles over them adds nothing") func damaged() throws {
    let trial = try Trial("app.db")
    let file = try FileHandle.update(trial.file("app.db"))
    try file.write([UInt8](repeating: 0x5A, count: 4096), at: 4096)
    file.close()
    try trial.plugin(
      "quota", describing: OutsidePluginTests.count, OutsidePluginTests.counting)
    let stumbled = try trial.dbmend("check", "app.db", "--plugin", "quota")
    #expect(stumbled.exit == 1 && !stumbled.codes.contains { $0.hasPrefix("plugin.") }, "\(stumbled.everything)")
    #expect(stumbled.everything.contains("quota could not run on the damaged store"))
    try trial.plugin(
      "raw",
      describing:
        #"{"id": "raw", "title": "looks at bytes", "kind": "check", "finds": ["raw.noise"], "needs": ["snapshot"]}"#,
      #"def answer(request): return {"findings": [{"code": "raw.noise", "message": "noise"}] if b"Z" * 4096 in open(request["store"]["snapshot"], "rb").read() else []}"#
    )
    #expect(try trial.dbmend("check", "app.db", "--plugin", "raw").codes.contains("raw.noise"))
  }

  @Test("a command that leaves what a plugin finds is undone; what a plugin mends is mended before it") func preflight()
    throws
  {
    let trial = try Trial("app.db")
    try trial.plugin(
      "ada",
      describing: """
        {"plugins": [
          {"id": "ada", "title": "Ada is not there", "kind": "check", "finds": ["ada.there"]},
          {"id": "no-ada", "title": "renames Ada", "kind": "repair", "mends": ["ada.there"], "loss": "none"}]}
        """,
      """
      def answer(request):
          if request["method"] == "check":
              rows = sqlite3.connect(request["store"]["snapshot"]).execute("select 1 from users where name = 'Ada'").fetchall()
              return {"findings": [{"code": "ada.there", "message": "Ada is there"} for row in rows]}
          rows = sqlite3.connect(request["copy"])
          rows.execute("update users set name = 'A. Lovelace' where name = 'Ada'")
          rows.commit()
          return {"rows": {"users": {"kept": 4}}}
      """)
    try trial.configure("app.db", more: "plugins: [ada]\nchecks: [integrity, ada]")
    let good = try trial.dbmend("preflight", "--", "true")
    #expect(good.exit == 0 && good.verdict == "repaired", "\(good.everything)")
    #expect(try trial.value("select name from users where id = 1") == "A. Lovelace")
    let bad = try trial.dbmend(
      "preflight", "--", "/usr/bin/python3", "-c",
      "import sqlite3; c = sqlite3.connect('app.db'); c.execute(\"insert into users(name) values('Ada')\"); c.commit()")
    #expect(bad.exit == 4, "\(bad.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test("several checks share a copy, and what one does to it the next does not see") func shared() throws {
    let trial = try Trial("app.db")
    for name in ["one", "two"] {
      try trial.plugin(
        name,
        describing: #"{"id": "\#(name)", "title": "counts and deletes", "kind": "check", "finds": ["\#(name).seen"]}"#,
        """
        def answer(request):
            rows = sqlite3.connect(request["store"]["snapshot"])
            count = rows.execute("select count(*) from users").fetchone()[0]
            rows.execute("delete from users")
            rows.commit()
            return {"findings": [{"code": "\(name).seen", "severity": "info", "message": "%d rows" % count}]}
        """)
    }
    let outcome = try trial.dbmend("check", "app.db", "--plugin", "one", "--plugin", "two")
    #expect(outcome.finding("one.seen")?["message"]?.string == "4 rows")
    #expect(outcome.finding("two.seen")?["message"]?.string == "4 rows")
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test("nothing of a call is left in the folder for temporary files") func leavings() throws {
    let trial = try Trial("app.db")
    try Paths.makeFolder(trial.file("tmp"))
    try trial.plugin("look", describing: Self.looker, Self.looking)
    let result = try run(
      [Trial.program, "check", "app.db", "--plugin", "look"], folder: trial.folder.path,
      environment: ["TMPDIR": trial.file("tmp")])
    #expect(result.exit == 0, "\(result.errors)")
    #expect(try Paths.names(in: trial.file("tmp")) == [])
  }
}
