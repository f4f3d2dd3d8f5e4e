import DuckDBStore
import MendKit
import TestSupport
import Testing

@Suite("What backups give back to DuckDB databases", withClient) struct BackupAidTests {
  private let driver = DuckDBDriver()

  private func aid(_ backup: String, takesUnproved: Bool = false) -> SalvageAid {
    SalvageAid(takesUnproved: takesUnproved, backup: { () throws(Problem) in backup })
  }

  /// The plan with a backup, which is handed over in pieces that end where no block does.
  private func plan(_ path: String, _ backup: String) -> (loss: Loss, reason: String) {
    driver.salvagePlan(path) { (each) throws(Problem) in
      let bytes = try FileHandle.read(backup).readAll(limit: 1 << 30)
      for start in stride(from: 0, to: bytes.count, by: 100_003) {
        let piece = Array(bytes[start..<min(start + 100_003, bytes.count)])
        // Copied out, since the closure may throw a Problem only.
        var goesOn = true
        var problem: Problem?
        piece.withUnsafeBytes { raw in
          do throws(Problem) { goesOn = try each(raw) } catch { problem = error }
        }
        if let problem { throw problem }
        guard goesOn else { return }
      }
    }
  }

  private static let keyed = """
    CREATE TABLE t(id INTEGER PRIMARY KEY, sku VARCHAR, quantity INTEGER);
    INSERT INTO t SELECT i, 'sku ' || i * 7919 % 1000003, i % 977 FROM range(150000) r(i); CHECKPOINT;
    """

  @Test("a block of a backup from which the database did not come is never taken, whatever its number")
  func otherCourse() throws {
    let shop = try Shop("CREATE TABLE t(id INTEGER PRIMARY KEY, x VARCHAR); CHECKPOINT;")
    let backup = try shop.copy(as: "backup.db")
    // The same number of checkpoints in both, of the same form, with other content.
    for (path, word) in [(shop.path, "real"), (backup, "else")] {
      try DuckDBFile.run(path, "INSERT INTO t SELECT i, '\(word) ' || i FROM range(50000) r(i); CHECKPOINT;")
    }
    let block = try DuckDBFile.block(shop.path, "t", "x")
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 262_144, with: 0)
    #expect(plan(shop.path, backup).loss == .rows)
    _ = try driver.salvage(shop.path, with: aid(backup))
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM t WHERE x LIKE 'else%'") == "0")
  }

  @Test("where the backup has every damaged block, as the checksums that are left prove, salvage costs nothing")
  func plan() throws {
    let shop = try Shop(Self.keyed)
    let backup = try shop.copy(as: "backup.db")
    try DuckDBFile.run(shop.path, "CREATE TABLE u AS SELECT 1 AS i; CHECKPOINT;")
    let sum = try DuckDBFile.sum(shop.path, "t")
    let block = try DuckDBFile.block(shop.path, "t", "sku")
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 9000, count: 512)
    #expect(plan(shop.path, backup).loss == Loss.none)
    _ = try driver.salvage(shop.path, with: aid(backup))
    #expect(try DuckDBFile.sum(shop.path, "t") == sum)
    // Without the checksum nothing proves it.
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 512)
    #expect(plan(shop.path, backup).loss == .rows)
  }

  @Test(
    "rows that lack a column get it from the row of their key in the backup where all the rest is the same, and others do not"
  )
  func byKey() throws {
    let shop = try Shop(Self.keyed)
    let backup = try shop.copy(as: "backup.db")
    try DuckDBFile.run(
      shop.path,
      "UPDATE t SET quantity = quantity + 1000 WHERE id % 10 = 0; DELETE FROM t WHERE id % 10 = 1; "
        + "INSERT INTO t VALUES (200000, 'new', 1); CHECKPOINT; CREATE TABLE u(i INTEGER); CHECKPOINT;")
    let good = try shop.copy(as: "good.db")
    for block in try DuckDBFile.value(
      shop.path,
      "SELECT DISTINCT block_id FROM pragma_storage_info('t') WHERE column_name = 'sku' AND block_id >= 0 "
        + "AND block_id NOT IN (SELECT block_id FROM pragma_storage_info('t') WHERE column_name <> 'sku' AND block_id >= 0)"
    ).split(separator: " ").compactMap({ Int($0) }) {
      try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 262_144, with: 0)
    }
    let outcome = try driver.salvage(shop.path, with: aid(backup))
    let tally = try #require(outcome.rows["t"])
    #expect(tally.kept + tally.fromBackup + tally.setAside == 135_001 && tally.fromBackup > 1000, "\(outcome)")
    #expect(tally.setAside > 100, "\(outcome)")
    // What is in the table is as it was; what was changed since is set aside, and so is the last row group, to which a row came.
    #expect(
      try DuckDBFile.run(
        shop.path, "ATTACH '\(good)' AS good (READ_ONLY); SELECT count(*) FROM (FROM t EXCEPT ALL FROM good.t);")
        == "0\n")
    #expect(
      try DuckDBFile.value(
        shop.path, "SELECT count(*) FROM dbmend_set_aside_t WHERE id % 10 <> 0 AND id < 122880") == "0")
  }

  @Test("where a lost column was written since the backup, its old values do not come back by themselves")
  func writtenColumn() throws {
    let shop = try Shop(Self.keyed)
    let backup = try shop.copy(as: "backup.db")
    try DuckDBFile.run(
      shop.path, "UPDATE t SET sku = 'changed ' || hash(id); CHECKPOINT; CREATE TABLE u(i INTEGER); CHECKPOINT;")
    let block = try DuckDBFile.block(shop.path, "t", "sku")
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 262_144, with: 0)
    let outcome = try driver.salvage(shop.path, with: aid(backup))
    #expect(outcome.rows["t"]?.fromBackup == 0 && outcome.rows["t"]?.setAside ?? 0 > 0, "\(outcome)")
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM t WHERE sku LIKE 'sku%'") == "0")
  }

  @Test("a log that a damaged file cannot take is no damage of the log's, and its content is told when it goes")
  func logOfDamagedFile() throws {
    let shop = try Shop(Self.keyed)
    let held = Set(
      try DuckDBFile.value(shop.path, "SELECT DISTINCT block_id FROM pragma_storage_info('t') WHERE block_id >= 0")
        .split(separator: " ").compactMap { Int($0) })
    let metadata = Set(
      try DuckDBFile.value(shop.path, "SELECT block_id FROM pragma_metadata_info()").split(separator: " ").compactMap {
        Int($0)
      })
    let blocks = (try FileStatus.of(shop.path).size - 12_288) / 262_144
    let index = (0..<blocks).filter { !held.contains($0) && !metadata.contains($0) }
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO t VALUES (300000, 'late', 1);")
    for block in index {
      try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 100, count: 262_144 - 100, with: 7)
    }
    try #require(!index.isEmpty)
    let codes: [FindingCode]
    do { codes = try shop.codes() } catch let problem as Problem { codes = [problem.code ?? "none"] }
    #expect(codes.contains("file.malformed") || codes.contains("index.malformed"), "\(codes)")
    #expect(!codes.contains("wal.malformed"))
    let outcome = try driver.salvage(shop.path, with: SalvageAid(takesUnproved: true))
    let count = try DuckDBFile.value(shop.path, "SELECT count(*) FROM t")
    #expect(count == "150001" || outcome.notes.contains { $0.contains("t 1 inserted") }, "\(count) \(outcome)")
  }
}
