/// A 128-bit hash of a value or of an index entry, in two lanes that know nothing of each other.
struct Hash128: Hashable {
  var first: UInt64
  var second: UInt64

  /// What every entry starts from.
  static let seed = Hash128(first: 0x9E37_79B9_7F4A_7C15, second: 0xD1B5_4A32_D192_ED03)
  /// NULL.
  static let null = Hash128(first: 0x2545_F491_4F6C_DD1D, second: 0x6A09_E667_F3BC_C909)

  /// Takes up the next value of an entry; the order of values counts.
  @inline(__always) mutating func combine(_ value: Hash128) {
    first = Self.fold(first ^ value.first, 0xA076_1D64_78BD_642F)
    second = Self.fold(second ^ value.second, 0xE703_7ED1_A0B4_28DB)
  }

  /// A whole number. A real of the same value has the same hash, since SQLite stores either for the other.
  @inline(__always) init(integer: Int64) {
    let bits = UInt64(bitPattern: integer)
    first = bits ^ 0x8EBC_6AF0_9C88_C6E3
    second = bits.byteSwapped ^ 0x5899_65CC_7537_4CC3
  }

  /// A real that is no whole number, by its bits.
  @inline(__always) init(real: UInt64) {
    first = real ^ 0x1D8E_4E27_C47D_124F
    second = real.byteSwapped ^ 0xEB44_ACCA_B455_D165
  }

  /// A text or blob, byte for byte.
  @inline(__always) init(_ bytes: UnsafeRawPointer, count: Int, isText: Bool) {
    var hasher = BytesHash(count: count, isText: isText)
    var at = 0
    while at + 16 <= count {
      hasher.take(
        bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self))
      at += 16
    }
    let rest = count - at
    if rest > 8 {
      let last = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      hasher.take(
        bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self), UInt64(littleEndian: last) >> UInt64(128 - 8 * rest))
    } else if rest > 0 {
      // The eight bytes before a value's end are always there: a record's header or the page's stand before it.
      let last = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      hasher.take(UInt64(littleEndian: last) >> UInt64(64 - 8 * rest), 0)
    }
    self = hasher.hash
  }

  init(first: UInt64, second: UInt64) {
    self.first = first
    self.second = second
  }

  /// The halves of a 128-bit product, folded into one.
  @inline(__always) static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}

/// The hash of bytes, taken up in blocks of sixteen, the last one filled up with zeros.
struct BytesHash {
  private(set) var hash: Hash128

  @inline(__always) init(count: Int, isText: Bool) {
    let tag: UInt64 = isText ? 0x3C6E_F372_FE94_F82B : 0xA54F_F53A_5F1D_36F1
    hash = Hash128(first: tag ^ UInt64(count), second: tag.byteSwapped &+ UInt64(count))
  }

  @inline(__always) mutating func take(_ low: UInt64, _ high: UInt64) {
    hash.first = Hash128.fold(low ^ 0xB492_B66F_BE98_F273, high ^ hash.first)
    hash.second = Hash128.fold(low ^ hash.second, high ^ 0x9AE1_6A3B_2F90_404F)
  }
}

/// The sum of the hashes of many entries, whatever their order: two sets of entries with equal sums are equal, for all
/// practical purposes.
struct Fingerprint: Hashable {
  var first: UInt64 = 0
  var second: UInt64 = 0
  var count: Int = 0

  @inline(__always) mutating func add(_ entry: Hash128) {
    first &+= entry.first
    second &+= entry.second
    count &+= 1
  }

  mutating func add(_ other: Fingerprint) {
    first &+= other.first
    second &+= other.second
    count &+= other.count
  }
}
