import MendKit
import SQLiteStore
import StandardChecks
import TestSupport
import Testing

@Suite("connects, integrity and free-space")
struct OpeningCheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a file that no driver knows is a problem, said once")
  func unknownKind() throws {
    let path = try folder.write("hello", to: "note")
    let context = context(path)
    #expect(ConnectsCheck().problem(context)?.code == "file.unknown-kind")
    context.previous = try FileExistsCheck().findings(context)
    #expect(context.previous.map(\.code) == ["file.unknown-kind"])
    #expect(try ConnectsCheck().findings(context).isEmpty)
  }

  @Test("opening a missing path makes nothing")
  func missing() throws {
    let path = folder.file("none.db")
    let context = CheckContext(
      store: StoreIdentity(environment: "t", name: "x", path: path), path: path, driver: SQLiteDriver())
    for check in [ConnectsCheck(), IntegrityCheck(), PrimaryKeysCheck(), SequencesCheck()] as [any Check] {
      #expect(check.problem(context)?.kind == .missing)
    }
    #expect(try FreeSpaceCheck().findings(context).isEmpty)
    #expect(try folder.names().isEmpty)
  }

  @Test("versions are compared number by number, and a bare number is refused")
  func minimumEngine() throws {
    let context = context(try folder.write("tally\n", to: "counts"), drivers: [TallyDriver()])
    #expect(try ConnectsCheck().findings(context, ["minimum_engine": .string("0.99")]).isEmpty)
    #expect(try ConnectsCheck().findings(context, ["minimum_engine": .string("1.0.0")]).isEmpty)
    let finding = try ConnectsCheck().findings(context, ["minimum_engine": .string("1.0.1")]).first
    #expect(finding?.message == "the engine is Tally 1.0, older than 1.0.1")
    #expect(try ConnectsCheck().findings(context, ["format": .string("TE*T")]).isEmpty)
    let problem = ConnectsCheck().problem(context, ["minimum_engine": .number(3.4)])
    #expect(problem?.kind == .configuration)
    #expect(problem?.advice?.contains("in quotes") == true)
    #expect(ConnectsCheck().problem(context, ["minimum_engine": .string("new")])?.kind == .configuration)
  }

  @Test("five rows that an index lacks are named, the rest is counted")
  func counting() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      create table t(id integer primary key, x text); create index tx on t(x) where id < 1;
      insert into t(x) select value from json_each('["a","b","c","d","e","f","g","h","i"]');
      pragma writable_schema = on; update sqlite_schema set sql = 'create index tx on t(x)' where name = 'tx';
      """)
    let findings = try IntegrityCheck().findings(context(path)).filter { $0.code == "index.entry-missing" }
    #expect(findings.count == 5)
    #expect(findings.map(\.count).reduce(0, +) == 9)
  }

  @Test("archive and working copy on one volume need room together")
  func room() throws {
    let path = try folder.write([UInt8](repeating: 1, count: 1_000_000), to: "big.data")
    let quiet: KeyValuePairs<String, OptionValue> = ["warn_at": .string("100%"), "reserve": .string("8000000TB")]
    let alone = try FreeSpaceCheck().findings(context(path), quiet)
    #expect(alone.map(\.code) == ["disk.no-room"])
    #expect(alone.first?.message.contains("a working copy may need 1.1 MB and") == true)
    let both = try FreeSpaceCheck().findings(context(path, repository: folder.file("not/there/yet")), quiet)
    #expect(both.count == 1)
    #expect(both.first?.message.contains("a working copy and an archive may need 2.2 MB and") == true)
    #expect(try folder.names() == ["big.data"])
  }

  @Test("a repository on another volume is looked at by itself")
  func twoVolumes() throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "create table t(x);")
    let findings = try FreeSpaceCheck().findings(
      context(path, repository: "/proc/archives"), ["warn_at": .string("0%")])
    #expect(findings.map(\.location.file).contains(folder.path))
    #expect(
      findings.allSatisfy { $0.location.file == folder.path ? $0.code == "disk.filling" : $0.code == "disk.no-room" })
    #expect(findings.count == 2)
  }
}

@Suite("required-tables, primary-keys, sequences and foreign-keys")
struct ContentCheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func database(_ script: String) throws -> CheckContext {
    context(try SQLiteFile.make(folder.file("a.db"), script))
  }

  @Test("what is missing is named with the nearest name that is there")
  func nearest() throws {
    let context = try database(
      "create table users(id integer primary key, email text); create view orders as select 1;")
    let findings = try RequiredTablesCheck().findings(
      context,
      [
        "tables": .map([
          OptionPair("user", .list([])), OptionPair("orders", .list([])),
          OptionPair("USERS", .list([.string("emial")])),
        ])
      ])
    #expect(
      findings.map(\.message) == [
        "the table user is missing; the nearest name is users",
        "the table orders is missing; there is a view of that name",
        "the column emial of users is missing; the nearest name is email",
      ])
    #expect(findings.last?.location == Finding.Location(table: "users", column: "emial"))
  }

  @Test(
    "types are compared by their words, whatever case and blanks",
    arguments: [
      ("varchar", true), ("VARCHAR(40)", true), ("varchar ( 40 )", true), ("varchar(50)", false), ("text", false),
      ("var", false),
    ])
  func types(_ type: String, _ isMet: Bool) throws {
    let context = try database("create table users(name varchar (40));")
    let findings = try RequiredTablesCheck().findings(
      context, ["tables": .map([OptionPair("users", .map([OptionPair("name", .string(type))]))])])
    #expect(findings.isEmpty == isMet)
  }

  @Test("duplicates behind a unique index are found where integrity mistrusts the index")
  func suspectIndex() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      "create table t(k text primary key, v); insert into t values('key-one', 1), ('key-two', 2), (null, 3), (null, 4);"
    )
    try Example.Damage.replace("key-two", with: "key-one").apply(to: path)
    let context = context(path)
    let before = try PrimaryKeysCheck().findings(context)
    #expect(before.map(\.code) == ["key.null"])
    #expect(before.first?.count == 2)
    #expect(before.first?.evidence == "rows 3, 4")
    #expect(before.first?.message == "2 rows of t have NULL in the primary key")
    #expect(try IntegrityCheck().findings(context).map(\.code).contains("index.not-unique"))
    let after = try PrimaryKeysCheck().findings(context)
    #expect(after.map(\.code) == ["key.null", "key.duplicate"])
    #expect(after.last?.location == Finding.Location(table: "t", column: "k", key: "key-one"))
    #expect(after.last?.message == "1 primary key of t belongs to more than one row")
  }

  @Test("a NULL is found though the key is declared NOT NULL, and a key of several columns by any of them")
  func storedNull() throws {
    let context = try database(
      """
      create table t(a integer, b text, v, primary key(a, b));
      insert into t values(1, 'x', 1), (1, null, 2), (null, 'x', 3);
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create table t(a integer not null, b text not null, v, primary key(a, b))'
      where type = 'table';
      """)
    let finding = try #require(try PrimaryKeysCheck().findings(context).first)
    #expect(finding.count == 2)
    #expect(finding.location.column == "a, b")
  }

  @Test("a sequence behind its table's keys is an error where the engine does not recover")
  func sequences() throws {
    let path = try folder.write("tally\nusers 4 9 7\norders 3 3 -\nempty 0 - -\n", to: "counts")
    let findings = try SequencesCheck().findings(context(path, drivers: [TallyDriver()]))
    #expect(findings.map(\.code) == ["sequence.behind", "sequence.missing"])
    #expect(findings.map(\.severity) == [.error, .error])
    #expect(
      findings.first?.message
        == "the sequence of users is behind the table's largest key; the next insertions will fail")
    #expect(findings.first?.evidence == "sequence 7, largest key 9")
  }

  @Test("foreign keys are counted for each pair of tables")
  func foreignKeys() throws {
    let context = try database(
      """
      create table a(id integer primary key); create table b(id integer primary key);
      create table c(id integer primary key, a references a, b references b);
      insert into c(a, b) values(1, 1), (2, null), (null, null);
      """)
    let findings = try ForeignKeysCheck().findings(context).sorted { $0.count > $1.count }
    #expect(
      findings.map(\.message) == [
        "2 rows of c refer to rows of a that are not there", "1 row of c refers to a row of b that is not there",
      ])
    #expect(findings.allSatisfy { $0.location.table == "c" && $0.evidence != nil })
  }

  @Test("a store that answers no SQL has no keys to look at, and cannot be asked")
  func noSQL() throws {
    let context = context(try folder.write("tally\nusers 4 9 9\n", to: "counts"), drivers: [TallyDriver()])
    #expect(try PrimaryKeysCheck().findings(context).isEmpty)
    #expect(try ForeignKeysCheck().findings(context).isEmpty)
    let problem = SQLCheck().problem(
      context, ["name": .string("n"), "query": .string("select 1"), "expect": .integer(1)])
    #expect(problem?.kind == .unsupported)
  }
}

@Suite("row-counts and sql")
struct CountingCheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a drop is measured against the newest good archive, and says what it was")
  func drop() throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      create table users(id integer primary key); insert into users values(1), (2), (3);
      create table empty(x); create table logs(x); insert into logs values(1), (2);
      """)
    let backups = try CopiedBackup(of: path, driver: SQLiteDriver(), into: folder.path)
    try SQLiteFile.make(path, "delete from users where id > 1; drop table empty; delete from logs;")
    #expect(try RowCountsCheck().findings(context(path), ["max_drop": .integer(0)]).isEmpty)
    let all = try RowCountsCheck().findings(context(path, backups: backups), ["max_drop": .string("50%")])
    #expect(all.map(\.location.table) == ["logs", "users"])
    #expect(
      all.last?.message
        == "the table users lost 2 of 3 rows (66.7 %) since the newest good archive; 50 % are allowed")
    #expect(all.last?.evidence == "3 rows before, 1 now; backup-of-a.db of 2024-01-15T02:00:00Z")
    let some = try RowCountsCheck().findings(
      context(path, backups: backups), ["max_drop": .map([OptionPair("Users", .string("50%"))])])
    #expect(some.map(\.location.table) == ["users"])
  }

  @Test("bounds on a table that is not there, and several at once")
  func bounds() throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "create table users(id integer primary key);")
    func one(_ table: String, _ rows: Int) -> OptionValue { .map([OptionPair(table, .integer(rows))]) }
    let findings = try RowCountsCheck().findings(
      context(path), ["minimum": one("users", 1), "exact": one("USERS", 2), "maximum": one("orders", 9)])
    #expect(findings.map(\.code) == ["row-count.table-missing", "row-count.not-exact", "row-count.below-minimum"])
    #expect(findings.last?.message == "the table users has 0 rows, fewer than the minimum of 1")
  }

  @Test("a lock met while counting stops the check rather than being taken for damage")
  func locked() throws {
    let context = context(try folder.write("tally\nusers many 9 9\n", to: "counts"), drivers: [TallyDriver()])
    let problem = RowCountsCheck().problem(context, ["minimum": .map([OptionPair("users", .integer(1))])])
    #expect(problem?.kind == .locked)
  }

  @Test(
    "values are compared by what they are",
    arguments: [
      ("select 3", OptionValue.number(3), true), ("select 3.0", .integer(3), true),
      ("select 0.1 + 0.2", .number(0.3), true),
      ("select 1", .boolean(true), true), ("select 0", .boolean(true), false), ("select null", .null, true),
      ("select ''", .null, false), ("select '3'", .integer(3), false), ("select '3'", .string("3"), true),
      ("select x'00'", .string("\0"), false), ("select 1 where 0", .null, false),
      ("select 1, 2", .list([.integer(1), .integer(2)]), true),
      ("select 1 union select 2", .integer(1), false), ("select 1", .list([]), false),
      ("select 1 union select 2", .list([.integer(1), .integer(2), .integer(3)]), false),
      ("select 9223372036854775807", .integer(Int.max), true), ("select 1", .map([]), false),
    ])
  func values(_ query: String, _ expected: OptionValue, _ isMet: Bool) throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "create table t(x);")
    let findings = try SQLCheck().findings(
      context(path), ["name": .string("n"), "query": .string(query), "expect": expected])
    #expect(findings.isEmpty == isMet, "\(findings.map(\.message))")
  }

  @Test("what came instead is shown, and only the first of many rows")
  func evidence() throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "create table t(x);")
    func finding(_ query: String, _ expected: OptionValue) throws -> Finding? {
      try SQLCheck().findings(context(path), ["name": .string("n"), "query": .string(query), "expect": expected]).first
    }
    let one = try finding("select 4, 'a'", .integer(5))
    #expect(one?.message == "n: the query returned something other than 5")
    #expect(one?.evidence == "returned [4, 'a']")
    #expect(try finding("select 1 where 0", .string("x"))?.evidence == "returned no rows")
    let many = try finding("with r(n) as (select 1 union all select n + 1 from r) select n from r", .list([]))
    #expect(many?.message == "n: the query returned something other than no rows")
    #expect(many?.evidence == "returned [1, 2, 3, 4, 5, ...]")
    let failed = try finding("select x from nowhere", .null)
    #expect(failed?.code == "sql.failed")
    #expect(failed?.evidence?.contains("no such table: nowhere") == true, "\(failed?.evidence ?? "")")
  }

  @Test("a query that would change something is refused and changes nothing")
  func refused() throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "create table t(x); insert into t values(1);")
    for query in [
      "delete from t", "drop table t", "pragma user_version = 7", "attach '\(folder.file("b.db"))' as b", "vacuum",
    ] {
      let findings = try SQLCheck().findings(
        context(path), ["name": .string("n"), "query": .string(query), "expect": .null])
      #expect(findings.map(\.code).allSatisfy { $0.matches("sql.*") } && findings.count == 1, "\(query)")
    }
    #expect(try SQLiteFile.value(path, "select count(*) from t") == "1")
    #expect(try folder.names() == ["a.db"])
  }
}
