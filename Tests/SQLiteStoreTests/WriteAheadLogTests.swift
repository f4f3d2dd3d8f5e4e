import CSystem
import Foundation
import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A write-ahead log")
struct WriteAheadLogTests {
  let folder: Folder
  let driver = SQLiteDriver()

  init() throws { folder = try Folder() }

  /// Six transactions of two frames each: pages 1 to 7, the later ones again and again.
  private func sample(isBigEndian: Bool = false) -> LogSample {
    var log = LogSample(isBigEndian: isBigEndian)
    for round in 1...6 {
      log.add(1, filledWith: UInt8(round))
      log.add(UInt32(round + 1), filledWith: UInt8(round), commit: UInt32(round + 1))
    }
    return log
  }

  @Test("is read up to its last commit, in both byte orders of its checksums", arguments: [false, true])
  func whole(_ isBigEndian: Bool) throws {
    var sample = sample(isBigEndian: isBigEndian)
    sample.add(3, filledWith: 0xEE)
    let log = try #require(sample.read())
    #expect(log.frames == 12)
    #expect(log.pageCount == 7)
    #expect(log.pages.sorted().map(\.page) == [1, 2, 3, 4, 5, 6, 7])
    #expect(log.pages[1] == sample.start(of: 10) + 24)
    #expect(log.pages[3] == sample.start(of: 3) + 24)
    #expect(log.pages[0] == nil && log.pages[8] == nil)
  }

  @Test("ends before a last frame that is torn, be it of 1 byte or lack but one", arguments: [1, 24, 300, 535])
  func torn(_ left: Int) throws {
    var sample = sample()
    sample.truncate(to: sample.start(of: 11) + left)
    let log = try #require(sample.read())
    #expect(log.frames == 10)
    #expect(log.pageCount == 6)
    #expect(log.pages[7] == nil)
    #expect(log.pages[1] == sample.start(of: 8) + 24)
  }

  @Test("ends where the salt changes, though the checksums go on")
  func otherSalt() throws {
    var sample = sample()
    sample.changeSalt()
    sample.add(2, filledWith: 0xEE, commit: 7)
    #expect(sample.read()?.frames == 12)
  }

  @Test(
    "ends before a frame with one wrong bit, whatever is committed after it", arguments: [0, 4, 8, 12, 16, 20, 24, 300])
  func wrongBit(_ offset: Int) throws {
    var sample = sample()
    sample.damage(at: sample.start(of: 5) + offset)
    let log = try #require(sample.read())
    #expect(log.frames == 4)
    #expect(log.pageCount == 3)
    #expect(log.pages.sorted().map(\.page) == [1, 2, 3])
  }

  @Test("ends before a sound frame of another log of the same salts, since the chain of checksums is broken there")
  func brokenChain() {
    let sample = sample()
    var other = LogSample()
    for page in 1...6 { other.add(UInt32(page), filledWith: 0xEE, commit: 7) }
    let frame = sample.start(of: 5)..<sample.start(of: 6)
    var bytes = sample.bytes
    bytes.replaceSubrange(frame, with: other.bytes[frame])
    #expect(bytes.withUnsafeBytes { WriteAheadLog($0)?.frames } == 4)
  }

  @Test("with a header of which a bit is wrong is none")
  func header() {
    for offset in 0..<32 {
      var sample = sample()
      sample.damage(at: offset)
      #expect(sample.read() == nil)
    }
    for count in [0, 1, 31] {
      var sample = sample()
      sample.truncate(to: count)
      #expect(sample.read() == nil)
    }
  }

  @Test("is read as far as the index of a live log says")
  func limited() throws {
    let sample = sample()
    #expect(sample.read(limit: 7)?.frames == 6)
    #expect(sample.read(limit: 0)?.frames == 0)
    #expect(sample.read(limit: .max)?.frames == 12)
  }

  @Test("of several parts reads the same by one thread and by many, wherever it is damaged")
  func inParts() throws {
    var sample = LogSample(pageSize: 65536)
    for frame in 0..<80 {
      sample.add(UInt32(frame % 30 + 1), filledWith: UInt8(frame), commit: frame % 4 == 3 ? 30 : 0)
    }
    for damaged in [0, 14, 15, 16, 29, 30, 47, 79, 80] {
      var sample = sample
      if damaged < 80 { sample.damage(at: sample.start(of: damaged) + 5000) }
      for workers in [1, 3] {
        let log = try #require(sample.read(workers: workers))
        #expect(log.frames == damaged / 4 * 4)
        #expect(log.pages.count == min(30, log.frames))
      }
    }
  }

  @Test("has no page beyond the database's size, and its memory does not follow the numbers of its pages")
  func enormousNumbers() throws {
    var sample = LogSample()
    for step in 0..<1000 { sample.add(.max - UInt32(step) * 4_000_000, filledWith: 1) }
    sample.add(9, commit: .max)
    sample.add(1, commit: 9)
    sample.add(10)
    sample.add(2, commit: 9)
    let log = try #require(sample.read())
    #expect(log.pages.sorted().map(\.page) == [1, 2, 9])
    #expect(sample.read(limit: 1001)?.pages.count == 1001)
    #expect(sample.read(limit: 1001)?.pages.largest == .max)
  }

  /// A database in WAL mode, and a log whose writer was killed: 300 rows in the file, one more in each of 40 transactions.
  private func leftover() throws -> String {
    let path = folder("app.db")
    try script(
      path,
      """
      PRAGMA journal_mode=wal; CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b);
      WITH c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c WHERE i < 300) INSERT INTO t SELECT i, hex(randomblob(90)) FROM c
      """)
    try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma wal_autocheckpoint=0')
      for i in range(40): c.execute('insert into t(b) values(hex(randomblob(90)))')
      """, path
    ).kill()
    try Paths.removeFile(path + "-shm")
    return path
  }

  private func rows(_ path: String) throws -> Int64? {
    let session = try #require(try driver.open(path, patience: 1) as? any SQLSession)
    #expect(try session.verifyIntegrity(IntegrityRequest()) == [])
    return try session.query("SELECT count(*) FROM t", limit: 1).first?.first?.integer
  }

  @Test("of either byte order is laid over the file and found healthy", arguments: [false, true])
  func bothOrders(_ isBigEndian: Bool) throws {
    let path = try leftover()
    let sample = LogSample(of: try bytes(of: path + "-wal"), isBigEndian: isBigEndian)
    try FileHandle.update(path + "-wal").write(sample.bytes, at: 0)
    #expect(try rows(path) == 340)
    #expect(try sqlite(path, "SELECT count(*) FROM t") == [[.integer(340)]])
  }

  @Test("with a wrong bit in any frame shows the rows that SQLite recovers from it")
  func sameAsSQLite() throws {
    let path = try leftover()
    let log = try bytes(of: path + "-wal")
    let frames = (log.count - 32) / 4120
    for frame in stride(from: 0, to: frames, by: 11) {
      try FileHandle.update(path + "-wal").write([~log[32 + frame * 4120 + 2000]], at: 32 + frame * 4120 + 2000)
      let found = try rows(path)
      for suffix in ["", "-wal"] {
        try Durable.write(try bytes(of: path + suffix), to: folder("copy\(frame).db" + suffix))
      }
      #expect(try sqlite(folder("copy\(frame).db"), "SELECT count(*) FROM t").first?.first?.integer == found)
      try FileHandle.update(path + "-wal").write(log, at: 0)
    }
  }

  @Test("that a writer holds open and that is damaged before its last commit is malformed, not shorter")
  func damagedLive() throws {
    let path = folder("app.db")
    let other = try OtherProcess(
      """
      c = sqlite3.connect(sys.argv[1], isolation_level=None)
      c.execute('pragma journal_mode=wal'); c.execute('pragma wal_autocheckpoint=0'); c.execute('create table t(a)')
      for i in range(300): c.execute('insert into t values(?)', ('x' * 900,))
      """, path)
    let log = try FileHandle.update(path + "-wal")
    try log.write([0xFF, 0xFE], at: 32 + 100 * 4120 + 3000)
    let found = problem { try driver.open(path, patience: 1) }
    #expect(found?.code == "wal.malformed")
    #expect(found?.said.hasPrefix("frame ") == true)
    _ = other.pid
  }

  @Test("that is cut off while it is mapped ends the check with an error, not the process")
  func cutOffLater() throws {
    let path = try leftover()
    // A log that is large enough to be mapped.
    var sample = LogSample(of: try bytes(of: path + "-wal"), isBigEndian: false)
    let last = Array(sample.bytes.suffix(4096))
    let page = try #require(BigEndian(bytes: sample.bytes).uint32(sample.start(of: sample.frames - 1)))
    let count = try #require(BigEndian(bytes: sample.bytes).uint32(sample.start(of: sample.frames - 1) + 4))
    for _ in 0..<100 { sample.add(page, last, commit: count) }
    let log = try FileHandle.update(path + "-wal")
    try log.write(sample.bytes, at: 0)
    #expect(try rows(path) == 340)

    let view = try StoreView(path, locking: .none)
    let header = try #require(view.header)
    let pages = try PageMap(view, header: header)
    try log.truncate(to: 5000)
    for number in 1...pages.pageCount { _ = pages[number]?.load(as: UInt8.self) }
    #expect(problem { try pages.confirmRead() }?.kind == .changing)
    #expect(problem { try pages.confirmRead() }?.code == "store.changing")
  }

  @Test("that is cut off while its frames are read is read again as it is then")
  func cutOffMeanwhile() throws {
    let path = folder("app.db-wal")
    var sample = LogSample(pageSize: 4096)
    for frame in 0..<2000 { sample.add(UInt32(frame % 500 + 1), filledWith: UInt8(frame & 255), commit: 500) }
    try Durable.write(sample.bytes, to: path)
    let file = try FileHandle.update(path)
    let mapping = try #require(try Mapping(file, size: sample.bytes.count))
    // Frame 695 goes on behind the cut, in a block that is not there any more.
    try file.truncate(to: 700 * 4096)
    #expect(WriteAheadLog(mapping.bytes)?.frames == 695)
    #expect(try mapping.isWhole() == false)
    #expect(try WriteAheadLog.read(file)?.log.frames == 695)
  }

  @Test("whose commit claims more pages than anything could name is not given memory for them")
  func claimedPages() throws {
    let path = try leftover()
    let stored = try bytes(of: path)
    var page = Array(stored[..<4096])
    // The header's own count, valid by the version that follows the change counter.
    page.replaceSubrange(28..<32, with: BigEndian.bytes(.max - 1))
    page.replaceSubrange(92..<96, with: page[24..<28])
    var sample = LogSample(pageSize: 4096)
    sample.add(1, page, commit: .max - 1)
    try Paths.removeFile(path + "-wal")
    try Durable.write(sample.bytes, to: path + "-wal")
    let view = try StoreView(path, locking: .none)
    let pages = try PageMap(view, header: try #require(view.header))
    #expect(pages.claimedPages == UInt32.max - 1)
    #expect(Int(pages.pageCount) <= stored.count / 4096 * 1024)
    let found = try driver.open(path, patience: 1).verifyIntegrity(IntegrityRequest())
    #expect(found.contains { $0.code == "file.malformed" && $0.location.byte == 28 })
  }

  @Test("whose page 1 tells of pages of another size than its own is damage")
  func otherPageSize() throws {
    let path = try leftover()
    var page = Array(try bytes(of: path)[..<4096])
    page.replaceSubrange(16..<18, with: [0, 1])
    var sample = LogSample(pageSize: 4096)
    sample.add(1, page, commit: 30)
    try Paths.removeFile(path + "-wal")
    try Durable.write(sample.bytes, to: path + "-wal")
    let view = try StoreView(path, locking: .none)
    let header = try #require(view.header)
    #expect(problem { try PageMap(view, header: header) }?.kind == .damaged)
  }
}
