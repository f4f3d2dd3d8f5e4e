/// SQLite's own functions (lang_corefunc.html), as far as their results depend on nothing but their arguments.
extension ExpressionEvaluation {
  func function(_ node: ExpressionNode, _ row: Expression.Row) throws(Unsure) -> StoredValue {
    let operands = operands(node)
    switch node.kind {
    case .coalesce:
      for operand in operands {
        let value = try value(operand, row)
        if !value.isNull { return value }
      }
      return .null
    case .smallest, .largest: return try extreme(node, operands, row)
    case .substring:
      return try substring(
        value(operands[0], row), from: value(operands[1], row),
        count: operands.count > 2 ? value(operands[2], row) : nil)
    case .position: return try position(of: value(operands[1], row), in: value(operands[0], row))
    case .nullIf:
      let left = try value(operands[0], row)
      let right = try value(operands[1], row)
      return try StoredValue.order(left, right, node.collation) == 0 ? .null : left
    case .typeName: return Self.typeName(try unread(operands[0], row))
    default: return try function(node.kind, value(operands[0], row))
    }
  }

  private static func typeName(_ value: StoredValue) -> StoredValue {
    switch value {
    case .null: .text("null")
    case .integer: .text("integer")
    case .real: .text("real")
    case .text: .text("text")
    case .blob: .text("blob")
    }
  }

  /// A function of one argument.
  private func function(_ kind: ExpressionNode.Kind, _ value: StoredValue) throws(Unsure) -> StoredValue {
    switch kind {
    case .absolute: return try absolute(value)
    case .length:
      switch value {
      case .null: return .null
      case .blob(let bytes): return .integer(Int64(bytes.count))
      default: return .integer(Int64(Self.characters(try text(value))))
      }
    default:
      if value.isNull { return .null }
      let text = try text(value)
      switch kind {
      case .lower: return .text(try mapped(text, ASCII.lowered))
      case .upper: return .text(try mapped(text, ASCII.raised))
      default: return .text(Self.trimmed(text, start: kind != .trimEnd, end: kind != .trimStart))
      }
    }
  }

  private func absolute(_ value: StoredValue) throws(Unsure) -> StoredValue {
    switch value {
    case .null: return .null
    case .integer(let number):
      // SQLite fails with "integer overflow".
      guard number != .min else { throw Unsure() }
      return .integer(abs(number))
    default:
      let number = try Self.real(value)
      return .real(number < 0 ? -number : number)
    }
  }

  private func extreme(
    _ node: ExpressionNode, _ operands: UnsafeBufferPointer<Int32>, _ row: Expression.Row
  ) throws(Unsure) -> StoredValue {
    var best = try value(operands[0], row)
    if best.isNull { return .null }
    for operand in operands.dropFirst() {
      let next = try value(operand, row)
      if next.isNull { return .null }
      if !isUTF8, case .text = best, case .text = next { throw Unsure() }
      let order = try StoredValue.order(best, next, node.collation)
      // Of equal values the last is the smallest and the first the largest.
      if node.kind == .smallest ? order >= 0 : order < 0 { best = next }
    }
    return best
  }

  // MARK: Texts

  /// The number of characters before the first NUL, counted as SQLite does where the text is no valid UTF-8.
  private static func characters(_ text: UnsafeRawBufferPointer) -> Int {
    var count = 0
    var at = 0
    while at < text.count, text[at] != 0 {
      let isLead = text[at] >= 0xC0
      at += 1
      if isLead { while at < text.count, text[at] & 0xC0 == 0x80 { at += 1 } }
      count += 1
    }
    return count
  }

  private func mapped(
    _ text: UnsafeRawBufferPointer, _ change: (UInt8) -> UInt8
  ) throws(Unsure) -> UnsafeRawBufferPointer {
    let room = try scratch.room(text.count)
    for (at, byte) in text.enumerated() { room[at] = change(byte) }
    return UnsafeRawBufferPointer(room)
  }

  private static func trimmed(_ text: UnsafeRawBufferPointer, start: Bool, end: Bool) -> UnsafeRawBufferPointer {
    var from = 0
    var to = text.count
    if start { while from < to, text[from] == UInt8(ascii: " ") { from += 1 } }
    if end { while to > from, text[to - 1] == UInt8(ascii: " ") { to -= 1 } }
    return UnsafeRawBufferPointer(rebasing: text[from..<to])
  }

  /// A text in which bytes are characters; others are left to SQLite.
  private func plain(_ value: StoredValue) throws(Unsure) -> UnsafeRawBufferPointer {
    let text = try text(value)
    guard text.allSatisfy({ $0 > 0 && $0 < 0x80 }) else { throw Unsure() }
    return text
  }

  private func substring(
    _ value: StoredValue, from start: StoredValue, count: StoredValue?
  ) throws(Unsure) -> StoredValue {
    if value.isNull || start.isNull || count?.isNull == true { return .null }
    let text = try plain(value)
    var from = try Self.small(start)
    var length = try count.map { count throws(Unsure) in try Self.small(count) } ?? 1_000_000_000
    let isBefore = length < 0
    length = abs(length)
    if from < 0 {
      from += text.count
      if from < 0 {
        length = max(0, length + from)
        from = 0
      }
    } else if from > 0 {
      from -= 1
    } else if length > 0 {
      length -= 1
    }
    if isBefore {
      from -= length
      if from < 0 {
        length += from
        from = 0
      }
    }
    let low = min(from, text.count)
    return .text(UnsafeRawBufferPointer(rebasing: text[low..<min(text.count, low + max(0, length))]))
  }

  /// A whole number that fits in 31 bits, beyond which versions of SQLite differ.
  private static func small(_ value: StoredValue) throws(Unsure) -> Int {
    guard case .integer(let number) = value, number.magnitude < 1 << 30 else { throw Unsure() }
    return Int(number)
  }

  /// Where a text begins in another, from 1; 0 for nowhere.
  private func position(of sought: StoredValue, in value: StoredValue) throws(Unsure) -> StoredValue {
    if value.isNull || sought.isNull { return .null }
    let text = try plain(value)
    let part = try plain(sought)
    // The search tries every place: with a long part that could take the whole night.
    guard part.count <= 256 else { throw Unsure() }
    guard part.count <= text.count else { return .integer(0) }
    for at in 0...text.count - part.count {
      if UnsafeRawBufferPointer(rebasing: text[at..<at + part.count]).elementsEqual(part) {
        return .integer(Int64(at + 1))
      }
    }
    return .integer(0)
  }
}
