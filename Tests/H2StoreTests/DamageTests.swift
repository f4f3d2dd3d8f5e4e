import MendKit
import TestSupport
import Testing

@testable import H2Store

/// What is found of damaged databases, and what comes back, through every command.
@Suite("Damaged H2 databases", withH2) struct DamageTests {
  @Test("a backup under a repair, a rotten chunk and a restore: every row is back")
  func rot() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    #expect(try shop.dbmend("backup", "shop.mv.db").exit == 0)
    let content = try shop.folder.read("shop.mv.db")
    // A large object's text is changed, which no checksum of H2's covers.
    let at = try #require(content.indices.last { content[$0...].starts(with: Array("text text text ".utf8)) })
    try H2File.damage(shop.path, at: at, count: 3, with: UInt8(ascii: "x"))
    #expect(try shop.codes() == [])
    let check = try shop.dbmend("check", "shop.mv.db", "--format", "json")
    #expect(check.exit == 1 && check.output.contains("page.rotten"), "\(check.output)")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.folder.read("shop.mv.db") == content)
    try Paths.removeFile(shop.path)
    #expect(try shop.dbmend("check", "shop.mv.db").exit == 1)
    #expect(try shop.dbmend("restore", "latest", "shop.mv.db").exit == 0)
    #expect(try shop.sums() == sums)
  }

  @Test("one damaged header is found, and written anew at no loss")
  func oneHeader() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    try H2File.damage(shop.path, at: 4100, count: 30)
    #expect(try shop.codes() == ["file.malformed"])
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums && shop.codes() == [])
  }

  @Test("two zeroed headers are found, and written anew at no loss: the chunks tell the version")
  func zeroedHeaders() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    try H2File.damage(shop.path, at: 0, count: 8192, with: 0)
    #expect(try shop.codes() == ["file.malformed"])
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums)
  }

  @Test(
    "a page whose header is overwritten is named; what can be read goes into a new database, and the lost rows are counted"
  )
  func page() throws {
    let shop = try Shop()
    let content = try shop.folder.read("shop.mv.db")
    // Rows stand in chunks that are not in use any more, too.
    let file = try FileHandle.update(shop.path)
    let rows = content.indices.filter { content[$0] == 0x73 && content[$0...].starts(with: Array("sku7001".utf8)) }
    let row = try rows.first { row throws in
      try H2File.damage(shop.path, at: row - 4000, count: 4500)
      let damages = try FileSurvey.make(file).damages
      let isHit = !damages.isEmpty && damages.allSatisfy { $0.map?.hasPrefix("table.") ?? false && $0.map != "table.0" }
      if !isHit { try file.write(content, at: 0) }
      return isHit
    }
    // A file that another process has open is not replaced.
    file.close()
    #expect(row != nil)
    let codes = try shop.codes()
    #expect(codes.contains("table.malformed"), "\(codes)")
    let repair = try shop.dbmend("repair", "--yes", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(repair.output.contains("\"lost\""))
    let count = try #require(Int(try H2File.value(shop.path, "SELECT COUNT(*) FROM ORDERS")))
    #expect(count > 15_000 && count <= 20_000)
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) FROM NOTES") == "60")
    #expect(try shop.codes() == [])
  }

  /// Overwrites the first place of a text in the file for which the survey, or what else is asked, says what is wanted.
  private func overwrite(
    _ text: String, with bytes: [UInt8], in shop: Shop, until isWanted: (FileSurvey) -> Bool
  ) throws {
    let content = try shop.folder.read("shop.mv.db")
    let file = try FileHandle.update(shop.path)
    defer { file.close() }
    // Rows stand in chunks that are not in use any more, too.
    let first = Array(text.utf8)
    for place in content.indices.reversed() where content[place] == first[0] && content[place...].starts(with: first) {
      try file.write(bytes, at: place)
      if isWanted(try FileSurvey.make(file)) { return }
      try file.write(Array(content[place..<place + bytes.count]), at: place)
    }
    throw PreparationFailed("no place of \(text) is what was asked for")
  }

  @Test(
    "the frame of the newest chunk is written anew at no loss: its header, and its footer", arguments: [true, false])
  func frame(_ isHeader: Bool) throws {
    let shop = try Shop()
    let sums = try shop.sums()
    let handle = try FileHandle.read(shop.path)
    let file = try StoreFile(handle)
    let header = try #require(file.headers.newest)
    let chunk = try #require(try file.whole(at: header.block, id: header.chunk))
    handle.close()
    try H2File.damage(shop.path, at: isHeader ? chunk.start : chunk.start + chunk.size - 60, count: 30)
    #expect(try shop.codes().first == "file.malformed")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums && shop.codes() == [])
  }

  @Test("a value that cannot have been written is found without the engine, and the table is named")
  func value() throws {
    let shop = try Shop()
    try overwrite("sku7001", with: [0xFF, 0xFF], in: shop) { $0.damages.contains { $0.map == "table.3" } }
    let session = try shop.open()
    let findings = try session.verifyIntegrity(IntegrityRequest(isFull: false))
    session.end()
    #expect(findings.map(\.code) == ["table.malformed"] && findings.map(\.location.table) == ["ORDERS"])
    let repair = try shop.dbmend("repair", "--yes", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) FROM ORDERS WHERE SKU <> 'sku' || ID") == "0")
    #expect(try shop.codes() == [])
  }

  @Test("rows of a damaged page come back from a backup where an index proves them; deleted ones do not, new ones stay")
  func backupRows() throws {
    let shop = try Shop()
    #expect(try shop.dbmend("backup", "shop.mv.db").exit == 0)
    try H2File.run(
      shop.path,
      "DELETE FROM ORDERS WHERE ID > 100 AND MOD(ID, 10) = 0; INSERT INTO ORDERS(SKU, QUANTITY) VALUES('new', 1)")
    let sums = try shop.sums()
    try overwrite("sku7001", with: [0xFF, 0xFF], in: shop) {
      !$0.damages.isEmpty && $0.damages.allSatisfy { $0.map == "table.3" }
    }
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("from_backup"), "\(repair.output)")
    #expect(try shop.sums() == sums)
  }

  @Test(
    "what H2's recovery stumbles over or changes comes through it: computed columns, bytes, arrays, JSON, odd names")
  func generated() throws {
    let shop = try Shop()
    try H2File.run(
      shop.path,
      """
      CREATE TABLE "schlüssel ""x"(ID INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, A INT, B INT GENERATED ALWAYS AS (A * 2), C VARCHAR,
        D VARBINARY, E VARCHAR ARRAY, F JSON, G BLOB, H ENUM('a', 'b'));
      INSERT INTO "schlüssel ""x"(A, C, D, E, F, G, H) SELECT X, 'row number ' || X, X'FF80', ARRAY['x', 'y'], JSON '[1]', X'FE', 'b' FROM SYSTEM_RANGE(1, 2000);
      """)
    try overwrite("row number 1500", with: [0xFF, 0xFF], in: shop) {
      !$0.damages.isEmpty && $0.damages.allSatisfy { $0.map?.hasPrefix("table.") ?? false && $0.map != "table.0" }
    }
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    let rows = "SELECT COUNT(*) AS N FROM \"schlüssel \"\"x\""
    let count = try #require(Int(try H2File.value(shop.path, rows)))
    #expect(count > 1000 && count < 2000)
    let same = "B = A * 2 AND D = X'FF80' AND E = ARRAY['x', 'y'] AND F = JSON '[1]' AND G = X'FE' AND H = 'b'"
    #expect(try H2File.value(shop.path, rows + " WHERE " + same) == String(count))
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) FROM ORDERS") == "20000")
  }

  @Test("a row of which an index holds another value is found in a closed database, and stays at the price of changes")
  func indexEntry() throws {
    let shop = try Shop()
    try overwrite("sku7001", with: Array("skU".utf8), in: shop) {
      $0.disagreeing.keys.first?.hasPrefix("index.") ?? false
    }
    // Whether it is the row or the entry that changed, they disagree.
    #expect(try shop.codes() == ["row.contradicted"])
    let before = try FileHandle.read(shop.path).readAll(limit: 1 << 28)
    for loss in ["none", "rows"] {
      let repair = try shop.dbmend("repair", "--yes", "--max-loss", loss, "shop.mv.db")
      #expect(repair.exit == 1, "\(repair.output)")
      #expect(try FileHandle.read(shop.path).readAll(limit: 1 << 28) == before)
    }
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.codes() == [])
  }

  @Test("a damaged page of an index costs nothing: the index is built anew from its table")
  func indexPage() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    try overwrite("sku7001", with: [UInt8](repeating: 0xFF, count: 100), in: shop) {
      !$0.damages.isEmpty && $0.damages.allSatisfy { $0.map?.hasPrefix("index.") ?? false }
    }
    let session = try shop.open()
    let found = try session.verifyIntegrity(IntegrityRequest())
    session.end()
    #expect(Set(found.map(\.code)) == ["index.malformed"], "\(found)")
    #expect(Set(found.map(\.location.index)) == ["ORDERS_SKU"])
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums && shop.codes() == [])
  }

  @Test(
    "a newest chunk that is lost is found; the version before comes back where `changes` may be lost, and not without that"
  )
  func newestChunk() throws {
    let shop = try Shop()
    let sums = "SELECT COUNT(*) || '/' || SUM(QUANTITY) AS V FROM ORDERS WHERE ID <= 20000"
    #expect(try H2File.value(shop.path, sums) == "20000/200010000")
    try H2File.run(
      shop.path, "INSERT INTO ORDERS(SKU, QUANTITY) SELECT 'later' || X, X FROM SYSTEM_RANGE(1, 500);",
      settings: ";MAX_COMPACT_TIME=0")
    let handle = try FileHandle.read(shop.path)
    let file = try StoreFile(handle)
    let header = try #require(file.headers.newest)
    let chunk = try #require(try file.whole(at: header.block, id: header.chunk))
    handle.close()
    try H2File.damage(shop.path, at: chunk.start, count: chunk.size)
    let damaged = try shop.folder.read("shop.mv.db")
    #expect(try shop.codes().contains("file.malformed"))
    let refused = try shop.dbmend("repair", "--yes", "--max-loss", "rows", "shop.mv.db")
    #expect(refused.exit == 1, "\(refused.output)")
    #expect(try shop.folder.read("shop.mv.db") == damaged)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    // Which version that is depends on what H2 wrote when: the report says it.
    #expect(repair.output.contains("set the headers to version"))
    #expect(try shop.codes() == [])
    #expect(try H2File.value(shop.path, sums) == "20000/200010000")
  }

  @Test("a lost tail is found; what comes back is rows that were there, and what does not come back is said")
  func tail() throws {
    let shop = try Shop()
    let size = try FileStatus.of(shop.path).size
    try FileHandle.update(shop.path).truncate(to: size - 6000)
    #expect(try shop.codes().contains("file.malformed"))
    let refused = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(refused.exit == 1, "\(refused.output)")
    #expect(try FileStatus.of(shop.path).size == size - 6000)
    // What it costs depends on which chunks H2 wrote when.
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.codes() == [])
    let rows =
      "SELECT COUNT(*) || '/' || COUNT(CASE WHEN SKU = 'sku' || ID AND QUANTITY = ID THEN 1 END) AS V FROM ORDERS"
    let counts = try H2File.value(shop.path, rows).split(separator: "/").compactMap { Int($0) }
    #expect(counts.count == 2 && counts[0] == counts[1], "\(counts) \(repair.output)")
    #expect(counts.first == 20_000 || repair.output.contains("lost"), "\(counts) \(repair.output)")
  }

  @Test("a version from before the first table is nothing to go back to: the repair fails, and the file stays as it is")
  func emptyVersion() throws {
    let shop = try Shop()
    let path = shop.folder.file("small.mv.db")
    try H2File.run(path, "CREATE TABLE T(ID INT PRIMARY KEY, A VARCHAR); INSERT INTO T VALUES (1, 'x'); SHUTDOWN;")
    let handle = try FileHandle.update(path)
    let first = try #require(try StoreFile(handle).wholeChunks().first { $0.version == 1 })
    try handle.truncate(to: first.start + first.size)
    handle.close()
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "small.mv.db")
    #expect(repair.exit == 1, "\(repair.output)")
    #expect(try FileStatus.of(path).size == first.start + first.size)
  }

  @Test("damaged large objects cost no other row")
  func largeObjects() throws {
    let shop = try Shop()
    let content = try shop.folder.read("shop.mv.db")
    let file = try FileHandle.update(shop.path)
    // Where zeros go over the length of an object's part, the page does not end with its last value.
    let place = stride(from: 8192, to: content.count - 4096, by: 4096).first { place in
      let isText = String(decoding: content[place..<place + 100], as: UTF8.self).contains("text text ")
      guard isText, (try? file.write([UInt8](repeating: 0, count: 4096), at: place)) != nil else { return false }
      let damages = (try? FileSurvey.make(file).damages) ?? []
      if !damages.isEmpty, damages.allSatisfy({ $0.map == "lobData" }) { return true }
      try? file.write(Array(content[place..<place + 4096]), at: place)
      return false
    }
    file.close()
    #expect(place != nil)
    #expect(try shop.codes().contains("file.malformed"))
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "changes", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    let counts =
      "SELECT (SELECT COUNT(*) || '/' || SUM(QUANTITY) FROM ORDERS) || '/' || (SELECT COUNT(*) FROM NOTES) AS V"
    let found = try H2File.value(shop.path, counts)
    #expect(found == "20000/200010000/60", "\(repair.output)")
  }

  @Test("with an archive, a lost tail comes back from it at no loss")
  func tailFromArchive() throws {
    let shop = try Shop()
    let sums = try shop.sums()
    #expect(try shop.dbmend("backup", "shop.mv.db").exit == 0)
    try FileHandle.update(shop.path).truncate(to: 100_000)
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "shop.mv.db")
    #expect(repair.exit == 0, "\(repair.output)")
    #expect(try shop.sums() == sums)
  }

  @Test("a file of another version, an encrypted one, an empty one and none at all are named, and stay as they are")
  func others() throws {
    let shop = try Shop()
    let bytes = try shop.folder.read("shop.mv.db")
    for (format, words) in [("1", "Convert it"), ("3", "H2_JAR"), ("9", "H2_JAR")] {
      let newer = String(decoding: bytes[0..<4096], as: UTF8.self).split(separator: "\n")[0]
      let line = newer.split(separator: ",").map { $0.hasPrefix("format:") ? "format:\(format)" : String($0) }
        .dropLast()
        .joined(separator: ",")
      let sum = fletcher(line)
      let header = Array("\(line),fletcher:\(sum)\n".utf8)
      let block = header + [UInt8](repeating: 0, count: 4096 - header.count)
      try shop.folder.write(block + block + bytes[8192...], to: "shop.mv.db")
      #expect(try shop.codes() == ["schema.unsupported"], "\(format)")
      let check = try shop.dbmend("check", "shop.mv.db")
      #expect(check.exit == 3 && check.output.contains(words), "\(check.output)")
    }
    try shop.folder.write(Array("H2encrypt\n".utf8) + bytes[10...], to: "shop.mv.db")
    #expect(try shop.codes() == ["file.encrypted"])
    try shop.folder.write([], to: "shop.mv.db")
    #expect(try shop.codes() == ["file.not-a-database"])
    try Paths.removeFile(shop.path)
    #expect(throws: Problem.self) { try shop.open() }
    #expect(try shop.folder.names() == [])
  }

  /// The checksum, over again.
  private func fletcher(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var (first, second): (UInt64, UInt64) = (0xFFFF, 0xFFFF)
    for index in stride(from: 0, to: bytes.count, by: 2) {
      first += UInt64(bytes[index]) << 8 | UInt64(index + 1 < bytes.count ? bytes[index + 1] : 0)
      second += first
    }
    func fold(_ sum: UInt64) -> UInt64 { sum < 0x10000 ? sum : fold((sum & 0xFFFF) + (sum >> 16)) }
    return String(fold(second) << 16 | fold(first), radix: 16)
  }

  @Test(
    "without H2's jar nothing is claimed: exit 3, and the package is named; damage that is plain is told all the same")
  func missing() throws {
    let shop = try Shop()
    let check = try shop.dbmend("check", "shop.mv.db", environment: ["H2_JAR": "/nowhere/h2.jar"])
    #expect(check.exit == 3 && check.output.contains("libh2-java"), "\(check.output)")
    try H2File.damage(shop.path, at: 4100, count: 30)
    let damaged = try shop.dbmend("check", "shop.mv.db", environment: ["H2_JAR": "/nowhere/h2.jar"])
    #expect(damaged.exit == 1 && damaged.output.contains("header"), "\(damaged.output)")
  }

  @Test("a password is taken from the environment, and a wrong one is no damage")
  func password() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "ALTER USER SA SET PASSWORD 'dr. no''s'")
    let without = try shop.dbmend("check", "shop.mv.db")
    #expect(without.exit == 3 && without.output.contains("H2_PASSWORD"), "\(without.output)")
    let with = try shop.dbmend("check", "shop.mv.db", environment: ["H2_PASSWORD": "dr. no's"])
    #expect(with.exit == 0, "\(with.output)")
    #expect(!(with.output + with.errors).contains("dr. no"))
  }

  @Test("a file that may not be read is a store that could not be checked")
  func denied() throws {
    let shop = try Shop()
    guard chmod(shop.path, 0) == 0 else { throw PreparationFailed("chmod") }
    try withoutPrivileges {
      #expect(throws: Problem.self) { try H2Driver().stamp(shop.path) }
      do {
        _ = try shop.open()
        Issue.record("it was opened")
      } catch { #expect((error as? Problem)?.kind == .denied) }
    }
  }
}
