extension JSONValue {
  /// The value as JSON text (RFC 8259). Pretty: two spaces an indent.
  public func text(pretty: Bool = false) -> String { String(decoding: utf8(pretty: pretty), as: UTF8.self) }

  /// The bytes of that text.
  public func utf8(pretty: Bool = false) -> [UInt8] {
    var writer = JSONWriter(isPretty: pretty)
    writer.write(self, indent: 0)
    return writer.bytes
  }

  /// Whether a byte of a text stands for itself whatever its neighbours are: those that begin what steers a terminal do not.
  static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F && byte != 0xC2
      && byte != 0xE2
  }
}

private struct JSONWriter {
  let isPretty: Bool
  private(set) var bytes: [UInt8] = []

  init(isPretty: Bool) { self.isPretty = isPretty }

  mutating func write(_ value: JSONValue, indent: Int) {
    switch value {
    case .null: add("null")
    case .boolean(let value): add(value ? "true" : "false")
    case .integer(let number): bytes += String(number).utf8
    case .number(let number): bytes += (number.isFinite ? trimmed(number) : "null").utf8
    case .string(let string): write(string)
    case .array(let items):
      list(items, open: "[", close: "]", indent: indent) { writer, item, indent in writer.write(item, indent: indent) }
    case .object(let members):
      list(members, open: "{", close: "}", indent: indent) { writer, member, indent in
        writer.write(member.key)
        writer.add(writer.isPretty ? ": " : ":")
        writer.write(member.value, indent: indent)
      }
    }
  }

  private mutating func list<Item>(
    _ items: [Item], open: StaticString, close: StaticString, indent: Int,
    _ each: (inout JSONWriter, Item, Int) -> Void
  ) {
    add(open)
    for (index, item) in items.enumerated() {
      if index > 0 { add(",") }
      newLine(indent + 1)
      each(&self, item, indent + 1)
    }
    if !items.isEmpty { newLine(indent) }
    add(close)
  }

  private mutating func add(_ text: StaticString) {
    bytes += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  private mutating func newLine(_ indent: Int) {
    guard isPretty else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes += repeatElement(UInt8(ascii: " "), count: 2 * indent)
  }

  private func trimmed(_ number: Double) -> String {
    let text = String(number)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private mutating func write(_ string: String) {
    var string = string
    bytes.append(UInt8(ascii: "\""))
    string.withUTF8 { text in
      if text.allSatisfy(JSONValue.isPlain) {
        bytes += text
      } else {
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { escape(scalar) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// What a reader of JSON takes for the same text, and a terminal that shows it for nothing but text: control characters are
  /// escaped, those above ASCII too, and so is what turns the direction of the text around it.
  private mutating func escape(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x22: add("\\\"")
    case 0x5C: add("\\\\")
    case 0x0A: add("\\n")
    case 0x0D: add("\\r")
    case 0x09: add("\\t")
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069:
      add("\\u")
      bytes += Hexadecimal.text([UInt8(scalar.value >> 8), UInt8(scalar.value & 0xFF)]).utf8
    default: bytes += UTF8.encode(scalar).map(Array.init) ?? []
    }
  }
}
