import MendKit
import TestSupport
import Testing

/// The scripts of the pages, run as they stand there on a real database.
@Suite("Scripts of the documentation") struct DocumentedScriptTests {
  private static let schema = """
    create table users(id integer primary key, name text not null);
    create table orders(id integer primary key, user_id integer, sku text);
    create index orders_sku on orders(sku);
    insert into users(name) values('Ada'), ('Grace'), ('Edsger');
    with recursive n(i) as (values(1) union all select i + 1 from n where i < 500)
      insert into orders select i, 1 + i % 3, 'sku' || i from n;
    """

  /// A deployment with one store, a configuration that `dbmend init` wrote, and dbmend on its PATH.
  private func deployment() throws -> TemporaryFolder {
    let folder = try TemporaryFolder("dbmend-docs")
    try Paths.makeFolder(folder.file("data"))
    try SQLiteFile.make(folder.file("data/production.db"), Self.schema)
    let made = try shell("dbmend init data", in: folder)
    try #require(made.exit == 0, "\(made.errors)")
    return folder
  }

  private func shell(_ script: String, in folder: TemporaryFolder, path: String = "") throws -> ProgramResult {
    let inherited = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return try run(
      ["sh", "-c", script], folder: folder.path,
      environment: ["PATH": "\(path)\(Paths.folder(of: Page.program)):\(inherited)", "NO_COLOR": "1"])
  }

  private func orders(_ folder: TemporaryFolder, _ file: String = "data/production.db") throws -> String? {
    try SQLiteFile.value(folder.file(file), "select count(*) from orders")
  }

  // MARK: update.sh

  /// Runs the page's update.sh with a migration; what start.sh and stop.sh wrote down is in `log`.
  private func update(_ folder: TemporaryFolder, _ migration: String) throws -> (result: ProgramResult, log: String) {
    try folder.write(try Page("docs/update-hook.md").text("file: update.sh"), to: "update.sh")
    try folder.write("#!/bin/sh\necho \"start $(readlink current)\" >>log\n", to: "start.sh")
    try folder.write("#!/bin/sh\necho stop >>log\n", to: "stop.sh")
    try folder.write("#!/bin/sh\n\(migration)\n", to: "releases/2/migrate.sh")
    try folder.write("", to: "log")
    let script =
      "mkdir -p releases/1; ln -sfn releases/1 current; chmod +x *.sh releases/2/migrate.sh; ./update.sh 2; "
      + "code=$?; test ! -f sleeper || kill $(cat sleeper); exit $code"
    let result = try shell(script, in: folder)
    return (result, String(decoding: try folder.read("log"), as: UTF8.self))
  }

  @Test("update.sh: an update that succeeds is switched to")
  func updateSucceeds() throws {
    let folder = try deployment()
    let (result, log) = try update(folder, "sqlite3 data/production.db 'alter table users add column email text'")
    #expect(result.exit == 0, "\(result.output)\(result.errors)")
    #expect(log == "stop\nstart releases/2\n")
    #expect(try SQLiteFile.rows(folder.file("data/production.db"), "select email from users").count == 3)
  }

  @Test("update.sh: an update that ruins the data and fails is undone, and the old release runs again")
  func updateFails() throws {
    let folder = try deployment()
    let (result, log) = try update(folder, "sqlite3 data/production.db 'delete from orders'; exit 1")
    #expect(result.exit == 4, "\(result.output)\(result.errors)")
    #expect(log == "stop\nstart releases/1\n")
    #expect(try orders(folder) == "500")
    #expect(result.errors.contains("the old release runs again"))
  }

  @Test("update.sh: data that is not safe to update is left alone, and the old release runs again")
  func updateNotStarted() throws {
    let folder = try deployment()
    try folder.write("not a database, and no archive to go back to", to: "data/production.db")
    let (result, log) = try update(folder, "touch migrated")
    #expect(result.exit == 1, "\(result.output)\(result.errors)")
    #expect(log == "stop\nstart releases/1\n")
    #expect(!FileStatus.exists(folder.file("migrated")))
  }

  @Test("update.sh: an error in the configuration is no update, whatever an earlier report says")
  func updateConfigurationError() throws {
    let folder = try deployment()
    try folder.write("version: 1\nrepositry: backups\n", to: "dbmend.yaml")
    try folder.write("{\"command\": {}}", to: "update-report.json")
    let (result, log) = try update(folder, "touch migrated")
    #expect(result.exit == 2, "\(result.output)\(result.errors)")
    #expect(log == "stop\nstart releases/1\n")
  }

  @Test("update.sh: data that a process left behind keeps from being put back leaves the application stopped")
  func updateNotPutBack() throws {
    let folder = try deployment()
    let migration = """
      sqlite3 data/production.db 'delete from orders'
      exec 3<data/production.db
      sleep 20 >/dev/null 2>&1 &
      echo $! >sleeper
      exit 1
      """
    let (result, log) = try update(folder, migration)
    #expect(result.exit == 5, "\(result.output)\(result.errors)")
    #expect(log == "stop\n")
  }

  // MARK: Recovery by hand

  /// A folder whose programs are those that the page allows, so that dbmend is not among them.
  private func recover(_ purpose: String, in folder: TemporaryFolder) throws -> ProgramResult {
    let script = try Page("docs/recovery-by-hand.md").text("run: " + purpose)
    #expect(!script.isEmpty && !script.contains("dbmend"))
    return try shell("set -eu\n" + script, in: folder)
  }

  @Test("recovery by hand: the newest good archive is found, unpacked, and put in the place of a hopeless file")
  func recoveryFromArchive() throws {
    let folder = try deployment()
    #expect(try shell("dbmend backup", in: folder).exit == 0)
    try folder.write("noise", to: "data/production.db")
    try folder.write("old log", to: "data/production.db-wal")
    // A damaged archive stands beside the good one.
    #expect(try shell("dbmend backup", in: folder).exit == 1)
    let result = try recover("recovery", in: folder)
    #expect(result.exit == 0, "\(result.output)\(result.errors)")
    #expect(result.output.contains("\nok\n"))
    #expect(try orders(folder) == "500")
    #expect(!FileStatus.exists(folder.file("data/production.db-wal")))
    #expect(FileStatus.exists(folder.file("rescue/before/production.db-wal")))
    #expect(try shell("dbmend check", in: folder).exit == 0)
  }

  @Test("recovery by hand: damage in an index alone is mended by reindex")
  func recoveryReindex() throws {
    let folder = try deployment()
    try SQLiteFile.make(
      folder.file("data/production.db"),
      """
      pragma writable_schema = on;
      update sqlite_schema set sql = sql || ' where id > 20' where name = 'orders_sku';
      """)
    try SQLiteFile.make(folder.file("data/production.db"), "reindex;")
    try SQLiteFile.make(
      folder.file("data/production.db"),
      """
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
      """)
    #expect(try shell("dbmend check", in: folder).exit == 1)
    let result = try recover("reindex", in: folder)
    #expect(result.exit == 0 && result.output == "ok\n", "\(result.output)\(result.errors)")
  }

  @Test("recovery by hand: the rows up to the damage of a table are written into a new database")
  func recoveryOfRows() throws {
    let folder = try deployment()
    let fixture = Paths.join(Page.root, "fixtures/damaged/table-malformed.db")
    try folder.write(try FileHandle.read(fixture).readAll(limit: 1 << 20), to: "data/production.db")
    let result = try recover("dump", in: folder)
    #expect(result.exit == 0, "\(result.output)\(result.errors)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "ok")
    #expect((lines.last.flatMap { Int($0) } ?? 0) > 0)
  }

  // MARK: Units

  @Test("the systemd units are ones that systemd understands")
  func units() throws {
    guard try run("sh", "-c", "command -v systemd-analyze").exit == 0 else {
      print("NOT CHECKED: systemd-analyze is not installed")
      return
    }
    let folder = try TemporaryFolder()
    let page = try Page("docs/schedule.md")
    let service = page.text("file: dbmend.service")
      .split(separator: "\n").map { $0.hasPrefix("ExecStart=") ? "ExecStart=\(Page.program) backup" : String($0) }
    try folder.write(service.joined(separator: "\n") + "\n", to: "dbmend.service")
    try folder.write(page.text("file: dbmend.timer"), to: "dbmend.timer")
    let said = try run("systemd-analyze", "verify", folder.file("dbmend.service"), folder.file("dbmend.timer"))
    #expect(!(said.output + said.errors).contains("dbmend."), "\(said.output)\(said.errors)")
  }
}
