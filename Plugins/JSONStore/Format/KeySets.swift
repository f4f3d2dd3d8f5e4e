/// The keys of the objects that are open, as hashes: few are looked through one by one, many have a set.
struct KeySets {
  private var hashes: [Int] = []
  private var begins: [Int] = []
  private var sets: [Int: Set<Int>] = [:]
  private static let few = 16

  mutating func begin() { begins.append(hashes.count) }

  mutating func end() {
    sets[begins.count] = nil
    hashes.removeSubrange((begins.popLast() ?? 0)...)
  }

  /// Takes a key up; whether its object had it before. Two spellings of one key, with and without an escape, are one.
  mutating func isRepeated(_ raw: Slice<UnsafeRawBufferPointer>) -> Bool {
    var hasher = Hasher()
    let raw = UnsafeRawBufferPointer(rebasing: raw)
    if raw.contains(UInt8(ascii: "\\")) {
      for byte in JSONText.decoded(raw) { hasher.combine(byte) }
    } else {
      for byte in raw { hasher.combine(byte) }
    }
    let hash = hasher.finalize()
    let level = begins.count
    if sets[level] != nil { return sets[level]?.insert(hash).inserted == false }
    let own = hashes[(begins.last ?? 0)...]
    if own.contains(hash) { return true }
    if own.count >= Self.few {
      sets[level] = Set(own).union([hash])
    } else {
      hashes.append(hash)
    }
    return false
  }
}
