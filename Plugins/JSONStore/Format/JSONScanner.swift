/// What a JSON value is.
enum JSONKind: String, Sendable { case object, array, string, number, boolean, null }

/// Who is told of the values of a JSON text as they come.
protocol JSONVisitor {
  /// A value begins. `key` is where its key stands between the quotes, for a member of an object; `level` is the number of
  /// objects and arrays around it.
  mutating func began(_ kind: JSONKind, at start: Int, key: Range<Int>?, level: Int)
  /// A value is over; `range` is where it stands.
  mutating func ended(_ kind: JSONKind, _ range: Range<Int>, level: Int)
}

/// Reads JSON text (RFC 8259) from bytes that nobody vouches for. Needs no recursion, so that no depth is too deep: a byte of
/// memory for each level, and eight for each key of an object that is still open.
struct JSONScanner {
  /// Where and why a text is not JSON.
  struct Fault: Equatable {
    /// Offset in bytes from the start.
    var byte: Int
    /// What was expected, or what is wrong there.
    var said: String
    /// Whether the text simply ends there.
    var isEnd: Bool
  }

  /// Something about a value that many programs stumble over, though it is JSON; or text that is not UTF-8.
  struct Remark: Equatable {
    enum Kind { case duplicateKey, loneSurrogate, notUTF8 }
    var kind: Kind
    var byte: Int
  }

  /// The first remarks of each kind, and how many there are.
  struct Remarks {
    private(set) var first: [Remark.Kind: [Remark]] = [:]
    private(set) var counts: [Remark.Kind: Int] = [:]
    private static let most = 5

    fileprivate mutating func add(_ kind: Remark.Kind, _ byte: Int) {
      counts[kind, default: 0] += 1
      if first[kind, default: []].count < Self.most { first[kind, default: []].append(Remark(kind: kind, byte: byte)) }
    }
  }

  /// The part of a text up to the end of the last value that is certainly whole.
  struct WholePart: Equatable {
    /// Where it ends.
    var end: Int
    /// The objects (true) and arrays (false) that are open there, the outermost first.
    var open: [Bool]
  }

  private enum Expected { case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, nothing, fault }

  private let bytes: UnsafeRawBufferPointer
  private var at: Int
  private var open: [Bool] = []
  /// Where the values that are open began.
  private var starts: [Int] = []
  private var key: Range<Int>?
  /// The keys' hashes of the objects that are open, and where each object's begin.
  private var keys = KeySets()
  private var wholeEnd: Int?
  private var wholeLevel = 0
  /// Where the text stops being JSON: whoever finds that returns `.fault`, or false.
  private var found: Fault?

  /// What was remarked on so far.
  private(set) var remarks = Remarks()

  /// Begins at an offset, behind a byte order mark.
  init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) {
    self.bytes = bytes
    at = start
  }

  /// The part that is certainly whole; nil where no value is. Of a number that nothing follows more digits may be lost.
  var wholePart: WholePart? {
    wholeEnd.map { WholePart(end: $0, open: Array(open.prefix(wholeLevel))) }
  }

  /// Reads the text to its end, or to the first byte that is not JSON: then says what is wrong there.
  mutating func run(_ visitor: inout some JSONVisitor) -> Fault? {
    var expected = Expected.value
    while expected != .fault {
      skipSpace()
      guard at < bytes.count else {
        return expected == .nothing ? nil : Fault(byte: at, said: Self.missing(expected), isEnd: true)
      }
      expected = step(expected, bytes[at], &visitor)
    }
    return found
  }

  /// Reads what stands next, of which this is the first byte; what is expected behind it.
  @inline(__always)
  private mutating func step(_ expected: Expected, _ byte: UInt8, _ visitor: inout some JSONVisitor) -> Expected {
    switch expected {
    case .value: return value(byte, &visitor)
    case .valueOrEnd: return byte == UInt8(ascii: "]") ? close(&visitor) : value(byte, &visitor)
    case .key: return readKey(byte)
    case .keyOrEnd: return byte == UInt8(ascii: "}") ? close(&visitor) : readKey(byte)
    case .colon:
      guard byte == UInt8(ascii: ":") else { return stop("expected ':'") }
      at += 1
      return .value
    case .commaOrEnd:
      let isObject = open.last ?? false
      if byte == UInt8(ascii: ",") {
        at += 1
        return isObject ? .key : .value
      }
      if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close(&visitor) }
      return stop(isObject ? "expected ',' or '}'" : "expected ',' or ']'")
    case .nothing: return stop("something stands behind the value")
    case .fault: return .fault
    }
  }

  private mutating func stop(_ said: String) -> Expected {
    fail(at, said)
    return .fault
  }

  /// Notes where the text stops being JSON; false, for who returns that.
  @discardableResult
  private mutating func fail(_ byte: Int, _ said: String, isEnd: Bool = false) -> Bool {
    found = Fault(byte: byte, said: said, isEnd: isEnd)
    return false
  }

  private mutating func readKey(_ byte: UInt8) -> Expected {
    guard byte == UInt8(ascii: "\"") else { return stop("expected a key in quotes") }
    let start = at + 1
    guard string() else { return .fault }
    key = start..<at - 1
    if keys.isRepeated(UnsafeRawBufferPointer(rebasing: bytes[start..<at - 1])) {
      remarks.add(.duplicateKey, start - 1)
    }
    return .colon
  }

  // MARK: - Values

  private mutating func value(_ byte: UInt8, _ visitor: inout some JSONVisitor) -> Expected {
    let start = at
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let isObject = byte == UInt8(ascii: "{")
      visitor.began(isObject ? .object : .array, at: at, key: takeKey(), level: open.count)
      open.append(isObject)
      starts.append(at)
      if isObject { keys.begin() }
      at += 1
      return isObject ? .keyOrEnd : .valueOrEnd
    case UInt8(ascii: "\""): return string() ? ended(.string, start, &visitor) : .fault
    case UInt8(ascii: "t"): return word("true") ? ended(.boolean, start, &visitor) : .fault
    case UInt8(ascii: "f"): return word("false") ? ended(.boolean, start, &visitor) : .fault
    case UInt8(ascii: "n"): return word("null") ? ended(.null, start, &visitor) : .fault
    default: return number() ? ended(.number, start, &visitor) : .fault
    }
  }

  /// A value other than an object or array, which is over.
  private mutating func ended(_ kind: JSONKind, _ start: Int, _ visitor: inout some JSONVisitor) -> Expected {
    visitor.began(kind, at: start, key: takeKey(), level: open.count)
    visitor.ended(kind, start..<at, level: open.count)
    // A number is over only where something follows it that may.
    if kind != .number || isDelimited || open.isEmpty && at == bytes.count { markWhole() }
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  private mutating func close(_ visitor: inout some JSONVisitor) -> Expected {
    at += 1
    let isObject = open.removeLast()
    if isObject { keys.end() }
    visitor.ended(isObject ? .object : .array, starts.removeLast()..<at, level: open.count)
    markWhole()
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  private mutating func markWhole() {
    wholeEnd = at
    wholeLevel = open.count
  }

  private mutating func takeKey() -> Range<Int>? {
    defer { key = nil }
    return key
  }

  private var isDelimited: Bool {
    guard at < bytes.count else { return false }
    switch bytes[at] {
    case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"): return true
    default: return false
    }
  }

  private mutating func word(_ word: StaticString) -> Bool {
    let start = at
    let length = word.utf8CodeUnitCount
    for place in 0..<length {
      guard start + place < bytes.count else {
        at = bytes.count
        return fail(at, "the text ends within '\(word)'", isEnd: true)
      }
      guard bytes[start + place] == word.utf8Start[place] else { return fail(at, "expected a value") }
    }
    at += length
    return true
  }

  private mutating func number() -> Bool {
    let start = at
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    if at < bytes.count, bytes[at] == UInt8(ascii: "0") {
      at += 1
      if digits() > 0 {
        at = start
        return fail(at, "a number with a leading zero")
      }
    } else if digits() == 0 {
      if at >= bytes.count, at > start { return digitMissing() }
      at = start
      return fail(at, "expected a value")
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      at += 1
      if digits() == 0 { return digitMissing() }
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
      if digits() == 0 { return digitMissing() }
    }
    return true
  }

  private mutating func digitMissing() -> Bool {
    at < bytes.count ? fail(at, "expected a digit") : fail(at, "the text ends within a number", isEnd: true)
  }

  private mutating func digits() -> Int {
    var end = at
    while end < bytes.count, bytes[end] &- 0x30 < 10 { end += 1 }
    defer { at = end }
    return end - at
  }

  // MARK: - Texts

  /// A text with its quotes. What is not UTF-8 in it is remarked on, and passed.
  private mutating func string() -> Bool {
    let start = at
    at += 1
    while true {
      skipPlain()
      guard at < bytes.count else {
        return fail(at, "the text ends within the quotes that open at byte \(start)", isEnd: true)
      }
      switch bytes[at] {
      case UInt8(ascii: "\""):
        at += 1
        return true
      case UInt8(ascii: "\\"): guard escape() else { return false }
      case 0..<0x20: return fail(at, "a control character in a text")
      default: multibyte()
      }
    }
  }

  /// Goes on to the next byte that is not plain: a quote, a backslash, a control character, or one of a character of several
  /// bytes. Eight bytes at a time.
  private mutating func skipPlain() {
    var place = at
    while place + 8 <= bytes.count {
      let found = Self.special(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
      if found != 0 {
        at = place + found.trailingZeroBitCount >> 3
        return
      }
      place += 8
    }
    while place < bytes.count, Self.isPlain(bytes[place]) { place += 1 }
    at = place
  }

  /// The highest bit of each byte that is not plain. What is subtracted borrows from the bytes above where it finds one, so that
  /// of the bits the lowest is right.
  @inline(__always) private static func special(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quote = word ^ ones &* UInt64(UInt8(ascii: "\""))
    let backslash = word ^ ones &* UInt64(UInt8(ascii: "\\"))
    let found =
      (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word | word
    return found & 0x8080_8080_8080_8080
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func escape() -> Bool {
    let start = at
    guard at + 1 < bytes.count else {
      at = bytes.count
      return fail(at, "the text ends within an escape", isEnd: true)
    }
    switch bytes[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
      return true
    case UInt8(ascii: "u"): break
    default: return fail(at, "an unknown escape")
    }
    switch unit(at + 2) {
    case .failure(let stop):
      found = stop.fault
      return false
    case .success(let unit):
      at += 6
      if unit & 0xF800 != 0xD800 { return true }
      // Two halves make a character; one by itself is none.
      guard unit & 0x0400 == 0, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u"), case .success(let low) = self.unit(at + 2), low & 0xFC00 == 0xDC00
      else {
        remarks.add(.loneSurrogate, start)
        return true
      }
      at += 6
      return true
    }
  }

  private struct Stop: Error { let fault: Fault }

  private func unit(_ start: Int) -> Result<UInt32, Stop> {
    var value: UInt32 = 0
    for place in start..<start + 4 {
      guard place < bytes.count else {
        return .failure(Stop(fault: Fault(byte: bytes.count, said: "the text ends within an escape", isEnd: true)))
      }
      let byte = bytes[place]
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
      case 0x41...0x46, 0x61...0x66: value = value << 4 | UInt32((byte | 0x20) - 0x61 + 10)
      default:
        return .failure(
          Stop(fault: Fault(byte: place, said: "expected four hexadecimal digits", isEnd: false)))
      }
    }
    return .success(value)
  }

  /// A character of several bytes (Unicode 15, table 3-7).
  private mutating func multibyte() {
    let first = bytes[at]
    let (count, least, most): (Int, UInt8, UInt8)
    switch first {
    case 0xC2...0xDF: (count, least, most) = (1, 0x80, 0xBF)
    case 0xE0: (count, least, most) = (2, 0xA0, 0xBF)
    case 0xED: (count, least, most) = (2, 0x80, 0x9F)
    case 0xE1...0xEF: (count, least, most) = (2, 0x80, 0xBF)
    case 0xF0: (count, least, most) = (3, 0x90, 0xBF)
    case 0xF4: (count, least, most) = (3, 0x80, 0x8F)
    case 0xF1...0xF3: (count, least, most) = (3, 0x80, 0xBF)
    default: (count, least, most) = (0, 0, 0)
    }
    var isValid = count > 0 && at + count < bytes.count && (least...most).contains(bytes[at + 1])
    if isValid, count > 1 { isValid = (at + 2...at + count).allSatisfy { bytes[$0] & 0xC0 == 0x80 } }
    if !isValid { remarks.add(.notUTF8, at) }
    at += isValid ? count + 1 : 1
  }

  // MARK: -

  private mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return
      }
    }
  }

  private static func missing(_ expected: Expected) -> String {
    switch expected {
    case .value, .valueOrEnd: "the text ends where a value should stand"
    case .key, .keyOrEnd: "the text ends where a key should stand"
    case .colon: "the text ends behind a key"
    case .commaOrEnd, .nothing, .fault: "the text ends before what is open was closed"
    }
  }
}
