import MendKit
import TestSupport
import Testing

/// Values that changed within a page, in a cluster without data checksums: each is a value like any other, but for what indexes and
/// the encoding of the database say of it.
@Suite(
  "Trials: values changed in PostgreSQL", .serialized,
  .enabled(if: PostgresCluster.isAvailable, "PostgreSQL is not installed"))
struct PostgreSQLContradictionTrials {
  private static let server = Result<PostgresCluster, any Error> { try PostgresCluster(checksums: false) }
  private let server: PostgresCluster
  private let trial: Trial
  private let name: String
  private let uri: String

  init() throws {
    server = try Self.server.get()
    trial = try Trial()
    name = try server.database()
    uri = server.uri(name)
  }

  /// Puts other bytes in the place of some that stand in a relation once.
  private func replace(_ relation: String, _ old: [UInt8], with new: [UInt8]) throws {
    try server.damage(relation, of: name) { file in
      let bytes = try file.readAll(limit: 64 << 20)
      let places = bytes.indices.filter { bytes[$0...].starts(with: old) }
      try #require(places.count == 1, "\(places)")
      try file.write(new, at: places[0])
    }
  }

  private func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  private func findings(_ outcome: Trial.Outcome) -> [JSONValue] { outcome.store()?["findings"]?.array ?? [] }

  @Test(
    "a key that changed in a page of a table is told from an entry that an index lacks, and both of its values are kept"
  )
  func keys() throws {
    try server.sql(
      """
      create table ints(id int primary key, note text); insert into ints select 7000000 + i, 'n' || i from generate_series(1, 900) i;
      create table bigs(id bigint primary key, note text);
      insert into bigs select 9000000000000 + i, 'n' || i from generate_series(1, 900) i;
      create table texts(id int primary key, sku text); create index texts_sku on texts(sku);
      insert into texts select i, 'article ' || 1000 + i from generate_series(1, 900) i;
      create schema other; create table other.uuids(id uuid primary key, note text);
      insert into other.uuids select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'n' || i
        from generate_series(1, 900) i;
      """, in: name)
    try replace("ints", bytes(Int32(7_000_077)), with: bytes(Int32(7_100_077)))
    try replace("bigs", bytes(Int64(9_000_000_000_500)), with: bytes(Int64(8_000_000_000_500)))
    try replace("texts", Array("article 1444".utf8), with: Array("artifle 1444".utf8))
    let uuid: [UInt8] = [0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0x03, 0x33]
    try replace("other.uuids", uuid, with: Array(uuid.dropLast()) + [0x3F])
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == [String](repeating: "row.contradicted", count: 4), "\(check.everything)")
    let evidence = findings(check).compactMap { $0["evidence"]?.string }
    #expect(evidence.contains { $0.contains("'7100077'") && $0.contains("'7000077'") }, "\(evidence)")
    #expect(evidence.contains { $0.contains("'artifle 1444'") && $0.contains("'article 1444'") }, "\(evidence)")
    #expect(findings(check).contains { $0["table"]?.string == "other.uuids" && $0["column"]?.string == "id" })
    let refused = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(refused.exit == 1 && refused.tells("changes"), "\(refused.everything)")
    #expect(try server.sql("select id from ints where note = 'n77'", in: name) == "7100077")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try server.rows("ints", in: name).count == 900)
    #expect(try server.sql("select t::text from dbmend_set_aside_ints t", in: name) == "(7000077,n77)")
    #expect(try server.sql("select t::text from dbmend_set_aside_bigs t", in: name) == "(9000000000500,n500)")
    #expect(try server.sql("select t::text from dbmend_set_aside_texts t", in: name) == "(444,\"article 1444\")")
    #expect(
      try server.sql("select t::text from other.dbmend_set_aside_uuids t", in: name)
        == "(00000000-0000-4000-8000-000000000333,n333)")
    #expect(repair.store()?["rows"]?["texts"]?["set_aside"]?.integer == 1, "\(repair.everything)")
    #expect(try trial.dbmend("check", uri).exit == 0)
  }

  @Test("a value that two indexes hold is contradicted by both; what another index really lacks is mended at no loss")
  func twoIndexes() throws {
    try server.sql(
      """
      create table goods(id int primary key, sku text, shelf int); create index goods_sku on goods(sku);
      create index goods_shelf_sku on goods(shelf, sku) where shelf > 0;
      insert into goods select i, 'article ' || 1000 + i, i % 7 from generate_series(1, 900) i;
      create index goods_shelf on goods(shelf) where id <= 890;
      update pg_index set indpred = null where indexrelid = 'goods_shelf'::regclass;
      """, in: name)
    try replace("goods", Array("article 1444".utf8), with: Array("article 1x44".utf8))
    let check = try trial.dbmend("check", uri)
    #expect(
      check.exit == 1 && check.codes.sorted() == ["index.entry-missing", "row.contradicted", "row.contradicted"],
      "\(check.everything)")
    let none = try trial.dbmend("repair", uri, "--max-loss", "none", "--yes")
    #expect(none.exit == 1, "\(none.everything)")
    #expect(try trial.dbmend("check", uri).codes == ["row.contradicted", "row.contradicted"])
  }

  @Test("a text that is none in the database's encoding is found by a check, with its column and place")
  func text() throws {
    try server.sql(
      """
      create table notes(id int primary key, title varchar(40), body text);
      insert into notes select i, 'title ' || i, 'body of ' || 1000 + i from generate_series(1, 900) i;
      """, in: name)
    try replace("notes", Array("body of 1500".utf8), with: Array("body \u{6F}".utf8) + [0xFF] + Array(" 1500".utf8))
    // The server hands such a text over as if it ended at the zero.
    try replace("notes", Array("body of 1700".utf8), with: Array("body".utf8) + [0] + Array("of 1700".utf8))
    let check = try trial.dbmend("check", uri)
    #expect(check.exit == 1 && check.codes == ["text.invalid", "text.invalid"], "\(check.everything)")
    let finding = try #require(findings(check).first)
    #expect(finding["column"]?.string == "body" && finding["page"]?.integer != nil)
    #expect(finding["evidence"]?.string?.contains("0xff") == true, "\(check.everything)")
    let repair = try trial.dbmend("repair", uri, "--max-loss", "rows", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(repair.store()?["rows"]?["notes"]?["lost"]?.integer == 2, "\(repair.everything)")
    #expect(try server.rows("notes", in: name).count == 898)
    #expect(try trial.dbmend("backup", uri).exit == 0)
  }
}
