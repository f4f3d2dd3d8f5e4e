import MendKit
import TestSupport
import Testing

@testable import H2Store

/// What comes back of databases whose newest chunk is cut off, or whose nodes are lost.
@Suite("H2 databases put together of their pages", withH2) struct ReassemblyTests {
  private static let rows =
    "SELECT COUNT(*) || '/' || SUM(CASE WHEN SKU = 'sku' || ID AND QUANTITY = ID THEN 1 ELSE 0 END) AS V FROM ORDERS"

  /// The shop in one chunk, as one that was compacted when it was closed.
  private func compacted() throws -> Shop {
    let shop = try Shop()
    try H2File.run(shop.path, "SHUTDOWN COMPACT")
    return shop
  }

  /// Rows that are found in the file, which is closed again: one that is open is not replaced.
  private func rowsLeft(_ shop: Shop) throws -> Int {
    let file = try FileHandle.read(shop.path)
    defer { file.close() }
    return try Reassembly(file, FileSurvey.make(file))?.rows ?? 0
  }

  @Test("of a file that is cut off through the chunk that everything stands in, every row that is left comes back")
  func cut() throws {
    let shop = try compacted()
    let size = try FileStatus.of(shop.path).size
    #expect(try rowsLeft(shop) == 20_060)
    try FileHandle.update(shop.path).truncate(to: size * 6 / 10)
    let left = try rowsLeft(shop)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("\"salvage\""), "\(repair.output) \(repair.errors)")
    #expect(try shop.codes() == [])
    let counts = try H2File.value(shop.path, Self.rows).split(separator: "/").map { Int($0) ?? -1 }
    // No row is there that never was.
    #expect(counts.count == 2 && counts[0] == counts[1] && counts[0] > 3000, "\(counts) of \(left)")
  }

  @Test("a row that was deleted since does not come back where less than changes may be lost")
  func deleted() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "DELETE FROM ORDERS WHERE ID BETWEEN 5000 AND 6000", settings: ";MAX_COMPACT_TIME=0")
    try loseRoot(of: "table.3", in: shop)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) AS N FROM ORDERS WHERE ID BETWEEN 5000 AND 6000") == "0")
    #expect(try H2File.value(shop.path, Self.rows) == "18999/18999")
  }

  @Test("without an index to tell, what the last commit deleted does not come back into its table either")
  func doubtful() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "CREATE TABLE PLAIN AS SELECT X AS A, REPEAT('x', 50) AS B FROM SYSTEM_RANGE(1, 5000)")
    try H2File.run(shop.path, "DELETE FROM PLAIN WHERE A BETWEEN 1000 AND 3000", settings: ";MAX_COMPACT_TIME=0")
    let file = try FileHandle.read(shop.path)
    let map = try FileSurvey.make(file).objects.objects.first { $0.value.table == "PLAIN" }?.key
    file.close()
    try loseRoot(of: try #require(map), in: shop)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    let count = "SELECT COUNT(*) || '/' || COUNT(CASE WHEN A BETWEEN 1000 AND 3000 THEN 1 END) AS V FROM "
    let own = try H2File.value(shop.path, count + "PLAIN")
    if own != "2999/0" {
      #expect(own == "0/0")
      let aside = try H2File.value(shop.path, count + "\"dbmend_set_aside_PLAIN\"").split(separator: "/").map {
        Int($0) ?? 0
      }
      #expect(aside.count == 2 && aside[0] - aside[1] == 2999, "\(aside)")
    }
  }

  /// Overwrites the root of a map.
  private func loseRoot(of name: String, in shop: Shop) throws {
    let survey = try FileSurvey.make(FileHandle.read(shop.path))
    let version = try #require(survey.newest)
    let names = StoreVersion.names(try version.meta(in: StoreFile(FileHandle.read(shop.path))))
    let map = try #require(names.first { $0.value == name }?.key)
    let root = try #require(version.roots[map])
    let chunk = try #require(version.chunks[root.chunk])
    try H2File.damage(shop.path, at: chunk.start + root.offset, count: 16)
  }

  @Test("leaves below a lost node come back, every one, and nothing is lost")
  func lostNode() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    try loseRoot(of: "table.3", in: shop)
    #expect(try shop.codes().first == "file.malformed")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("came back"), "\(repair.output)")
    #expect(try shop.sums() == sums && shop.codes() == [])
  }

  @Test("where every definition is lost and nobody has another, rows are in tables of their own, large objects too")
  func nameless() throws {
    let shop = try Shop()
    try loseRoot(of: "table.0", in: shop)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output) \(repair.errors)")
    #expect(repair.output.contains("users are lost"))
    #expect(
      try H2File.value(shop.path, "SELECT COUNT(C0) || '/' || COUNT(C2) AS N FROM \"lost_table_3\"") == "20000/20000")
    #expect(try shop.codes() == [])
  }

  @Test("where H2's list of its tables is lost, their rows get the definitions of --schema that they fit")
  func schema() throws {
    let shop = try Shop()
    try shop.folder.write(
      Shop.script.split(separator: "\n").filter { $0.hasPrefix("CREATE") }.joined(separator: "\n"), to: "schema.sql")
    try loseRoot(of: "table.0", in: shop)
    let repair = try shop.dbmend(
      "repair", "--yes", "--max-loss", "changes", "--schema", "schema.sql", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try H2File.value(shop.path, Self.rows) == "20000/20000", "\(repair.output)")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) AS N FROM NOTES WHERE LENGTH(BODY) > 50") == "60")
    #expect(try shop.codes() == [])
  }

  @Test("what is put together is a store that is sound itself, whatever is damaged of the one that it is from")
  func hostile() throws {
    let shop = try Shop()
    let bytes = try shop.folder.read("shop.mv.db")
    let file = try FileHandle.update(shop.path)
    var random = SeededRandom(11)
    for round in 0..<12 {
      if round % 2 == 0 {
        try file.truncate(to: 8192 + Int(random.next() % UInt64(bytes.count - 8192)))
      } else {
        for _ in 0..<8 {
          let at = Int(random.next() % UInt64(bytes.count - 5000))
          try file.write(
            (0..<Int(1 + random.next() % 4096)).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: at)
        }
      }
      if let found = try Reassembly(file, FileSurvey.make(file)) {
        let path = shop.folder.file("together.mv.db")
        try Paths.removeFile(path)
        _ = try found.write(to: path)
        let survey = try FileSurvey.make(FileHandle.read(path))
        #expect(survey.isSound, "\(survey.damages.prefix(3))")
        #expect(found.rows <= 20_060)
      }
      try file.write(bytes, at: 0)
    }
  }

  @Test("a map is a table's only where no other could have it, or as many are left as there are tables")
  func names() throws {
    func table(_ id: Int, _ columns: String) throws -> TableDefinition {
      try #require(TableDefinition(id: id, Array("CREATE CACHED TABLE \"PUBLIC\".\"T\(id)\"(\n \(columns)\n)".utf8)))
    }
    let numbers = try table(3, "\"A,\"\"(\" BIGINT NOT NULL, \"B\" NUMERIC(10, 2)")
    let texts = try table(5, "\"A\" BIGINT NOT NULL, U&\"\\00fc\" CHARACTER VARYING(20) DEFAULT 'a,b'")
    #expect(numbers.columns.count == 2 && texts.columns.count == 2)
    let long: [Set<UInt8>] = [[5], [59]]
    let text: [Set<UInt8>] = [[48], [70, 0]]
    func match(_ maps: [(Int, [Set<UInt8>])], _ tables: [TableDefinition]) -> [Int: Int] {
      LostNames.match(maps.map { LostNames.Candidate(map: $0.0, kinds: $0.1) }, tables)
    }
    #expect(match([(9, text), (12, long)], [numbers, texts]) == [9: 5, 12: 3])
    #expect(match([(9, text)], [texts, try table(6, "\"A\" BIGINT, \"B\" CHARACTER VARYING")]) == [:])
    #expect(
      match([(9, text), (11, text)], [texts, try table(6, "\"A\" BIGINT, \"B\" CHARACTER VARYING")]) == [9: 5, 11: 6])
    #expect(match([(9, [[5]])], [numbers, texts]) == [:])
  }
}
