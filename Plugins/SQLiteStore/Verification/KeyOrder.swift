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
  @inline(__always) static func compare(
    _ a: KeyValue, _ b: KeyValue, _ collation: Collation, _ encoding: TextEncoding
  ) -> Int {
    if a.type == b.type {
      switch a.type {
      case .null: return 0
      case .integer: return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0
      case .real:
        let x = Double(bitPattern: UInt64(bitPattern: a.bits))
        let y = Double(bitPattern: UInt64(bitPattern: b.bits))
        return x < y ? -1 : x > y ? 1 : 0
      case .blob: return bytes(a, b)
      case .text: return collation == .binary || collation == .custom ? bytes(a, b) : collated(a, b, collation, encoding)
      }
    }
    if a.type == .integer, b.type == .real { return number(a.bits, Double(bitPattern: UInt64(bitPattern: b.bits))) }
    if a.type == .real, b.type == .integer { return -number(b.bits, Double(bitPattern: UInt64(bitPattern: a.bits))) }
    return Int(a.type.rawValue) - Int(b.type.rawValue)
  }

  @inline(__always) private static func bytes(_ a: KeyValue, _ b: KeyValue) -> Int {
    let shorter = min(a.count, b.count)
    var at = 0
    while at + 8 <= shorter {
      let x = UInt64(bigEndian: a.start.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      let y = UInt64(bigEndian: b.start.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      if x != y { return x < y ? -1 : 1 }
      at += 8
    }
    let rest = shorter - at
    if rest > 0 {
      let shift = UInt64(64 - 8 * rest)
      let x = UInt64(bigEndian: a.start.loadUnaligned(fromByteOffset: shorter - 8, as: UInt64.self)) << shift
      let y = UInt64(bigEndian: b.start.loadUnaligned(fromByteOffset: shorter - 8, as: UInt64.self)) << shift
      if x != y { return x < y ? -1 : 1 }
    }
    return a.count - b.count
  }

  /// A whole number and a real that is none.
  private static func number(_ whole: Int64, _ real: Double) -> Int {
    if real < -0x1p63 { return 1 }
    if real >= 0x1p63 { return -1 }
    let cut = Int64(real)
    if whole != cut { return whole < cut ? -1 : 1 }
    return Double(cut) < real ? -1 : 1
  }

  private static func collated(_ a: KeyValue, _ b: KeyValue, _ collation: Collation, _ encoding: TextEncoding) -> Int {
    // These two are defined on UTF-8 only; SQLite converts other texts before it compares.
    let x = encoding.utf8(UnsafeRawBufferPointer(start: a.start, count: a.count))
    let y = encoding.utf8(UnsafeRawBufferPointer(start: b.start, count: b.count))
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
