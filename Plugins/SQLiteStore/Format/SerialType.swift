/// Serial types: what a record's header says of each value (SQLite's file format, section 2.1).
enum SerialType {
  /// Bytes of the body that a value of a type takes.
  @inline(__always) static func size(_ type: Int) -> Int {
    if type >= 12 { return (type - 12) >> 1 }
    // 0, 1, 2, 3, 4, 6, 8, 8, and nothing for the rest: a digit each, from the right.
    return (0x8864_3210 >> (type * 4)) & 0xF
  }

  /// A big-endian two's-complement number of 1 to 8 bytes. The eight bytes before its end must be readable.
  @inline(__always) static func integer(_ body: UnsafeRawPointer, size: Int) -> Int64 {
    let raw = UInt64(bigEndian: body.loadUnaligned(fromByteOffset: size - 8, as: UInt64.self))
    let shift = Int64(64 - 8 * size)
    return (Int64(bitPattern: raw) << shift) >> shift
  }
}

/// One value of a record, read for comparing: in SQLite's order of classes.
struct KeyValue {
  enum Class: UInt8 {
    case null = 0
    case integer = 1
    /// A real that is no whole number which 64 bits hold.
    case real = 2
    case text = 3
    case blob = 4
  }

  var type = Class.null
  /// The whole number, or the real's bits.
  var bits: Int64 = 0
  /// The bytes of a text or blob.
  var start = UnsafeRawPointer(bitPattern: 8)!
  var count = 0

  /// A value by its serial type. Reals that hold whole numbers come as these, and NaN as NULL, since SQLite reads them so.
  @inline(__always) init(type serial: Int, body: UnsafeRawPointer) {
    switch serial {
    case 0, 10, 11: break
    case 1...6:
      type = .integer
      bits = SerialType.integer(body, size: SerialType.size(serial))
    case 7:
      let raw = UInt64(bigEndian: body.loadUnaligned(as: UInt64.self))
      let value = Double(bitPattern: raw)
      if value >= -0x1p63, value < 0x1p63, value == value.rounded(.towardZero) {
        type = .integer
        bits = Int64(value)
      } else if !value.isNaN {
        type = .real
        bits = Int64(bitPattern: raw)
      }
    case 8: type = .integer
    case 9:
      type = .integer
      bits = 1
    default:
      type = serial & 1 == 0 ? .blob : .text
      start = body
      count = (serial - 12) >> 1
    }
  }

  init() {}

  /// The value's hash.
  @inline(__always) var hash: Hash128 {
    switch type {
    case .null: .null
    case .integer: Hash128(integer: bits)
    case .real: Hash128(real: UInt64(bitPattern: bits))
    case .text: Hash128(start, count: count, isText: true)
    case .blob: Hash128(start, count: count, isText: false)
    }
  }
}
