/// The checksum that DuckDB stores before each header and block, and before each entry of its log: every 64-bit word times a
/// constant, all of them combined with exclusive or; what is left at the end goes through a hash of its own.
enum Checksum {
  /// The checksum of bytes.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let words = bytes.count / 8
    var one: UInt64 = 5381
    var two: UInt64 = 0
    var word = 0
    while word + 2 <= words {
      one ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)) &* factor
      two ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8 + 8, as: UInt64.self)) &* factor
      word += 2
    }
    if word < words {
      one ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)) &* factor
    }
    let sum = one ^ two
    let tail = UnsafeRawBufferPointer(rebasing: bytes[(words * 8)...])
    return tail.isEmpty ? sum : sum ^ hash(tail)
  }

  /// The checksum of bytes.
  static func of(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.withUnsafeBytes { of($0) } }

  /// Whether a header or a block begins with the checksum of its rest.
  static func isSound(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count > 8 else { return false }
    return stored(bytes) == of(UnsafeRawBufferPointer(rebasing: bytes[8...]))
  }

  /// The checksum that a header or a block begins with.
  static func stored(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
  }

  /// What every word is multiplied by.
  static let factor: UInt64 = 0xBF58_476D_1CE4_E5B9

  /// What undoes the multiplication.
  static let inverse: UInt64 = {
    // Newton's method: each step doubles the bits that are right.
    var value = factor
    for _ in 0..<6 { value = value &* (2 &- factor &* value) }
    return value
  }()

  /// MurmurHash64A of fewer than eight bytes, with DuckDB's seed.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let multiplier: UInt64 = 0xC6A4_A793_5BD1_E995
    var value = 0xE17A_1465 ^ (UInt64(bytes.count) &* multiplier)
    for (place, byte) in bytes.enumerated() { value ^= UInt64(byte) << UInt64(place * 8) }
    value = value &* multiplier
    value ^= value >> 47
    value = value &* multiplier
    return value ^ (value >> 47)
  }
}

extension Array<UInt8> {
  /// The little-endian number of eight bytes at an offset; nil beyond the end.
  func uint64(_ offset: Int) -> UInt64? {
    guard offset >= 0, offset + 8 <= count else { return nil }
    return withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  /// Writes a number as eight little-endian bytes at an offset within the array.
  mutating func set(_ value: UInt64, at offset: Int) {
    for place in 0..<8 where offset + place < count {
      self[offset + place] = UInt8(truncatingIfNeeded: value >> (8 * place))
    }
  }
}
