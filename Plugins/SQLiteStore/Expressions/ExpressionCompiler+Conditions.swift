/// Comparisons and what is written like them.
extension ExpressionCompiler {
  /// What is applied to both sides before they are compared (datatype3.html, section 4.2): between two columns that of
  /// numbers if one is of numbers, else that of the one column.
  private static func affinity(_ left: Operand, _ right: Operand) -> Affinity? {
    guard let a = left.affinity, let b = right.affinity else { return left.affinity ?? right.affinity }
    return isNumeric(a) || isNumeric(b) ? .numeric : .blob
  }

  private static func isNumeric(_ affinity: Affinity) -> Bool { affinity != .text && affinity != .blob }

  /// The collating sequence of a comparison (datatype3.html, section 7.1); nil where it is not known.
  private static func collation(_ left: Operand, _ right: Operand) -> Collation? {
    guard !left.hidesCollation, !right.hidesCollation else { return nil }
    if left.isExplicit { return left.collation }
    if right.isExplicit { return right.collation }
    return left.collation ?? right.collation ?? .binary
  }

  mutating func compared(
    _ left: Operand, _ comparison: ExpressionNode.Comparison, _ right: Operand
  ) -> Operand? {
    guard let collation = Self.collation(left, right) else { return nil }
    let affinity = Self.affinity(left, right)
    if collation == .custom {
      guard affinity != .text, left.isNoText || right.isNoText else { return nil }
    }
    return emit(.compare, [left, right]) { $0.compare(comparison, affinity, collation) }
  }

  /// IS and IS NOT, and their long forms with DISTINCT FROM.
  mutating func identity(_ left: Operand) -> Operand? {
    var isNegated = take(keyword: "NOT")
    var isLong = false
    if peek?.isKeyword("DISTINCT") == true, following?.isKeyword("FROM") == true {
      _ = take()
      _ = take()
      isNegated.toggle()
      isLong = true
    }
    guard let right = expression(5) else { return nil }
    if let word = right.truthWord {
      guard !isLong else { return nil }
      return emit(word ? .isTrue : .isFalse, [left]) { $0.isNegated = isNegated }
    }
    if right.literal == .null { return emit(.isNull, [left]) { $0.isNegated = isNegated } }
    return compared(left, isNegated ? .different : .same, right)
  }

  mutating func between(_ left: Operand, isNegated: Bool) -> Operand? {
    guard let low = expression(3), take(keyword: "AND"), let high = expression(5),
      let above = compared(left, .greaterOrEqual, low), let below = compared(left, .lessOrEqual, high),
      let both = emit(.and, [above, below])
    else { return nil }
    return isNegated ? emit(.not, [both]) : both
  }

  mutating func membership(_ left: Operand, isNegated: Bool) -> Operand? {
    guard take(sign: "("), !left.hidesCollation else { return nil }
    var operands = [left]
    repeat {
      // An empty list ends here: what it means to an IS before it is not the same in all versions.
      guard let item = expression(1), !item.isExplicit, !item.hidesCollation else { return nil }
      operands.append(item)
    } while take(sign: ",")
    guard take(sign: ")") else { return nil }
    let collation = left.collation ?? .binary
    if collation == .custom {
      guard left.affinity != .text, operands.dropFirst().allSatisfy(\.isNoText) else { return nil }
    }
    return emitList(.oneOf, operands) {
      $0.compare(.equal, left.affinity, collation)
      $0.isNegated = isNegated
    }
  }

  /// LIKE and GLOB with a pattern that is a literal.
  mutating func matched(_ left: Operand, _ kind: ExpressionNode.Kind, isNegated: Bool) -> Operand? {
    guard let right = expression(5), right.literal == .text else { return nil }
    var escape: UInt8 = 0
    if take(keyword: "ESCAPE") {
      guard kind == .like, let operand = expression(5), operand.literal == .text,
        let byte = oneByte(of: operand), byte != UInt8(ascii: "%"), byte != UInt8(ascii: "_"),
        // A letter as escape would be one in both cases.
        ASCII.lowered(byte) == ASCII.raised(byte)
      else { return nil }
      escape = byte
    }
    let literal = program.nodes[Int(right.node)]
    // SQLite fails on a pattern of more than 50,000 bytes.
    guard literal.second <= 1000 else { return nil }
    return emit(kind, [left, right]) {
      $0.bits = literal.bits
      $0.second = literal.second
      $0.escape = escape
      $0.isNegated = isNegated
    }
  }

  /// The one byte of ASCII that a literal is made of.
  private func oneByte(of literal: Operand) -> UInt8? {
    let node = program.nodes[Int(literal.node)]
    let byte = node.second == 1 ? program.bytes[Int(node.bits)] : 0
    return byte > 0 && byte < 0x80 ? byte : nil
  }
}
