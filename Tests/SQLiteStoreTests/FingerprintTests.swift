import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Fingerprints of entries") struct FingerprintTests {
  private func hash(_ bytes: [UInt8], isText: Bool = true) -> Hash128 {
    // Eight bytes before a value are readable.
    (Array(repeating: 0, count: 8) + bytes).withUnsafeBytes { buffer in
      buffer.baseAddress.map { Hash128($0 + 8, count: bytes.count, isText: isText) } ?? .null
    }
  }

  /// The hash of an entry with the value and a row.
  private func entry(_ value: Hash128) -> Hash128 {
    var entry = EntryHash()
    entry.combine(value.first, value.second)
    entry.combine(integer: 7)
    return entry.hash
  }

  @Test("every byte of a value counts, in long runs of the same byte too", arguments: [0, 32, 113, 255] as [UInt8])
  func everyByte(_ filler: UInt8) {
    for count in [1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 20_000] {
      let plain = [UInt8](repeating: filler, count: count)
      for at in Set([0, count / 3, count / 2, count - 2, count - 1]) where at >= 0 {
        var other = plain
        other[at] ^= 16
        #expect(hash(plain) != hash(other))
        #expect(entry(hash(plain)).first != entry(hash(other)).first)
        #expect(entry(hash(plain)).second != entry(hash(other)).second)
      }
    }
  }

  @Test(
    "every byte of an entry's record counts, in long runs of the same byte too",
    arguments: [0, 1, 32, 113, 128, 255] as [UInt8])
  func everyByteOfRecord(_ filler: UInt8) {
    for count in [1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 79, 80, 81, 96, 100, 143, 144, 250, 800, 20_000] {
      // A header of one byte, and a body.
      let plain = [1] + [UInt8](repeating: filler, count: count)
      let hash = record(plain)
      for at in Set([1, count / 3, count / 2, count - 1, count]) where at > 0 {
        var other = plain
        other[at] ^= 16
        let changed = record(other)
        #expect(hash.first != changed.first && hash.second != changed.second, "\(count) bytes, byte \(at)")
      }
    }
  }

  private func record(_ bytes: [UInt8]) -> Hash128 {
    (Array(repeating: 0, count: 16) + bytes).withUnsafeBytes { buffer in
      buffer.baseAddress.map { BytesHash(record: $0 + 16, size: bytes.count).hash } ?? .null
    }
  }

  @Test("no two of many short values have a lane in common, and texts are no blobs")
  func short() {
    var seen: Set<UInt64> = []
    var count = 0
    for length in 0...3 {
      for first in stride(from: 0, through: 255, by: 3) {
        for second in stride(from: 0, through: length > 1 ? 255 : 0, by: 5) {
          let bytes = [UInt8(first), UInt8(second), 7].prefix(length)
          guard length > 0 || first == 0 else { continue }
          let text = hash(Array(bytes))
          let blob = hash(Array(bytes), isText: false)
          #expect(text != blob)
          seen.insert(text.first ^ text.second)
          count += 1
        }
      }
    }
    #expect(seen.count == count)
  }

  /// The hash of the bytes of an entry, after those of its header.
  private func hash(entry bytes: [UInt8]) -> Hash128 {
    (Array(repeating: 0, count: 8) + bytes).withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return .null }
      return BytesHash(record: start + 8, size: bytes.count).hash
    }
  }

  @Test("every bit of an entry's bytes changes about half of its hash")
  func everyBit() {
    for size in [4, 9, 10, 11, 17, 18, 19, 26, 27, 35, 51, 200] {
      let plain: [UInt8] = [3, 1, 2] + (3..<size).map { UInt8(truncatingIfNeeded: $0 * 37) }
      let before = hash(entry: plain)
      for bit in 8..<(8 * size) {
        var other = plain
        other[bit / 8] ^= 1 << UInt8(bit % 8)
        let after = hash(entry: other)
        for changed in [before.first ^ after.first, before.second ^ after.second].map(\.nonzeroBitCount) {
          #expect((8...56).contains(changed), "bit \(bit) of \(size) bytes changes \(changed) of 64")
        }
      }
    }
  }

  @Test("parts of entries that change places change the sum of their hashes, in any few bits of it")
  func swappedBytes() {
    var random = SeededRandom(1, "swapped")
    for (width, rowidWidth) in [(1, 1), (3, 3), (5, 3), (8, 3), (12, 4), (13, 3), (19, 3), (28, 3)] {
      // How often the low and the high twelve bits of the first lane's difference are zero by chance: once in 4096.
      var (low, high, whole) = (0, 0, 0)
      let rounds = 4_000
      for _ in 0..<rounds {
        let value = random.int(0...1 << min(8 * width - 4, 40))
        let row = random.int(0...1 << min(8 * rowidWidth - 4, 20))
        func entry(_ value: Int, _ row: Int) -> Hash128 {
          let head: [UInt8] = [3, UInt8(13 + 2 * width), UInt8(rowidWidth)]
          return hash(entry: head + digits(value, width) + digits(row, rowidWidth))
        }
        let (other, next) = (value + random.int(1...5), row + random.int(1...5))
        let (a, b, c, d) = (entry(value, row), entry(other, next), entry(value, next), entry(other, row))
        let first = a.first &+ b.first &- c.first &- d.first
        let second = a.second &+ b.second &- c.second &- d.second
        if first & 0xFFF == 0 { low += 1 }
        if first >> 52 == 0 { high += 1 }
        if first == 0 || second == 0 { whole += 1 }
      }
      #expect(low < 12 && high < 12 && whole == 0, "\(width) and \(rowidWidth) bytes: \(low), \(high), \(whole)")
    }
  }

  /// The last bytes of a number, most significant first.
  private func digits(_ number: Int, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { $0 < 8 ? UInt8(truncatingIfNeeded: number >> (8 * $0)) : 0x61 }
  }

  @Test("values that change places between two entries change the sum")
  func swapped() {
    func sum(_ entries: [(Int, Int)]) -> Fingerprint {
      var sum = Fingerprint()
      for (value, row) in entries {
        var entry = EntryHash()
        entry.combine(integer: value)
        entry.combine(integer: row)
        sum.add(entry.hash)
      }
      return sum
    }
    for a in 0..<40 {
      for b in 0..<40 where a != b {
        let right = sum([(a, 1), (b, 2), (a + 1, 3)])
        #expect(right != sum([(b, 1), (a, 2), (a + 1, 3)]))
        #expect(right == sum([(a + 1, 3), (b, 2), (a, 1)]))
        #expect(right != sum([(a, 1), (b, 2), (a + 1, 4)]))
      }
    }
  }

  @Test("parts of a long value that change places change its hash", arguments: [8, 16])
  func exchanged(_ size: Int) {
    let value = (0..<100).map { UInt8($0) }
    let parts = stride(from: 0, to: 96, by: size).map { Array(value[$0..<$0 + size]) }
    for one in parts.indices {
      for other in parts.indices where other > one {
        var exchanged = parts
        exchanged.swapAt(one, other)
        #expect(hash(value) != hash(Array(exchanged.joined()) + value[96...]))
      }
    }
  }

  @Test("a real that is told to be a fraction is one, and fractions are told so")
  func fractions() {
    let reals: [Double] = [
      0, -0.0, 0.5, -0.5, 1, 1.5, -2, 1e-300, .leastNonzeroMagnitude, 0x1p52, 0x1p52 + 0.5, 0x1p51 + 0.5, 0x1p53 + 2,
      1e18, -0x1p63,
      0x1p63, 1e300,
      .infinity, .nan, 4503599627370495.5, 123456.75,
    ]
    for real in reals {
      withUnsafeBytes(of: real.bitPattern.bigEndian) { bytes in
        guard let body = bytes.baseAddress else { return }
        let value = KeyValue(type: 7, body: body)
        if let bits = EntryKernel.broken(body) {
          #expect(value.type == .real && Hash128(real: bits) == value.hash)
        } else {
          #expect(value.type != .real || abs(real) >= 0x1p63)
        }
      }
    }
  }
}
