import MendKit
import TestSupport
import Testing

/// Damaged rows of a cluster without data checksums: what the server does not read is decoded from the pages.
@Suite(
  "Trials: pages of PostgreSQL", .serialized,
  .enabled(if: PostgresCluster.isAvailable, "PostgreSQL is not installed"))
struct PostgreSQLPageTrials {
  private static let server = Result<PostgresCluster, any Error> { try PostgresCluster(checksums: false) }
  private let server: PostgresCluster
  private let trial: Trial
  private let name: String
  private let uri: String

  init() throws {
    server = try Self.server.get()
    trial = try Trial()
    name = try server.database(
      """
      create type mood as enum('sad', 'happy'); create domain size as int check (value > 0);
      create table things(id bigint primary key, t text, f float8, n numeric(12, 3), j jsonb, a int[], w text[][], b bytea,
        at timestamptz, d date, tm time, tz timetz, iv interval, u uuid, ok boolean, m mood, s size, ip inet, bits varbit,
        r real, p point, c char(12), gone int, big text, apart text, none text);
      alter table things alter apart set storage external;
      insert into things select i, 'text ' || i || E'\\twith\\nlines \\\\ and ü', i / 3.0, i * 1234.5 - 500000,
        jsonb_build_object('a', i, 'b', array['x', i::text, null], 'ü"', jsonb_build_object('d', true, 'e', -1.5e-7)),
        array[i, null, -i], array[array['a' || i, 'b "q" c'], array[null, '']], decode(md5(i::text), 'hex'),
        timestamptz '1969-12-31 23:00:00+01' + i * interval '1001 hours 1 ms', date '1999-12-01' + i,
        time '00:00:01.5' + i * interval '1 minute', timetz '10:00:00-03:30',
        make_interval(-1, i % 12, 0, i % 30, -i, 1, i / 7.0), md5(i::text)::uuid, i % 2 = 0,
        (array['sad', 'happy'])[1 + i % 2]::mood, i, ('10.0.' || i % 250 || '.1/24')::inet, (i % 1000)::bit(12)::varbit,
        i / 7.0, point(i, -i / 2.0), 'c' || i, i, (select string_agg(md5((i * k)::text), '') from generate_series(1, 150) k),
        repeat('apart ' || i, 500), null from generate_series(1, 300) i;
      alter table things drop column gone;
      alter table things add column later numeric default 1.50, add column twice bigint generated always as (id * 2) stored;
      alter table things add column last text default 'a "default"';
      vacuum;
      """)
    uri = server.uri(name)
  }

  /// Changes bytes of the row that stands as an item in a block, or of its line pointer.
  private func change(_ relation: String, block: Int, _ change: (_ page: inout [UInt8], _ row: (Int) -> Int) -> Void)
    throws
  {
    try server.damage(relation, of: name) { file in
      var page = try file.read(8192, at: block * 8192)
      let before = page
      change(&page) { item in
        (Int(before[20 + 4 * item]) | Int(before[21 + 4 * item]) << 8) & 0x7FFF
      }
      try file.write(page, at: block * 8192)
    }
  }

  private func text(_ table: String, _ condition: String) throws -> String {
    try server.sql("select t::text from \(table) t where \(condition)", in: name)
  }

  /// A number that is another one after every process of the server had to go.
  private func life() throws -> String {
    try server.sql("select pid from pg_stat_activity where backend_type = 'checkpointer'")
  }

  /// A sum of each row: texts of this table have line breaks.
  private func sums() throws -> [String] {
    try server.sql("select md5(t::text) from things t", in: name).split(separator: "\n").map(String.init)
  }

  private func columns() throws -> String {
    try server.sql(
      "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = 'things'::regclass and attnum > 0 and not attisdropped",
      in: name)
  }

  @Test("rows whose heads or line pointers are damaged are set aside as they were, of whatever type their values are")
  func setAside() throws {
    let list = try columns()
    let place = try server.sql("select ctid from things where id = 150", in: name)
    let numbers = place.split { !$0.isNumber }.compactMap { Int($0) }
    let (block, item) = (numbers[0], numbers[1])
    let next = try server.sql("select id from things where ctid = '(\(block),\(item + 1))'", in: name)
    let keys = "id in (150, \(next))"
    let wanted = try server.sql("select row(\(list))::text from things where \(keys) order by id", in: name)
    let all = try sums()
    try change("things", block: block) { page, row in
      // Where the values of the one begin, and how long the other is.
      page[row(item) + 22] = 200
      page[20 + 4 * (item + 1) + 3] = 255
    }
    let before = try life()
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes.contains("table.malformed"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try life() == before)
    let rows = repair.store()?["rows"]?["things"]
    #expect(rows?["set_aside"]?.integer == 2 && rows?["lost"]?.integer == 0, "\(repair.everything)")
    #expect(
      try server.sql("select row(\(list))::text from dbmend_set_aside_things order by id", in: name) == wanted)
    let rest = try sums()
    #expect(rest.count == 298 && Set(rest).isSubset(of: all))
    #expect(try trial.dbmend("check", uri).exit == 0)
  }

  @Test("a row that the index and the archive prove goes back into its table, and another one does not")
  func proved() throws {
    #expect(try trial.dbmend("backup", uri).exit == 0)
    let old = try text("things", "id = 200")
    // Committed after the archive: what it has of this row is not what was there to the last.
    try server.sql("update things set t = 'newer' where id = 200; vacuum things", in: name)
    let before = try sums()
    for id in [100, 200] {
      let place = try server.sql("select ctid from things where id = \(id)", in: name)
      let numbers = place.split { !$0.isNumber }.compactMap { Int($0) }
      try change("things", block: numbers[0]) { page, row in page[row(numbers[1]) + 22] = 200 }
    }
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    let after = try sums()
    #expect(Set(after).isSubset(of: before) && after.count == 299, "\(repair.everything)")
    #expect(try server.sql("select t from dbmend_set_aside_things", in: name) == "newer", "\(repair.everything)")
    #expect(try server.sql("select t::text from dbmend_set_aside_things_2 t", in: name) == old, "\(repair.everything)")
    let rows = repair.store()?["rows"]?["things"]
    #expect(rows?["from_backup"]?.integer == 1 && rows?["lost"]?.integer == 0, "\(repair.everything)")
  }

  @Test("a row whose line pointer says that it is not there is missed by the index, and found in its page")
  func hidden() throws {
    let place = try server.sql("select ctid from things where id = 120", in: name)
    let numbers = place.split { !$0.isNumber }.compactMap { Int($0) }
    let wanted = try server.sql("select row(\(try columns()))::text from things where id = 120", in: name)
    try change("things", block: numbers[0]) { page, _ in
      // Two bits from the fifteenth on: 0 for an item that is not in use.
      page[20 + 4 * numbers[1] + 1] &= 0x7F
      page[20 + 4 * numbers[1] + 2] &= 0xFE
    }
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes.contains("table.malformed"), "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(
      try server.sql("select row(\(try columns()))::text from dbmend_set_aside_things", in: name) == wanted,
      "\(repair.everything)")
  }

  @Test("line pointers that contradict each other are not tidied up by a check: that would stop the whole server")
  func tidying() throws {
    // Rows that are gone, and a full page: the next scan wants to tidy it up.
    try server.sql(
      """
      create table lines(id int primary key, note text);
      insert into lines select i, repeat('x', 100) from generate_series(1, 300) i; delete from lines where id % 10 = 0
      """, in: name)
    try change("lines", block: 1) { page, _ in page[20 + 4 * 7 + 3] = 0x82 }
    let before = try life()
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes.contains("table.malformed"), "\(check.everything)")
    #expect(try life() == before, "a process of the server died")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try life() == before, "a process of the server died")
    #expect(repair.store()?["rows"]?["lines"]?["lost"]?.integer == 0, "\(repair.everything)")
    let count = try server.sql(
      "select (select count(*) from lines) + (select count(*) from dbmend_set_aside_lines)", in: name)
    #expect(count == "270", "\(repair.everything)")
  }
}
