import MendKit

/// SQLite's own collating sequences (datatype3.html, section 7).
enum Collation: UInt8 {
  case binary, nocase, rtrim
  /// One that an application defines: only SQLite with that application could tell the order.
  case custom

  /// By its name.
  init(_ name: String) {
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
  /// Less than zero when `a` comes before `b`, greater when after, by ascending order. `encoding` is that of the database.
  @inline(never) static func compare(
    _ a: EntryKernel.Value, _ b: EntryKernel.Value, _ collation: Collation, _ encoding: TextEncoding
  ) -> Int {
    if a.tag == b.tag {
      switch a.tag {
      case EntryKernel.Tag.null: return 0
      case EntryKernel.Tag.integer: return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0
      case EntryKernel.Tag.real:
        let x = real(a)
        let y = real(b)
        return x < y ? -1 : x > y ? 1 : 0
      case EntryKernel.Tag.text where collation == .nocase || collation == .rtrim:
        return collated(a, b, collation, encoding)
      default: return bytes(a.start, a.bits, b.start, b.bits)
      }
    }
    if a.tag == EntryKernel.Tag.integer, b.tag == EntryKernel.Tag.real { return number(Int64(a.bits), real(b)) }
    if a.tag == EntryKernel.Tag.real, b.tag == EntryKernel.Tag.integer { return -number(Int64(b.bits), real(a)) }
    return a.tag - b.tag
  }

  private static func real(_ value: EntryKernel.Value) -> Double {
    Double(bitPattern: UInt64(bitPattern: Int64(value.bits)))
  }

  /// Byte for byte; a beginning comes before what it is the beginning of. The eight bytes before each value's end are
  /// readable.
  @inline(__always) static func bytes(_ x: UnsafeRawPointer, _ xCount: Int, _ y: UnsafeRawPointer, _ yCount: Int) -> Int {
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
  private static func number(_ whole: Int64, _ real: Double) -> Int {
    if real < -0x1p63 { return 1 }
    if real >= 0x1p63 { return -1 }
    let cut = Int64(real)
    if whole != cut { return whole < cut ? -1 : 1 }
    return Double(cut) < real ? -1 : 1
  }

  @inline(never) private static func collated(
    _ a: EntryKernel.Value, _ b: EntryKernel.Value, _ collation: Collation, _ encoding: TextEncoding
  ) -> Int {
    // These two are defined on UTF-8 only; SQLite converts other texts before it compares.
    let x = encoding.utf8(UnsafeRawBufferPointer(start: a.start, count: a.bits))
    let y = encoding.utf8(UnsafeRawBufferPointer(start: b.start, count: b.bits))
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
