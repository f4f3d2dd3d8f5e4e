import MendKit
import TestSupport
import Testing

/// PostgreSQL databases, through every command, on a real server.
@Suite("Trials: PostgreSQL", .enabled(if: PostgresCluster.isAvailable, "PostgreSQL is not installed"))
struct PostgreSQLTrials {
  static let shop = """
    create table users(id serial primary key, name text not null, email text unique);
    insert into users(name, email) select 'user ' || i, 'u' || i || '@example.org' from generate_series(1, 500) i;
    create table orders(id bigint generated always as identity primary key, user_id int references users(id), sku text);
    insert into orders(user_id, sku) select 1 + i % 500, E'sku\\t' || i || E'\\n' from generate_series(1, 2000) i;
    create index orders_sku on orders(sku);
    create schema audit; create table audit.log(at int, what text); insert into audit.log values(1, 'x'), (2, null);
    """

  private let trial: Trial
  private let server: PostgresCluster
  private let name: String
  private let uri: String

  init() throws {
    trial = try Trial()
    server = try PostgresCluster.shared()
    name = try server.database(Self.shop)
    uri = server.uri(name)
  }

  private func rows() throws -> [String] {
    try ["users", "orders", "audit.log"].flatMap { try server.rows($0, in: name) }
  }

  @Test("a healthy database passes, with its version, tables and rows; nothing in it, and nothing here, is changed")
  func healthy() throws {
    let state = "select string_agg(oid::text || relname || relfilenode, ',' order by oid) from pg_class"
    let before = try server.sql(state, in: name)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 0, "\(check.everything)")
    #expect(check.store()?["kind"]?.string == "postgresql")
    let tables = check.store()?["tables"]
    #expect(tables?["users"]?["rows"]?.integer == 500 && tables?["audit.log"]?["rows"]?.integer == 2)
    #expect(check.store()?["path"]?.string == uri)
    #expect(try server.sql(state, in: name) == before)
    #expect(try trial.folder.names().isEmpty)
  }

  @Test("an archive holds a dump that tar and pg_restore open, and what did not change is not archived twice")
  func backup() throws {
    let first = try trial.dbmend("backup", uri)
    #expect(first.exit == 0, "\(first.everything)")
    let second = try trial.dbmend("backup", uri)
    #expect(second.archive == first.archive)
    #expect(try trial.dbmend("verify").exit == 0)
    let archive = try #require(first.archive)
    #expect(try run("tar", "-xf", archive, "-C", trial.folder.path).exit == 0)
    let list = try run("pg_restore", "-l", trial.file("\(name).dump"))
    #expect(list.exit == 0 && list.output.contains("TABLE DATA public users"))
    #expect(String(decoding: try trial.folder.read("schema.sql"), as: UTF8.self).contains("CREATE TABLE audit.log"))
    try server.sql("insert into audit.log values(3, 'y')", in: name)
    #expect(try trial.dbmend("backup", uri).archive != first.archive)
  }

  @Test("a restore brings every row back, keeps settings, grants and comment, and the old database under a dated name")
  func restore() throws {
    try server.sql(
      """
      alter database \(name) set work_mem = '8MB'; alter database \(name) set search_path = "$user", public, "Odd, one";
      alter role plain in database \(name) set statement_timeout = '7s';
      revoke connect on database \(name) from public; grant connect, temporary on database \(name) to plain;
      comment on database \(name) is 'it''s the shop'; alter database \(name) connection limit 17;
      """)
    let properties = """
      select datacl, datconnlimit, shobj_description(oid, 'pg_database'), datcollate, encoding,
        (select string_agg(setrole::regrole::text || setconfig::text, ';' order by setrole) from pg_db_role_setting
         where setdatabase = d.oid) from pg_database d where datname = '\(name)'
      """
    let before = (try rows(), try server.sql(properties))
    #expect(try trial.dbmend("backup", uri).exit == 0)
    try server.sql(
      "delete from orders where id > 100; drop table audit.log; insert into users(name) values('late')", in: name)
    let restore = try trial.dbmend("restore", "latest", uri)
    #expect(restore.exit == 0, "\(restore.everything)")
    #expect(try rows() == before.0)
    #expect(try server.sql(properties) == before.1)
    let kept = try server.sql("select datname from pg_database where datname like '\(name)\\_%'")
    #expect(kept.contains("_20") && restore.tells(kept), "\(kept)")
    #expect(try server.sql("select count(*) from users where name = 'late'", in: kept) == "1")
    #expect(try leftovers().isEmpty)
  }

  /// Databases of dbmend's own.
  private func leftovers() throws -> [String] {
    try server.sql(
      "select datname from pg_database where shobj_description(oid, 'pg_database') like '% made of \(name);%'"
    ).split(separator: "\n").map(String.init)
  }

  @Test("a failed update is put back, a successful one stays, and a dropped database comes back")
  func preflight() throws {
    let before = try rows()
    let program = ["psql", "-Xqd", uri, "-c"]
    let failed = try trial.dbmend(
      words: ["preflight", uri, "--"] + program + ["drop table orders; insert into users(name) values(null)"])
    #expect(failed.exit == 4, "\(failed.everything)")
    #expect(try rows() == before)
    let half = try trial.dbmend(
      words: ["preflight", uri, "--", "sh", "-c", "psql -Xqd '\(uri)' -c 'drop table orders'; exit 7"])
    #expect(half.exit == 4 && half.output.contains("put_back"))
    #expect(try rows() == before)
    let done = try trial.dbmend(
      words: ["preflight", uri, "--"] + program + ["insert into audit.log values(9, 'done')"])
    #expect(done.exit == 0, "\(done.everything)")
    #expect(try rows().count == before.count + 1)
    let dropped = try trial.dbmend(
      words: [
        "preflight", uri, "--", "sh", "-c", "psql -Xqd '\(server.uri("postgres"))' -c 'drop database \(name)'; exit 1",
      ])
    #expect(dropped.exit == 4, "\(dropped.everything)")
    #expect(try rows().count == before.count + 1)
    #expect(try leftovers().isEmpty)
  }

  @Test("what a run that was killed left on the server is dropped by the next one; the old content is in place")
  func killed() throws {
    let before = try rows()
    try configure("sequences", more: "hooks: { before_restore: 'kill -9 $PPID' }")
    #expect(try trial.dbmend("backup").exit == 0)
    try server.sql("insert into audit.log values(3, 'y')", in: name)
    _ = try trial.text("restore", "latest", "production/shop")
    #expect(try leftovers().count == 1)
    #expect(try rows().count == before.count + 1)
    try configure("sequences")
    let next = try trial.dbmend("restore", "latest", "production/shop")
    #expect(next.exit == 0 && next.tells("old content is in place"), "\(next.everything)")
    #expect(try leftovers().isEmpty)
    #expect(try rows() == before)
  }

  @Test("the content of an archive, and a mended database, are written to a file that pg_restore opens")
  func output() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    let restored = try trial.dbmend("restore", "latest", uri, "--output", "restored.dump")
    #expect(restored.exit == 0, "\(restored.everything)")
    try server.sql("select setval('users_id_seq', 7)", in: name)
    let repaired = try trial.dbmend("repair", uri, "--output", "repaired.dump")
    #expect(repaired.exit == 0, "\(repaired.everything)")
    for file in ["restored.dump", "repaired.dump"] {
      let list = try run("pg_restore", "-l", trial.file(file))
      #expect(list.exit == 0 && list.output.contains("TABLE DATA audit log"), "\(list)")
    }
    #expect(try server.sql("select last_value from users_id_seq", in: name) == "7")
    #expect(try leftovers().isEmpty)
  }

  @Test("a stale sequence is found and set in the database itself; the next insertion works")
  func sequence() throws {
    try server.sql("select setval('users_id_seq', 7); select setval('orders_id_seq', 1, false)", in: name)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && Set(check.codes) == ["sequence.behind"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    try server.sql("insert into users(name) values('next'); insert into orders(sku) values('next')", in: name)
    #expect(try server.sql("select max(id) from users", in: name) == "501")
    #expect(try server.sql("select count(*) from pg_database where datname like '\(name)\\_%'") == "0")
  }

  @Test("an index that is not valid is built anew, concurrently")
  func invalidIndex() throws {
    try server.sql(
      "update pg_index set indisvalid = false where indexrelid = 'orders_sku'::regclass", in: name)
    let check = try trial.dbmend("check", uri)
    #expect(check.codes == ["index.invalid"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try trial.dbmend("check", uri).exit == 0)
  }

  @Test("an index that lacks rows is found and built anew")
  func lostEntries() throws {
    // Rows that are written while the server takes the index for one that is not ready get no entries.
    try server.sql(
      """
      update pg_index set indisready = false, indisvalid = false where indexrelid = 'orders_sku'::regclass;
      insert into orders(user_id, sku) select 3, 'lost' || i from generate_series(1, 50) i;
      update pg_index set indisready = true, indisvalid = true where indexrelid = 'orders_sku'::regclass;
      """, in: name)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["index.entry-missing"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(
      try server.sql("set enable_seqscan = off; select count(*) from orders where sku like 'lost%'", in: name) == "50")
  }

  @Test("duplicate and NULL keys are found past the index that should refuse them; rows without a key are set aside")
  func keys() throws {
    try server.sql(
      """
      create table codes(code text, name text); insert into codes values('a', '1'), ('b', '2'), (null, '3'), ('c', '4');
      alter table codes add constraint codes_key unique(code);
      update pg_attribute set attnotnull = true where attrelid = 'codes'::regclass and attname = 'code';
      update pg_index set indisprimary = true where indexrelid = 'codes_key'::regclass;
      update pg_constraint set contype = 'p' where conname = 'codes_key';
      """, in: name)
    let null = try trial.dbmend("check", uri)
    #expect(null.codes == ["key.null"], "\(null.everything)")
    let refused = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(refused.exit == 1)
    try server.sql(
      """
      update pg_index set indisready = false, indisvalid = false where indexrelid = 'codes_key'::regclass;
      insert into codes values('a', 'again');
      update pg_index set indisready = true, indisvalid = true where indexrelid = 'codes_key'::regclass;
      """, in: name)
    let both = try trial.dbmend("check", uri)
    #expect(Set(both.codes) == ["key.null", "key.duplicate", "index.not-unique"], "\(both.everything)")
    #expect(try trial.dbmend("repair", uri, "--max-loss", "none", "--yes").exit == 1)
    #expect(try server.sql("select count(*) from codes", in: name) == "5")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try server.sql("select code || name from codes order by 1", in: name) == "a1\nb2\nc4")
    #expect(repair.tells("1 row of codes whose key in codes_key another row has is set aside"), "\(repair.everything)")
    let tables = "select relname from pg_class where relname like 'dbmend%' order by 1"
    #expect(try server.sql(tables, in: name) == "dbmend_set_aside_codes\ndbmend_set_aside_codes_2")
  }

  @Test("rows that a unique index let in twice, beside the primary key, are set aside at a declared loss")
  func duplicates() throws {
    try server.sql(
      """
      update pg_index set indisready = false, indisvalid = false where indexrelid = 'users_email_key'::regclass;
      insert into users(name, email) values('twin', 'u7@example.org');
      update pg_index set indisready = true, indisvalid = true where indexrelid = 'users_email_key'::regclass;
      """, in: name)
    let check = try trial.dbmend("check", uri)
    #expect(check.codes == ["index.not-unique"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["rows"]?["users"]?["set_aside"]?.integer == 1, "\(repair.everything)")
    #expect(try server.sql("select name from dbmend_set_aside_users", in: name) == "twin")
    #expect(try server.sql("select count(*) from users", in: name) == "500")
    #expect(try trial.dbmend("check", uri).exit == 0)
  }

  @Test(
    "a database of no known encoding, and a role that only reads by default, are backed up and restored like any other")
  func oddities() throws {
    try server.sql("create role careful login createdb; alter role careful set default_transaction_read_only = on")
    try server.sql("create database bytes_1 encoding 'SQL_ASCII' locale 'C' template template0 owner careful")
    defer { _ = try? server.sql("drop database bytes_1 with (force); drop owned by careful; drop role careful") }
    try server.sql(
      #"create table t(id int primary key, v text); insert into t values(1, E'\xe4\xff\x80'), (2, 'ok'); alter table t owner to careful"#,
      in: "bytes_1")
    let target = server.uri("bytes_1", user: "careful")
    let content = "select string_agg(encode(v::bytea, 'hex'), ',' order by id) from t"
    let before = try server.sql(content, in: "bytes_1")
    let backup = try trial.dbmend("backup", target)
    #expect(backup.exit == 0, "\(backup.everything)")
    try server.sql("delete from t", in: "bytes_1")
    let restore = try trial.dbmend("restore", "latest", target)
    #expect(restore.exit == 0, "\(restore.everything)")
    #expect(try server.sql(content, in: "bytes_1") == before)
  }

  @Test("the rows that an archive counts are those in it")
  func countedRows() throws {
    let backup = try trial.dbmend("backup", uri)
    let archive = try #require(backup.archive)
    let manifest = try run("tar", "-xOf", archive, "manifest.json")
    let rows = try JSONValue(parsing: Array(manifest.output.utf8))["rows"]
    #expect(rows?["users"]?.integer == 500 && rows?["orders"]?.integer == 2000 && rows?["audit.log"]?.integer == 2)
  }

  @Test("rows without a key are set aside beside their table also in another schema")
  func nullKeyInSchema() throws {
    try server.sql(
      """
      create table audit.codes(code text unique, name text); insert into audit.codes values('a', '1'), ('b', '2'), (null, '3');
      update pg_attribute set attnotnull = true where attrelid = 'audit.codes'::regclass and attname = 'code';
      update pg_index set indisprimary = true where indexrelid = 'audit.codes_code_key'::regclass;
      update pg_constraint set contype = 'p' where conname = 'codes_code_key';
      """, in: name)
    try server.sql("create table codes(code text primary key); create table dbmend_set_aside_codes(x int)", in: name)
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.tells("moved 1 row of audit.codes to audit.dbmend_set_aside_codes"), "\(repair.everything)")
    #expect(repair.tells("from audit.codes to audit.dbmend_set_aside_codes"), "\(repair.everything)")
    #expect(try server.sql("select name from audit.dbmend_set_aside_codes", in: name) == "3")
    #expect(try server.rows("audit.codes", in: name) == ["(a,1)", "(b,2)"])
  }

  @Test("a role that row-level security shows only a part of a table is told so, by a check and by a backup")
  func rowSecurity() throws {
    try server.sql(
      """
      create table secrets(id int primary key, owner text); insert into secrets values(1, 'plain'), (2, 'ada'), (3, 'ada');
      alter table secrets enable row level security; create policy own on secrets using (owner = current_user);
      grant select on all tables in schema public, audit to plain; grant usage on schema audit to plain;
      grant select on all sequences in schema public to plain;
      """, in: name)
    let check = try trial.dbmend("check", server.uri(name, user: "plain"))
    #expect(check.exit == 0 && check.codes == ["table.unverified"], "\(check.everything)")
    #expect(check.output.contains("row-level security"), "\(check.everything)")
    #expect(check.store()?["tables"]?["secrets"]?["rows"]?.integer == 1, "\(check.everything)")
    let backup = try trial.dbmend("backup", server.uri(name, user: "plain"))
    #expect(backup.exit == 3 && backup.tells("BYPASSRLS"), "\(backup.everything)")
    #expect(try trial.dbmend("check", uri).codes.isEmpty)
  }

  @Test("an index of a kind that amcheck does not know is held against rows of its table, and built anew")
  func otherIndexes() throws {
    try server.sql(
      """
      create table places(id int primary key, spot point, span int4range, tags text[], doc jsonb, words tsvector, code text, day int);
      insert into places select i, point(i, i), int4range(i, i + 5), array['t' || i % 50, 'x'], jsonb_build_object('n', i),
        to_tsvector('simple', 'word' || i || ' it''s'), 'c' || i, i from generate_series(1, 3000) i;
      create index by_spot on places using gist(spot); create index by_span on places using spgist(span);
      create index by_tags on places using gin(tags); create index by_doc on places using gin(doc jsonb_path_ops);
      create index by_words on places using gin(words); create index by_code on places using hash(code);
      create index by_day on places using brin(day);
      """, in: name)
    let sound = try trial.dbmend("check", uri)
    #expect(sound.exit == 0 && !sound.everything.contains("held against"), "\(sound.everything)")
    let names = ["by_spot", "by_span", "by_tags", "by_doc", "by_words", "by_code"]
    let list = names.map { "'\($0)'::regclass" }.joined(separator: ", ")
    // Rows that are written while the server takes an index for one that is not ready get no entries.
    try server.sql(
      """
      update pg_index set indisready = false, indisvalid = false where indexrelid in (\(list));
      insert into places select i, point(i, i), int4range(i, i + 5), array['t' || i % 50, 'x'], jsonb_build_object('n', i),
        to_tsvector('simple', 'word' || i || ' it''s'), 'c' || i, i from generate_series(3001, 6000) i;
      update pg_index set indisready = true, indisvalid = true where indexrelid in (\(list));
      """, in: name)
    let check = try trial.dbmend("check", uri)
    let found = (check.store()?["findings"]?.array ?? []).compactMap { $0["index"]?.string }
    #expect(Set(check.codes) == ["index.entry-missing"] && found.sorted() == names.sorted(), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
  }

  @Test("a missing table is made from schema.sql in the database itself, where nothing speaks of an older one")
  func missingTable() throws {
    try trial.folder.write("create table invoices(id serial primary key, total numeric(10, 2));", to: "schema.sql")
    try configure("required-tables: { tables: [users, invoices] }", more: "schema: schema.sql")
    let check = try trial.dbmend("check")
    #expect(check.codes == ["table.missing"], "\(check.everything)")
    let repair = try trial.dbmend("repair", "production/shop", "--max-loss", "none")
    #expect(repair.exit == 0, "\(repair.everything)")
    try server.sql("insert into invoices(total) values(12.50)", in: name)
  }

  private func configure(_ check: String, more: String = "") throws {
    try trial.folder.write(
      """
      version: 1
      repository: backups
      busy_timeout: 1s
      environments: { production: { stores: { shop: { path: '\(uri)' } } } }
      checks: [connects, integrity, \(check)]
      \(more)
      """, to: "dbmend.yaml")
  }

  @Test("a dropped table comes back with the archive, which costs what changed since")
  func droppedTable() throws {
    let before = try rows()
    try configure("required-tables: { tables: [users, orders] }")
    #expect(try trial.dbmend("backup").exit == 0)
    try server.sql("drop table orders", in: name)
    #expect(try trial.dbmend("check").codes == ["table.missing"])
    #expect(try trial.dbmend("repair", "production/shop", "--max-loss", "rows").exit == 1)
    let repair = try trial.dbmend("repair", "production/shop", "--max-loss", "changes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
  }

  @Test("queries of the configuration run as they are written, and change nothing")
  func queries() throws {
    try configure(
      """
      sql: { name: one, query: "select count(*), 'a:b\\\\c'::text from users where id > 0::int;", expect: [500, 'a:b\\c'] },
      row-counts: { minimum: { users: 1 }, exact: { audit.log: 2 }, estimate: true }
      """)
    let check = try trial.dbmend("check")
    #expect(check.exit == 0, "\(check.everything)")
    try configure(
      "sql: { name: evil, query: 'select 1) to stdout; commit; delete from orders; copy (select 1', expect: 1 }")
    _ = try trial.dbmend("check")
    #expect(try server.sql("select count(*) from orders", in: name) == "2000")
  }

  // MARK: What keeps dbmend out

  @Test(
    "a session that has the database open keeps a restore from it, and is named; a locked table keeps a check from it")
  func sessions() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    try server.sql("delete from orders", in: name)
    let idle = try session("select 1;")
    let restore = try trial.dbmend("restore", "latest", uri)
    #expect(restore.exit == 3, "\(restore.everything)")
    #expect(restore.tells("holder"))
    #expect(try server.sql("select count(*) from orders", in: name) == "0")
    #expect(try leftovers().isEmpty)
    idle.end()
    let locking = try session("begin; lock table users in access exclusive mode;")
    defer { locking.end() }
    try configure("row-counts: { minimum: { users: 1 } }")
    let check = try trial.dbmend("check")
    #expect(check.exit == 3 && check.tells("holder"), "\(check.everything)")
  }

  /// Another session at the database, which names itself `holder`.
  private func session(_ statements: String) throws -> ClientConversation {
    let program = try ClientProgram.find("psql", package: "postgresql-client")
    let session = try ClientConversation(
      program, ["-X", "-q", "-d", uri], environment: ["PGAPPNAME": "holder"])
    guard case .heard = session.ask(statements + "\n\\echo ready\n", until: "ready", timeLimit: 20) else {
      throw PreparationFailed("the other session did not begin")
    }
    return session
  }

  @Test("a wrong password, a role without rights, a server that is not there and a database that is not are told apart")
  func refusals() throws {
    let wrong = try trial.dbmend("check", server.uri(name, user: "locked", password: "wr0ng-w0rd"))
    #expect(wrong.exit == 3 && wrong.tells("password authentication failed"), "\(wrong.everything)")
    #expect(!wrong.everything.contains("wr0ng"))
    let right = try trial.dbmend("check", server.uri("postgres", user: "locked", password: "s3cret"))
    #expect(right.exit == 0 && !right.everything.contains("s3cret"), "\(right.everything)")
    let denied = try trial.dbmend("check", server.uri(name, user: "plain"))
    #expect(denied.exit == 3 && denied.tells("permission denied"), "\(denied.everything)")
    let absent = try trial.dbmend("check", "postgresql://postgres@/\(name)?host=/nonexistent")
    #expect(absent.exit == 3 && absent.tells("pg_isready"), "\(absent.everything)")
    let missing = try trial.dbmend("check", server.uri("no_such_database"))
    #expect(missing.exit == 1 && missing.codes == ["database.missing"], "\(missing.everything)")
    #expect(try trial.folder.names().isEmpty)
  }

  @Test("a role that may not make databases is told so before a command runs")
  func noCreation() throws {
    let own = try server.database(like: "plain")
    try server.sql("alter database \(own) owner to plain")
    try server.sql("create table t(id int primary key); insert into t values(1); alter table t owner to plain", in: own)
    let target = server.uri(own, user: "plain")
    let check = try trial.dbmend("check", target)
    #expect(check.exit == 0, "\(check.everything)")
    let preflight = try trial.dbmend("preflight", target, "--", "touch", trial.file("ran"))
    #expect(preflight.exit == 3 && preflight.tells("CREATEDB"), "\(preflight.everything)")
    #expect(!FileStatus.exists(trial.file("ran")))
  }

  @Test("a password stands in no archive, report or command line, and reaches the client by its environment or a file")
  func secrets() throws {
    let own = try server.database(like: "own")
    try server.sql("alter database \(own) owner to locked; alter role locked createdb")
    try server.sql(
      "create table t(id serial primary key); insert into t select from generate_series(1, 9); alter table t owner to locked; alter schema public owner to locked",
      in: own)
    // A program of each name that writes down what it was started with.
    for name in ["psql", "pg_dump", "pg_restore"] {
      let path = try trial.folder.write(
        "#!/bin/sh\necho \"$0 $*\" >> \(trial.file("words"))\nexec /usr/bin/\(name) \"$@\"\n", to: "bin/\(name)")
      chmod(path, 0o755)
    }
    let path = trial.file("bin") + ":" + (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")
    func dbmend(_ words: String..., more: [String: String] = [:]) throws -> ProgramResult {
      try run(
        [Trial.program] + words, folder: trial.folder.path, environment: ["PATH": path].merging(more) { $1 })
    }
    let target = server.uri(own, user: "locked", password: "s3cret")
    for words in [["backup"], ["restore", "latest"], ["check", "--format", "json"], ["preflight"]] {
      let result = try dbmend(words[0], words.count > 1 ? words[1] : target, words.count > 2 ? words[2] : target)
      #expect(result.exit == 0 || words[0] == "check", "\(result.output)\(result.errors)")
      #expect(!(result.output + result.errors).contains("s3cret"))
    }
    #expect(!String(decoding: try trial.folder.read("words"), as: UTF8.self).contains("s3cret"))
    for name in try Paths.names(in: trial.file("dbmend-archives")) where name.hasSuffix(".json") {
      let manifest = String(decoding: try trial.folder.read("dbmend-archives/" + name), as: UTF8.self)
      #expect(!manifest.contains("s3cret") && manifest.contains("locked@"))
    }
    // The same by a file of passwords and by a service file.
    try trial.folder.write("*:*:*:locked:s3cret\n", to: "passwords")
    chmod(trial.file("passwords"), 0o600)
    try trial.folder.write("[shop]\nhost=\(server.folder)\nuser=locked\ndbname=\(own)\n", to: "services")
    let byFiles = try dbmend(
      "check", "postgresql:///?service=shop",
      more: ["PGPASSFILE": trial.file("passwords"), "PGSERVICEFILE": trial.file("services")])
    #expect(byFiles.exit == 0, "\(byFiles.output)\(byFiles.errors)")
    let restored = try dbmend(
      "preflight", "postgresql:///?service=shop", "--", "false",
      more: ["PGPASSFILE": trial.file("passwords"), "PGSERVICEFILE": trial.file("services")])
    #expect(restored.exit == 4, "\(restored.output)\(restored.errors)")
  }

  @Test("without the client programs the package to install is named")
  func missingProgram() throws {
    let result = try run(
      [Trial.program, "check", uri], folder: trial.folder.path, environment: ["PATH": "/nonexistent/bin"])
    #expect(result.exit == 3 && result.output.contains("postgresql-client"), "\(result.output)\(result.errors)")
  }
}
