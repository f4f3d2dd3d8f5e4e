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

  private enum Expected { case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, nothing }

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
    while true {
      skipSpace()
      guard at < bytes.count else {
        return expected == .nothing ? nil : Fault(byte: at, said: Self.missing(expected), isEnd: true)
      }
      let byte = bytes[at]
      switch expected {
      case .nothing: return fault("something stands behind the value")
      case .colon:
        guard byte == UInt8(ascii: ":") else { return fault("expected ':'") }
        at += 1
        expected = .value
      case .key, .keyOrEnd:
        if byte == UInt8(ascii: "}"), expected == .keyOrEnd {
          expected = close(&visitor)
          continue
        }
        guard byte == UInt8(ascii: "\"") else { return fault("expected a key in quotes") }
        let start = at + 1
        if let fault = string() { return fault }
        key = start..<at - 1
        if keys.isRepeated(bytes[start..<at - 1]) { remarks.add(.duplicateKey, start - 1) }
        expected = .colon
      case .commaOrEnd:
        let isObject = open.last ?? false
        if byte == UInt8(ascii: ",") {
          at += 1
          expected = isObject ? .key : .value
        } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          expected = close(&visitor)
        } else {
          return fault(isObject ? "expected ',' or '}'" : "expected ',' or ']'")
        }
      case .value, .valueOrEnd:
        if byte == UInt8(ascii: "]"), expected == .valueOrEnd {
          expected = close(&visitor)
          continue
        }
        switch value(byte, &visitor) {
        case .success(let next): expected = next
        case .failure(let stop): return stop.fault
        }
      }
    }
  }

  // MARK: - Values

  private struct Stop: Error { let fault: Fault }

  private mutating func value(_ byte: UInt8, _ visitor: inout some JSONVisitor) -> Result<Expected, Stop> {
    let start = at
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let isObject = byte == UInt8(ascii: "{")
      visitor.began(isObject ? .object : .array, at: at, key: takeKey(), level: open.count)
      open.append(isObject)
      starts.append(at)
      if isObject { keys.begin() }
      at += 1
      return .success(isObject ? .keyOrEnd : .valueOrEnd)
    case UInt8(ascii: "\""):
      if let fault = string() { return .failure(Stop(fault: fault)) }
      return .success(ended(.string, start, &visitor))
    case UInt8(ascii: "t"): return word("true", .boolean, &visitor)
    case UInt8(ascii: "f"): return word("false", .boolean, &visitor)
    case UInt8(ascii: "n"): return word("null", .null, &visitor)
    default:
      if let fault = number() { return .failure(Stop(fault: fault)) }
      return .success(ended(.number, start, &visitor))
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

  private mutating func word(
    _ word: StaticString, _ kind: JSONKind, _ visitor: inout some JSONVisitor
  ) -> Result<Expected, Stop> {
    let start = at
    let length = word.utf8CodeUnitCount
    for place in 0..<length {
      guard start + place < bytes.count else {
        at = bytes.count
        return .failure(Stop(fault: Fault(byte: at, said: "the text ends within '\(word)'", isEnd: true)))
      }
      guard bytes[start + place] == word.utf8Start[place] else {
        return .failure(Stop(fault: fault("expected a value")))
      }
    }
    at += length
    return .success(ended(kind, start, &visitor))
  }

  private mutating func number() -> Fault? {
    let start = at
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    if at < bytes.count, bytes[at] == UInt8(ascii: "0") {
      at += 1
      if digits() > 0 {
        at = start
        return fault("a number with a leading zero")
      }
    } else if digits() == 0 {
      if at >= bytes.count, at > start { return Fault(byte: at, said: "the text ends within a number", isEnd: true) }
      at = start
      return fault("expected a value")
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
    return nil
  }

  private func digitMissing() -> Fault {
    at < bytes.count
      ? fault("expected a digit") : Fault(byte: at, said: "the text ends within a number", isEnd: true)
  }

  private mutating func digits() -> Int {
    let start = at
    while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
    return at - start
  }

  // MARK: - Texts

  /// A text with its quotes. What is not UTF-8 in it is remarked on, and passed.
  private mutating func string() -> Fault? {
    let start = at
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case UInt8(ascii: "\""):
        at += 1
        return nil
      case UInt8(ascii: "\\"): if let fault = escape() { return fault }
      case 0..<0x20: return fault("a control character in a text")
      case 0x80...: multibyte()
      default: at += 1
      }
    }
    return Fault(byte: at, said: "the text ends within the quotes that open at byte \(start)", isEnd: true)
  }

  private mutating func escape() -> Fault? {
    let start = at
    guard at + 1 < bytes.count else {
      at = bytes.count
      return Fault(byte: at, said: "the text ends within an escape", isEnd: true)
    }
    switch bytes[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
      return nil
    case UInt8(ascii: "u"): break
    default: return fault("an unknown escape")
    }
    switch unit(at + 2) {
    case .failure(let stop): return stop.fault
    case .success(let unit):
      at += 6
      if unit & 0xF800 != 0xD800 { return nil }
      // Two halves make a character; one by itself is none.
      guard unit & 0x0400 == 0, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u"), case .success(let low) = self.unit(at + 2), low & 0xFC00 == 0xDC00
      else {
        remarks.add(.loneSurrogate, start)
        return nil
      }
      at += 6
      return nil
    }
  }

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

  private func fault(_ said: String) -> Fault { Fault(byte: at, said: said, isEnd: false) }

  private static func missing(_ expected: Expected) -> String {
    switch expected {
    case .value, .valueOrEnd: "the text ends where a value should stand"
    case .key, .keyOrEnd: "the text ends where a key should stand"
    case .colon: "the text ends behind a key"
    case .commaOrEnd, .nothing: "the text ends before what is open was closed"
    }
  }
}
