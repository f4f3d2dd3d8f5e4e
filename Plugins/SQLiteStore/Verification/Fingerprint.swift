/// What a value adds to the hash of an entry: 128 bits.
struct Hash128: Hashable {
  var first: UInt64
  var second: UInt64

  /// NULL.
  static let null = Hash128(first: 0x2545_F491_4F6C_DD1D, second: 0x6A09_E667_F3BC_C909)

  /// A whole number. A real of the same value has the same hash, since SQLite stores either for the other.
  @inline(__always) init(integer: Int64) {
    first = UInt64(bitPattern: integer)
    second = 0x5899_65CC_7537_4CC3
  }

  /// A real that is no whole number, by its bits.
  @inline(__always) init(real: UInt64) {
    first = real
    second = 0xEB44_ACCA_B455_D165
  }

  /// What the hash of a text or blob begins with: its class and its length.
  @inline(__always) static func salt(count: Int, isText: Bool) -> UInt64 {
    (isText ? 0x3C6E_F372_FE94_F82B : 0xA54F_F53A_5F1D_36F1) &+ UInt64(truncatingIfNeeded: count) &<< 48
  }

  /// A text or blob, byte for byte.
  @inline(__always) init(_ bytes: UnsafeRawPointer, count: Int, isText: Bool) {
    self.init(bytes, count: count, salt: Self.salt(count: count, isText: isText))
  }

  /// Likewise, with the salt of its class and length. The eight bytes before the value's end are readable: a record's header
  /// or its page's stand before it.
  ///
  /// The last sixteen bytes are taken as they are, what stands before them is folded up: the first block by one product of
  /// its halves, since nothing stands before it, each further one with what there is.
  @inline(__always) init(_ bytes: UnsafeRawPointer, count: Int, salt: UInt64) {
    first = 0x9FB2_1C65_1E98_DF25
    second = salt
    var at = bytes
    var rest = count
    if rest > 16 {
      let low = at.loadUnaligned(as: UInt64.self)
      let high = (at + 8).loadUnaligned(as: UInt64.self)
      let product = (low ^ 0xB492_B66F_BE98_F273).multipliedFullWidth(by: high ^ 0x9AE1_6A3B_2F90_404F)
      first = product.low
      second ^= product.high
      at += 16
      rest &-= 16
      while rest > 16 {
        let low = at.loadUnaligned(as: UInt64.self)
        let high = (at + 8).loadUnaligned(as: UInt64.self)
        fold(low, high)
        at += 16
        rest &-= 16
      }
    }
    let last = UInt64(littleEndian: (at + rest - 8).loadUnaligned(as: UInt64.self))
    if rest > 8 {
      let low = at.loadUnaligned(as: UInt64.self)
      first ^= low
      second ^= last
    } else if rest > 0 {
      let low = last &>> UInt64(truncatingIfNeeded: 64 &- 8 &* rest)
      first ^= low
    }
  }

  init(first: UInt64, second: UInt64) {
    self.first = first
    self.second = second
  }

  /// Folds up a block of sixteen bytes. In each lane one factor is the state and the other is not, so that no run of equal
  /// blocks leads to a state that is never left.
  @inline(__always) private mutating func fold(_ low: UInt64, _ high: UInt64) {
    let one = (low ^ 0xB492_B66F_BE98_F273).multipliedFullWidth(by: high ^ first)
    let other = (low ^ second).multipliedFullWidth(by: high ^ 0x9AE1_6A3B_2F90_404F)
    first = one.high ^ one.low
    second = other.high ^ other.low
  }
}

/// The hash of an entry, from those of its values in their order.
struct EntryHash {
  private var low: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var high: UInt64 = 0xD1B5_4A32_D192_ED03

  @inline(__always) init() {}

  /// Takes up the next value. The state before and the value can be told from the state after.
  @inline(__always) mutating func combine(_ first: UInt64, _ second: UInt64) {
    let product = (low ^ first).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    low = product.low ^ high
    high = product.high ^ second
  }

  @inline(__always) mutating func combine(_ value: Hash128) { combine(value.first, value.second) }

  /// Takes up a whole number.
  @inline(__always) mutating func combine(integer: Int) {
    let value = Hash128(integer: Int64(integer))
    combine(value.first, value.second)
  }

  /// The hash. What went in last is spread over all bits here, so that sums of hashes tell sets apart.
  @inline(__always) var hash: Hash128 {
    let product = (low ^ 0x8EBC_6AF0_9C88_C6E3).multipliedFullWidth(by: high ^ 0x1D8E_4E27_C47D_124F)
    return Hash128(first: product.low ^ product.high, second: product.high ^ low)
  }
}

/// The hash of an entry by the bytes of its record: two entries have one hash exactly when they are stored alike. Numbers may be
/// stored in several ways, though SQLite uses one; where it did not, the hashes of the values tell.
///
/// Each block of sixteen bytes is taken up by one product of its halves, and what comes out is multiplied once more: whatever
/// parts of entries change places, their hashes do not differ by the same.
struct BytesHash {
  private var low: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var high: UInt64 = 0xD1B5_4A32_D192_ED03

  @inline(__always) init() {}

  /// Of a record. Its header goes in first, which tells where all else stands: many entries have the same one. Eight bytes
  /// before the record are readable.
  init(record: UnsafeRawPointer, size: Int) {
    let read = Varint.read(record, at: 0, end: size)
    let headerSize = min(size, Int(truncatingIfNeeded: min(read?.value ?? 0, UInt64(Int32.max))))
    take(record, headerSize)
    take(record + headerSize, size - headerSize)
  }

  /// Takes up the header of a record, or its body: blocks of sixteen bytes, of which the last one overlaps the one before it.
  @inline(__always) mutating func take(_ bytes: UnsafeRawPointer, _ count: Int) {
    guard count > 16 else {
      if count > 8 {
        take(upTo16: bytes, count)
      } else if count > 0 {
        take(upTo8: bytes, count)
      }
      return
    }
    guard count > 32 else { return take(upTo32: bytes, count) }
    let last = bytes + count - 16
    var at = bytes
    if count > Self.longest {
      self = afterChunks(bytes, until: last)
      at += (last - bytes) & ~63
    }
    while at < last {
      take(Self.word(at), Self.word(at + 8))
      at += 16
    }
    take(Self.word(last), Self.word(last + 8))
  }

  /// Likewise, of one to eight bytes.
  @inline(__always) mutating func take(upTo8 bytes: UnsafeRawPointer, _ count: Int) {
    let all = Self.word(bytes + count - 8) &>> UInt64(truncatingIfNeeded: 64 &- 8 &* count)
    take(all, all)
  }

  /// Likewise, of nine to sixteen.
  @inline(__always) mutating func take(upTo16 bytes: UnsafeRawPointer, _ count: Int) {
    take(Self.word(bytes), Self.word(bytes + count - 8))
  }

  /// Likewise, of seventeen to thirty-two.
  @inline(__always) mutating func take(upTo32 bytes: UnsafeRawPointer, _ count: Int) {
    take(Self.word(bytes), Self.word(bytes + 8))
    take(Self.word(bytes + count - 16), Self.word(bytes + count - 8))
  }

  /// Bytes that are taken up without ado.
  private static let longest = 80

  /// The hash with a long body taken up but for the rest behind its chunks of 64 bytes. The halves of a product are the factors of
  /// the next one: where zeros follow, the lower half gains zeros at its end and the higher one loses bits, until nothing is
  /// left of what came before. So every few blocks other bits are mixed in.
  @inline(never) private func afterChunks(_ bytes: UnsafeRawPointer, until last: UnsafeRawPointer) -> BytesHash {
    var hash = self
    var at = bytes
    while at + 64 <= last {
      for block in 0..<4 { hash.take(Self.word(at + 16 &* block), Self.word(at + 16 &* block + 8)) }
      hash.low ^= 0xB492_B66F_BE98_F273
      hash.high ^= 0x9AE1_6A3B_2F90_404F
      at += 64
    }
    return hash
  }

  @inline(__always) private mutating func take(_ first: UInt64, _ second: UInt64) {
    let product = (low ^ first).multipliedFullWidth(by: high ^ second)
    low = product.low
    high = product.high
  }

  @inline(__always) private static func word(_ bytes: UnsafeRawPointer) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
  }

  @inline(__always) var hash: Hash128 {
    let product = (low ^ 0x8EBC_6AF0_9C88_C6E3).multipliedFullWidth(by: high ^ 0x1D8E_4E27_C47D_124F)
    return Hash128(first: product.low ^ product.high, second: product.high ^ low)
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
