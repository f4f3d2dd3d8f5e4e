import MendKit
import TestSupport
import Testing

@testable import DuckDBStore

/// Gives a database another version of the format, with the right checksum.
func setVersion(_ version: UInt64, of path: String) throws {
  let file = try FileHandle.update(path)
  var bytes = try file.read(4096, at: 0)
  bytes.set(version, at: 12)
  bytes.set(Checksum.of(bytes[8...]), at: 0)
  try file.write(bytes, at: 0)
}

@Suite("DuckDB's file format", withClient) struct FormatTests {
  @Test("headers tell the version, the checkpoint and the size of blocks; each has a checksum")
  func headers() throws {
    let shop = try Shop()
    let headers = try FileHeaders(FileHandle.read(shop.path))
    #expect(headers.areSound && headers.version == 64 && headers.writer.hasPrefix("v1."))
    #expect(headers.active?.blockSize == 262_144)
    for (place, name) in ["the main header", "the first database header", "the second database header"].enumerated() {
      let copy = try shop.copy(as: "copy.db")
      try DuckDBFile.damage(copy, at: place * 4096 + 3000, count: 1)
      #expect(try FileHeaders(FileHandle.read(copy)).damaged == [name])
    }
  }

  @Test("a changed byte is found in every block in use, and in no free one")
  func everyBlock() throws {
    let shop = try Shop(Shop.script + "DELETE FROM orders WHERE id < 150000; CHECKPOINT; DROP TABLE notes; CHECKPOINT;")
    func survey(_ path: String) throws -> FileSurvey {
      let file = try FileHandle.read(path)
      return try FileSurvey.make(file, headers: try FileHeaders(file), workers: 2)
    }
    let sound = try survey(shop.path)
    let use = try #require(sound.use)
    #expect(sound.unreadable.isEmpty && use.isFree.contains(true) && use.isFree.contains(false))
    for block in use.isFree.indices where !use.metadata.contains(block) {
      let file = try FileHandle.update(shop.path)
      let byte = try file.read(1, at: DuckDBFile.block(block) + 70_000)
      try file.write([~byte[0]], at: DuckDBFile.block(block) + 70_000)
      #expect(try survey(shop.path).unreadable == (use.isFree[block] ? [] : [block]))
      try file.write(byte, at: DuckDBFile.block(block) + 70_000)
    }
  }

  @Test("what a log holds is counted, of damaged and torn ones too")
  func log() throws {
    let shop = try Shop(
      "CREATE SEQUENCE q; CREATE TABLE t(i INTEGER PRIMARY KEY, x VARCHAR); INSERT INTO t SELECT i, 'x' FROM range(50) r(i); CHECKPOINT;"
    )
    try DuckDBFile.leaveInLog(
      shop.path,
      "INSERT INTO t SELECT i, 'y' FROM range(100, 150) r(i); DELETE FROM t WHERE i < 7; UPDATE t SET x = 'z' WHERE i = 20; "
        + "SELECT nextval('q'); CREATE TABLE u(i INTEGER);")
    let bytes = try FileHandle.read(shop.path + ".wal").readAll(limit: 1 << 20)
    let log = WriteAheadLog(bytes)
    #expect(log.ending == .whole && log.transactions == 5 && log.committed == bytes.count)
    #expect(log.content.words == "of t 50 inserted, 7 deleted, 1 updated; CREATE TABLE; values of q")
    for length in 1..<bytes.count {
      let torn = WriteAheadLog(Array(bytes.prefix(length)))
      #expect(torn.committed <= length && torn.transactions <= 5)
    }
    for place in bytes.indices {
      var damaged = bytes
      damaged[place] ^= 0x55
      let read = WriteAheadLog(damaged)
      #expect(read.ending != .whole || read.transactions < 5 || place < 8)
    }
  }

  @Test("a log that is closed for a new file is replayed into the old one and left out of the new one")
  func closedLog() throws {
    let shop = try Shop(
      "CREATE TABLE t(i INTEGER PRIMARY KEY); INSERT INTO t SELECT i FROM range(50) r(i); CHECKPOINT;")
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO t VALUES (100); DELETE FROM t WHERE i = 1;")
    let old = try shop.copy(as: "old.db")
    let new = try shop.copy(as: "new.db")
    try DuckDBFile.run(new, "INSERT INTO t VALUES (200); DELETE FROM t WHERE i = 2; CHECKPOINT;")
    let meta = try #require(try FileHeaders(FileHandle.read(new)).active?.metaBlock)
    let bytes = try FileHandle.read(old + ".wal").readAll(limit: 1 << 20)
    let closed = WriteAheadLog.closed(bytes, length: WriteAheadLog(bytes).committed, metaBlock: meta)
    try shop.folder.write(closed, to: "old.db.wal")
    try shop.folder.write(closed, to: "new.db.wal")
    #expect(try DuckDBFile.value(old, "SELECT count(*), max(i), min(i) FROM t") == "50,100,0")
    #expect(try DuckDBFile.value(new, "SELECT count(*), max(i) FROM t WHERE i <> 2") == "50,200")
    // Without the entry the engine replays it into the new file, or stumbles over it.
    try shop.folder.write(bytes, to: "new.db.wal")
    #expect(throws: (any Error).self) { try DuckDBFile.value(new, "SELECT count(*) FROM t") }
  }

  @Test("a single changed byte in the lower half of a word is put right by the checksum, in its own word alone")
  func corrected() throws {
    var random = SplitMix(seed: 7)
    for size in [16_384, 262_144] {
      var block = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next() % 7) }
      for place in size / 2..<size { block[place] = 0 }
      block.set(Checksum.of(block[8...]), at: 0)
      #expect(BlockCorrection.corrected(block) == nil)
      var mended = 0
      for _ in 0..<20 {
        var damaged = block
        let place = 8 + Int(random.next() % UInt64(size / 2 - 16)) / 8 * 8 + Int(random.next() % 4)
        damaged[place] ^= UInt8(truncatingIfNeeded: 1 << (random.next() % 8))
        guard let result = BlockCorrection.corrected(damaged) else { continue }
        #expect(result == block)
        mended += 1
      }
      #expect(mended > 10)
      // The checksum itself, more than a byte, and a byte among zeros, which could have been anywhere among them.
      var damaged = block
      damaged[2] ^= 0x40
      #expect(BlockCorrection.corrected(damaged) == block)
      for _ in 0..<20 {
        damaged = block
        for _ in 0..<Int(2 + random.next() % 30) { damaged[8 + Int(random.next() % UInt64(size - 8))] ^= 0x11 }
        #expect(BlockCorrection.corrected(damaged).map { $0 == block } ?? true)
      }
    }
  }

  @Test("a flipped bit in a block comes back at no loss, without a backup")
  func flippedBit() throws {
    let shop = try Shop()
    let sum = try DuckDBFile.sum(shop.path, "orders")
    let block = DuckDBFile.block(try DuckDBFile.block(shop.path, "orders", "sku"))
    let file = try FileHandle.update(shop.path)
    let bytes = try file.read(262_144, at: block)
    // A byte in the lower half of a word that is not like its neighbours.
    let place = try #require(stride(from: 40_000, to: 60_000, by: 8).first { bytes[$0] > 40 && bytes[$0 + 7] > 40 })
    try file.write([bytes[place] ^ 4], at: block + place)
    #expect(try shop.codes() == ["table.malformed"])
    #expect(DuckDBDriver().salvagePlan(shop.path).loss == Loss.none)
    _ = try DuckDBDriver().salvage(shop.path, with: SalvageAid())
    #expect(try shop.codes().isEmpty)
    #expect(try DuckDBFile.sum(shop.path, "orders") == sum)
    #expect(try file.read(262_144, at: block) == bytes)
  }
}
