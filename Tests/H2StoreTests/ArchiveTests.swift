import MendKit
import TestSupport
import Testing

@testable import H2Store

/// What an archive of an H2 database gives back, and what only H2 would have stumbled over.
@Suite("H2 databases, their archives and their versions", withH2) struct ArchiveTests {
  private let rows = "SELECT COUNT(*) || '/' || COUNT(CASE WHEN SKU = 'sku' || ID THEN 1 END) AS V FROM ORDERS"

  /// Overwrites pages of the orders in a chunk that is in the archive too, whatever was written since.
  private func damageOrders(_ shop: Shop) throws {
    let content = try shop.folder.read("shop.mv.db")
    let file = try FileHandle.update(shop.path)
    defer { file.close() }
    let text = Array("sku7001".utf8)
    for row in content.indices where content[row] == text[0] && content[row...].starts(with: text) {
      try file.write([0xFF, 0xFF], at: row)
      let damages = try FileSurvey.make(file).damages
      if !damages.isEmpty, damages.allSatisfy({ $0.map == "table.3" }) { return }
      try file.write(Array(content[row..<row + 2]), at: row)
    }
    throw PreparationFailed("no page of the orders is where the archive has it")
  }

  @Test("a damaged page comes back from an archive at no loss, whatever was committed since: H2 never changes a chunk")
  func chunks() throws {
    let shop = try Shop()
    #expect(try shop.dbmend("backup", "shop.mv.db").exit == 0)
    try H2File.run(
      shop.path, "INSERT INTO NOTES VALUES('new', 'text', 1); SHUTDOWN IMMEDIATELY", settings: ";MAX_COMPACT_TIME=0")
    let sums = try shop.sums()
    try damageOrders(shop)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("\"restore-pages\""), "\(repair.output)")
    #expect(try shop.sums() == sums)
  }

  @Test("rows of a lost tail come from the archive where that is newer than what is left, and the report counts them")
  func tail() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "SHUTDOWN COMPACT")
    #expect(try shop.dbmend("backup", "shop.mv.db").exit == 0)
    try H2File.run(shop.path, "INSERT INTO ORDERS(SKU, QUANTITY) VALUES('sku20001', 20001)")
    let size = try FileStatus.of(shop.path).size
    try FileHandle.update(shop.path).truncate(to: size * 4 / 10)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("from_backup"), "\(repair.output)")
    let counts = try H2File.value(shop.path, rows).split(separator: "/").compactMap { Int($0) }
    #expect(counts.count == 2 && counts[0] == counts[1] && counts[0] >= 20_000, "\(counts) \(repair.output)")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) AS N FROM NOTES") == "60")
    #expect(try shop.codes() == [])
  }

  @Test("no rewrite is offered where H2 would open an older version")
  func rewrite() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "SHUTDOWN COMPACT")
    let size = try FileStatus.of(shop.path).size
    try FileHandle.update(shop.path).truncate(to: size * 9 / 10)
    #expect(!H2Driver().isRewritable(shop.path))
    let plan = try shop.dbmend("repair", "--plan", "--max-loss", "changes", "shop.mv.db")
    #expect(!plan.output.contains("rewrite"), "\(plan.output)")
    let sound = try Shop()
    #expect(H2Driver().isRewritable(sound.path))
  }

  /// A closed store whose layout has a chunk of which nothing is in use.
  private func withUnused() throws -> (Shop, Chunk) {
    for round in 1...8 {
      let shop = try Shop()
      let changes = (0..<round).map { "UPDATE ORDERS SET QUANTITY = QUANTITY + \($0); CHECKPOINT SYNC;" }.joined()
      try H2File.run(shop.path, changes + "SHUTDOWN", settings: ";MAX_COMPACT_TIME=0;RETENTION_TIME=600000")
      let file = try StoreFile(FileHandle.read(shop.path))
      defer { file.handle.close() }
      guard file.headers.isClean, let header = file.headers.newest,
        let last = try file.whole(at: header.block, id: header.chunk),
        case .success(let entries) = try TextMap.entries(
          PageReader(file, chunks: [last.id: last]), root: PagePosition(last.root), map: 0)
      else { continue }
      let told = entries.filter { $0.key.hasPrefix("chunk.") }.compactMap { entry in
        HeaderText(Array(entry.value.utf8)[...]).flatMap { Chunk($0) }
      }
      for chunk in told where !chunk.isLive {
        if try file.whole(at: chunk.block, id: chunk.id) != nil { return (shop, chunk) }
      }
    }
    throw PreparationFailed("H2 leaves no chunk in the layout of which nothing is in use")
  }

  @Test(
    "a damaged chunk of which nothing is in use is found, as H2 would open an older version, and framed anew at no loss"
  )
  func unused() throws {
    let (shop, chunk) = try withUnused()
    let sums = try shop.sums()
    try H2File.damage(shop.path, at: chunk.start, count: chunk.size)
    #expect(try shop.codes() == ["file.malformed"])
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums && shop.codes() == [])
  }

  @Test("a database of another format than the engine's is not made one of the engine's")
  func format() throws {
    let shop = try Shop()
    let bytes = try shop.folder.read("shop.mv.db")
    let file = try StoreFile(FileHandle.update(shop.path))
    let header = try #require(file.headers.newest)
    let last = try #require(try file.whole(at: header.block, id: header.chunk))
    file.handle.close()
    // Format 3 has the same pages, and headers that say so.
    let old = try #require(StoreHeaders(bytes).newest)
    var newer = old
    (newer.format, newer.readFormat) = (3, 3)
    try FileHandle.update(shop.path).write(StoreHeaders.bytes(for: last, like: newer, format: 3), at: 0)
    try damageOrders(shop)
    let check = try shop.dbmend("check", "shop.mv.db")
    #expect(check.exit == 1 && check.output.contains("its format is 3"), "\(check.output)")
    let damaged = try shop.folder.read("shop.mv.db")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "shop.mv.db")
    #expect(repair.exit != 0 && repair.output.contains("H2_JAR"), "\(repair.exit) \(repair.output)")
    #expect(try shop.folder.read("shop.mv.db") == damaged)
  }

  @Test("where both headers are lost, the footers of the chunks tell the format")
  func lostFormat() throws {
    let shop = try Shop()
    try H2File.damage(shop.path, at: 0, count: 8192, with: 0)
    #expect(try StoreFile(FileHandle.read(shop.path)).format == 2)
    let folder = try TemporaryFolder("dbmend-h2-format")
    let path = folder.file("three.mv.db")
    let text = Array("chunk:1,len:1,pages:1,map:0,max:0,root:0,time:0,version:1,toc:40".utf8)
    let chunk = try #require(HeaderText(text[...]).flatMap { Chunk($0, at: 2) })
    let footer = ChunkMending.footer(of: chunk, format: 3)
    let block = text + [0x0A] + [UInt8](repeating: 0, count: 4096 - 128 - text.count - 1) + footer
    try folder.write([UInt8](repeating: 0, count: 8192) + block, to: "three.mv.db")
    #expect(try StoreFile(FileHandle.read(path)).format == 3)
  }
}
