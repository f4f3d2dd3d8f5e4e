import MendKit
import SQLiteStore
import StandardChecks
import StandardRepairs
import TestSupport
import Testing

@Suite("reindex, reset-sequences and set-aside-null-keys")
struct MendingTests {
  private let runner = ExampleRunner(registry)

  private func mend(_ repair: any Repair, _ script: String) throws -> (ExampleRunner.Mending, ExampleRunner.Store) {
    let example = Example("", script: script)
    let store = try runner.make(example)
    return (try runner.mend(store, with: repair, example), store)
  }

  @Test("rows that no index has are moved aside, not brought back")
  func refuted() throws {
    let (mending, _) = try mend(
      ReindexRepair(),
      """
      create table t(id integer primary key, a, b); insert into t values(1, 'a', 'b'), (2, 'c', 'd'), (3, 'e', 'f');
      create index ta on t(a) where id < 3; create index tb on t(b) where id < 3;
      pragma writable_schema = on;
      update sqlite_schema set sql = replace(sql, ' where id < 3', '') where type = 'index';
      """)
    #expect(mending.offer?.loss == .rows)
    #expect(mending.offer?.order == 20)
    #expect(mending.outcome?.rows["t"] == RowTally(kept: 2, setAside: 1))
    #expect(try SQLiteFile.value(mending.copy, "select count(*) from t") == "2")
    #expect(try SQLiteFile.value(mending.copy, "select b from dbmend_set_aside_t") == "f")
    #expect(mending.after.isEmpty)
  }

  @Test("an index that lacks entries costs nothing, and a finding without an index that is there is left to others")
  func lossless() throws {
    let (mending, store) = try mend(
      ReindexRepair(),
      """
      create table t(id integer primary key, a); insert into t values(1, 'a'), (2, 'c'), (3, 'e');
      create index ta on t(a) where id < 3;
      pragma writable_schema = on; update sqlite_schema set sql = 'create index ta on t(a)' where type = 'index';
      """)
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.outcome?.rows["t"] == RowTally(kept: 3))
    #expect(mending.outcome?.notes == ["rebuilt ta"])
    let context = RepairContext(
      store: store.identity, driver: SQLiteDriver(), path: store.path, scratch: nil, backups: nil, schema: nil)
    for location in [
      Finding.Location(), .init(index: "gone"), .init(table: "gone"), .init(table: "gone", index: "gone"),
    ] {
      let finding = Finding("index.entry-missing", .error, at: location, "")
      #expect(try ReindexRepair().offer(for: [finding], in: context) == nil)
    }
    try Example.Damage.truncate(to: 30).apply(to: store.path)
    #expect(try ReindexRepair().offer(for: mending.before, in: context) == nil)
  }

  private static let refused = """
    create table t(id integer primary key, a text check(a <> 'x'), b); insert into t values(1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
    create index tb on t(b) where id < 3; pragma ignore_check_constraints = on; update t set a = 'x' where id = 2;

    """

  @Test("a row that its table refuses leaves it where something else of the file is damaged, too")
  func refusedBesideDamage() throws {
    let damage =
      "pragma writable_schema = on; update sqlite_schema set sql = 'create index tb on t(b)' where type = 'index';"
    let (mending, _) = try mend(SalvageRepair(), Self.refused + damage)
    #expect(mending.offer?.mends.map(\.code) == ["check.violated"])
    #expect(mending.outcome?.rows["t"]?.setAside == 1)
    #expect(try SQLiteFile.rows(mending.copy, "select id, a, b from dbmend_set_aside_t") == [["2", "x", "2"]])
    #expect(mending.after.map(\.code) == ["index.entry-missing"])
  }

  @Test("a row that its table refuses stays where nothing else is damaged, unless the repair is asked for by name")
  func refusedAlone() throws {
    let (mending, _) = try mend(SalvageRepair(), Self.refused)
    #expect(mending.offer?.mends.isEmpty == true)
    #expect(mending.offer?.reason.contains("--with salvage") == true)
    let example = Example("", script: Self.refused)
    let asked = try runner.mend(runner.make(example), with: SalvageRepair(), example, askedFor: ["salvage"])
    #expect(asked.offer?.mends.map(\.code) == ["check.violated"] && asked.after.isEmpty)
  }

  @Test("a real duplicate keeps a unique index from being rebuilt: the repair fails and says so")
  func duplicate() throws {
    let example = Example(
      "",
      script: """
        create table t(a); insert into t values('x'), ('x'); create index ta on t(a);
        pragma writable_schema = on; update sqlite_schema set sql = 'create unique index ta on t(a)' where name = 'ta';
        """)
    let store = try runner.make(example)
    #expect(throws: Problem.self) { try runner.mend(store, with: ReindexRepair(), example) }
  }

  @Test("sequences are set to the largest key, and keys go on from there")
  func sequences() throws {
    let (mending, _) = try mend(
      ResetSequencesRepair(),
      """
      create table a(id integer primary key autoincrement); insert into a values(7);
      create table b(id integer primary key autoincrement); insert into b values(9);
      delete from sqlite_sequence where name = 'b';
      update sqlite_sequence set seq = 3 where name = 'a';
      """)
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.offer?.reason == "sets the sequence of a, b to the largest key in use")
    try SQLiteFile.make(mending.copy, "delete from b; insert into b default values;")
    #expect(try SQLiteFile.value(mending.copy, "select id from b") == "10")
  }

  @Test("rows without a key keep their values in a table of their own, and what was set aside before stays")
  func setAside() throws {
    let (mending, _) = try mend(
      SetAsideNullKeysRepair(),
      """
      create table t(k text primary key, v); insert into t values('a', 1), (null, 2), (null, 3);
      create table dbmend_set_aside_t(note); insert into dbmend_set_aside_t values('from before');
      """)
    #expect(mending.offer?.loss == .rows)
    #expect(mending.offer?.reason == "moves the rows without a key from t to dbmend_set_aside_t_2")
    #expect(mending.outcome?.rows["t"] == RowTally(kept: 1, setAside: 2))
    #expect(try SQLiteFile.rows(mending.copy, "select v from dbmend_set_aside_t_2 order by v") == [["2"], ["3"]])
    #expect(try SQLiteFile.value(mending.copy, "select note from dbmend_set_aside_t") == "from before")
    #expect(mending.after.isEmpty)
  }
}

@Suite("create-missing-tables")
struct CreateMissingTablesTests {
  private let runner = ExampleRunner(registry)
  private static let schema = """
    create table audit(id integer primary key, what); create index audit_what on audit(what);
    create trigger audit_kept before delete on audit begin select raise(abort, 'kept; always'); end;
    """

  private func mend(
    _ script: String, afterBackup: String? = nil, schema: String? = Self.schema, tables: [String] = ["audit"]
  ) throws -> ExampleRunner.Mending {
    let required = OptionValue.map([OptionPair("tables", .list(tables.map { .string($0) }))])
    let example = Example(
      "", script: script, afterBackup: afterBackup, schema: schema, checks: [OptionPair("required-tables", required)])
    return try runner.mend(try runner.make(example), with: CreateMissingTablesRepair(), example)
  }

  @Test("a table that nothing knows is made with its indexes and triggers, at no cost")
  func new() throws {
    let mending = try mend("create table users(id);", afterBackup: "")
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.outcome?.rows == ["audit": RowTally()])
    #expect(
      try SQLiteFile.rows(mending.copy, "select name from sqlite_schema order by name") == [
        ["audit"], ["audit_kept"], ["audit_what"], ["users"],
      ])
  }

  @Test(
    "a table that left a trace costs everything, and the reason says which trace",
    arguments: [
      (
        "create table users(id); create table audit(id); insert into audit values(1);", "drop table audit;",
        "has 1 row of audit"
      ),
      ("create view recent as select * from audit;", nil, "the definition of recent refers to audit"),
      ("create table items(audit_id references Audit(id));", nil, "the definition of items refers to audit"),
      (
        """
        create table users(id); create table audit(id); insert into audit values(1);
        pragma writable_schema = on; delete from sqlite_schema where name = 'audit';
        """, nil, "pages that belong to nothing"
      ),
    ])
  func traces(_ script: String, _ afterBackup: String?, _ reason: String) throws {
    let mending = try mend(script, afterBackup: afterBackup)
    #expect(mending.offer?.loss == .everything)
    #expect(mending.offer?.reason.contains(reason) == true, "\(mending.offer?.reason ?? "")")
    #expect(mending.outcome?.rows["audit"]?.lost == (afterBackup == nil ? nil : 1))
  }

  @Test("without a definition there is nothing to offer")
  func nothing() throws {
    #expect(try mend("create table users(id);", schema: nil).offer == nil)
    #expect(try mend("create table users(id);", tables: ["invoices"]).offer == nil)
    let some = try mend("create table users(id);", tables: ["audit", "invoices"])
    #expect(some.offer?.mends.map(\.location.table) == ["audit"])
  }

  @Test("a definition that the engine refuses changes nothing and says what it said")
  func refused() throws {
    #expect(throws: Problem.self) {
      try mend("create table users(id);", schema: "create table audit(x); create index i on audit(nothing);")
    }
  }
}

@Suite("restore-backup and recreate-schema")
struct ReplacingTests {
  private let runner = ExampleRunner(registry)
  private static let script =
    "create table users(id integer primary key, name); insert into users(name) values('Ada'), ('Grace');"

  private func context(
    _ store: ExampleRunner.Store, path: String? = nil, schema: String? = nil, askedFor: Set<String> = []
  ) -> RepairContext {
    RepairContext(
      store: store.identity, driver: SQLiteDriver(), path: path ?? store.path, scratch: store.folder.path,
      backups: store.backups, schema: schema.map { SchemaText(path: "schema.sql", text: $0) }, askedFor: askedFor)
  }

  private func finding(_ code: FindingCode, _ severity: Severity = .fatal) -> Finding { Finding(code, severity, "") }

  @Test("damage without a commit since the archive costs nothing to undo; with one, what changed since")
  func proofOfNoChange() throws {
    let store = try runner.make(Example("", script: Self.script, afterBackup: ""))
    let before = try FileStatus.of(store.path)
    try FileHandle.update(store.path).write([9, 9, 9], at: 4096)
    var times = [timespec](repeating: timespec(), count: 2)
    for place in 0...1 {
      times[place] = timespec(
        tv_sec: Int(before.modified / 1_000_000_000), tv_nsec: Int(before.modified % 1_000_000_000))
    }
    #expect(utimensat(AT_FDCWD, store.path, times, 0) == 0)
    let unchanged = try #require(
      try RestoreBackupRepair().offer(for: [finding("table.malformed")], in: context(store)))
    #expect(unchanged.loss == Loss.none && unchanged.replacesStore && unchanged.order == 90)
    // What breaks a rule in the store breaks it in the same content again.
    #expect(try RestoreBackupRepair().offer(for: [finding("row-count.below-minimum")], in: context(store)) == nil)
    let both = try RestoreBackupRepair().offer(
      for: [finding("row-count.dropped"), finding("table.malformed")], in: context(store))
    #expect(both?.mends.count == 2)
    let copy = store.folder.file("copy")
    let outcome = try RestoreBackupRepair().mend([finding("table.malformed")], in: context(store, path: copy))
    #expect(outcome.rows == ["users": RowTally(fromBackup: 2, lost: 0)])
    times[1].tv_sec += 1
    #expect(utimensat(AT_FDCWD, store.path, times, 0) == 0)
    let changed = try RestoreBackupRepair().offer(for: [finding("table.malformed")], in: context(store))
    #expect(changed?.loss == .changes)
    #expect(changed?.reason.contains("what changed since 2024-01-15T02:00:00Z is lost, deletions included") == true)
  }

  @Test("rows that go with a restore are counted, table by table, and a stale log beside the copy goes too")
  func tally() throws {
    let store = try runner.make(
      Example(
        "", script: Self.script,
        afterBackup: "insert into users(name) values('Mary'); create table notes(x); insert into notes values(1), (2);")
    )
    let copy = try store.folder.write("old", to: "work/copy.db")
    try store.folder.write("stale", to: "work/copy.db-wal")
    let outcome = try RestoreBackupRepair().mend([], in: context(store, path: copy))
    #expect(outcome.rows == ["users": RowTally(fromBackup: 2, lost: 1), "notes": RowTally(lost: 2)])
    #expect(try SQLiteFile.value(copy, "select count(*) from users") == "2")
    #expect(try Paths.names(in: store.folder.file("work")) == ["copy.db"])
    try Example.Damage.truncate(to: 50).apply(to: store.path)
    let uncounted = try RestoreBackupRepair().mend([], in: context(store, path: copy))
    #expect(uncounted.rows == ["users": RowTally(fromBackup: 2, lost: nil)])
    #expect(!(try store.folder.names().contains { $0.hasPrefix("restore-") }))
  }

  @Test("without an archive there is no offer, and one that is gone by then is a problem")
  func noArchive() throws {
    let store = try runner.make(Example("", script: Self.script))
    #expect(try RestoreBackupRepair().offer(for: [finding("table.malformed")], in: context(store)) == nil)
    let problem = #expect(throws: Problem.self) { try RestoreBackupRepair().mend([], in: context(store)) }
    #expect(problem?.kind == .archive)
  }

  @Test("an archive that cannot be extracted leaves the copy as it is")
  func badArchive() throws {
    let store = try runner.make(Example("", script: Self.script, afterBackup: "delete from users;"))
    let copy = try store.folder.write("copy", to: "copy.db")
    try Paths.removeFile(#require(try store.backups?.newestGood()).path)
    #expect(throws: Problem.self) { try RestoreBackupRepair().mend([], in: context(store, path: copy)) }
    #expect(try store.folder.read("copy.db") == Array("copy".utf8))
    #expect(!(try store.folder.names().contains { $0.hasPrefix("restore-") }))
  }

  @Test(
    "what no content mends is offered by neither",
    arguments: [
      "schema.unsupported", "file.permission", "file.owner", "file.mode", "file.missing", "disk.no-room",
      "store.locked",
      "file.encrypted", "engine.too-old",
    ] as [FindingCode])
  func unmendable(_ code: FindingCode) throws {
    let store = try runner.make(Example("", script: Self.script, afterBackup: "delete from users;"))
    #expect(try RestoreBackupRepair().offer(for: [finding(code)], in: context(store)) == nil)
    #expect(try RecreateSchemaRepair().offer(for: [finding(code)], in: context(store, schema: Self.script)) == nil)
  }

  @Test("a file that looks encrypted is replaced only when a repair is asked for by name")
  func encrypted() throws {
    let store = try runner.make(Example("", script: Self.script, afterBackup: ""))
    var generator = SystemRandomNumberGenerator()
    try FileHandle.update(store.path).write((0..<8192).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: 0)
    let findings = [finding("file.not-a-database")]
    // The finding alone does not say so; the content does.
    #expect(try RecreateSchemaRepair().offer(for: findings, in: context(store, schema: Self.script)) == nil)
    let said = findings + [finding("file.encrypted")]
    #expect(try RestoreBackupRepair().offer(for: said, in: context(store)) == nil)
    for id in ["restore-backup", "recreate-schema"] {
      let repair = try #require(registry.repair(id))
      let offer = try repair.offer(for: said, in: context(store, schema: Self.script, askedFor: [id]))
      #expect(offer?.mends.count == 2)
    }
  }

  @Test("a schema's tables and rows are made, and what a dump has beside them is left out")
  func recreate() throws {
    let store = try runner.make(Example("", script: Self.script + "create table old(x); insert into old values(1);"))
    let schema = """
      PRAGMA foreign_keys=OFF; BEGIN TRANSACTION;
      CREATE TABLE users(id integer primary key autoincrement, name); CREATE TABLE sqlite_sequence(name,seq);
      CREATE TABLE towns(name); INSERT INTO towns VALUES('Bath; Somerset'); CREATE VIEW v AS SELECT * FROM users;
      COMMIT;
      """
    let copy = try store.folder.write("damaged", to: "copy.db")
    let context = context(store, path: copy, schema: schema)
    let outcome = try RecreateSchemaRepair().mend([finding("file.malformed")], in: context)
    #expect(outcome.rows == ["users": RowTally(lost: 2), "towns": RowTally(lost: 0), "old": RowTally(lost: 1)])
    #expect(try SQLiteFile.value(copy, "select name from towns") == "Bath; Somerset")
    #expect(try SQLiteFile.value(copy, "select count(*) from v") == "0")
    #expect(try IntegrityCheck().findings(PluginTests.context(copy)).isEmpty)
  }

  @Test("a store is recreated for damage only, and never for what an empty one breaks too")
  func recreateOffers() throws {
    let store = try runner.make(Example("", script: Self.script, afterBackup: ""))
    func offer(_ findings: [Finding], schema: String? = Self.script, askedFor: Set<String> = []) throws -> RepairOffer?
    {
      try RecreateSchemaRepair().offer(for: findings, in: context(store, schema: schema, askedFor: askedFor))
    }
    #expect(try offer([finding("index.entry-missing", .error)]) == nil)
    #expect(try offer([finding("row-count.dropped"), finding("sql.unexpected")]) == nil)
    let offered = try offer([finding("table.malformed", .error), finding("row-count.dropped", .error)])
    #expect(offered?.mends.map(\.code) == ["table.malformed"])
    #expect(offered?.loss == .everything && offered?.replacesStore == true)
    #expect(try offer([finding("key.null", .error)], askedFor: ["recreate-schema"])?.mends.count == 1)
    #expect(try offer([finding("table.malformed")], schema: "insert into users values(1);") == nil)
    #expect(
      try offer([finding("table.malformed")], schema: nil)?.reason.contains("from backup-of-example.data;") == true)
  }

  @Test("a schema that the engine refuses, or that is not there, is a problem that says so")
  func recreateFails() throws {
    let store = try runner.make(Example("", script: Self.script))
    let copy = store.folder.file("copy.db")
    let refused = #expect(throws: Problem.self) {
      try RecreateSchemaRepair().mend(
        [], in: context(store, path: copy, schema: "create table a(x); create table a(y);"))
    }
    #expect(refused?.said.contains("table a already exists") == true)
    let nothing = #expect(throws: Problem.self) { try RecreateSchemaRepair().mend([], in: context(store, path: copy)) }
    #expect(nothing?.kind == .configuration)
  }
}
