import MendKit

/// SQLite's own collating sequences (datatype3.html, section 7).
enum Collation: UInt8 {
  case binary, nocase, rtrim
  /// One that an application defines: only SQLite with that application could tell the order.
  case custom

  /// By its name.
  init(_ name: String) {
    if name == "BINARY" {
      self = .binary
      return
    }
    switch name.uppercased() {
    case "BINARY": self = .binary
    case "NOCASE": self = .nocase
    case "RTRIM": self = .rtrim
    default: self = .custom
    }
  }
}

/// In which order values stand in an index.
enum KeyOrder {
  /// Less than zero when the first value comes before the second, greater when after, in ascending order. Each value is its
  /// class, its number or length, and its bytes. `encoding` is that of the database.
  @inline(never) static func compare(
    _ tag: Int, _ bits: Int, _ start: UnsafeRawPointer, _ otherTag: Int, _ otherBits: Int,
    _ otherStart: UnsafeRawPointer, _ collation: Collation, _ encoding: TextEncoding
  ) -> Int {
    if tag == otherTag {
      switch tag {
      case EntryKernel.Tag.null: return 0
      case EntryKernel.Tag.integer: return bits < otherBits ? -1 : bits > otherBits ? 1 : 0
      case EntryKernel.Tag.real:
        let x = real(bits)
        let y = real(otherBits)
        return x < y ? -1 : x > y ? 1 : 0
      case EntryKernel.Tag.text where collation == .nocase || collation == .rtrim:
        return collated(
          UnsafeRawBufferPointer(start: start, count: bits),
          UnsafeRawBufferPointer(start: otherStart, count: otherBits), collation, encoding)
      default: return bytes(start, bits, otherStart, otherBits)
      }
    }
    if tag == EntryKernel.Tag.integer, otherTag == EntryKernel.Tag.real { return number(Int64(bits), real(otherBits)) }
    if tag == EntryKernel.Tag.real, otherTag == EntryKernel.Tag.integer { return -number(Int64(otherBits), real(bits)) }
    return tag - otherTag
  }

  private static func real(_ bits: Int) -> Double { Double(bitPattern: UInt64(bitPattern: Int64(bits))) }

  /// Byte for byte; a beginning comes before what it is the beginning of. The eight bytes before each value's end are
  /// readable.
  @inline(__always) static func bytes(_ x: UnsafeRawPointer, _ xCount: Int, _ y: UnsafeRawPointer, _ yCount: Int) -> Int
  {
    let shorter = xCount < yCount ? xCount : yCount
    var at = 0
    while at &+ 8 <= shorter {
      let p = UInt64(bigEndian: (x + at).loadUnaligned(as: UInt64.self))
      let q = UInt64(bigEndian: (y + at).loadUnaligned(as: UInt64.self))
      if p != q { return p < q ? -1 : 1 }
      at &+= 8
    }
    if at < shorter {
      let shift = UInt64(truncatingIfNeeded: 64 &- 8 &* (shorter &- at))
      let p = UInt64(bigEndian: (x + shorter - 8).loadUnaligned(as: UInt64.self)) &<< shift
      let q = UInt64(bigEndian: (y + shorter - 8).loadUnaligned(as: UInt64.self)) &<< shift
      if p != q { return p < q ? -1 : 1 }
    }
    return xCount &- yCount
  }

  /// A whole number and a real that is none.
  static func number(_ whole: Int64, _ real: Double) -> Int {
    if real < -0x1p63 { return 1 }
    if real >= 0x1p63 { return -1 }
    let cut = Int64(real)
    if whole != cut { return whole < cut ? -1 : 1 }
    return Double(cut) < real ? -1 : 1
  }

  @inline(never) private static func collated(
    _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ collation: Collation, _ encoding: TextEncoding
  ) -> Int {
    if encoding == .utf8 { return collation == .nocase ? folded(a, b) : trimmed(a, b) }
    // These two are defined on UTF-8 only; SQLite converts other texts before it compares.
    let x = encoding.utf8(a)
    let y = encoding.utf8(b)
    return x.withUnsafeBytes { x in
      y.withUnsafeBytes { y in
        collation == .nocase ? folded(x, y) : trimmed(x, y)
      }
    }
  }

  /// NOCASE: the 26 letters of ASCII are equal to their capitals; a NUL ends the comparison, then the lengths decide.
  private static func folded(_ x: UnsafeRawBufferPointer, _ y: UnsafeRawBufferPointer) -> Int {
    for at in 0..<min(x.count, y.count) {
      let a = lower(x[at])
      let b = lower(y[at])
      if a != b { return a - b }
      if a == 0 { break }
    }
    return x.count - y.count
  }

  private static func lower(_ byte: UInt8) -> Int { byte >= 65 && byte <= 90 ? Int(byte) + 32 : Int(byte) }

  private static func trimmed(_ x: UnsafeRawBufferPointer, _ y: UnsafeRawBufferPointer) -> Int {
    let xs = x.count - x.reversed().prefix { $0 == 32 }.count
    let ys = y.count - y.reversed().prefix { $0 == 32 }.count
    for at in 0..<min(xs, ys) where x[at] != y[at] { return Int(x[at]) - Int(y[at]) }
    return xs - ys
  }
}
