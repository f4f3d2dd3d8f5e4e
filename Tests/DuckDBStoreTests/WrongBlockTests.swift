import DuckDBStore
import MendKit
import TestSupport
import Testing

@Suite("Sound blocks of DuckDB databases in the wrong place", withClient) struct WrongBlockTests {
  private let driver = DuckDBDriver()

  /// Each block of `x` and of `sku` has values of its own.
  private static let script = """
    CREATE TABLE t(id INTEGER PRIMARY KEY, x UBIGINT, sku VARCHAR, d DOUBLE);
    INSERT INTO t SELECT i, (i * 10000000000000 + hash(i) % 10000000000000)::UBIGINT, format('{:08d}', i) || md5(i::VARCHAR),
      i + (hash(i) % 10000000000000)::DOUBLE / 10000000000000 FROM range(150000) r(i); CHECKPOINT;
    """

  private func blocks(_ path: String, of column: String) throws -> [Int] {
    try DuckDBFile.value(
      path,
      "SELECT block_id FROM pragma_storage_info('t') WHERE column_name = '\(column)' AND block_id >= 0 AND block_offset = 0 "
        + "AND count > 5000 ORDER BY row_group_id, segment_id"
    ).split(separator: " ").compactMap { Int($0) }
  }

  /// Writes a block over another one, as a disk does that mistakes the place.
  private func write(_ from: Int, over to: Int, of path: String) throws {
    let file = try FileHandle.update(path)
    try file.write(try file.read(262_144, at: DuckDBFile.block(from)), at: DuckDBFile.block(to))
  }

  private func findings(_ shop: Shop) throws -> [Finding] {
    let session = try shop.open()
    defer { session.end() }
    return try session.verifyIntegrity(IntegrityRequest())
  }

  @Test("values that are not those that were written there are found to the block", arguments: ["x", "sku", "d"])
  func found(_ column: String) throws {
    let shop = try Shop(Self.script)
    let blocks = try blocks(shop.path, of: column)
    try #require(blocks.count > 1)
    try write(blocks[1], over: blocks[0], of: shop.path)
    let found = try findings(shop)
    #expect(Set(found.map(\.code)) == ["table.malformed"], "\(found)")
    #expect(found.allSatisfy { $0.location.table == "t" })
  }

  @Test("a catalog from before a checkpoint is found, and what it leads to is not called the newest state")
  func oldCatalog() throws {
    let shop = try Shop(
      "CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS m FROM range(60000) r(i); CREATE TABLE u AS SELECT i FROM range(1000) r(i); CHECKPOINT;"
    )
    try DuckDBFile.run(
      shop.path, "UPDATE t SET m = upper(m); INSERT INTO u SELECT i FROM range(4000) r(i); CHECKPOINT;")
    let block = try FileHandle.read(shop.path).read(262_144, at: DuckDBFile.block(0))
    try DuckDBFile.run(shop.path, "DELETE FROM t WHERE i % 3 = 0; UPDATE t SET i = i + 1; CHECKPOINT;")
    try DuckDBFile.run(shop.path, "UPDATE t SET m = lower(m); CHECKPOINT;")
    try FileHandle.update(shop.path).write(block, at: DuckDBFile.block(0))
    let found = try findings(shop)
    #expect(found.contains { $0.code == "file.malformed" && $0.location.page == 0 }, "\(found)")
    #expect(!driver.isRewritable(shop.path) && driver.salvagePlan(shop.path).loss == .changes)
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    #expect(
      Set(outcome.rows.keys).isSuperset(of: ["t", "u"]) && outcome.rows.values.allSatisfy { $0.lost == nil },
      "\(outcome.rows)")
  }

  @Test(
    "two blocks that changed places are found by an archive of the same catalog, whatever time the file has, and put back"
  )
  func exchanged() throws {
    let shop = try Shop(
      "CREATE TABLE t AS SELECT i, [hash(i)] AS x FROM range(300000) r(i); CHECKPOINT;")
    #expect(try shop.dbmend("backup", "shop.db").exit == 0)
    let query = "SELECT bit_xor(hash(i::VARCHAR || x::VARCHAR)) FROM t"
    let sum = try DuckDBFile.value(shop.path, query)
    let held = try DuckDBFile.value(
      shop.path,
      "SELECT DISTINCT block_id FROM pragma_storage_info('t') WHERE column_name = 'x' AND block_id > 0 AND segment_type = 'UBIGINT' "
        + "AND block_offset = 0 AND count > 20000 ORDER BY 1"
    ).split(separator: " ").compactMap { Int($0) }
    try #require(held.count > 1)
    let file = try FileHandle.update(shop.path)
    let (first, second) = (DuckDBFile.block(held[0]), DuckDBFile.block(held[1]))
    let bytes = try file.read(262_144, at: first)
    try file.write(try file.read(262_144, at: second), at: first)
    try file.write(bytes, at: second)
    file.close()
    #expect(try DuckDBFile.value(shop.path, query) != sum)
    let check = try shop.dbmend("check", "shop.db")
    #expect(check.exit == 1 && check.output.contains("page.rotten"), "\(check.output)")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try DuckDBFile.value(shop.path, query) == sum)
  }

  @Test("their rows are set aside without them, and none of the wrong values stays")
  func salvage() throws {
    let shop = try Shop(Self.script)
    let good = try shop.copy(as: "good.db")
    let blocks = try blocks(shop.path, of: "x")
    try write(blocks[1], over: blocks[0], of: shop.path)
    let found = try findings(shop)
    #expect(found.map(\.location.page) == [blocks[0]] && found.map(\.location.column) == ["x"], "\(found)")
    #expect(driver.salvagePlan(shop.path).loss == .rows)
    let refused = try shop.copy(as: "refused.db")
    let copy = try driver.openCopy(refused)
    #expect(throws: Problem.self) { try copy.rewrite() }
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    let tally = try #require(outcome.rows["t"])
    #expect(tally.kept + tally.setAside == 150_000 && tally.lost == 0 && tally.setAside < 60_000, "\(outcome)")
    #expect(tally.setAside > 10_000, "\(outcome)")
    #expect(
      try DuckDBFile.run(
        shop.path,
        "ATTACH '\(good)' AS good (READ_ONLY); SELECT count(*) FROM (FROM t EXCEPT ALL FROM good.t); "
          + "SELECT count(*) FROM (SELECT id, sku, d FROM dbmend_set_aside_t EXCEPT ALL SELECT id, sku, d FROM good.t);"
      )
        == "0\n0\n")
    #expect(try shop.codes().isEmpty)
  }

  @Test(
    "values that a range has trouble with are no damage: at its edges, with zeros, without end, or that look like one")
  func edges() throws {
    let shop = try Shop(
      #"""
      CREATE TABLE e(v VARCHAR, b BLOB, d DOUBLE, f FLOAT, t TIMESTAMP, a DATE, h HUGEINT, u UUID, c DECIMAL(18, 3), z TIME, n INTEGER,
        s TIMESTAMP_NS, k BOOLEAN, "max" VARCHAR, w TIMESTAMPTZ, g VARCHAR COLLATE NOCASE);
      INSERT INTO e SELECT CASE i % 6 WHEN 0 THEN '' WHEN 1 THEN 'a' || chr(0) || 'b' || i WHEN 2 THEN '🦆🦆🦆' || i
        WHEN 3 THEN 'x, Max: y, Has Unicode: z' WHEN 4 THEN '[Min: 5][Has Null: false' ELSE NULL END,
        CASE i % 4 WHEN 0 THEN '\x00\x00'::BLOB WHEN 1 THEN '\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF'::BLOB WHEN 2 THEN ''::BLOB ELSE 'a\x5Cb'::BLOB END,
        CASE i % 5 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN 'inf' WHEN 3 THEN '-0.0' ELSE '1e-310' END::DOUBLE,
        CASE i % 3 WHEN 0 THEN 'nan' WHEN 1 THEN i::VARCHAR || '.1' ELSE NULL END::FLOAT,
        CASE i % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0044-03-15 (BC) 00:00:00' ELSE '12024-01-01' END::TIMESTAMP,
        CASE i % 3 WHEN 0 THEN '0044-03-15 (BC)' WHEN 1 THEN '12024-01-01' ELSE 'infinity' END::DATE,
        CASE WHEN i % 2 = 0 THEN -170141183460469231731687303715884105727 ELSE 170141183460469231731687303715884105727 END,
        md5(i::VARCHAR)::UUID, -i / 1000, TIME '23:59:59.999999', CASE WHEN i > 100000 THEN NULL ELSE i END,
        TIMESTAMP_NS '2024-01-01 00:00:00.123456789', i % 2 = 0, NULL, TIMESTAMPTZ '2024-01-01 00:00:00+02',
        CASE WHEN i % 2 = 0 THEN 'ABC' ELSE 'abd' END || i FROM range(130000) r(i);
      CHECKPOINT;
      CREATE TABLE rowids(rowid INTEGER, x VARCHAR); INSERT INTO rowids VALUES (7, 'a'); CHECKPOINT;
      """#)
    #expect(try findings(shop).isEmpty)
    try DuckDBFile.run(
      shop.path,
      "DELETE FROM e WHERE n % 7 = 0; UPDATE e SET v = 'zzz' || n, n = n - 500000 WHERE n % 5 = 0; INSERT INTO e(v, n) VALUES (chr(1), 900000);"
    )
    #expect(try findings(shop).isEmpty)
    try DuckDBFile.leaveInLog(
      shop.path, "UPDATE e SET d = 1e300, v = '~', n = -900000 WHERE n % 11 = 1; INSERT INTO e(v) VALUES ('~~');")
    #expect(try findings(shop).isEmpty)
  }
}
