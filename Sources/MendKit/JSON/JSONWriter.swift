extension JSONValue {
  /// The value as JSON text (RFC 8259). Pretty: two spaces an indent.
  public func text(pretty: Bool = false) -> String { String(decoding: utf8(pretty: pretty), as: UTF8.self) }

  /// The bytes of that text.
  public func utf8(pretty: Bool = false) -> [UInt8] {
    var writer = JSONWriter(isPretty: pretty)
    writer.write(self, indent: 0)
    return writer.bytes
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
      if text.allSatisfy(Self.isPlain) {
        bytes += text
      } else {
        for byte in text { escape(byte) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case _ where Self.isPlain(byte): bytes.append(byte)
    case UInt8(ascii: "\""): add("\\\"")
    case UInt8(ascii: "\\"): add("\\\\")
    case UInt8(ascii: "\n"): add("\\n")
    case UInt8(ascii: "\r"): add("\\r")
    case UInt8(ascii: "\t"): add("\\t")
    default:
      add("\\u00")
      bytes += Hexadecimal.text([byte]).utf8
    }
  }
}
