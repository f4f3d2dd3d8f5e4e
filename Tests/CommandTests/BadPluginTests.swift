import MendKit
import TestSupport
import Testing

@Suite("Plugins that do not do what plugins do") struct BadPluginTests {
  private static let description = #"{"id": "bad", "title": "is bad", "kind": "check", "finds": ["bad.found"]}"#

  /// What a plugin does when it is to check, the finding that this is, and what its message and evidence hold.
  private static let checks: [String: (script: String, more: String, code: String, says: [String])] = [
    "one that fails": ("echo cannot go on >&2; exit 7", "", "plugin.died", ["ended with exit code 7", "cannot go on"]),
    "one that crashes": ("echo before >&2; kill -SEGV $$", "", "plugin.died", ["killed by signal 11", "before"]),
    "one that says nothing": ("exit 0", "", "plugin.died", ["ended without a reply"]),
    "one that hangs": (
      "echo waiting >&2; sleep 100", "timeout: 3s", "plugin.timed-out", ["within 3.0 s", "waiting"]
    ),
    "one that hangs behind its streams": (
      "exec >&- 2>&-; sleep 100", "timeout: 3s", "plugin.timed-out", ["within 3.0 s"]
    ),
    "one that leaves a process at its output": (
      "(sleep 100; echo late) & echo '{\"findings\": []}'", "timeout: 20s", "", []
    ),
    "one that floods": ("yes", "output: 100kB", "plugin.flooded", ["more than 100 kB"]),
    "one that takes all memory": (
      "exec /usr/bin/python3 -c 'x = bytearray(1 << 30)'", "memory: 200MB", "plugin.died",
      ["exit code 1", "MemoryError"]
    ),
    "one that shares all memory out": (
      "exec /usr/bin/python3 -c 'import mmap, time; m = mmap.mmap(-1, 300 << 20); [m.__setitem__(i << 12, 1) for i in range(300 << 8)]; time.sleep(50)'",
      "memory: 200MB", "plugin.exhausted", ["more than 200 MB of memory"]
    ),
    "one that starts processes without end": (
      "while :; do sleep 50 & done", "processes: 12", "plugin.exhausted", ["more than 12 processes"]
    ),
    "one that opens files without end": (
      "exec /usr/bin/python3 -c 'kept = [open(\"/dev/null\") for _ in range(1000)]'", "files: 32", "plugin.died",
      ["exit code 1", "Too many open files"]
    ),
    "one that replies no JSON": ("echo hello", "", "plugin.nonsense", ["no JSON", "hello"]),
    "one that replies two objects": (
      "echo '{\"findings\": []}'; echo '{}'", "", "plugin.nonsense", ["no JSON", "something stands behind"]
    ),
    "one that replies a list": ("echo '[]'", "", "plugin.nonsense", ["a list and no object"]),
    "one that replies bytes": ("head -c 1000 /dev/urandom", "", "plugin.nonsense", ["no JSON"]),
    "one that nests without end": (
      "exec /usr/bin/python3 -c 'print(\"{\\\"findings\\\":\" + \"[\" * 1000000)'", "", "plugin.nonsense", ["nested"]
    ),
    "one that leaves the findings out": ("echo '{}'", "", "plugin.nonsense", ["'findings' is missing"]),
    "one whose finding lacks its message": (
      "echo '{\"findings\": [{\"code\": \"bad.found\"}]}'", "", "plugin.nonsense", ["findings[0]: 'message' is missing"]
    ),
    "one of another type": (
      "echo '{\"findings\": [{\"code\": \"bad.found\", \"message\": \"x\", \"row\": \"seven\"}]}'", "",
      "plugin.nonsense",
      ["findings[0].row: expected a whole number, found \"seven\""]
    ),
    "one that claims another's finding": (
      "echo '{\"findings\": [{\"code\": \"index.entry-missing\", \"message\": \"x\"}]}'", "", "plugin.foreign-finding",
      ["'index.entry-missing'"]
    ),
    "one that claims a finding that it does not name": (
      "echo '{\"findings\": [{\"code\": \"bad.other\", \"message\": \"x\"}]}'", "", "plugin.foreign-finding",
      ["'bad.other'"]
    ),
  ]

  @Test("each is a finding with its name, what it was asked, and its last words", arguments: checks.keys.sorted())
  func bad(_ name: String) throws {
    let (script, more, code, says) = try #require(Self.checks[name])
    let trial = try Trial("app.db")
    try trial.plugin(
      "bad", "#!/bin/sh\ncase $(cat) in *describe*) echo '\(Self.description)'; exit;; esac\n\(script)\n")
    try trial.configure(
      "app.db", more: "plugins: [{ path: bad\(more.isEmpty ? "" : ", ")\(more) }]\nchecks: [integrity, bad]")
    let before = try trial.folder.read("app.db")
    let start = Clock.system.steady()
    let outcome = try trial.dbmend("check")
    #expect(Clock.system.steady() - start < 15)
    #expect(outcome.codes == (code.isEmpty ? [] : [code]), "\(outcome.everything)")
    #expect(outcome.exit == (code.isEmpty ? 0 : 1))
    let finding = outcome.finding(code)
    let told = "\(finding?["message"]?.string ?? "") \(finding?["evidence"]?.string ?? "")"
    for part in says + (code.isEmpty ? [] : ["bad", "check the store production/app"]) {
      #expect(told.contains(part), "\(told)")
    }
    #expect(try trial.folder.read("app.db") == before)
    #expect(outcome.store()?["tables"]?["users"]?["rows"]?.integer == 4)
  }

  @Test(
    "one that cannot even say what it is is a finding of every store, and keeps nothing else from running",
    arguments: [
      "exit 3", "sleep 100", "echo '{}'",
      "echo '{\"id\": \"X\", \"title\": \"x\", \"kind\": \"check\", \"finds\": [\"a.b\"]}'",
    ])
  func speechless(_ script: String) throws {
    let trial = try Trial("app.db")
    try trial.plugin("bad.sh", "#!/bin/sh\n\(script)\n")
    try trial.configure(
      "app.db", more: "plugins: [{ path: bad.sh, timeout: 300ms }]\nchecks: [integrity, bad: { any: thing }]")
    let outcome = try trial.dbmend("check")
    #expect(
      outcome.exit == 1 && outcome.codes.count == 1 && outcome.codes[0].hasPrefix("plugin."), "\(outcome.everything)")
    #expect(
      outcome.finding(outcome.codes[0])?["message"]?.string?.contains("bad.sh was asked to describe itself") == true)
  }

  @Test("a shared object that crashes, leaves the process, or is none takes nothing with it")
  func sharedObjects() throws {
    let trial = try Trial("app.db")
    let bodies = [
      "crash": ("*(volatile int *)0 = 1; return 0;", "plugin.died", "killed by signal 11"),
      "leave": ("_exit(0);", "plugin.died", "ended without a reply"),
      "twice": (
        "reply(context, \"{}\", 2); reply(context, \"{}\", 2); return 0;", "plugin.died", "called reply 2 times"
      ),
      "never": ("return 0;", "plugin.died", "called reply 0 times"),
      "refuse": ("return 9;", "plugin.died", "returned 9 for version 1"),
      "loop": ("for (;;) continue;", "plugin.timed-out", "did not end within"),
    ]
    for (name, (body, code, says)) in bodies.sorted(by: { $0.key < $1.key }) {
      try trial.folder.write(
        "#include \"dbmend_plugin.h\"\n#include <unistd.h>\nint dbmend_plugin(uint32_t abi, const char *request, size_t length, "
          + "dbmend_plugin_reply reply, void *context) { (void)abi; (void)request; (void)length; (void)reply; (void)context; \(body) }\n",
        to: "\(name).c")
      let built = try run([
        "cc", "-shared", "-fPIC", "-I", Paths.join(Page.root, "Sources/CPlugin/include"), "-o",
        trial.file("lib\(name).so"),
        trial.file("\(name).c"),
      ])
      try #require(built.exit == 0, "\(built.errors)")
      chmod(trial.file("lib\(name).so"), 0o755)
      try trial.configure(
        "app.db",
        more: "plugins: [{ path: lib\(name).so, timeout: \(name == "loop" ? "1s" : "30s") }]\nchecks: [integrity]")
      let outcome = try trial.dbmend("check")
      #expect(outcome.codes == [code], "\(name): \(outcome.everything)")
      let finding = outcome.finding(code)
      let told = "\(finding?["message"]?.string ?? "") \(finding?["evidence"]?.string ?? "")"
      #expect(told.contains(says), "\(name): \(told)")
    }
  }

  // MARK: - Repairs

  /// A check that finds users called Ada, and a repair of them that does something else.
  private func repairing(_ trial: Trial, _ body: String) throws {
    try trial.plugin(
      "ada",
      describing: """
        {"plugins": [
          {"id": "ada", "title": "Ada is not there", "kind": "check", "finds": ["ada.there"]},
          {"id": "no-ada", "title": "takes Ada away", "kind": "repair", "mends": ["ada.there"], "loss": "none"}]}
        """,
      """
      def answer(request):
          if request["method"] == "check":
              rows = sqlite3.connect(request["store"]["snapshot"]).execute("select id from users where name = 'Ada'").fetchall()
              return {"findings": [{"code": "ada.there", "message": "Ada is there"} for row in rows]}
          \(body)
      """)
    try trial.configure(
      "app.db",
      more: "plugins: [{ path: ada, environment: { LIVE: \(trial.file("app.db")) } }]\nchecks: [integrity, ada]")
  }

  private static let straying: [String: (body: String, code: String, says: [String])] = [
    "one that writes to the live store": (
      #"sys.stderr.write("writing elsewhere\n"); open(os.environ["LIVE"], "r+b").write(b"x" * 100); return {}"#,
      "plugin.died",
      ["ended with exit code 1", "PermissionError"]
    ),
    "one that tries to, and says that it did": (
      """
      try: open(os.environ["LIVE"], "r+b").write(b"x" * 100)
          except OSError: sys.stderr.write("tried\\n")
          return {}
      """, "plugin.strayed", ["did not change it", "mend a copy of the store production/app"]
    ),
    "one that says that it mended, and did nothing": ("return {}", "plugin.strayed", ["did not change it"]),
    "one that puts a link in the copy's place": (
      #"os.remove(request["copy"]); os.symlink(os.environ["LIVE"], request["copy"]); return {}"#, "plugin.strayed",
      ["the working copy is a link now"]
    ),
    "one that takes the copy away": (
      #"os.remove(request["copy"]); return {}"#, "plugin.strayed", ["the working copy is gone"]
    ),
    "one that dies": (#"sys.exit("no idea")"#, "plugin.died", ["exit code 1", "no idea"]),
    "one that counts nonsense": (
      #"sqlite3.connect(request["copy"]).executescript("delete from users"); return {"rows": {"users": {"lost": -1}}}"#,
      "plugin.nonsense", ["rows.users.lost: expected a whole number, at least 0, found -1"]
    ),
  ]

  @Test("a repair that strays is a finding, and the store stays as it is", arguments: straying.keys.sorted())
  func repairs(_ name: String) throws {
    let (body, code, says) = try #require(Self.straying[name])
    let trial = try Trial("app.db")
    try repairing(trial, body)
    let before = try trial.folder.read("app.db")
    let outcome = try trial.dbmend("repair", "production/app")
    #expect(outcome.exit == 1 && outcome.verdict == "damaged", "\(outcome.everything)")
    #expect(outcome.codes.sorted() == ["ada.there", code].sorted(), "\(outcome.everything)")
    let finding = outcome.finding(code)
    let told = "\(finding?["message"]?.string ?? "") \(finding?["evidence"]?.string ?? "")"
    for part in says + ["no-ada"] { #expect(told.contains(part), "\(told)") }
    #expect(try trial.folder.read("app.db") == before)
    #expect(try trial.folder.names().filter { $0.hasPrefix(".") } == [], "something is left beside the store")
  }

  @Test("a repair that may write to the live store and does is a finding")
  func strays() throws {
    let trial = try Trial("app.db")
    try repairing(
      trial,
      """
      for path in [os.environ["LIVE"], request["copy"]]:
              rows = sqlite3.connect(path)
              rows.execute("update users set name = 'A. L.' where name = 'Ada'")
              rows.commit()
          return {}
      """)
    try trial.configure(
      "app.db",
      more:
        "plugins: [{ path: ada, environment: { LIVE: \(trial.file("app.db")) }, writes: [.] }]\nchecks: [integrity, ada]"
    )
    let outcome = try trial.dbmend("repair", "production/app")
    #expect(outcome.codes.contains("plugin.strayed"), "\(outcome.everything)")
    #expect(outcome.store()?["plan"]?.array?.first?["outcome"]?.string != "mended", "\(outcome.everything)")
  }

  @Test("a repair that ruins its copy is found out by the checks, and the store stays as it is")
  func ruin() throws {
    let trial = try Trial("app.db")
    try repairing(trial, #"open(request["copy"], "wb").write(b"ruin"); return {}"#)
    let before = try trial.folder.read("app.db")
    let outcome = try trial.dbmend("repair", "production/app")
    #expect(outcome.exit == 1 || outcome.exit == 3, "\(outcome.everything)")
    #expect(try trial.folder.read("app.db") == before)
  }

  // MARK: - Trust

  @Test("a plugin that others could write is refused before anything runs")
  func trust() throws {
    let trial = try Trial("app.db")
    let ran = trial.file("ran")
    try Paths.makeFolder(trial.file("plugins"))
    try trial.plugin("plugins/bad", "#!/bin/sh\ntouch \(ran)\n")
    let way = trial.file("plugins")
    func refused(_ said: String, location: SourceLocation = #_sourceLocation) throws {
      let outcome = try trial.dbmend("check", "app.db", "--plugin", "plugins/bad")
      #expect(outcome.exit == 2 && outcome.errors.contains(said), "\(outcome.everything)", sourceLocation: location)
      #expect(!FileStatus.exists(ran), sourceLocation: location)
    }
    chmod(way + "/bad", 0o775)
    try refused("others than its owner can write it (mode 0775)")
    chmod(way + "/bad", 0o757)
    try refused("others than its owner can write it (mode 0757)")
    chmod(way + "/bad", 0o755)
    chmod(way, 0o777)
    try refused("others than its owner can write its folder \(Paths.resolved(way)) (mode 0777)")
    chmod(way, 0o1777)
    try refused("others than its owner can write its folder")
    chmod(way, 0o755)
    if geteuid() == 0 {
      chown(way + "/bad", 65534, 65534)
      try refused("belongs to user 65534")
      chown(way + "/bad", 0, 0)
    }
    symlink("/nowhere", trial.file("link"))
    let missing = try trial.dbmend("check", "app.db", "--plugin", "link")
    #expect(missing.exit == 2 && missing.errors.contains("No such file"), "\(missing.everything)")
  }

  @Test("a configuration of somebody else's that nobody named has no plugin run", .enabled(if: geteuid() == 0))
  func foreignConfiguration() throws {
    let trial = try Trial("app.db")
    try trial.plugin("quota", describing: OutsidePluginTests.count, OutsidePluginTests.counting)
    try trial.configure("app.db", more: "plugins: [quota]\nchecks: [quota]")
    chown(trial.file("dbmend.yaml"), 65534, 65534)
    let found = try trial.dbmend("check")
    #expect(
      found.exit == 2 && found.errors.contains("belongs to another user, and nobody named it"), "\(found.everything)")
    #expect(try trial.dbmend("check", "--config", "dbmend.yaml").codes.contains("quota.exceeded"))
  }

  @Test("a pinned plugin runs as it was, and is refused when it changed")
  func pinned() throws {
    let trial = try Trial("app.db")
    try trial.plugin("quota", describing: OutsidePluginTests.count, OutsidePluginTests.counting)
    let sum = try run(["sha256sum", trial.file("quota")]).output.prefix(64)
    try trial.configure("app.db", more: "plugins: [{ path: quota, sha256: \(sum) }]\nchecks: [quota]")
    #expect(try trial.dbmend("check").codes.contains("quota.exceeded"))
    try trial.plugin("quota", describing: OutsidePluginTests.count, OutsidePluginTests.counting + "\n# changed")
    let changed = try trial.dbmend("check")
    #expect(changed.exit == 2 && changed.errors.contains("and \(sum) is asked for"), "\(changed.everything)")
  }

  @Test("a plugin takes no other's name and no other's findings")
  func collisions() throws {
    let trial = try Trial("app.db")
    let descriptions = [
      #"{"id": "integrity", "title": "x", "kind": "check", "finds": ["mine.x"]}"#:
        "there is a plugin of that name already",
      #"{"id": "mine", "title": "x", "kind": "check", "finds": ["index.mine"]}"#:
        "what begins with 'index.' is for integrity to find",
      #"{"id": "mine", "title": "x", "kind": "check", "finds": ["plugin.x"]}"#: "is for dbmend to say of plugins",
      #"{"id": "mine", "title": "x", "kind": "check", "finds": ["mine.x"], "kinds": ["sqlit"]}"#:
        "did you mean 'sqlite'?",
    ]
    for (description, said) in descriptions {
      try trial.plugin("mine", "#!/bin/sh\necho '\(description)'\n")
      let outcome = try trial.dbmend("check", "app.db", "--plugin", "mine")
      #expect(outcome.exit == 2 && outcome.errors.contains(said), "\(outcome.everything)")
    }
  }
}
