import MendKit
import TestSupport
import Testing

/// Damage to the files of a PostgreSQL server, which is stopped for it: what is found, and what comes back, row for row.
@Suite(
  "Trials: damage to PostgreSQL", .serialized, .enabled(if: PostgresCluster.isAvailable, "PostgreSQL is not installed"))
struct PostgreSQLDamageTrials {
  private static let server = Result<PostgresCluster, any Error> { try PostgresCluster() }
  private let server: PostgresCluster
  private let trial: Trial
  private let name: String
  private let uri: String

  init() throws {
    server = try Self.server.get()
    trial = try Trial()
    name = try server.database(
      """
      create table orders(id int primary key, sku text, note text);
      insert into orders select i, 'sku ' || i, repeat(md5(i::text), 3) from generate_series(1, 3000) i;
      create index orders_sku on orders(sku);
      create table users(id int primary key, name text); insert into users select i, 'user ' || i from generate_series(1, 500) i;
      create table pictures(id int primary key, content text);
      alter table pictures alter content set storage external;
      insert into pictures select i, repeat(md5(i::text), 300) from generate_series(1, 40) i;
      vacuum analyze;
      """)
    uri = server.uri(name)
  }

  private static let page = 8192

  private func overwrite(_ relation: String, page: Int, at offset: Int = 4000, _ bytes: [UInt8] = Array("DAMAGE".utf8))
    throws
  {
    try server.damage(relation, of: name) { try $0.write(bytes, at: page * Self.page + offset) }
  }

  /// What is in the page of a table.
  private func ids(inPage page: Int, of table: String = "orders") throws -> [Int] {
    try server.sql(
      "select id from \(table) where ctid >= '(\(page),0)' and ctid < '(\(page + 1),0)' order by 1", in: name
    ).split(separator: "\n").compactMap { Int($0) }
  }

  private func rows(_ table: String = "orders") throws -> [String] { try server.rows(table, in: name) }

  @Test("bytes in the middle of a table: the block is named, and every row of the others comes back")
  func table() throws {
    let (before, lost) = (try rows(), Set(try ids(inPage: 7).map { "(\($0)," }))
    try overwrite("orders", page: 7)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && Set(check.codes) == ["table.malformed"], "\(check.everything)")
    #expect(check.store()?["findings"]?.array?.first?["page"]?.integer == 8)
    #expect(try trial.dbmend("repair", uri, "--max-loss", "none", "--yes").exit == 1)
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.tells("block 7"))
    #expect(try rows() == before.filter { row in !lost.contains { row.hasPrefix($0) } })
    #expect(repair.store()?["rows"]?["orders"]?["kept"]?.integer == 3000 - lost.count)
    #expect(try rows("users").count == 500)
    // The archive of the damaged database has what could be read, and a list of the rest.
    let archive = try #require(repair.archive)
    #expect(try run("tar", "-xf", archive, "-C", trial.folder.path).exit == 0)
    #expect(try trial.folder.names().contains("\(name).dump.unread.json"))
  }

  @Test("with an archive the rows of a damaged block are set aside, or taken where that is allowed")
  func withArchive() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    let (before, lost) = (try rows(), try ids(inPage: 3))
    try server.sql("update users set name = 'changed' where id = 1", in: name)
    try overwrite("orders", page: 3)
    let plan = try trial.dbmend("repair", "--plan", uri)
    #expect(plan.exit == 1, "\(plan.everything)")
    #expect(try rows("users").first == "(1,changed)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["rows"]?["orders"]?["from_backup"]?.integer == lost.count, "\(repair.everything)")
    #expect(try rows() == before)
    #expect(try rows("users").first == "(1,changed)")
  }

  @Test("rows that nothing proves are set aside, and named")
  func setAside() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    let first = try #require(try ids(inPage: 5).first)
    // From here on the server does not know that all rows of the page are visible to everybody.
    try server.sql("update orders set note = 'changed' where id = \(first)", in: name)
    let lost = try ids(inPage: 5)
    try overwrite("orders", page: 5)
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    // Those of the page, and of the archive the one whose bytes make no row any more.
    let page = try server.rows("dbmend_set_aside_orders", in: name)
    let archive = try server.rows("dbmend_set_aside_orders_2", in: name)
    #expect(page.count == lost.count - 1 && archive.count == 1 && !page.contains(archive[0]), "\(repair.everything)")
    #expect(try rows().count == 3000 - lost.count)
    let tally = repair.store()?["rows"]?["orders"]
    #expect(tally?["set_aside"]?.integer == lost.count, "\(repair.everything)")
  }

  @Test("bytes in the middle of an index: it is built anew, and no row is touched")
  func index() throws {
    let before = try rows()
    try overwrite("orders_sku", page: 4)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["index.malformed"], "\(check.everything)")
    // The server counts each page whose checksum is wrong when it is read.
    #expect(Set(try trial.dbmend("check", uri).codes) == ["index.malformed", "checksum.failures"])
    let byProgram = try configured("integrity: { engine: pg_amcheck }")
    #expect(byProgram.exit == 3 && byProgram.tells("amcheck"), "\(byProgram.everything)")
    try server.sql("create extension amcheck", in: name)
    let found = try configured("integrity: { engine: pg_amcheck }")
    #expect(found.exit == 1 && found.codes.contains("index.malformed"), "\(found.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
    #expect(try server.sql("set enable_seqscan = off; select id from orders where sku = 'sku 77'", in: name) == "77")
  }

  private func configured(_ check: String) throws -> Trial.Outcome {
    try trial.folder.write(
      "version: 1\nenvironments: { production: { stores: { shop: { path: '\(uri)' } } } }\nchecks: [\(check)]\n",
      to: "dbmend.yaml")
    defer { try? Paths.removeFile(trial.file("dbmend.yaml")) }
    return try trial.dbmend("check")
  }

  @Test("a page of zeros in a table is no empty page: the index knows that rows are missing")
  func zeroedPage() throws {
    let lost = try ids(inPage: 9)
    try overwrite("orders", page: 9, at: 0, [UInt8](repeating: 0, count: Self.page))
    #expect(
      try server.sql(
        "set enable_indexscan = off; set enable_indexonlyscan = off; select count(*) from orders", in: name)
        == "\(3000 - lost.count)")
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["table.malformed"], "\(check.everything)")
    #expect(check.tells("\(lost.count) rows"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["rows"]?["orders"]?["lost"]?.integer == lost.count, "\(repair.everything)")
    #expect(try rows().count == 3000 - lost.count)
  }

  @Test("a page of zeros in a table that was never vacuumed: the entries of its index still lead there")
  func zeroedFreshPage() throws {
    try server.sql(
      """
      create table fresh(id int primary key, note text); insert into fresh select i, md5(i::text) from generate_series(1, 2000) i;
      create table bare(note text); insert into bare select md5(i::text) from generate_series(1, 2000) i;
      """, in: name)
    let lost = try ids(inPage: 3, of: "fresh").count
    try overwrite("fresh", page: 3, at: 0, [UInt8](repeating: 0, count: Self.page))
    try overwrite("bare", page: 2, at: 0, [UInt8](repeating: 0, count: Self.page))
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && Set(check.codes) == ["table.malformed", "page.blank"], "\(check.everything)")
    #expect(check.tells("\(lost) entries"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["rows"]?["fresh"]?["lost"]?.integer == lost, "\(repair.everything)")
    #expect(try rows("fresh").count == 2000 - lost)
  }

  @Test("a sequence whose page is zeros is named, and goes on behind its column in the new database")
  func sequence() throws {
    try server.sql(
      "create table bills(id serial primary key, v int); insert into bills(v) select i from generate_series(1, 70) i",
      in: name)
    try overwrite("bills_id_seq", page: 0, at: 0, [UInt8](repeating: 0, count: Self.page))
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["table.malformed"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try server.sql("insert into bills(v) values(1) returning id", in: name) == "71")
  }

  @Test("a row that breaks a foreign key keeps no archive from being restored: the key is in place for what comes")
  func brokenForeignKey() throws {
    try server.sql(
      """
      create table lines(id int primary key, order_id int references orders); insert into lines select i, i from generate_series(1, 100) i;
      set session_replication_role = replica; delete from orders where id = 50;
      """, in: name)
    #expect(try trial.dbmend("backup", uri).exit == 0)
    try server.sql("delete from lines where id > 60", in: name)
    let restore = try trial.dbmend("restore", "latest", uri)
    #expect(restore.exit == 0 && restore.tells("NOT VALID"), "\(restore.everything)")
    #expect(try rows("lines").count == 100)
    #expect(try server.sql("select convalidated from pg_constraint where contype = 'f'", in: name) == "f")
  }

  @Test("a row whose text is none in the database's encoding is told before it is archived as good, and is let go of")
  func encoding() throws {
    try server.sql("alter system set ignore_checksum_failure = on", in: name)
    defer { _ = try? server.sql("alter system reset ignore_checksum_failure; select pg_reload_conf()", in: name) }
    try overwrite("orders", page: 5, at: Self.page - 40, [0xFF, 0xFE])
    try server.sql("update pg_class set relname = relname where relname = 'orders'", in: name)
    let backup = try trial.dbmend("backup", uri)
    #expect(backup.exit == 1, "\(backup.everything)")
    #expect(try trial.dbmend("restore", "latest", uri).exit == 1)
  }

  @Test("the file of an index is gone: it is built anew, and no row is touched")
  func lostIndexFile() throws {
    let before = try rows()
    let path = server.folder + "/data/" + (try server.sql("select pg_relation_filepath('orders_pkey')", in: name))
    try server.sql("checkpoint", in: name)
    try server.stop()
    try Paths.removeFile(path)
    try server.start()
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["index.malformed"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
  }

  @Test("an index of the server's own catalogs is damaged: it is named and built anew")
  func systemIndex() throws {
    let before = try rows()
    try overwrite("pg_description_o_c_o_index", page: 1)
    try overwrite("pg_attribute_relid_attnam_index", page: 3, at: 0, [UInt8](repeating: 7, count: 2000))
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && Set(check.codes) == ["index.malformed"], "\(check.everything)")
    #expect(check.tells("pg_catalog.pg_attribute_relid_attnam_index"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
    let after = try trial.dbmend("check", uri)
    #expect(Set(after.codes).isSubset(of: ["checksum.failures"]), "\(after.everything)")
  }

  @Test("the index of values that are kept apart is damaged: it is built anew, and no row is lost")
  func toastIndex() throws {
    let before = try rows("pictures")
    let index = try server.sql(
      "select indexrelid::regclass from pg_index where indrelid = (select reltoastrelid from pg_class where relname = 'pictures')",
      in: name)
    try overwrite(index, page: 1)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && Set(check.codes) == ["index.malformed"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows("pictures") == before)
  }

  @Test("a page of zeros in an index")
  func zeroedIndexPage() throws {
    let before = try rows()
    try overwrite("orders_pkey", page: 3, at: 0, [UInt8](repeating: 0, count: Self.page))
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes.allSatisfy { $0.hasPrefix("index.") }, "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
  }

  @Test("a table whose file was cut: what is left comes back, and how many rows are missing is said")
  func truncated() throws {
    let before = try rows()
    let lost = try ids(inPage: 20).first ?? 0
    try server.damage("orders", of: name) { try $0.truncate(to: 20 * Self.page) }
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes.contains("table.malformed"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try Set(rows()) == Set(before.filter { (Int($0.dropFirst().prefix { $0.isNumber }) ?? 0) < lost }))
  }

  @Test("a value that is kept apart is damaged: its row is named, and all others come back")
  func toast() throws {
    let before = try rows("pictures")
    let toast = try server.sql("select reltoastrelid::regclass from pg_class where relname = 'pictures'", in: name)
    try overwrite(toast, page: 2)
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["table.malformed"], "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    let after = try rows("pictures")
    #expect(after.count >= 36 && after.count < 40 && Set(after).isSubset(of: Set(before)), "\(after.count)")
  }

  @Test("a foreign key to rows that are lost is kept, and the rows that refer to them are named")
  func foreignKey() throws {
    try server.sql(
      "create table lines(id int primary key, order_id int references orders); insert into lines select i, i from generate_series(1, 3000) i",
      in: name)
    let lost = try ids(inPage: 4).count
    try overwrite("orders", page: 4)
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows("lines").count == 3000)
    #expect(
      try server.sql("select conname, convalidated from pg_constraint where contype = 'f'", in: name)
        == "lines_order_id_fkey|f")
    let check = try trial.dbmend("check", uri)
    let finding = check.store()?["findings"]?.array?.first
    #expect(
      finding?["code"]?.string == "foreign-key.violated" && finding?["count"]?.integer == lost, "\(check.everything)")
  }

  @Test("where nothing was committed since the archive, it is the database")
  func unchanged() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    let before = try rows()
    try overwrite("orders", page: 2)
    let repair = try trial.dbmend("repair", uri, "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try rows() == before)
  }
}
