import DuckDBStore
import MendKit
import TestSupport
import Testing

@Suite("Mending DuckDB databases", withClient) struct MendingTests {
  private let driver = DuckDBDriver()

  /// Holds a database against a backup, as the repair does.
  private func compare(_ path: String, _ backup: String, isUnchanged: Bool = false, restores: Bool = false) throws
    -> ComparisonResult
  {
    let comparison = try driver.comparison(of: path, isUnchanged: isUnchanged, restores: restores, patience: 1)
    let bytes = try FileHandle.read(backup).readAll(limit: 1 << 30)
    // Pieces that end where no block does.
    for start in stride(from: 0, to: bytes.count, by: 100_003) {
      let piece = bytes[start..<min(start + 100_003, bytes.count)]
      guard try piece.withUnsafeBytes({ try comparison.take($0) }) else { break }
    }
    return try comparison.finish()
  }

  @Test("damaged blocks come back from a backup that everything else equals")
  func blocks() throws {
    let shop = try Shop()
    let backup = try shop.copy(as: "backup.db")
    let sum = try DuckDBFile.sum(shop.path, "orders")
    for column in ["sku", "id"] {
      let block = try DuckDBFile.block(shop.path, "orders", column)
      try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 5000, count: 300)
      #expect(try shop.codes().contains("table.malformed"))
      let result = try compare(shop.path, backup, restores: true)
      #expect(result.isSame && result.differing == 1)
      #expect(try DuckDBFile.sum(shop.path, "orders") == sum)
    }
  }

  @Test("a lost tail, and a header of zeros, come back from a backup that everything else equals")
  func tailAndHeader() throws {
    let shop = try Shop()
    let backup = try shop.copy(as: "backup.db")
    let bytes = try FileHandle.read(backup).readAll(limit: 1 << 30)
    try FileHandle.update(shop.path).truncate(to: bytes.count - 600_000)
    #expect(try compare(shop.path, backup, restores: true).isSame)
    #expect(try FileHandle.read(shop.path).readAll(limit: 1 << 30) == bytes)
    try DuckDBFile.damage(shop.path, at: 0, count: 4096, with: 0)
    #expect(try compare(shop.path, backup, restores: true).isSame)
    #expect(try FileHandle.read(shop.path).readAll(limit: 1 << 30) == bytes)
  }

  @Test("a checkpoint or a log since the backup speaks against it, a lost header of a newer checkpoint too")
  func changed() throws {
    let shop = try Shop()
    let backup = try shop.copy(as: "backup.db")
    let block = DuckDBFile.block(try DuckDBFile.block(shop.path, "orders", "sku"))
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO notes VALUES (9999, 'new');")
    let logged = try shop.copy(as: "logged.db")
    try DuckDBFile.damage(logged, at: block + 100, count: 10)
    #expect(try !compare(logged, backup).isSame)
    try DuckDBFile.run(shop.path, "CHECKPOINT;")
    let written = try shop.copy(as: "written.db")
    try DuckDBFile.damage(written, at: block + 100, count: 10)
    #expect(try !compare(written, backup).isSame)
    for place in 1...2 {
      let headless = try shop.copy(as: "headless.db")
      try DuckDBFile.damage(headless, at: 4096 * place, count: 4096, with: 0)
      #expect(try !compare(headless, backup).isSame, "header \(place)")
    }
  }

  @Test("headers that others tell are written anew; a state that may be older costs changes")
  func headers() throws {
    let shop = try Shop()
    let sum = try DuckDBFile.sum(shop.path, "orders")
    for place in [0, 1, 2] {
      let copy = try shop.copy(as: "copy.db")
      // The fields stay, and a byte behind them changes.
      try DuckDBFile.damage(copy, at: place * 4096 + 2000, count: 1)
      #expect(driver.isSalvageable(copy))
      #expect(driver.salvagePlan(copy).loss <= .rows)
      _ = try driver.salvage(copy, with: SalvageAid())
      #expect(try DuckDBFile.sum(copy, "orders") == sum)
    }
    let copy = try shop.copy(as: "copy.db")
    try DuckDBFile.damage(copy, at: 0, count: 4096, with: 0)
    #expect(driver.salvagePlan(copy).loss == .none)
    _ = try driver.salvage(copy, with: SalvageAid())
    #expect(try DuckDBFile.sum(copy, "orders") == sum)
    for place in 1...2 {
      let lost = try shop.copy(as: "lost.db")
      try DuckDBFile.damage(lost, at: place * 4096, count: 4096, with: 0)
      #expect(driver.salvagePlan(lost).loss == .changes)
      let outcome = try driver.salvage(lost, with: SalvageAid())
      let session = try driver.open(lost, patience: 1)
      let tables = try session.catalog().tables.map(\.name)
      session.end()
      #expect(Set(outcome.rows.keys) == Set(tables), "what an older state may lack is told of every table")
      #expect(outcome.rows.values.allSatisfy { $0.lost == nil } && outcome.notes.joined().contains("is lost"))
    }
    let hopeless = try shop.copy(as: "hopeless.db")
    try DuckDBFile.damage(hopeless, at: 0, count: 12_288, with: 0)
    #expect(!driver.isSalvageable(hopeless))
  }

  @Test("rows around a damaged block stay, and those that lack a column are set aside, never with NULL in their table")
  func rowGroups() throws {
    let shop = try Shop()
    let block = try DuckDBFile.block(shop.path, "orders", "sku")
    let good = try shop.copy(as: "good.db")
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 262_144, with: 0)
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    let tally = try #require(outcome.rows["orders"])
    #expect(tally.kept + tally.setAside == 200_000 && tally.setAside > 1000 && tally.lost == 0)
    #expect(try shop.codes().isEmpty)
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM orders WHERE sku IS NULL") == "0")
    let same = """
      ATTACH '\(good)' AS good (READ_ONLY);
      SELECT (SELECT count(*) FROM (FROM orders EXCEPT ALL FROM good.orders)),
        (SELECT count(*) FROM (SELECT id, quantity, tags, size FROM dbmend_set_aside_orders
          EXCEPT ALL SELECT id, quantity, tags, size FROM good.orders)),
        (SELECT count(*) FROM dbmend_set_aside_orders WHERE dbmend_lost = 'sku' AND sku IS NULL) = \(tally.setAside);
      """
    #expect(try DuckDBFile.run(shop.path, same) == "0,0,true\n")
    #expect(try DuckDBFile.sum(shop.path, "notes") == DuckDBFile.sum(good, "notes"))
    // Keys, views and sequences are there and work.
    try DuckDBFile.run(shop.path, "INSERT INTO orders(sku) VALUES ('new'); SELECT * FROM bolts;")
    #expect(try DuckDBFile.value(shop.path, "SELECT max(id) FROM orders") == "200001")
  }

  @Test(
    "rows around a damaged block stay whatever type the first column has, beside computed columns and functions in defaults"
  )
  func oddTables() throws {
    let shop = try Shop(
      """
      CREATE MACRO one() AS 1;
      CREATE TABLE s(first STRUCT(a INTEGER, b VARCHAR), id INTEGER DEFAULT one(), twice AS (id * 2), CHECK (id >= one() - 1));
      INSERT INTO s(first, id) SELECT {a: i, b: md5(i::VARCHAR)}, i FROM range(100000) r(i);
      CREATE TABLE l(first INTEGER[3], words VARCHAR[], id INTEGER);
      INSERT INTO l SELECT [i, i, i], [md5(i::VARCHAR)], i FROM range(100000) r(i);
      CREATE TABLE whole(id INTEGER, twice AS (id * 2)); INSERT INTO whole SELECT i FROM range(1000) r(i);
      CHECKPOINT;
      """)
    let good = try shop.copy(as: "good.db")
    for (table, column) in [("s", "first"), ("l", "words")] {
      let block = try #require(
        Int(
          try DuckDBFile.value(
            shop.path,
            "SELECT max(block_id) FROM pragma_storage_info('\(table)') WHERE column_name = '\(column)' AND block_id NOT IN "
              + "(SELECT block_id FROM pragma_storage_info('\(table)') WHERE column_name <> '\(column)' AND block_id >= 0)"
          )))
      try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 70_000, count: 100)
    }
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    for table in ["s", "l"] {
      let tally = try #require(outcome.rows[table])
      #expect(tally.kept + tally.setAside == 100_000 && tally.kept > 1000 && tally.lost == 0, "\(table) \(tally)")
      #expect(
        try DuckDBFile.run(
          shop.path,
          "ATTACH '\(good)' AS good (READ_ONLY); SELECT count(*) FROM (FROM \(table) EXCEPT ALL FROM good.\(table));"
        ) == "0\n")
    }
    #expect(try DuckDBFile.sum(shop.path, "whole") == DuckDBFile.sum(good, "whole"))
    #expect(try shop.codes().isEmpty)
    #expect(
      try DuckDBFile.run(shop.path, "INSERT INTO s(first) VALUES (NULL); SELECT max(twice) FROM whole;") == "1998\n")
  }

  @Test("a block that the file proves to be the backup's comes from there, though other rows changed since")
  func provedBlock() throws {
    let shop = try Shop()
    let backup = try shop.copy(as: "backup.db")
    try DuckDBFile.run(
      shop.path, "INSERT INTO notes VALUES (9999, 'new'); CHECKPOINT; DELETE FROM notes WHERE id = 3; CHECKPOINT;")
    let sums = try (DuckDBFile.sum(shop.path, "orders"), DuckDBFile.sum(shop.path, "notes"))
    let block = try DuckDBFile.block(shop.path, "orders", "sku")
    // The checksum at its beginning is left.
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 4096, count: 100_000)
    _ = try driver.salvage(shop.path, with: SalvageAid(backup: { () throws(Problem) in backup }))
    #expect(try (DuckDBFile.sum(shop.path, "orders"), DuckDBFile.sum(shop.path, "notes")) == sums)
  }

  @Test(
    "a block that was written since the backup does not come from there; its rows are set aside, or taken where that is allowed"
  )
  func writtenBlock() throws {
    let shop = try Shop()
    let backup = try shop.copy(as: "backup.db")
    try DuckDBFile.run(
      shop.path,
      "UPDATE orders SET quantity = quantity + 1, sku = sku || '!'; CHECKPOINT; CREATE TABLE other(i INTEGER); CHECKPOINT;"
    )
    let block = try DuckDBFile.block(shop.path, "orders", "quantity")
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block), count: 262_144, with: 0)
    let strict = try shop.copy(as: "strict.db")
    let outcome = try driver.salvage(strict, with: SalvageAid(backup: { () throws(Problem) in backup }))
    #expect((outcome.rows["orders"]?.setAside ?? 0) > 0 && outcome.rows["orders"]?.fromBackup == 0)
    let taken = try driver.salvage(
      shop.path, with: SalvageAid(takesUnproved: true, backup: { () throws(Problem) in backup }))
    #expect(taken.rows["orders"]?.setAside ?? 0 == 0)
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM orders") == "200000")
  }

  @Test("a table that the engine stumbles over in sound blocks may cost rows, and the plan says so")
  func wrongBlock() throws {
    let shop = try Shop()
    let file = try FileHandle.update(shop.path)
    // The block of another column in the place of this one's.
    let from = try DuckDBFile.block(shop.path, "notes", "body")
    let to = try DuckDBFile.block(shop.path, "orders", "sku")
    try file.write(try file.read(262_144, at: DuckDBFile.block(from)), at: DuckDBFile.block(to))
    guard try shop.codes().contains("table.malformed") else { return }
    #expect(driver.salvagePlan(shop.path).loss == .rows)
  }

  @Test("a damaged index is written anew, and no row is touched")
  func index() throws {
    let shop = try Shop(
      "CREATE TABLE t(i INTEGER PRIMARY KEY, x VARCHAR); INSERT INTO t SELECT i * 7919 % 600011, 'x' || i FROM range(300000) r(i); CHECKPOINT;"
    )
    let sum = try DuckDBFile.sum(shop.path, "t")
    let held = Set(
      try DuckDBFile.value(shop.path, "SELECT DISTINCT block_id FROM pragma_storage_info('t')").split(separator: " ")
        .compactMap {
          Int($0)
        })
    let metadata = Set(
      try DuckDBFile.value(shop.path, "SELECT block_id FROM pragma_metadata_info()").split(separator: " ").compactMap {
        Int($0)
      })
    let blocks = (try FileStatus.of(shop.path).size - 12_288) / 262_144
    let block = try #require((0..<blocks).first { !held.contains($0) && !metadata.contains($0) })
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 20_000, count: 100)
    #expect(try shop.codes() == ["index.malformed"])
    #expect(driver.salvagePlan(shop.path).loss == .none)
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    #expect(outcome.rows.isEmpty)
    #expect(try shop.codes().isEmpty)
    #expect(try DuckDBFile.sum(shop.path, "t") == sum)
  }

  @Test(
    "damage in a free part of the catalog's block costs no row; a lost catalog is told as such, and nothing is made of it"
  )
  func catalog() throws {
    let shop = try Shop()
    let sums = try (DuckDBFile.sum(shop.path, "orders"), DuckDBFile.sum(shop.path, "notes"))
    let block = try #require(
      Int(try DuckDBFile.value(shop.path, "SELECT max(block_id) FROM pragma_metadata_info() WHERE free_blocks > 20")))
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(block) + 262_144 - 9000, count: 3)
    let problem = #expect(throws: Problem.self) { try shop.open() }
    #expect(problem?.code == "file.malformed")
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    #expect(outcome.notes.contains { $0.contains("although the checksum") })
    let tally = try #require(outcome.rows["orders"])
    #expect(tally.lost == nil && tally.kept == 200_000)
    #expect(try (DuckDBFile.sum(shop.path, "orders"), DuckDBFile.sum(shop.path, "notes")) == sums)
    let again = try #require(Int(try DuckDBFile.value(shop.path, "SELECT max(block_id) FROM pragma_metadata_info()")))
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(again), count: 262_144, with: 0)
    let bytes = try FileHandle.read(shop.path).readAll(limit: 1 << 30)
    #expect(throws: Problem.self) { try driver.salvage(shop.path, with: SalvageAid()) }
    #expect(try FileHandle.read(shop.path).readAll(limit: 1 << 30) == bytes)
  }

  @Test("of a log that is damaged the transactions before the damage stay, and what goes is told")
  func log() throws {
    let shop = try Shop("CREATE TABLE t(i INTEGER PRIMARY KEY); CHECKPOINT;")
    try DuckDBFile.leaveInLog(
      shop.path,
      "INSERT INTO t SELECT i FROM range(10) r(i); INSERT INTO t SELECT i FROM range(100, 107) r(i); INSERT INTO t VALUES (1000);"
    )
    let wal = shop.path + ".wal"
    let size = try FileStatus.of(wal).size
    try DuckDBFile.damage(wal, at: size / 2, count: 4)
    let problem = #expect(throws: Problem.self) { try shop.open() }
    #expect(problem?.code == "wal.malformed")
    let plan = try #require(try driver.logPlan(shop.path))
    #expect(plan.contains("keeps the 1 transaction"))
    let outcome = try driver.setAsideLog(shop.path)
    #expect(outcome.rows["t"]?.lost == 1 && outcome.notes.joined().contains("1 entry that cannot be read"))
    try driver.settle(shop.path)
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM t") == "10")
    #expect(try !shop.folder.names().contains("shop.db.wal"))
  }

  @Test("a sequence behind its keys is found, and set")
  func sequence() throws {
    let shop = try Shop(
      "CREATE SEQUENCE q; CREATE TABLE t(id BIGINT PRIMARY KEY DEFAULT nextval('q'), x INTEGER); INSERT INTO t(x) VALUES (1), (2);"
    )
    func state() throws -> SequenceState? {
      let session = try shop.open()
      defer { session.end() }
      return try session.sequences().first
    }
    #expect(try state()?.last == 2 && state()?.largestKey == 2)
    try DuckDBFile.run(shop.path, "INSERT INTO t VALUES (5000, 1);")
    #expect(try state()?.last == 2 && state()?.largestKey == 5000)
    let copy = try driver.openCopy(shop.path)
    try copy.resetSequences(["t"])
    try copy.close()
    #expect(try state()?.last == 5000)
    try DuckDBFile.run(shop.path, "INSERT INTO t(x) VALUES (3);")
    #expect(try DuckDBFile.value(shop.path, "SELECT max(id) FROM t") == "5001")
  }

  @Test("a new file takes the place of one with a log, and what was in the log is not replayed into it")
  func install() throws {
    let shop = try Shop(
      "CREATE TABLE t(i INTEGER PRIMARY KEY); INSERT INTO t SELECT i FROM range(50) r(i); CHECKPOINT;")
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO t VALUES (100);")
    let new = try shop.copy(as: "new.db")
    try DuckDBFile.run(new, "INSERT INTO t VALUES (200); CHECKPOINT;")
    let application = try DuckDBApplication(try shop.copy(as: "other.db"), "SELECT 1;")
    try driver.install(new, over: shop.path, expected: try driver.stamp(shop.path), patience: 1)
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*), max(i) FROM t") == "52,200")
    application.kill()
    #expect(try shop.folder.names().filter { $0.hasPrefix("shop") } == ["shop.db"])
    // One that somebody has open stays as it is.
    let again = try shop.copy(as: "again.db")
    let open = try DuckDBApplication(shop.path, "INSERT INTO t VALUES (300);")
    let refused = #expect(throws: Problem.self) {
      try driver.install(again, over: shop.path, expected: nil, patience: 0)
    }
    #expect(refused?.code == "store.in-use")
    open.kill()
    #expect(try DuckDBFile.value(shop.path, "SELECT max(i) FROM t") == "300")
  }
}
