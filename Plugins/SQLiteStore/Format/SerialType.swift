/// Serial types: what a record's header says of each value (SQLite's file format, section 2.1).
enum SerialType {
  /// Bytes of the body that a value of a type takes.
  @inline(__always) static func size(_ type: Int) -> Int {
    if type >= 12 { return (type &- 12) &>> 1 }
    // 0, 1, 2, 3, 4, 6, 8, 8, and nothing for the rest: a digit each, from the right.
    return (0x8864_3210 &>> (type &* 4)) & 0xF
  }

  /// The type that SQLite stores a whole number by: the one of the fewest bytes. `hasConstants` is whether the numbers 0 and 1
  /// have types of their own: since schema format 4.
  static func type(of number: Int64, hasConstants: Bool) -> Int {
    if hasConstants, number == 0 || number == 1 { return 8 + Int(number) }
    switch 65 - (number < 0 ? ~number : number).leadingZeroBitCount {
    case ...8: return 1
    case ...16: return 2
    case ...24: return 3
    case ...32: return 4
    case ...48: return 5
    default: return 6
    }
  }

  /// Bits of the classes of values.
  static let nullBit: UInt8 = 1
  static let integerBit: UInt8 = 2
  static let realBit: UInt8 = 4
  static let textBit: UInt8 = 8
  static let blobBit: UInt8 = 16

  /// The bit of a type's class.
  static func classBit(_ type: Int) -> UInt8 {
    switch type {
    case 0, 10, 11: nullBit
    case 7: realBit
    case ..<10: integerBit
    default: type & 1 == 0 ? blobBit : textBit
    }
  }

  /// A big-endian two's-complement number of 1 to 8 bytes. The eight bytes before its end must be readable.
  @inline(__always) static func integer(_ body: UnsafeRawPointer, size: Int) -> Int64 {
    integer(body + size, ofLast: size)
  }

  /// Likewise, by where its body ends.
  @inline(__always) static func integer(_ end: UnsafeRawPointer, ofLast size: Int) -> Int64 {
    integer(end, shift: 64 &- 8 &* size)
  }

  /// Likewise; `shift` is how many of the 64 bits before that stand before the number.
  @inline(__always) static func integer(_ end: UnsafeRawPointer, shift: Int) -> Int64 {
    let raw = Int64(bigEndian: (end - 8).loadUnaligned(as: Int64.self))
    return (raw &<< Int64(truncatingIfNeeded: shift)) &>> Int64(truncatingIfNeeded: shift)
  }
}

/// What a type of one byte says, ready for the loops that tens of millions of values go through.
struct TypeFact {
  enum Kind {
    static let integer: UInt8 = 0
    static let text: UInt8 = 1
    static let blob: UInt8 = 2
    static let real: UInt8 = 3
    /// NULL, and the numbers 0 and 1, which have no body.
    static let constant: UInt8 = 4
    static let reserved: UInt8 = 5
  }

  /// Bytes of the body.
  var size: UInt8
  /// Bits before a whole number in the eight bytes that end with it; the type itself of a real, NULL, 0 and 1.
  var shift: UInt8
  var kind: UInt8
  /// The bit of the value's class.
  var classBit: UInt8

  private init(_ type: Int) {
    size = UInt8(SerialType.size(type))
    shift = type >= 1 && type <= 6 ? 64 - 8 * size : UInt8(type)
    switch type {
    case 0, 8, 9: kind = Kind.constant
    case 1...6: kind = Kind.integer
    case 7: kind = Kind.real
    case 10, 11: kind = Kind.reserved
    default: kind = type & 1 == 1 ? Kind.text : Kind.blob
    }
    classBit = SerialType.classBit(type)
  }

  /// What there is to say of the types 0 to 127. The caller lets go of it.
  static func table() -> UnsafePointer<TypeFact> {
    let facts = UnsafeMutablePointer<TypeFact>.allocate(capacity: 128)
    for type in 0..<128 { (facts + type).initialize(to: TypeFact(type)) }
    return UnsafePointer(facts)
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
