extension JSONValue {
  /// Parses JSON text (RFC 8259) from bytes that nobody vouches for: no recursion beyond 512 levels, no lone surrogates, no
  /// invalid UTF-8, nothing behind the value.
  public init(parsing bytes: some Collection<UInt8>) throws(JSONSyntaxError) {
    let result =
      bytes.withContiguousStorageIfAvailable(Self.parsed) ?? Array(bytes).withUnsafeBufferPointer(Self.parsed)
    self = try result.get()
  }

  private static func parsed(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<JSONValue, JSONSyntaxError> {
    var parser = JSONParser(bytes: bytes)
    do throws(JSONSyntaxError) {
      return .success(try parser.document())
    } catch {
      return .failure(error)
    }
  }
}

/// Where a text stops being JSON.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Offset in bytes from the start.
  public var byte: Int
  /// What was expected or what is wrong there.
  public var said: String

  /// `SAID at byte N`
  public var description: String { "\(said) at byte \(byte)" }
}

private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  var at = 0

  init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func document() throws(JSONSyntaxError) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard at == bytes.count else { throw error("something stands behind the value") }
    return value
  }

  private func error(_ said: String) -> JSONSyntaxError { JSONSyntaxError(byte: at, said: said) }

  private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    guard byte == UInt8(ascii: wanted) else { return false }
    at += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    guard depth < 512 else { throw error("nested deeper than 512 levels") }
    skipSpace()
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw error("the text ends where a value should stand")
    default: return try number()
    }
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
    guard bytes[at...].starts(with: word.utf8) else { throw error("expected a value") }
    at += word.utf8.count
    return value
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    at += 1
    var items: [JSONValue] = []
    skipSpace()
    if take("]") { return .array(items) }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return .array(items) }
      guard take(",") else { throw error("expected ',' or ']'") }
    }
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    at += 1
    var members: [JSONMember] = []
    skipSpace()
    if take("}") { return .object(members) }
    while true {
      skipSpace()
      guard byte == UInt8(ascii: "\"") else { throw error("expected a key") }
      let key = try string()
      skipSpace()
      guard take(":") else { throw error("expected ':'") }
      members.append(JSONMember(key, try value(depth: depth + 1)))
      skipSpace()
      if take("}") { return .object(members) }
      guard take(",") else { throw error("expected ',' or '}'") }
    }
  }

  private mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = at
    _ = take("-")
    if !take("0") {
      guard digits() > 0 else {
        at = start
        throw error("expected a value")
      }
    }
    var isWhole = true
    if take(".") {
      isWhole = false
      guard digits() > 0 else { throw error("expected a digit") }
    }
    if take("e") || take("E") {
      isWhole = false
      if !take("+") { _ = take("-") }
      guard digits() > 0 else { throw error("expected a digit") }
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isWhole, let number = Int(text) { return .integer(number) }
    guard let number = Double(text) else { throw error("expected a number") }
    return .number(number)
  }

  private mutating func digits() -> Int {
    let start = at
    while let byte, (0x30...0x39).contains(byte) { at += 1 }
    return at - start
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    var buffer: [UInt8] = []
    while true {
      let run = at
      while let byte, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { at += 1 }
      let isPlain = byte == UInt8(ascii: "\"") && buffer.isEmpty
      if !isPlain { buffer += bytes[run..<at] }
      switch byte {
      case nil: throw error("a text without its closing quote")
      case UInt8(ascii: "\""):
        let found =
          isPlain
          ? String(validating: UnsafeBufferPointer(rebasing: bytes[run..<at]), as: UTF8.self)
          : String(validating: buffer, as: UTF8.self)
        guard let text = found else {
          at = start
          throw error("a text that is not UTF-8")
        }
        at += 1
        return text
      case UInt8(ascii: "\\"):
        at += 1
        try escape(into: &buffer)
      default: throw error("a control character in a text")
      }
    }
  }

  private mutating func escape(into buffer: inout [UInt8]) throws(JSONSyntaxError) {
    guard let byte else { throw error("a text without its closing quote") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"):
      var unit = try hexadecimal()
      if (0xD800..<0xDC00).contains(unit) {
        guard take("\\"), take("u") else { throw error("half of a surrogate pair") }
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair") }
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(unit) else { throw error("half of a surrogate pair") }
      buffer += Array(String(Character(scalar)).utf8)
    default:
      at -= 1
      throw error("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("expected four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    return value
  }
}
