import MendKit

/// A value as a record holds it. The bytes of a text or blob belong to the page that they were read from, to the
/// expression that holds them as a literal, or to the scratch in which they were made; texts are UTF-8, or what passes
/// for it in a damaged file.
enum StoredValue {
  case null
  case integer(Int64)
  case real(Double)
  case text(UnsafeRawBufferPointer)
  case blob(UnsafeRawBufferPointer)

  /// Whether it is NULL.
  var isNull: Bool { if case .null = self { true } else { false } }

  /// Whether it is a text.
  var isText: Bool { if case .text = self { true } else { false } }

  /// The bytes of a static text.
  static func text(_ text: StaticString) -> StoredValue {
    .text(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Less than zero when `a` comes before `b`, greater when after, by SQLite's order of storage classes
  /// (datatype3.html, section 4.1). Texts under a collation of an application have no order here.
  static func order(_ a: StoredValue, _ b: StoredValue, _ collation: Collation) throws(Unsure) -> Int {
    switch (a, b) {
    case (.integer(let x), .integer(let y)): x < y ? -1 : x > y ? 1 : 0
    case (.real(let x), .real(let y)): x < y ? -1 : x > y ? 1 : 0
    case (.integer(let x), .real(let y)): order(x, y)
    case (.real(let x), .integer(let y)): -order(y, x)
    case (.text(let x), .text(let y)): try order(x, y, collation)
    case (.blob(let x), .blob(let y)): order(x, y)
    default: a.rank - b.rank
    }
  }

  private var rank: Int {
    switch self {
    case .null: 0
    case .integer, .real: 1
    case .text: 2
    case .blob: 3
    }
  }

  /// A whole number and a real, without rounding either.
  private static func order(_ whole: Int64, _ real: Double) -> Int {
    if real < -0x1p63 { return 1 }
    if real >= 0x1p63 { return -1 }
    let cut = Int64(real)
    if whole != cut { return whole < cut ? -1 : 1 }
    let back = Double(cut)
    return back < real ? -1 : back > real ? 1 : 0
  }

  private static func order(
    _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ collation: Collation
  ) throws(Unsure) -> Int {
    switch collation {
    case .binary: order(a, b)
    case .nocase: folded(a, b)
    case .rtrim: order(trimmed(a), trimmed(b))
    case .custom: throw Unsure()
    }
  }

  /// Whether two texts or blobs are the same bytes.
  static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    a.count == b.count && order(a, b) == 0
  }

  private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let count = min(a.count, b.count)
    if count > 0, let x = a.baseAddress, let y = b.baseAddress {
      let result = memcmp(x, y, count)
      if result != 0 { return Int(result) }
    }
    return a.count - b.count
  }

  /// NOCASE: the 26 letters of ASCII are equal to their capitals; a NUL in both ends the comparison, then lengths
  /// decide.
  private static func folded(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    for at in 0..<min(a.count, b.count) {
      let x = ASCII.lowered(a[at])
      let y = ASCII.lowered(b[at])
      if x != y { return Int(x) - Int(y) }
      if x == 0 { break }
    }
    return a.count - b.count
  }

  private static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var count = text.count
    while count > 0, text[count - 1] == UInt8(ascii: " ") { count -= 1 }
    return UnsafeRawBufferPointer(rebasing: text[..<count])
  }
}

/// What the evaluation of an expression throws where only SQLite itself knows the answer.
struct Unsure: Error {}

/// The letters, digits and blanks of ASCII as SQLite takes them, whatever the locale.
enum ASCII {
  @inline(__always) static func lowered(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 32 : byte }
  @inline(__always) static func raised(_ byte: UInt8) -> UInt8 { byte >= 97 && byte <= 122 ? byte & ~32 : byte }
  @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
  @inline(__always) static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }

  static func isHexDigit(_ byte: UInt8) -> Bool { hexValue(byte) != nil }

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }

  /// A text with the capitals of ASCII alone made small.
  static func lowered(_ text: String) -> String {
    String(decoding: text.utf8.map(lowered), as: UTF8.self)
  }

  /// Whether two names are the same to SQLite: byte for byte but for the case of ASCII's letters.
  static func areSame(_ a: String, _ b: String) -> Bool {
    guard a.utf8.count == b.utf8.count else { return false }
    return areIdentical(a, b) || zip(a.utf8, b.utf8).allSatisfy { lowered($0) == lowered($1) }
  }

  /// Whether two texts are the same byte for byte.
  static func areIdentical(_ a: String, _ b: String) -> Bool {
    guard a.utf8.count == b.utf8.count else { return false }
    var a = a
    var b = b
    return a.withUTF8 { a in
      b.withUTF8 { b in
        guard let x = a.baseAddress, let y = b.baseAddress else { return true }
        return memcmp(x, y, a.count) == 0
      }
    }
  }

  /// Whether a text begins with these bytes, given as small letters, the case of ASCII's letters not counting.
  static func hasPrefix(_ text: String, _ prefix: StaticString) -> Bool {
    guard text.utf8.count >= prefix.utf8CodeUnitCount else { return false }
    return zip(text.utf8, UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
      .allSatisfy { lowered($0) == $1 }
  }
}
