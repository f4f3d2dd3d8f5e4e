import MendKit
import TestSupport
import Testing

@testable import dbmend

/// The examples in a deployment, built as the documentation says.
@Suite("The example plugins at work", .serialized) struct ExamplePluginTrials {
  /// A folder with the plugins of a language, built.
  private func trial(_ language: PluginLanguage, _ names: String..., store: String) throws -> Trial {
    let trial = try Trial()
    let source = Paths.join(Page.root, "examples/plugins/\(language.rawValue)")
    let copied = try run("cp", "-r", source, trial.file("plugins"))
    try #require(copied.exit == 0, "\(copied.errors)")
    // As a user's own, whatever the rights of the checkout.
    try #require(try run("chmod", "-R", "go-w", trial.file("plugins")).exit == 0)
    for name in names {
      for command in language.build(name, usesSQLite: name == "clear-references") {
        let built = try run(["sh", "-c", command], folder: trial.file("plugins"))
        try #require(built.exit == 0, "\(command)\n\(built.errors)")
        #expect(built.errors == "", "\(built.errors)")
      }
    }
    return trial
  }

  /// Orders of users, two of whom are gone, and entries that do not add up.
  private static let damaged = """
    create table users(id integer primary key, name text);
    insert into users(name) values('Ada'), (''), ('Grace');
    create table orders(id integer primary key, user_id integer references users(id), at text);
    insert into orders(user_id, at) values(1, '2024-01-01'), (8, '3024-01-01'), (9, '2024-01-01'), (null, null);
    create table entries(transaction_id integer, amount integer);
    insert into entries values(1, 500), (1, -500), (2, 70);
    """

  @Test(
    "three checks in three languages find what is wrong with the rows of one store, and say nothing once it is mended")
  func rows() throws {
    let trial = try trial(.c, "ledger", store: "data.db")
    for name in ["python/future-times.py", "sh/blank-texts.sh"] {
      #expect(try run("cp", Paths.join(Page.root, "examples/plugins/\(name)"), trial.file("plugins")).exit == 0)
    }
    try trial.sql(Self.damaged, on: "data.db")
    try trial.configure(
      "data.db",
      more: """
        plugins: [plugins/ledger.so, plugins/future-times.py, plugins/blank-texts.sh]
        checks:
          - connects
          - ledger: { table: entries }
          - future-times: { columns: { orders: at } }
          - blank-texts: { columns: { users: name } }
        """)
    let report = try trial.dbmend("check")
    #expect(report.exit == 1, "\(report.everything)")
    #expect(report.codes == ["ledger.unbalanced", "future-times.ahead", "blank-texts.blank"], "\(report.everything)")
    #expect(report.finding("ledger.unbalanced")?["evidence"]?.string == "2 by 70")
    #expect(report.finding("future-times.ahead")?["severity"]?.string == "warning")
    try trial.sql(
      "delete from entries where transaction_id = 2; update orders set at = null; update users set name = 'Joan' where name = ''",
      on: "data.db")
    let well = try trial.dbmend("check")
    #expect(well.exit == 0 && well.codes == [], "\(well.everything)")
  }

  @Test("a check of a folder")
  func folder() throws {
    let trial = try trial(.swift, "file-types", store: "uploads")
    try trial.folder.write("GIF89a", to: "uploads/a/photo.gif")
    try trial.folder.write("<html>404</html>", to: "uploads/a/logo.png")
    try trial.configure("uploads", more: "plugins: [plugins/file-types.so]\nchecks: [file-types]")
    let report = try trial.dbmend("check")
    #expect(report.codes == ["file-types.mismatch"], "\(report.everything)")
    #expect(report.finding("file-types.mismatch")?["file"]?.string == "a/logo.png")
  }

  @Test("the repair mends the same in each language", arguments: PluginLanguage.allCases)
  func repair(_ language: PluginLanguage) throws {
    let trial = try trial(language, "clear-references", store: "data.db")
    try trial.sql(Self.damaged, on: "data.db")
    try trial.configure(
      "data.db", more: "plugins: [plugins/\(language.plugin("clear-references"))]\nchecks: [integrity, foreign-keys]")
    let report = try trial.dbmend("repair", "production/data")
    #expect(report.exit == 0 && report.verdict == "repaired", "\(report.everything)")
    #expect(report.store()?["plan"]?.array?.first?["repair"]?.string == "clear-references")
    let cleared = "select group_concat(id) from orders where user_id is null"
    #expect(try trial.value(cleared, in: "data.db") == "2,3,4")
    let kept =
      "select group_concat(\"table\" || ' ' || row || ' ' || \"column\" || ' ' || value, ', ') from cleared_references"
    #expect(try trial.value(kept, in: "data.db") == "orders 2 user_id 8, orders 3 user_id 9")
    #expect(report.output.contains("2 references in orders.user_id were cleared; cleared_references has them"))
    #expect(try trial.dbmend("check").exit == 0)
  }

  @Test("they are listed and described with their files")
  func listed() throws {
    let trial = try trial(.sh, store: "data.db")
    try trial.sql(Self.damaged, on: "data.db")
    try trial.configure(
      "data.db", more: "plugins: [{ path: plugins/blank-texts.sh, timeout: 5s, pass: [TZ] }]\nchecks: [connects]")
    let list = try trial.text("plugins")
    #expect(
      list.output.contains("no text is blank in the columns that are named  [plugins/blank-texts.sh]\n"), "\(list)")
    let page = try trial.text("plugins", "blank-texts")
    #expect(
      page.output.contains("From outside: \(trial.file("plugins/blank-texts.sh"))\n  each call: 5.0 s, "), "\(page)")
    #expect(page.output.contains("  gets the variables TZ\n"))
    #expect(page.output.contains("columns: a map from a name to text (required)"))
    let json = try trial.text("plugins", "blank-texts", "--format", "json")
    #expect(try JSONValue(parsing: Array(json.output.utf8))["file"]?.string == trial.file("plugins/blank-texts.sh"))
    // Without a configuration, by name.
    let named = try trial.text(
      "plugins", "--config", "dbmend.yaml", "--plugin", "plugins/clear-references.sh", "--quiet")
    #expect(named.output.hasSuffix("\nblank-texts\n") || named.output.contains("\nclear-references"), "\(named)")
    // Somebody about to mend a configuration gets help all the same.
    try trial.folder.write("version: 1\nnonsense: true\n", to: "dbmend.yaml")
    let broken = try trial.text("plugins", "row-counts")
    #expect(broken.exit == 0 && broken.output.hasPrefix("row-counts (check)"))
    #expect(
      broken.errors.contains("without the plugins of a configuration that cannot be used: dbmend.yaml"), "\(broken)")
    #expect(try trial.text("plugins", "row-counts", "--config", "dbmend.yaml").exit == 2)
  }
}
