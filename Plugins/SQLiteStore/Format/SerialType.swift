/// Serial types: what a record's header says of each value (SQLite's file format, section 2.1).
enum SerialType {
  /// Bytes of the body that a value of a type takes.
  @inline(__always) static func size(_ type: Int) -> Int {
    if type >= 12 { return (type &- 12) &>> 1 }
    // 0, 1, 2, 3, 4, 6, 8, 8, and nothing for the rest: a digit each, from the right.
    return (0x8864_3210 &>> (type &* 4)) & 0xF
  }

  /// A big-endian two's-complement number of 1 to 8 bytes. The eight bytes before its end must be readable.
  @inline(__always) static func integer(_ body: UnsafeRawPointer, size: Int) -> Int64 {
    integer(body + size, ofLast: size)
  }

  /// Likewise, by where its body ends.
  @inline(__always) static func integer(_ end: UnsafeRawPointer, ofLast size: Int) -> Int64 {
    let raw = Int64(bigEndian: (end - 8).loadUnaligned(as: Int64.self))
    let shift = Int64(truncatingIfNeeded: 64 &- 8 &* size)
    return (raw &<< shift) &>> shift
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
  /// The whole number, the real's bits, or how many bytes a text or blob has.
  var bits: Int64 = 0
  /// The bytes of a text or blob; nil for anything else.
  var start: UnsafeRawPointer?

  /// The bytes of a text or blob.
  var bytes: UnsafeRawBufferPointer {
    type == .text || type == .blob
      ? UnsafeRawBufferPointer(start: start, count: Int(bits)) : .init(start: nil, count: 0)
  }

  /// A value by its serial type. Reals that hold whole numbers come as these, and NaN as NULL, since SQLite reads them so.
  @inline(__always) init(type serial: Int, body: UnsafeRawPointer) {
    if serial >= 12 {
      type = serial & 1 == 0 ? .blob : .text
      start = body
      bits = Int64(truncatingIfNeeded: (serial &- 12) >> 1)
    } else if serial != 7 {
      guard serial != 0, serial < 10 else { return }
      type = .integer
      // Types 8 and 9 are the numbers 0 and 1 and have no body.
      bits = serial < 7 ? SerialType.integer(body, size: SerialType.size(serial)) : Int64(serial &- 8)
    } else {
      takeReal(body)
    }
  }

  @inline(never) private mutating func takeReal(_ body: UnsafeRawPointer) {
    let raw = UInt64(bigEndian: body.loadUnaligned(as: UInt64.self))
    let value = Double(bitPattern: raw)
    if value >= -0x1p63, value < 0x1p63, Double(Int64(value)) == value {
      type = .integer
      bits = Int64(value)
    } else if !value.isNaN {
      type = .real
      bits = Int64(bitPattern: raw)
    }
  }

  init() {}

  /// The value's hash.
  @inline(__always) var hash: Hash128 {
    if type == .integer { return Hash128(integer: bits) }
    if let start { return Hash128(start, count: Int(bits), isText: type == .text) }
    return type == .null ? .null : Hash128(real: UInt64(bitPattern: bits))
  }
}
