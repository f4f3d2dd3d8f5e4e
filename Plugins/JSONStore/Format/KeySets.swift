import CXXHash

/// The keys of the objects that are open, as hashes: few are looked through one by one, many have a set.
struct KeySets {
  private var hashes: [UInt64] = []
  private var begins: [Int] = []
  private var sets: [Int: Set<UInt64>] = [:]
  /// Nobody can make keys that collide who does not know it.
  private let seed = UInt64.random(in: .min ... .max)
  private static let few = 16

  mutating func begin() { begins.append(hashes.count) }

  mutating func end() {
    if !sets.isEmpty { sets[begins.count] = nil }
    hashes.removeLast(hashes.count - (begins.popLast() ?? 0))
  }

  /// Takes a key up; whether its object had it before. Two spellings of one key, with and without an escape, are one.
  mutating func isRepeated(_ raw: UnsafeRawBufferPointer) -> Bool {
    let hash =
      raw.contains(UInt8(ascii: "\\")) ? JSONText.decoded(raw).withUnsafeBytes(hash(of:)) : hash(of: raw)
    let level = begins.count
    if !sets.isEmpty, sets[level] != nil { return sets[level]?.insert(hash).inserted == false }
    let begin = begins.last ?? 0
    for place in begin..<hashes.count where hashes[place] == hash { return true }
    if hashes.count - begin >= Self.few {
      sets[level] = Set(hashes[begin...]).union([hash])
    } else {
      hashes.append(hash)
    }
    return false
  }

  private func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    XXH3_64bits_withSeed(bytes.baseAddress, bytes.count, seed)
  }
}
