import MendKit
import TestSupport
import Testing

@Suite("dbmend plugins test finds what is wrong with a plugin") struct PluginTrialTests {
  private static let description = """
    {"id": "odd", "title": "odd", "kind": "check", "finds": [{"code": "odd.thing"}], "kinds": ["sqlite"],
     "options": {"table": {"type": "text", "default": "t"}},
     "examples": [{"title": "well", "script": "create table t(x);"}]}
    """

  /// A plugin whose `answer(request)` replies to everything; what fails does so with an error.
  private func test(_ answer: String, _ description: String = description) throws -> (
    exit: Int, bad: [String: String], all: [String]
  ) {
    let trial = try Trial()
    try trial.plugin(
      "odd",
      """
      #!/usr/bin/python3
      import json, os, sqlite3, sys
      def describe():
          print(json.dumps(\(description)))
      \(answer)
      """)
    let result = try trial.text("plugins", "test", "odd", "--format", "json")
    let json = try JSONValue(parsing: Array(result.output.utf8))
    #expect(json["format"]?.string == "dbmend.plugin-test/1")
    #expect((json["good"] == .boolean(true)) == (result.exit == 0))
    var bad: [String: String] = [:]
    let steps = json["tried"]?.array ?? []
    for step in steps where step["good"] != .boolean(true) {
      bad[step["title"]?.string ?? ""] = (step["said"]?.array ?? []).compactMap(\.string).joined(separator: "\n")
    }
    return (result.exit, bad, steps.compactMap { $0["title"]?.string })
  }

  /// A good plugin, up to what `check` replies.
  private func good(_ check: String) -> String {
    """
    try:
        request = json.load(sys.stdin)
        assert request["dbmend"] == 1
        if request["method"] == "describe":
            describe()
        else:
            assert request["method"] == "check" and request["plugin"] == "odd"
            path = request["store"]["snapshot"]
            rows = sqlite3.connect("file:" + path + "?mode=ro", uri=True).execute("select count(*) from sqlite_schema").fetchone()
            \(check)
    except Exception as trouble:
        print(json.dumps({"error": {"said": repr(trouble)}}))
    """
  }

  @Test("a good one passes everything")
  func passes() throws {
    let result = try test(good(#"print(json.dumps({"findings": []}))"#))
    #expect(result.exit == 0 && result.bad.isEmpty, "\(result)")
    #expect(result.all.count > 18)
  }

  @Test("one that dies of what it did not expect")
  func dies() throws {
    let result = try test(
      """
      request = json.load(sys.stdin)
      if request["method"] == "describe":
          describe()
      elif request["method"] == "check":
          sqlite3.connect("file:" + request["store"]["snapshot"] + "?mode=ro", uri=True).execute("select * from sqlite_schema").fetchall()
          print(json.dumps({"findings": []}))
      else:
          sys.exit("no such method")
      """)
    #expect(result.exit == 1)
    #expect(
      result.bad["no input at all"]?.contains("it ended with exit code 1; its last words: json.decoder.JSONDecodeError")
        == true, "\(result)")
    #expect(result.bad["a method that it does not know"]?.contains("its last words: no such method") == true)
    #expect(result.bad["a letter as the store"]?.contains("file is not a database") == true)
    #expect(result.bad["version 2 of the message"]?.contains("as if that had been right") == true)
    #expect(result.bad["a plugin that is not in the file"] != nil)
    #expect(result.bad["well"] == nil && result.bad["describes itself"] == nil)
  }

  @Test("one that says that all is well of what it never read")
  func blind() throws {
    let result = try test(
      """
      try:
          describe() if json.load(sys.stdin)["method"] == "describe" else print('{"findings": []}')
      except Exception:
          print('{"error": {"said": "no"}}')
      """)
    #expect(
      result.bad["a store that is not there"]?.contains("of a store that it cannot have read") == true, "\(result)")
    #expect(result.bad["a letter as the store"] != nil && result.bad["no store"] != nil)
  }

  @Test("one that talks nonsense, or reports what is not its own")
  func nonsense() throws {
    #expect(try test(good("print('well, well')")).bad["a member that it does not know"]?.contains("no JSON") == true)
    #expect(
      try test(good(#"print('{"findings": [{"code": 5}]}')"#)).bad["a member that it does not know"]?
        .contains("findings[0]") == true)
    let foreign = try test(good(#"print('{"findings": [{"code": "row.lost", "message": "x"}]}')"#))
    #expect(foreign.bad["well"]?.contains("plugin.foreign-finding was found") == true, "\(foreign)")
  }

  @Test("one that hangs keeps nobody waiting for long")
  func hangs() throws {
    let result = try test(
      """
      if '"describe"' in sys.stdin.read():
          describe()
      else:
          import time; time.sleep(600)
      """)
    #expect(result.bad.values.count { $0.contains("did not end within") } >= 2, "\(result)")
    #expect(result.bad.values.contains("not sent: it did not answer others in time"))
    // An example is a finding like any other.
    #expect(result.bad["well"]?.contains("plugin.timed-out was found") == true)
  }

  @Test("every line of a description that is not right, with the right word")
  func descriptions() throws {
    let result = try test(
      good(#"print('{"findings": []}')"#),
      """
      {"id": "odd", "title": "odd", "kind": "check", "finds": ["odd.thing"], "neds": ["snapshot"], "discusion": "x",
       "options": {"a": {"type": "text", "defualt": "b"}},
       "examples": [{"title": "well", "script": "create table t(x);", "fnids": []}]}
      """)
    let said = result.bad["describes itself"] ?? ""
    for line in [
      "neds: unknown; did you mean 'needs'?", "discusion: unknown; did you mean 'discussion'?",
      "options.a.defualt: unknown; did you mean 'default'?", "examples[0].fnids: unknown; did you mean 'finds'?",
    ] {
      #expect(said.contains(line), "\(said)")
    }
    let silent = try test("", "{}")
    #expect(
      silent.exit == 1 && silent.all == ["describes itself"]
        && silent.bad["describes itself"]?.contains("without a reply") == true)
  }

  @Test("examples that do not hold, none at all, and scripts that reach beyond their store")
  func examples() throws {
    let reply = good(#"print('{"findings": []}')"#)
    let wrong = try test(
      reply,
      """
      {"id": "odd", "title": "odd", "kind": "check", "finds": ["odd.thing"],
       "examples": [{"title": "finds", "script": "create table t(x);", "finds": ["odd.thing"]},
         {"title": "beyond", "script": "attach '/tmp/dbmend-evil.db' as e; create table e.t(x)"},
         {"title": "above", "kind": "folder", "script": "../evil.txt: x"},
         {"title": "elsewhere", "kind": "folder", "script": "/tmp/dbmend-evil.txt: x"},
         {"title": "a server", "kind": "postgresql", "script": "select 1"}]}
      """)
    #expect(wrong.bad["finds"] == "odd.thing was not found", "\(wrong)")
    #expect(wrong.bad["beyond"]?.contains("not authorized") == true)
    #expect(wrong.bad["above"]?.contains("a file outside of the folder") == true)
    #expect(wrong.bad["elsewhere"]?.contains("a file outside of the folder") == true)
    #expect(wrong.bad["a server"] == nil && !FileStatus.exists("/tmp/dbmend-evil.db"))
    let none = try test(reply, #"{"id": "odd", "title": "odd", "kind": "check", "finds": ["odd.thing"]}"#)
    #expect(none.bad["shows what it does"] == "it has no examples")
  }
}
