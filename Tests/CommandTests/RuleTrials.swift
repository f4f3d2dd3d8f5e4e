import MendKit
import TestSupport
import Testing

@testable import dbmend

/// Rules as an operator writes them, through the program.
@Suite("Rules of a configuration") struct RuleTrials {
  private let trial: Trial

  init() throws {
    trial = try Trial()
    try SQLiteFile.make(
      trial.file("a.db"),
      """
      create table users(id integer primary key autoincrement, name text);
      insert into users(name) values('Ada'), ('Grace');
      create table orders(id integer primary key, sku text, user_id integer references users(id));
      insert into orders(sku, user_id) values('bolt', 1), ('nut', 77);
      """)
  }

  private func configure(_ rules: String) throws {
    try trial.folder.write(
      """
      version: 1
      environments: { p: { stores: { a: { path: a.db, checks: [foreign-keys: { severity: error }] } } } }
      rules:
        - \(rules)

      """, to: "dbmend.yaml")
  }

  /// Far enough away that no report of this test warns of its end.
  private let later = "2999-12-31"

  @Test("what is accepted is said in every format, and is no damage in any")
  func accepted() throws {
    try configure("{ when: { code: foreign-key.violated }, accept: { until: \(later), because: ticket <4711> } }")
    let sentence = "accepted until 2999-12-31: ticket <4711>"
    let text = try trial.text("check", "--no-color")
    #expect(text.exit == 0 && text.output.contains(sentence), "\(text.output)")
    #expect(text.output.contains("known    foreign-key.violated"), "\(text.output)")
    #expect(try trial.text("check", "--quiet").output.contains(sentence))
    #expect(try trial.text("status").output.contains(sentence))
    let json = try JSONValue(parsing: Array(try trial.dbmend("check", "--format", "json").output.utf8))
    let finding = try #require(json["stores"]?.array?.first?["findings"]?.array?.first)
    #expect(finding["accepted"]?["until"]?.string == later && finding["severity"]?.string == "error")
    #expect(finding["accepted"]?["because"]?.string == "ticket <4711>")
    #expect(finding["accepted"]?["rule"]?.string == "dbmend.yaml:4")
    #expect(finding["measures"]?.array?.first?["name"]?.string == "rows")
    #expect(json["verdict"]?.string == "healthy")
    let sarif = try JSONValue(parsing: Array(try trial.text("check", "--format", "sarif").output.utf8))
    let result = try #require(sarif["runs"]?.array?.first?["results"]?.array?.first)
    #expect(result["suppressions"]?.array?.first?["status"]?.string == "accepted")
    #expect(result["suppressions"]?.array?.first?["justification"]?.string == sentence)
    let junit = try trial.text("check", "--format", "junit").output
    #expect(
      junit.contains("<skipped message=\"foreign-key.violated is accepted until 2999-12-31: ticket &lt;4711&gt;\"/>"))
    #expect(junit.contains("failures=\"0\"") && !junit.contains("<failure"))
    let github = try trial.text("check", "--format", "github")
    #expect(github.exit == 0 && github.output.hasPrefix("::notice "))
    #expect(github.output.contains("foreign-key.violated (accepted)") && github.output.contains(sentence))
  }

  @Test("what was accepted until a day that has passed is an error that says so")
  func ended() throws {
    try configure("{ when: { code: foreign-key.violated }, severity: info, accept: { until: 2001-01-31, because: x } }")
    let text = try trial.text("check")
    #expect(text.exit == 1)
    #expect(text.output.contains("(it was accepted until 2001-01-31, by a rule (dbmend.yaml:4): x)"), "\(text.output)")
  }

  @Test("what is explained goes into the JSON as well, and changes nothing else there")
  func explained() throws {
    try configure("{ when: { code: foreign-key.*, measured: rows < 5 }, unless: { table: u* }, severity: warning }")
    let plain = try JSONValue(parsing: Array(try trial.dbmend("check", "--format", "json").output.utf8))
    #expect(plain["stores"]?.array?.first?["explained"] == nil)
    let json = try JSONValue(parsing: Array(try trial.dbmend("check", "--explain", "--format", "json").output.utf8))
    let explained = try #require(json["stores"]?.array?.first?["explained"])
    let finding = try #require(explained["findings"]?.array?.first)
    #expect(finding["code"]?.string == "foreign-key.violated" && finding["rule"]?.string == "dbmend.yaml:4")
    #expect(finding["found_as"]?.string == "error" && finding["severity"]?.string == "warning")
    #expect(explained["plan"] == nil)
    #expect(json["stores"]?.array?.first?["findings"] == plain["stores"]?.array?.first?["findings"])
  }

  @Test("with a damaged store the explanation says what a repair would do and leave aside")
  func planned() throws {
    try SQLiteFile.make(
      trial.file("a.db"),
      """
      create index orders_sku on orders(sku) where id < 2;
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
      """)
    try configure("{ when: { code: foreign-key.* }, ignore: true }")
    let before = try trial.folder.read("a.db")
    let text = try trial.text("check", "--explain")
    #expect(text.exit == 1)
    for part in [
      "found index.entry-missing of the index orders_sku: error as 'integrity' says of itself; 1 rule before is for other codes",
      "found foreign-key.violated of the table orders: ignored by a rule (dbmend.yaml:4)",
      "p/a: a repair would run 'reindex' (loss none) for index.entry-missing: ", "is left aside: ",
    ] { #expect(text.output.contains(part), "\(part)\n\(text.output)") }
    #expect(try trial.folder.read("a.db") == before)
    #expect(try trial.folder.names().sorted() == ["a.db", "dbmend.yaml"])
  }

  @Test("findings of a plugin from outside go by the rules, with what they measured")
  func outside() throws {
    try trial.plugin("quota", describing: OutsidePluginTests.count, OutsidePluginTests.counting)
    func configure(_ rule: String) throws {
      try trial.folder.write(
        """
        version: 1
        plugins: [quota]
        checks: [quota: { limit: 1 }]
        environments: { p: { stores: { a: { path: a.db } } } }
        rules: [{ \(rule) }]

        """, to: "dbmend.yaml")
    }
    try configure("when: { code: quota.*, measured: rows > 1 }, severity: warning")
    let found = try trial.dbmend("check")
    #expect(found.exit == 0 && found.finding("quota.exceeded")?["severity"]?.string == "warning", "\(found.everything)")
    try configure("when: { code: quota.exceeded, measured: rows > 2 }, severity: warning")
    #expect(try trial.dbmend("check").exit == 1)
    // What it may find is known from what it says of itself; what it may measure is not.
    try configure("when: { code: quota.exeeded }, severity: warning")
    let wrong = try trial.text("check")
    #expect(wrong.exit == 2 && wrong.errors.contains("did you mean 'quota.exceeded'?"), "\(wrong.errors)")
    // A plugin that cannot say what it is, is a finding, and a rule about what it would find no error.
    try trial.plugin("quota", "#!/bin/sh\nexit 3\n")
    try configure("when: { code: quota.exceeded }, repair: mend-quota")
    let speechless = try trial.dbmend("check")
    #expect(speechless.exit == 1 && speechless.finding("plugin.died") != nil, "\(speechless.everything)")
  }

  @Test("a check runs no hook of a configuration of somebody else's that nobody named", .enabled(if: geteuid() == 0))
  func foreign() throws {
    try configure("{ when: { code: foreign-key.* }, hook: touch ran }")
    chown(trial.file("dbmend.yaml"), 65534, 65534)
    let refused = try trial.text("check")
    #expect(refused.exit == 2 && refused.errors.contains("dbmend.yaml:4:38: this file"), "\(refused.errors)")
    #expect(!FileStatus.exists(trial.file("ran")))
    #expect(try trial.text("check", "--config", "dbmend.yaml").exit == 1)
    #expect(FileStatus.exists(trial.file("ran")))
  }

  @Test("a rule that can do nothing stops everything, with its place and what was meant")
  func mistaken() throws {
    try configure("{ when: { code: foreign-key.violatd }, severity: info }")
    let text = try trial.text("check")
    #expect(text.exit == 2)
    #expect(
      text.errors.contains(
        "dbmend.yaml:4:21: no check finds 'foreign-key.violatd'; did you mean 'foreign-key.violated'?"),
      "\(text.errors)")
  }
}
