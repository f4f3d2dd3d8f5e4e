import MendKit

@testable import SQLiteStore

/// A write-ahead log made by hand, frame by frame, with sound checksums unless told otherwise.
struct LogSample {
  private(set) var bytes: [UInt8]
  let pageSize: Int
  private let isBigEndian: Bool
  private var salts: [UInt8]
  private var sums: (UInt32, UInt32) = (0, 0)

  init(pageSize: Int = 512, isBigEndian: Bool = false) {
    self.pageSize = pageSize
    self.isBigEndian = isBigEndian
    salts = [1, 2, 3, 4, 5, 6, 7, 8]
    bytes = BigEndian.bytes(isBigEndian ? 0x377F_0683 : 0x377F_0682) + BigEndian.bytes(3_007_000)
    bytes += BigEndian.bytes(UInt32(pageSize)) + BigEndian.bytes(0) + salts
    sum(bytes)
    bytes += BigEndian.bytes(sums.0) + BigEndian.bytes(sums.1)
  }

  /// A log of the same frames, with sums in a byte order of choice.
  init(of log: [UInt8], isBigEndian: Bool) {
    let size = Int(BigEndian(bytes: log).uint32(8) ?? 0)
    self.init(pageSize: size, isBigEndian: isBigEndian)
    for start in stride(from: 32, to: log.count - size - 23, by: size + 24) {
      let frame = BigEndian(bytes: Array(log[start..<start + 24 + size]))
      add(frame.uint32(0) ?? 0, Array(frame.bytes[24...]), commit: frame.uint32(4) ?? 0)
    }
  }

  var frames: Int { (bytes.count - 32) / (pageSize + 24) }

  /// Where a frame begins, from 0 on.
  func start(of frame: Int) -> Int { 32 + frame * (pageSize + 24) }

  /// Adds a frame whose page is filled with one byte; `commit` is the size of the database in pages after it.
  mutating func add(_ page: UInt32, filledWith byte: UInt8 = 0, commit: UInt32 = 0) {
    add(page, [UInt8](repeating: byte, count: pageSize), commit: commit)
  }

  mutating func add(_ page: UInt32, _ content: [UInt8], commit: UInt32 = 0) {
    let head = BigEndian.bytes(page) + BigEndian.bytes(commit)
    sum(head)
    sum(content)
    bytes += head + salts + BigEndian.bytes(sums.0) + BigEndian.bytes(sums.1) + content
  }

  /// Gives the frames that follow another salt than the header's.
  mutating func changeSalt() { salts[0] ^= 0xFF }

  mutating func damage(at offset: Int) { bytes[offset] ^= 0x10 }

  mutating func truncate(to count: Int) { bytes = Array(bytes[..<count]) }

  /// What is read of it.
  func read(limit: Int? = nil, workers: Int = 1) -> WriteAheadLog? {
    bytes.withUnsafeBytes { WriteAheadLog($0, limit: limit, workers: workers) }
  }

  private mutating func sum(_ some: [UInt8]) {
    let view = BigEndian(bytes: some)
    for at in stride(from: 0, to: some.count, by: 8) {
      for (half, offset) in [(0, at), (1, at + 4)] {
        guard let stored = view.uint32(offset) else { return }
        let number = isBigEndian ? stored : stored.byteSwapped
        if half == 0 { sums.0 &+= number &+ sums.1 } else { sums.1 &+= number &+ sums.0 }
      }
    }
  }
}
