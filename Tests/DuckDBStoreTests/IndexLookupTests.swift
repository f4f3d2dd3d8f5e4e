import DuckDBStore
import MendKit
import TestSupport
import Testing

@Suite("Indexes of DuckDB databases that are not their tables'", withClient) struct IndexLookupTests {
  /// The same table with other keys, so that the indexes have the same form.
  private static func script(_ shift: Int, _ index: String) -> String {
    """
    CREATE TABLE t(id INTEGER\(index == "key" ? " PRIMARY KEY" : ""), x VARCHAR);
    INSERT INTO t SELECT (i * 7919 % 100003) * 4 + \(shift), 'x' || i FROM range(100000) r(i);
    \(index == "key" ? "" : "CREATE INDEX t_id ON t(id);") CHECKPOINT;
    """
  }

  /// The blocks that are neither a table's nor the catalog's.
  private func indexBlocks(_ path: String) throws -> [Int] {
    let others = Set(
      try DuckDBFile.value(
        path,
        "SELECT DISTINCT block_id FROM pragma_storage_info('t') UNION SELECT block_id FROM pragma_metadata_info()"
      ).split(separator: " ").compactMap { Int($0) })
    let blocks = (try FileStatus.of(path).size - 12_288) / 262_144
    return (0..<blocks).filter { !others.contains($0) }
  }

  @Test("keys that an index does not lead to are found, and a new index leads to all", arguments: ["key", "index"])
  func stale(_ sort: String) throws {
    let shop = try Shop(Self.script(0, sort))
    let other = try Shop(Self.script(2, sort))
    #expect(try shop.codes().isEmpty)
    let sum = try DuckDBFile.sum(shop.path, "t")
    let blocks = try indexBlocks(shop.path)
    let others = try indexBlocks(other.path)
    try #require(!blocks.isEmpty && blocks == others)
    let source = try FileHandle.read(other.path)
    let target = try FileHandle.update(shop.path)
    for block in blocks {
      try target.write(try source.read(262_144, at: DuckDBFile.block(block)), at: DuckDBFile.block(block))
    }
    let session = try shop.open()
    let findings = try session.verifyIntegrity(IntegrityRequest())
    session.end()
    #expect(findings.map(\.code) == ["index.entry-missing"], "\(findings)")
    #expect(findings.first?.location.index == (sort == "key" ? "t primary key (id)" : "t_id"))
    let copy = try DuckDBDriver().openCopy(shop.path)
    _ = try copy.rebuildIndexes(["t_id"])
    try copy.close()
    #expect(try shop.codes().isEmpty)
    #expect(try DuckDBFile.sum(shop.path, "t") == sum)
  }

  @Test("sound indexes of all kinds pass, with keys that many rows have, in the log too")
  func sound() throws {
    let shop = try Shop(
      """
      CREATE TABLE t(id BIGINT PRIMARY KEY, sku VARCHAR UNIQUE, town VARCHAR, day DATE, price DECIMAL(10, 2), f DOUBLE, ok BOOLEAN);
      INSERT INTO t SELECT i * 3, 'it''s "' || i, 'town ' || i % 7, DATE '2024-01-01' + (i % 9000)::INTEGER, i / 7, i / 3.0, i % 2 = 0
        FROM range(30000) r(i);
      CREATE INDEX a ON t(town); CREATE INDEX b ON t(day); CREATE INDEX c ON t(price); CREATE INDEX d ON t(f);
      CREATE INDEX e ON t(town, day); CREATE INDEX f ON t((lower(sku))); CREATE INDEX g ON t(ok);
      DELETE FROM t WHERE id % 5 = 0; CHECKPOINT;
      """)
    #expect(try shop.codes().isEmpty)
    try DuckDBFile.leaveInLog(
      shop.path,
      "UPDATE t SET day = day + 1 WHERE id % 7 = 1; INSERT INTO t(id, sku) VALUES (1000000, 'new'); DELETE FROM t WHERE id % 11 = 0;"
    )
    #expect(try shop.codes().isEmpty)
  }
}
