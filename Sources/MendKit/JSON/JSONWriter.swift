extension JSONValue {
  /// The value as JSON text (RFC 8259). Pretty: two spaces an indent; short arrays and objects stay on their line.
  public func text(pretty: Bool = false) -> String {
    var writer = JSONWriter(isPretty: pretty)
    writer.write(self, indent: 0)
    return writer.text
  }
}

private struct JSONWriter {
  let isPretty: Bool
  var text = ""

  init(isPretty: Bool) { self.isPretty = isPretty }

  mutating func write(_ value: JSONValue, indent: Int) {
    switch value {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let number): text += String(number)
    case .number(let number): text += number.isFinite ? trimmed(number) : "null"
    case .string(let string): write(string)
    case .array(let items):
      list(items, open: "[", close: "]", indent: indent) { writer, item, indent in writer.write(item, indent: indent) }
    case .object(let members):
      list(members, open: "{", close: "}", indent: indent) { writer, member, indent in
        writer.write(member.key)
        writer.text += writer.isPretty ? ": " : ":"
        writer.write(member.value, indent: indent)
      }
    }
  }

  private mutating func list<Item>(
    _ items: [Item], open: String, close: String, indent: Int,
    _ each: (inout JSONWriter, Item, Int) -> Void
  ) {
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += "," }
      newLine(indent + 1)
      each(&self, item, indent + 1)
    }
    if !items.isEmpty { newLine(indent) }
    text += close
  }

  private mutating func newLine(_ indent: Int) {
    if isPretty { text += "\n" + String(repeating: "  ", count: indent) }
  }

  private func trimmed(_ number: Double) -> String {
    let text = String(number)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private mutating func write(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
