import MendKit
import TestSupport
import Testing

@testable import dbmend

/// What the built-in plugins know of a store, plugins from outside know too: some of them, written again in Python by nothing but the
/// message, pass the examples of the ones that they stand for.
@Suite("A plugin from outside can do what a built-in one does") struct OutsideParityTests {
  private static let plugins = #"""
    #!/usr/bin/python3
    import json, os, shutil, sqlite3, subprocess, sys
    request = json.load(sys.stdin)

    def quoted(name): return '"' + name.replace('"', '""') + '"'
    def tables(): return request["store"].get("catalog", {"tables": []})["tables"]
    def found(code, message, **more): return dict(code="my-" + code, message=message, **more)
    def ask(sql): return sqlite3.connect(request["store"]["snapshot"]).execute(sql).fetchall()

    def required_tables(options):
        there = {table["name"].lower(): {column["name"].lower() for column in table["columns"]} for table in tables()}
        wanted = options["tables"] if isinstance(options["tables"], dict) else {name: [] for name in options["tables"]}
        for name, columns in wanted.items():
            if name.lower() not in there:
                yield found("table.missing", name + " is missing", table=name)
                continue
            for column in [columns] if isinstance(columns, str) else columns or []:
                if column.lower() not in there[name.lower()]:
                    yield found("column.missing", column + " is missing", table=name, column=column)

    def size(options):
        size = request["store"]["place"]["bytes"]
        if "minimum" in options and size < options["minimum"]: yield found("size.below-minimum", "too small")
        if "maximum" in options and size > options["maximum"]: yield found("size.above-maximum", "too large")

    def foreign_keys(options):
        for table in tables():
            for row in ask("pragma foreign_key_check(%s)" % quoted(table["name"])):
                yield found("foreign-key.violated", "points nowhere", table=row[0])
                break

    def file_exists(options):
        if "place" not in request["store"]: yield found("file.missing", "it is not there")

    checks = {"required-tables": required_tables, "size": size, "foreign-keys": foreign_keys, "file-exists": file_exists}
    finds = {"required-tables": ["table.missing", "column.missing"], "size": ["size.below-minimum", "size.above-maximum"],
             "foreign-keys": ["foreign-key.violated"], "file-exists": ["file.missing"]}
    options = {"required-tables": {"tables": {"type": "any", "required": True}},
               "size": {"minimum": {"type": "size"}, "maximum": {"type": "size"}}}
    needs = {"size": ["place"], "file-exists": ["place"]}

    def restore_backup():
        archive = request["archives"][0]
        subprocess.run(["tar", "-C", request["scratch"], "-xf", archive["path"]], check=True)
        names = [name for name in os.listdir(request["scratch"]) if name.endswith(".db")]
        shutil.copyfile(os.path.join(request["scratch"], names[0]), request["copy"])
        return {"notes": ["taken from the archive of " + archive["taken"]]}

    if request["method"] == "describe":
        plugins = [{"id": "my-" + name, "title": name, "kind": "check", "finds": ["my-" + code for code in finds[name]],
                    "options": options.get(name, {}), "needs": needs.get(name, ["snapshot", "catalog"])} for name in checks]
        plugins.append({"id": "my-restore", "title": "restores", "kind": "repair", "mends": ["*"], "loss": "changes", "offers": True,
                        "needs": ["archives"]})
        print(json.dumps({"plugins": plugins}))
    elif request["method"] == "check":
        print(json.dumps({"findings": list(checks[request["plugin"][3:]](request["options"]))}))
    elif request["method"] == "offer":
        offer = {"loss": "changes", "reason": "the newest archive replaces it", "replaces": True, "order": 1}
        print(json.dumps({"offer": offer if request["archives"] else None}))
    else:
        print(json.dumps(restore_backup()))

    """#

  @Test("checks", arguments: ["required-tables", "foreign-keys", "file-exists"])
  func checks(_ id: String) throws {
    let check = try #require(BuiltInPlugins.registry.check(id))
    let own: Set<String> = ["table.missing", "column.missing", "foreign-key.violated", "file.missing"]
    var compared = 0
    for example in check.description.examples where example.kind == "sqlite" && example.afterBackup == nil {
      guard example.finds.allSatisfy({ own.contains($0.rawValue) }) else { continue }
      let trial = try Trial()
      let store = try ExampleRunner(BuiltInPlugins.registry).make(example)
      try trial.plugin("mine", Self.plugins)
      let options = example.options.map { "\($0.key): \(JSONValue(option: $0.value).text())" }.joined(separator: ", ")
      let others = ["required-tables", "size", "foreign-keys", "file-exists"].filter { $0 != id }
        .map { "my-\($0): false" }.joined(separator: ", ")
      try trial.folder.write(
        """
        version: 1
        plugins: [mine]
        environments: { e: { stores: { s: { path: \(store.path), kind: sqlite } } } }
        checks: [my-\(id): { \(options) }, \(others)]
        """, to: "dbmend.yaml")
      let outcome = try trial.dbmend("check")
      #expect(Set(outcome.codes) == Set(example.finds.map { "my-\($0)" }), "\(example.title): \(outcome.everything)")
      compared += 1
    }
    #expect(compared >= 2)
  }

  @Test("a repair from an archive, of a store that is nothing but noise")
  func restore() throws {
    let trial = try Trial("app.db")
    try trial.plugin("mine", Self.plugins)
    try trial.configure(
      "app.db",
      more: """
        plugins: [mine]
        checks: [connects, integrity]
        rules: [{ when: { code: "*" }, repair: my-restore }]
        """)
    #expect(try trial.dbmend("backup").exit == 0)
    try trial.spoilAll()
    let refused = try trial.dbmend("repair", "production/app")
    #expect(refused.exit == 1, "\(refused.everything)")
    let mended = try trial.dbmend("repair", "production/app", "--max-loss", "changes")
    #expect(mended.exit == 0 && mended.verdict == "repaired", "\(mended.everything)")
    #expect(mended.store()?["plan"]?.array?.first?["repair"]?.string == "my-restore", "\(mended.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
  }
}

extension JSONValue {
  /// A value of an option, as YAML takes it too.
  fileprivate init(option value: OptionValue) {
    self =
      switch value {
      case .null: .null
      case .boolean(let value): .boolean(value)
      case .integer(let value): .integer(value)
      case .number(let value): .number(value)
      case .string(let value): .string(value)
      case .list(let items): .array(items.map { JSONValue(option: $0) })
      case .map(let pairs): .object(pairs.map { JSONMember($0.key, JSONValue(option: $0.value)) })
      }
  }
}
