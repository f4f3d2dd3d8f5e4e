import CSQLite
import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A lost header inferred from the pages")
struct HeaderInferenceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-inference") }

  private func infer(_ bytes: [UInt8]) -> InferredHeader? { bytes.withUnsafeBytes { InferredHeader.infer($0) } }

  private func make(_ pragmas: String, rows: Int = 3000, long: Int = 0) throws -> [UInt8] {
    let path = folder.file("a.db")
    try Paths.removeFile(path)
    try SQLiteFile.make(
      path,
      """
      \(pragmas); BEGIN; CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, x REAL, b BLOB); CREATE INDEX i ON t(name);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < \(rows))
      INSERT INTO t SELECT i, 'Name ' || (i * 7919 % 3001), i * 0.37, zeroblob(i % 7) FROM c;
      INSERT INTO t(name) SELECT printf('%.*c', \(long), 'z') FROM t WHERE id % 50 = 0 AND \(long) > 0;
      DELETE FROM t WHERE id % 11 = 3; COMMIT;
      """)
    return try folder.read("a.db")
  }

  /// The header as zeros, the header as noise, and page one as noise.
  private func damaged(_ sound: [UInt8], pageSize: Int) -> [[UInt8]] {
    var random = SeededRandom(UInt64(sound.count), "header")
    return [Array(repeating: 0, count: 100), random.bytes(100), random.bytes(pageSize)].map {
      $0 + sound[$0.count...]
    }
  }

  @Test(
    "gives the page size, whatever it is", arguments: [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536], [0, 9000])
  func pageSizes(_ pageSize: Int, _ long: Int) throws {
    let sound = try make("PRAGMA page_size = \(pageSize)", rows: max(3000, pageSize / 4), long: long)
    for bytes in damaged(sound, pageSize: pageSize) {
      let found = try #require(infer(bytes))
      #expect(found == InferredHeader(pageSize: pageSize, reservedBytes: 0, encoding: .utf8, hasPointerMaps: false))
    }
  }

  @Test(
    "tells how text is stored",
    arguments: [("UTF-8", TextEncoding.utf8), ("UTF-16le", .utf16le), ("UTF-16be", .utf16be)])
  func encodings(_ name: String, _ encoding: TextEncoding) throws {
    let sound = try make("PRAGMA encoding = '\(name)'")
    for bytes in damaged(sound, pageSize: 4096) { #expect(infer(bytes)?.encoding == encoding) }
  }

  @Test(
    "tells how text of other scripts is stored",
    arguments: [("UTF-8", TextEncoding.utf8), ("UTF-16le", .utf16le), ("UTF-16be", .utf16be)])
  func scripts(_ name: String, _ encoding: TextEncoding) throws {
    let path = folder.file("s.db")
    try SQLiteFile.make(
      path,
      """
      PRAGMA encoding = '\(name)'; CREATE TABLE t(a);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)
      INSERT INTO t SELECT char(19968 + i, 20500 + i * 7 % 900, 21000 + i * 13 % 900, 20001 + i * 17 % 900, 20100 + i) FROM c;
      """)
    let sound = try folder.read("s.db")
    for bytes in damaged(sound, pageSize: 4096) { #expect(infer(bytes)?.encoding == encoding) }
  }

  @Test("tells the bytes that are reserved", arguments: [8, 12, 32, 255], [0, 6000])
  func reserved(_ reserved: Int, _ long: Int) throws {
    let path = folder.file("r.db")
    var handle: OpaquePointer?
    #expect(sqlite3_open(path, &handle) == SQLITE_OK)
    var count = Int32(reserved)
    #expect(sqlite3_file_control(handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &count) == SQLITE_OK)
    let script = """
      CREATE TABLE t(a, b); CREATE INDEX i ON t(a);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)
      INSERT INTO t SELECT 'n' || i, i FROM c; INSERT INTO t SELECT printf('%.*c', \(long) + i, 'x'), i FROM
      (SELECT b AS i FROM t WHERE b % 30 = 0);
      """
    #expect(sqlite3_exec(handle, script, nil, nil, nil) == SQLITE_OK)
    sqlite3_close(handle)
    let sound = try folder.read("r.db")
    #expect(sound[20] == reserved)
    for bytes in damaged(sound, pageSize: 4096) {
      let found = try #require(infer(bytes))
      #expect(found.pageSize == 4096 && found.reservedBytes == reserved)
    }
  }

  @Test("tells whether there are pointer maps", arguments: ["NONE", "FULL", "INCREMENTAL"])
  func pointerMaps(_ mode: String) throws {
    let sound = try make("PRAGMA page_size = 512; PRAGMA auto_vacuum = \(mode)", long: 2000)
    for bytes in damaged(sound, pageSize: 512) { #expect(infer(bytes)?.hasPointerMaps == (mode != "NONE")) }
  }

  @Test("takes the header's own size where only its magic is gone and no page can tell")
  func fields() throws {
    let path = folder.file("f.db")
    try SQLiteFile.make(path, "PRAGMA page_size = 2048; CREATE TABLE t(a)")
    var bytes = try folder.read("f.db")
    for at in 0..<16 { bytes[at] = 0xAA }
    #expect(infer(bytes)?.pageSize == 2048)
    for at in 100..<2048 { bytes[at] = 0xAA }
    #expect(infer(bytes)?.pageSize == 2048)
    bytes[21] = 0
    #expect(infer(bytes) == nil)
  }

  @Test("is right for most random databases, and for those that lost pages besides", arguments: 0..<4)
  func randomDatabases(_ batch: Int) throws {
    var random = SeededRandom(UInt64(batch), "inference")
    for turn in 0..<12 {
      let made = try RandomDatabase(seed: UInt64(batch * 12 + turn)).make(at: folder.file("d.db"))
      guard !FileStatus.exists(made.path + "-wal"), let sound = DatabaseImage(try folder.read("d.db")),
        sound.pageCount > 12
      else { continue }
      var bytes = random.bytes(sound.pageSize) + sound.bytes[sound.pageSize...]
      for _ in 0..<sound.pageCount / 6 {
        let at = sound.start(random.int(2...sound.pageCount))
        bytes.replaceSubrange(at..<at + sound.pageSize, with: random.bytes(sound.pageSize))
      }
      let found = infer(bytes)
      #expect(found?.pageSize == sound.pageSize, "\(batch) \(turn) \(made.features)")
      if let encoding = found?.encoding {
        #expect(Int(encoding.rawValue) == sound.long(56), "\(batch) \(turn) \(made.features)")
      }
    }
  }

  @Test("is not found in noise, in zeros, or in a few bytes")
  func nothing() throws {
    var random = SeededRandom(1, "noise")
    #expect(infer(random.bytes(1 << 20)) == nil)
    #expect(infer(Array(repeating: 0, count: 1 << 20)) == nil)
    #expect(infer([1, 2, 3]) == nil && infer([]) == nil)
  }
}
