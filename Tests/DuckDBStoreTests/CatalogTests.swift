import MendKit
import TestSupport
import Testing

@testable import DuckDBStore

@Suite("Damaged catalogs of DuckDB databases", withClient) struct CatalogTests {
  private let driver = DuckDBDriver()

  private static let script =
    (0..<5).map {
      "CREATE TABLE t\($0)(id INTEGER PRIMARY KEY, name VARCHAR DEFAULT 'nobody', tags VARCHAR[]); "
        + "INSERT INTO t\($0) SELECT i, 'name ' || i, ['a', i::VARCHAR] FROM range(\(5000 + $0)) r(i);"
    }.joined() + "CREATE VIEW v AS SELECT * FROM t0; CREATE INDEX ix ON t1(name); CREATE SEQUENCE q; CHECKPOINT;"

  private static func definition(of number: Int) -> String {
    "CREATE TABLE t\(number)(id INTEGER PRIMARY KEY, name VARCHAR DEFAULT 'nobody', tags VARCHAR[]);"
  }

  /// Where an entry of the catalog stands in the file.
  private func place(of name: String, in path: String) throws -> Int {
    let file = try FileHandle.read(path)
    let bytes = try file.readAll(limit: 1 << 30)
    let header = try #require(try FileHeaders(file).active)
    let content = try #require(
      try MetadataChain.read(header.metaBlock, header) { id throws(Problem) in
        try file.read(header.blockSize, at: FileHeaders.end + id * header.blockSize)
      })
    let entry = try #require(CatalogStream(content).entries.first { $0.name == name && $0.sort != "index" })
    let head = Array(entry.bytes.prefix(40))
    let start = FileHeaders.end + Int(header.metaBlock & (1 << 56 - 1)) * header.blockSize
    return try #require((start..<start + header.blockSize - 40).last { bytes[$0..<$0 + 40].elementsEqual(head) })
  }

  private func sums(_ path: String, _ numbers: [Int]) throws -> [String] {
    try numbers.map { try DuckDBFile.sum(path, "t\($0)") }
  }

  @Test("entries are told apart, and tell their tables' names and rows", arguments: ["v0.10.0", "v1.2.0", "latest"])
  func entries(_ version: String) throws {
    let folder = try TemporaryFolder("dbmend-duckdb-catalog")
    let path = folder.file("c.db")
    try DuckDBFile.run(":memory:", "ATTACH '\(path)' AS c (STORAGE_VERSION '\(version)'); USE c; " + Self.script)
    let file = try FileHandle.read(path)
    let header = try #require(try FileHeaders(file).active)
    let content = try MetadataChain.read(header.metaBlock, header) { id throws(Problem) in
      try file.read(header.blockSize, at: FileHeaders.end + id * header.blockSize)
    }
    let tables = CatalogStream(try #require(content)).entries.filter(\.isTable)
    #expect(tables.map(\.name) == (0..<5).map { "t\($0)" })
    #expect(tables.map { $0.rows?.count } == (0..<5).map { UInt64(5000 + $0) })
  }

  @Test("a damaged definition costs its own table, whose rows are counted, and no other", arguments: [0, 2, 4])
  func definition(_ number: Int) throws {
    let shop = try Shop(Self.script)
    let others = (0..<5).filter { $0 != number }
    let before = try sums(shop.path, others)
    try DuckDBFile.damage(shop.path, at: try place(of: "t\(number)", in: shop.path) + 45, count: 20)
    #expect(throws: Problem.self) { try shop.open() }
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    #expect(try sums(shop.path, others) == before)
    #expect(outcome.rows["t\(number)"]?.lost == 5000 + number, "\(outcome)")
    #expect(try shop.codes().isEmpty)
    #expect(try DuckDBFile.value(shop.path, "SELECT nextval('q')") == "1")
  }

  @Test("with its definition given, the rows of such a table come back", arguments: ["v1.0.0", "latest"])
  func givenDefinition(_ version: String) throws {
    let folder = try TemporaryFolder("dbmend-duckdb-catalog")
    let path = folder.file("c.db")
    try DuckDBFile.run(":memory:", "ATTACH '\(path)' AS c (STORAGE_VERSION '\(version)'); USE c; " + Self.script)
    let before = try sums(path, [0, 1, 2, 3, 4])
    for place in [try place(of: "t1", in: path) + 45, try place(of: "t3", in: path)] {
      try DuckDBFile.damage(path, at: place, count: 20)
    }
    let schema = SchemaText(path: "schema.sql", text: Self.definition(of: 1) + Self.definition(of: 3))
    let outcome = try driver.salvage(
      path, with: SalvageAid(schema: { () throws(Problem) -> SchemaText? in schema }))
    #expect(try sums(path, [0, 1, 2, 3, 4]) == before, "\(outcome)")
  }

  @Test("damage to what leads to one table's rows leaves the other tables whole, and is counted")
  func rowsOfOneTable() throws {
    let shop = try Shop(
      Self.script + "INSERT INTO t2 SELECT i, 'more ' || i, [] FROM range(10000, 900000) r(i); CHECKPOINT;")
    let before = try sums(shop.path, [0, 1, 3, 4])
    let header = try #require(try FileHeaders(FileHandle.read(shop.path)).active)
    let part = MetadataChain.partSize(header.blockSize)
    let block = FileHeaders.end + Int(header.metaBlock & (1 << 56 - 1)) * header.blockSize
    // A part of the block that says of t2 alone where its values are.
    let own = try (0..<MetadataChain.parts).first { number in
      let copy = try shop.copy(as: "trial.db")
      let file = try FileHandle.update(copy)
      var bytes = try file.read(header.blockSize, at: block)
      for place in 1000..<2500 { bytes[8 + number * part + place] = 0xA5 }
      bytes.set(Checksum.of(bytes[8...]), at: 0)
      try file.write(bytes, at: block)
      return
        (try? DuckDBFile.run(copy, "SELECT hash(t0) FROM t0, t1, t3, t4 LIMIT 1; SELECT bit_xor(hash(t1)) FROM t1;"))
        != nil
        && (try? DuckDBFile.run(copy, "SELECT bit_xor(hash(t2)) FROM t2")) == nil
    }
    try DuckDBFile.damage(shop.path, at: block + 8 + #require(own) * part + 1000, count: 1500)
    let outcome = try driver.salvage(shop.path, with: SalvageAid())
    #expect(try sums(shop.path, [0, 1, 3, 4]) == before)
    let tally = try #require(outcome.rows["t2"])
    #expect(tally.lost == nil && !tally.lostRanges.isEmpty, "\(outcome)")
    #expect(try "\(tally.kept)" == DuckDBFile.value(shop.path, "SELECT count(*) FROM t2"))
  }

  @Test("a damaged list of free blocks costs nothing")
  func freeList() throws {
    let shop = try Shop(Self.script + "DROP TABLE t4; CHECKPOINT;")
    let before = try sums(shop.path, [0, 1, 2, 3])
    let header = try #require(try FileHeaders(FileHandle.read(shop.path)).active)
    let start =
      FileHeaders.end + Int(header.freeList & (1 << 56 - 1)) * header.blockSize + 8
      + Int(header.freeList >> 56) * MetadataChain.partSize(header.blockSize)
    try DuckDBFile.damage(shop.path, at: start, count: 200)
    _ = try driver.salvage(shop.path, with: SalvageAid())
    #expect(try sums(shop.path, [0, 1, 2, 3]) == before)
    #expect(try shop.codes().isEmpty)
  }
}
