import MendKit
import TestSupport
import Testing

/// A trial with plugins from outside beside its stores.
extension Trial {
  /// Writes a plugin that this user alone can change.
  func plugin(_ name: String, _ text: String) throws {
    try folder.write(text, to: name)
    chmod(file(name), 0o755)
  }

  /// Writes a plugin in Python; `answer(request)` in it gives the reply to everything but `describe`, to which `description` is the reply.
  func plugin(_ name: String, describing description: String, _ answer: String) throws {
    try plugin(
      name,
      """
      #!/usr/bin/python3
      import json, os, sqlite3, sys, time
      request = json.load(sys.stdin)
      \(answer)
      if request["method"] == "describe":
          print(json.dumps(\(description)))
      else:
          print(json.dumps(answer(request)))

      """)
  }
}

extension Trial.Outcome {
  func finding(_ code: String) -> JSONValue? {
    store()?["findings"]?.array?.first { $0["code"]?.string == code }
  }
}

@Suite("Checks and repairs from outside") struct OutsidePluginTests {
  static let count = """
    {"id": "quota", "title": "no table has too many rows", "kind": "check",
     "finds": [{"code": "quota.exceeded", "meaning": "a table has too many rows"}],
     "options": {"limit": {"type": "integer", "default": 3}}}
    """
  static let counting = """
    def answer(request):
        rows = sqlite3.connect(request["store"]["snapshot"])
        findings = []
        for table in request["store"]["catalog"]["tables"]:
            number = rows.execute('select count(*) from "%s"' % table["name"]).fetchone()[0]
            if number > request["options"]["limit"]:
                findings.append({"code": "quota.exceeded", "table": table["name"], "message": "%s has %d rows" % (table["name"], number),
                                 "measures": [{"name": "rows", "value": number}]})
        return {"findings": findings, "said": "looked"}
    """

  @Test("a check that the configuration names finds what it finds, with its options")
  func configured() throws {
    let trial = try Trial("app.db")
    try trial.plugin("quota", describing: Self.count, Self.counting)
    try trial.configure(
      "app.db", more: "plugins: [quota]\nchecks: [integrity, quota: { limit: 3 }]")
    let found = try trial.dbmend("check")
    #expect(found.exit == 1 && found.codes == ["quota.exceeded", "quota.exceeded"], "\(found.everything)")
    #expect(found.finding("quota.exceeded")?["table"]?.string == "users")
    try trial.configure("app.db", more: "plugins: [quota]\nchecks: [integrity, quota: { limit: 4 }]")
    #expect(try trial.dbmend("check").exit == 0)
    try trial.configure("app.db", more: "plugins: [quota]\nchecks: [quota: { limt: 4 }]")
    let wrong = try trial.dbmend("check")
    #expect(wrong.exit == 2 && wrong.errors.contains("unknown option 'limt' of the check quota; did you mean 'limit'?"))
  }

  @Test("a check that is named on the command line runs on every store; one in the working folder does not by itself")
  func named() throws {
    let trial = try Trial("app.db")
    try trial.plugin("quota", describing: Self.count, Self.counting)
    #expect(try trial.dbmend("check", "app.db").exit == 0)
    let found = try trial.dbmend("check", "app.db", "--plugin", "quota")
    #expect(found.exit == 1 && found.codes.contains("quota.exceeded"))
  }

  @Test("one that the configuration lists runs on every store, unless it is named somewhere, or switched off")
  func listed() throws {
    let trial = try Trial("app.db", "other.db")
    try trial.plugin("quota", describing: Self.count, Self.counting)
    func found(_ more: String) throws -> [Int] {
      try trial.configure("app.db", "other.db", more: "plugins: [quota]\n\(more)")
      return try trial.dbmend("check").stores.map { $0["findings"]?.array?.count ?? 0 }
    }
    #expect(try found("checks: [connects]") == [2, 2])
    #expect(try found("checks: { connects: true, quota: false }") == [0, 0])
    #expect(try found("checks: [connects, quota: { limit: 4 }]") == [0, 0])
  }

  @Test("a check gets a copy as one state, and the live store stays as it is, also under a log that was not folded in")
  func snapshot() throws {
    let trial = try Trial("app.db")
    try trial.sql("pragma journal_mode = wal")
    let writer = try Holder(
      trial.file("app.db"), "pragma wal_autocheckpoint = 0", "insert into users(name) values('new')")
    try trial.plugin(
      "look", describing: #"{"id": "look", "title": "looks", "kind": "check", "finds": ["look.seen"]}"#,
      """
      def answer(request):
          path = request["store"]["snapshot"]
          rows = sqlite3.connect(path).execute("select count(*) from users").fetchone()[0]
          sqlite3.connect(path).execute("delete from users")
          return {"findings": [{"code": "look.seen", "message": "%d %s" % (rows, path)}]}
      """)
    let before = try trial.folder.read("app.db")
    let found = try trial.dbmend("check", "app.db", "--plugin", "look")
    let message = try #require(found.finding("look.seen")?["message"]?.string)
    #expect(message.hasPrefix("5 ") && !message.contains(trial.folder.path))
    #expect(try trial.folder.read("app.db") == before)
    #expect(!FileStatus.exists(String(message.dropFirst(2))))
    withExtendedLifetime(writer) {}
  }

  @Test("a check of a store of another kind is not asked")
  func kinds() throws {
    let trial = try Trial("app.db")
    try trial.plugin(
      "json-only",
      describing: #"{"id": "only", "title": "looks", "kind": "check", "finds": ["only.seen"], "kinds": ["json"]}"#,
      #"def answer(request): return {"findings": [{"code": "only.seen", "message": "seen"}]}"#)
    try trial.folder.write(#"{"a": 1}"#, to: "a.json")
    #expect(try trial.dbmend("check", "app.db", "--plugin", "json-only").exit == 0)
    #expect(try trial.dbmend("check", "a.json", "--plugin", "json-only").codes == ["only.seen"])
  }

  @Test("the messages are those of the schema, whatever a plugin needs")
  func messages() throws {
    let trial = try Trial("app.db")
    let schema = Paths.join(Page.root, "docs/plugin-message.schema.json")
    let script = """
      import glob
      def keep(what, object):
          with open(os.environ["KEPT"] + "/%s.%d" % (what, os.getpid()), "w") as file: json.dump(object, file)
      keep(request["method"] + "_request", request)
      def answer(request):
          if request["method"] == "offer":
              reply = {"offer": {"loss": "none", "mends": [0], "reason": "it will do"}}
          elif request["method"] == "repair":
              sqlite3.connect(request["copy"]).executescript("delete from users where name = 'Ada'")
              reply = {"rows": {"users": {"kept": 3, "set_aside": 0, "lost": 0}}, "notes": ["done"]}
          else:
              rows = sqlite3.connect(request["store"]["snapshot"]).execute("select id from users where name = 'Ada'").fetchall()
              reply = {"findings": [{"code": "ada.there", "message": "Ada is there", "row": row[0]} for row in rows], "said": "looked"}
          keep(request["method"] + "_reply", reply)
          return reply
      """
    let both = """
      {"plugins": [
        {"id": "ada", "title": "Ada is not there", "kind": "check", "finds": [{"code": "ada.there", "severity": "error", "meaning": "she is"}],
         "needs": ["snapshot", "catalog", "rows", "place", "archives"], "options": {"size": {"type": "size", "default": "2kiB"}}},
        {"id": "no-ada", "title": "takes Ada away", "kind": "repair", "mends": ["ada.there"], "loss": "changes", "offers": True,
         "needs": ["snapshot", "catalog", "rows", "place", "archives"]}]}
      """
    try trial.plugin("ada", describing: both, script)
    try Paths.makeFolder(trial.file("kept"))
    try trial.configure(
      "app.db",
      more: """
        plugins: [{ path: ada, writes: [kept], environment: { KEPT: \(trial.file("kept")) } }]
        checks: [integrity, ada]
        """)
    #expect(try trial.dbmend("check").codes == ["ada.there"])
    let backup = try trial.dbmend("backup")
    let mended = try trial.dbmend("repair", "production/app", "--max-loss", "changes")
    #expect(mended.exit == 0 && mended.verdict == "repaired", "\(backup.everything)\n\(mended.everything)")
    #expect(try trial.value("select count(*) from users where name = 'Ada'") == "0")
    let names = try Paths.names(in: trial.file("kept"))
    for part in [
      "describe_request", "check_request", "check_reply", "offer_request", "offer_reply", "repair_request",
      "repair_reply",
    ] {
      #expect(names.contains { $0.hasPrefix(part) }, "no \(part)")
    }
    let validated = try run([
      "/usr/bin/python3", "-c",
      """
      import glob, json, sys, jsonschema
      schema = json.load(open(sys.argv[1]))
      kind = jsonschema.validators.validator_for(schema)
      kind.check_schema(schema)
      for path in sorted(glob.glob(sys.argv[2] + "/*")):
          name = path.split("/")[-1].split(".")[0]
          message = json.load(open(path))
          kind({"$ref": "#/$defs/" + name, "$defs": schema["$defs"]}).validate(message)
          if name == "check_request":
              assert message["options"] == {"size": 2048}, message["options"]
              assert message["store"]["place"]["mode"] in ("0644", "0600") and message["store"]["catalog"]["tables"][0]["rows"] >= 3, message
          broken = dict(message)
          broken["dbmend" if name.endswith("request") else "findings" if name == "check_reply" else "offer" if name == "offer_reply" else "rows"] = "x"
          assert not kind({"$ref": "#/$defs/" + name, "$defs": schema["$defs"]}).is_valid(broken), name
      """, schema, trial.file("kept"),
    ])
    #expect(validated.exit == 0, "\(validated.errors)")
  }

  @Test("no live path is in a request")
  func noLivePath() throws {
    let trial = try Trial("app.db")
    try trial.plugin(
      "echo",
      describing:
        #"{"id": "echo", "title": "says it", "kind": "check", "finds": ["echo.said"], "needs": ["snapshot", "catalog", "rows", "place", "archives"]}"#,
      #"def answer(request): return {"findings": [{"code": "echo.said", "message": json.dumps(request)}]}"#)
    let message = try trial.dbmend("check", "app.db", "--plugin", "echo").finding("echo.said")?["message"]?.string
    #expect(message?.contains(trial.folder.path) == false)
  }

  @Test("a shared object answers as a program does, and what it prints is no reply")
  func sharedObject() throws {
    let trial = try Trial("app.db")
    try trial.folder.write(
      #"""
      #include "dbmend_plugin.h"
      #include <stdio.h>
      #include <string.h>
      int dbmend_plugin(uint32_t abi, const char *request, size_t length, dbmend_plugin_reply reply, void *context) {
        if (abi != DBMEND_PLUGIN_ABI) return 1;
        printf("this is no reply\n");
        const char *answer = strstr(request, "\"describe\"")
          ? "{\"id\": \"hello\", \"title\": \"greets\", \"kind\": \"check\", \"finds\": [\"hello.said\"]}"
          : "{\"findings\": [{\"code\": \"hello.said\", \"message\": \"hello\", \"severity\": \"warning\"}]}";
        reply(context, answer, strlen(answer));
        return length == strlen(request) ? 0 : 2;
      }
      """#, to: "hello.c")
    let built = try run([
      "cc", "-Wall", "-Werror", "-shared", "-fPIC", "-I", Paths.join(Page.root, "Sources/CPlugin/include"), "-o",
      trial.file("libhello.so"), trial.file("hello.c"),
    ])
    try #require(built.exit == 0, "\(built.errors)")
    chmod(trial.file("libhello.so"), 0o755)
    let found = try trial.dbmend("check", "app.db", "--plugin", "libhello.so")
    #expect(found.exit == 0 && found.codes == ["hello.said"], "\(found.everything)")
  }
}
