import TestSupport

/// Mutations of bytes whose meaning is not known.
enum Mutation {
  /// Changes some bytes; what was done, in words.
  static func apply(to bytes: inout [UInt8], _ random: inout SeededRandom) -> String {
    var done: [String] = []
    for _ in 0..<random.pick([1, 1, 1, 2, 3, 8]) { done.append(once(&bytes, &random)) }
    return done.joined(separator: ", ")
  }

  private static let numbers: [[UInt8]] = [
    [0], [0xFF], [0x7F], [0x80], [0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0x80],
    [UInt8](repeating: 0xFF, count: 8), [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    [UInt8](repeating: 0, count: 8),
  ]

  private static func once(_ bytes: inout [UInt8], _ random: inout SeededRandom) -> String {
    guard !bytes.isEmpty else { return "nothing" }
    // Heads are where most is decided.
    let at = random.chance(40) ? random.int(0...min(bytes.count - 1, 12_287)) : random.int(0...bytes.count - 1)
    let rest = bytes.count - at
    switch random.int(0...9) {
    case 0, 1:
      bytes[at] ^= 1 << UInt8(random.int(0...7))
      return "a bit at \(at)"
    case 2:
      bytes[at] = UInt8(truncatingIfNeeded: random.next())
      return "a byte at \(at)"
    case 3:
      let number = random.pick(numbers)
      for (offset, byte) in number.enumerated() where at + offset < bytes.count { bytes[at + offset] = byte }
      return "a number at \(at)"
    case 4:
      bytes.removeSubrange(at..<(at + random.int(1...min(rest, 64))))
      return "something gone at \(at)"
    case 5:
      bytes.removeSubrange(at...)
      return "cut at \(at)"
    case 6:
      let part = bytes[at..<(at + random.int(1...min(rest, 4096)))]
      let target = random.int(0...bytes.count)
      bytes.insert(contentsOf: part, at: target)
      return "what is at \(at) put in at \(target)"
    case 7:
      let count = random.int(1...min(rest, 4096))
      let source = random.int(0...bytes.count - count)
      bytes.replaceSubrange(at..<(at + count), with: Array(bytes[source..<(source + count)]))
      return "what is at \(source) over what is at \(at)"
    case 8:
      let count = random.int(1...min(rest, 4096))
      bytes.replaceSubrange(at..<(at + count), with: [UInt8](repeating: random.pick([0, 0xFF, 0x5A]), count: count))
      return "\(count) bytes overwritten at \(at)"
    default:
      bytes.insert(contentsOf: random.bytes(random.int(1...32)), at: at)
      return "bytes put in at \(at)"
    }
  }
}
