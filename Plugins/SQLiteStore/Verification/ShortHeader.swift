/// The header of a record, where it is short: many records have the same one, and what it says is read once for all of them.
struct ShortHeader {
  /// Bytes of the longest header that is held so: two words. It tells of one value less.
  static let longest = 16

  /// The header with zeros behind it; zero where it is too long.
  private(set) var low: UInt64 = 0
  private(set) var high: UInt64 = 0

  /// A header that no record has.
  init() {}

  /// The header of a record of which sixteen bytes are readable, by the masks of its length: without a branch, where headers
  /// alternate.
  @inline(__always) init(of record: UnsafeRawPointer, _ masks: UnsafePointer<SIMD2<UInt64>>) {
    let mask = masks[record.byte(0)]
    low = UInt64(littleEndian: record.loadUnaligned(as: UInt64.self)) & mask[0]
    high = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) & mask[1]
  }

  /// Whether it is one that is held so.
  var isShort: Bool { low != 0 }

  /// The masks of headers by their length in bytes: of those that are not held so, all bits are taken away. The caller lets
  /// go of them.
  static func masks() -> UnsafePointer<SIMD2<UInt64>> {
    let masks = UnsafeMutablePointer<SIMD2<UInt64>>.allocate(capacity: 256)
    masks.initialize(repeating: SIMD2(0, 0), count: 256)
    for length in 2...longest {
      masks[length][0] = length >= 8 ? ~0 : ~0 &>> UInt64(64 - 8 * length)
      masks[length][1] = length > 8 ? ~0 &>> UInt64(128 - 8 * length) : 0
    }
    return UnsafePointer(masks)
  }

  @inline(__always) static func == (one: Self, other: Self) -> Bool { one.low == other.low && one.high == other.high }
  @inline(__always) static func != (one: Self, other: Self) -> Bool { !(one == other) }

  /// The first byte in which it differs from another one.
  @inline(__always) func firstDifference(from other: Self) -> Int {
    let bits = low ^ other.low
    return bits != 0 ? bits.trailingZeroBitCount &>> 3 : 8 &+ (high ^ other.high).trailingZeroBitCount &>> 3
  }

  /// So many bits that tell headers apart.
  @inline(__always) func place(bits: Int) -> Int {
    let mixed = (low ^ high &* 0x9E37_79B9_7F4A_7C15) &* 0xD1B5_4A32_D192_ED03
    return Int(truncatingIfNeeded: mixed &>> UInt64(truncatingIfNeeded: 64 &- bits))
  }

  /// What a header says of one value.
  struct Value {
    let column: Int
    let type: Int
    let fact: TypeFact
    /// Where the value starts and ends in the record.
    let start: Int
    let end: Int
  }

  /// Goes through the types of a record's header. How many there are, and the size of the record; a size of -1 where the
  /// header is not in order, or a value is refused.
  static func values(
    of record: UnsafeRawPointer, _ facts: UnsafePointer<TypeFact>, _ take: (Value) -> Bool
  ) -> (columns: Int, size: Int) {
    let headerSize = record.byte(0)
    var at = 1
    var body = headerSize
    var column = 0
    while at < headerSize {
      var type = record.byte(at)
      at += 1
      var fact = facts[type & 0x7F]
      let start = body
      if type >= 0x80 {
        guard let read = Varint.read(record, at: at - 1, end: headerSize), read.value >= 12, read.value < 1 << 20 else {
          return (column, -1)
        }
        type = Int(truncatingIfNeeded: read.value)
        at = read.next
        body += SerialType.size(type)
        fact = facts[12 + (type & 1)]
      } else {
        body += Int(fact.size)
      }
      guard fact.kind != TypeFact.Kind.reserved,
        take(Value(column: column, type: type, fact: fact, start: start, end: body))
      else { return (column, -1) }
      column += 1
    }
    return (column, at == headerSize ? body : -1)
  }
}
