import DuckDBStore
import MendKit
import TestSupport
import Testing

@Suite("Healthy DuckDB databases", withClient) struct HealthTests {
  @Test("databases of random changes are never called damaged", arguments: 0..<6)
  func random(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let folder = try TemporaryFolder("dbmend-duckdb-random")
    let path = folder.file("random.db")
    let versions = ["v0.10.0", "v1.1.0", "v1.2.0", "v1.4.0", "latest"]
    let size = seed.isMultiple(of: 2) ? 16_384 : 262_144
    var sql =
      "ATTACH '\(path)' AS r (BLOCK_SIZE \(size), STORAGE_VERSION '\(versions[seed % versions.count])'); USE r;\n"
    for table in 0..<3 {
      sql += """
        CREATE TABLE t\(table)(id INTEGER PRIMARY KEY, a VARCHAR, b DOUBLE, c BLOB, d VARCHAR[], e DECIMAL(12, 2), f TIMESTAMP,
          g STRUCT(x INTEGER, y VARCHAR), h MAP(VARCHAR, INTEGER), i HUGEINT, j UUID, k BOOLEAN);\n
        """
    }
    for _ in 0..<12 {
      let table = Int(random.next() % 3)
      let start = Int(random.next() % 50_000)
      switch random.next() % 6 {
      case 0, 1, 2:
        sql += """
          INSERT OR IGNORE INTO t\(table) SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'text ' || i % 50 END, i / 3.0,
            encode(repeat('b', (i % 300)::INTEGER)), [i::VARCHAR, NULL], i, TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND,
            {x: i, y: repeat('y', (i % 5000)::INTEGER)}, MAP {'k': i}, i::HUGEINT * 1000000007, uuid(), i % 2 = 0
          FROM range(\(start), \(start + 3000)) r(i);\n
          """
      case 3: sql += "DELETE FROM t\(table) WHERE id BETWEEN \(start) AND \(start + 2000);\n"
      case 4: sql += "UPDATE t\(table) SET a = 'changed ' || id, b = NULL WHERE id % 5 = 0;\n"
      default: sql += "CHECKPOINT;\n"
      }
    }
    try DuckDBFile.run(":memory:", sql + (seed % 3 == 0 ? "" : "CHECKPOINT;"))
    let session = try DuckDBDriver().open(path, patience: 1)
    #expect(session.facts.notices.isEmpty)
    #expect(try session.verifyIntegrity(IntegrityRequest()).isEmpty)
    #expect(try session.catalog().tables.map(\.name) == ["t0", "t1", "t2"])
    for number in 0..<3 {
      let count = try session.rowCount(of: try #require(try session.catalog().table("t\(number)")))
      #expect("\(count)" == (try DuckDBFile.value(path, "SELECT count(*) FROM t\(number)")))
    }
  }

  @Test("the catalog tells tables, keys, indexes and sequences, of other schemas too")
  func catalog() throws {
    let shop = try Shop(
      Shop.script + """
        CREATE SCHEMA s; CREATE TABLE s.parts(code VARCHAR PRIMARY KEY, order_id INTEGER);
        INSERT INTO s.parts VALUES ('a', 1), ('b', 2);
        """)
    let session = try shop.open()
    defer { session.end() }
    let catalog = try session.catalog()
    #expect(Set(catalog.tables.map(\.name)) == ["orders", "notes", "s.parts"])
    #expect(catalog.table("orders")?.primaryKey == ["id"] && catalog.table("orders")?.hasSequence == true)
    #expect(catalog.table("notes")?.indexes.map(\.name) == ["notes_id"])
    #expect(catalog.views == ["bolts"])
    #expect(try session.rowCount(of: try #require(catalog.table("s.parts"))) == 2)
    let state = try #require(try session.sequences().first)
    #expect(state.last == 200_000 && state.largestKey == 200_000)
    #expect(session.facts.engine.hasPrefix("DuckDB 1."))
    // The definitions make the schema anew.
    let schema = try #require(catalog.schema)
    try DuckDBFile.run(":memory:", schema)
  }

  @Test("a check changes nothing and makes nothing, beside a log and on a missing path too")
  func untouched() throws {
    let shop = try Shop()
    try DuckDBFile.leaveInLog(shop.path, "DELETE FROM notes WHERE id < 100;")
    let before = try (FileStatus.of(shop.path), FileStatus.of(shop.path + ".wal"), shop.folder.names())
    #expect(try shop.codes().isEmpty)
    let session = try shop.open()
    #expect(try session.rowCount(of: try #require(try session.catalog().table("notes"))) == 400)
    session.end()
    #expect(try FileStatus.of(shop.path) == before.0 && FileStatus.of(shop.path + ".wal") == before.1)
    #expect(try shop.folder.names() == before.2)
    #expect(throws: Problem.self) { try DuckDBDriver().open(shop.folder.file("gone.db"), patience: 0) }
    #expect(try shop.folder.names() == before.2)
  }

  @Test("a database that an application has open is read, and the application can go on")
  func openElsewhere() throws {
    let shop = try Shop()
    let application = try DuckDBApplication(shop.path, "DELETE FROM notes WHERE id < 100;")
    let session = try shop.open()
    #expect(try session.rowCount(of: try #require(try session.catalog().table("notes"))) == 400)
    #expect(try session.verifyIntegrity(IntegrityRequest()).isEmpty)
    session.end()
    #expect(!DuckDBDriver().openers(of: shop.path).isEmpty)
    try application.close()
    #expect(try DuckDBFile.value(shop.path, "SELECT count(*) FROM notes") == "400")
  }

  @Test("copies taken while an application writes and checkpoints are each one state")
  func busy() throws {
    let shop = try Shop("CREATE TABLE t(a INTEGER, b INTEGER); CHECKPOINT;")
    let sql = (0..<60).map {
      "INSERT INTO t SELECT \($0), i FROM range(20000) r(i);" + ($0 % 3 == 0 ? "CHECKPOINT;" : "")
    }
    let path = shop.path
    let program = try #require(try DuckDBFile.client())
    let outcomes = Workers.map(2, workers: 2) { number -> String in
      if number == 0 {
        let written = try? run([program, "-init", "/dev/null", "-batch", path], input: sql.joined(separator: "\n"))
        return written?.exit == 0 ? "" : "the application failed: \(written?.errors ?? "")"
      }
      for _ in 0..<12 {
        do {
          let session = try DuckDBDriver().open(path, patience: 1)
          defer { session.end() }
          let findings = try session.verifyIntegrity(IntegrityRequest())
          guard let table = try session.catalog().table("t"), findings.isEmpty else { return "\(findings)" }
          // Every transaction is there wholly or not at all.
          if try session.rowCount(of: table) % 20_000 != 0 { return "a part of a transaction" }
        } catch let problem as Problem where problem.kind == .changing {
          continue
        } catch { return "\(error)" }
      }
      return ""
    }
    #expect(outcomes == ["", ""])
  }

  @Test("what a killed run left in the folder for temporary files goes, and what a running one has there stays")
  func leftovers() throws {
    let shop = try Shop("CREATE TABLE t(i INTEGER);")
    let place = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let dead = try Paths.makeTemporaryFolder(Paths.join(place, "dbmend-duckdb-"))
    try Durable.write([], to: Paths.join(dead, "lock"))
    let now = Clock.system.now() * 1_000_000_000
    FileTimes.set(now - 100 * 1_000_000_000, of: try FileHandle.read(dead))
    let first = try shop.open()
    let second = try shop.open()
    #expect(!FileStatus.exists(dead))
    #expect(try first.rowCount(of: Table(name: "t", columns: [], primaryKey: [], keyIsStructural: false)) == 0)
    second.end()
    first.end()
  }

  @Test("a damaged block of a table with quotation marks in its name is known to be that table's")
  func quotedName() throws {
    let shop = try Shop(
      #"""
      CREATE TABLE "we""ird"(i INTEGER, "co""l" VARCHAR); INSERT INTO "we""ird" SELECT i, md5(i::VARCHAR) FROM range(30000) r(i);
      CREATE SCHEMA s; CREATE TABLE s."it's ""odd"""(i INTEGER); INSERT INTO s."it's ""odd""" VALUES (1); CHECKPOINT;
      """#)
    #expect(try shop.codes().isEmpty)
    try DuckDBFile.damage(shop.path, at: DuckDBFile.block(1) + 1000, count: 5)
    let session = try shop.open()
    defer { session.end() }
    let found = try session.verifyIntegrity(IntegrityRequest())
    #expect(found.map(\.location.table) == ["we\"ird"] && found.map(\.location.page) == [1], "\(found)")
    #expect(found.first?.message.contains("of we\"ird") == true, "\(found)")
  }

  @Test("encrypted databases are named as such; a newer format is unsupported, and not damage")
  func otherForms() throws {
    let folder = try TemporaryFolder("dbmend-duckdb-forms")
    try DuckDBFile.run(
      ":memory:",
      "SET force_mbedtls_unsafe = true; ATTACH '\(folder.file("e.db"))' AS e (ENCRYPTION_KEY 'k'); CREATE TABLE e.t(i INTEGER);"
    )
    let encrypted = #expect(throws: Problem.self) { try DuckDBDriver().open(folder.file("e.db"), patience: 0) }
    #expect(encrypted?.code == "file.encrypted")
    let shop = try Shop("CREATE TABLE t(i INTEGER);")
    try setVersion(99, of: shop.path)
    let newer = #expect(throws: Problem.self) { try shop.open() }
    #expect(newer?.code == "schema.unsupported" && newer?.kind == .unsupported)
  }

  @Test("a file is known by its magic bytes, by a sound header where they are gone, and likely by its name")
  func recognition() throws {
    let shop = try Shop("CREATE TABLE t(i INTEGER);")
    let driver = DuckDBDriver()
    func recognise(_ path: String) throws -> Recognition {
      let file = try FileHandle.read(path)
      return driver.recognise(FileHead(path: path, bytes: try file.read(4096, at: 0), size: try file.status().size))
    }
    #expect(try recognise(shop.path) == .certain)
    try DuckDBFile.damage(shop.path, at: 0, count: 4096, with: 0)
    #expect(try recognise(shop.path) == .certain)
    try DuckDBFile.damage(shop.path, at: 0, count: 12_288, with: 0)
    #expect(try recognise(shop.path) == .no)
    #expect(driver.recognise(FileHead(path: "/a.duckdb", bytes: [1, 2], size: 2)) == .likely)
  }
}

/// A generator of random numbers that gives the same ones for a seed.
struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
