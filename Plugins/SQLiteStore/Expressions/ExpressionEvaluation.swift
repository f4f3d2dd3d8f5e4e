/// One evaluation of an expression for a row.
struct ExpressionEvaluation {
  let nodes: UnsafeBufferPointer<ExpressionNode>
  let lists: UnsafeBufferPointer<Int32>
  let bytes: UnsafeRawBufferPointer
  let scratch: ExpressionScratch
  let isUTF8: Bool

  /// The value of a node.
  func value(_ number: Int32, _ row: Expression.Row) throws(Unsure) -> StoredValue {
    let node = nodes[Int(number)]
    switch node.kind {
    case .null: return .null
    case .integer: return .integer(node.bits)
    case .real: return .real(Double(bitPattern: UInt64(bitPattern: node.bits)))
    case .text: return .text(literal(node))
    case .blob: return .blob(literal(node))
    case .column: return try column(node, row)
    case .compare, .and, .or, .not, .isNull, .isTrue, .isFalse, .oneOf, .like, .glob:
      guard let isTrue = try truth(number, row) else { return .null }
      return .integer(isTrue ? 1 : 0)
    case .negate, .invert: return try unary(node.kind, value(node.first, row))
    case .add, .subtract, .multiply, .divide, .remainder:
      return try arithmetic(node.kind, value(node.first, row), value(node.second, row))
    case .bitAnd, .bitOr, .shiftLeft, .shiftRight:
      return try bits(node.kind, value(node.first, row), value(node.second, row))
    case .concatenate: return try concatenated(value(node.first, row), value(node.second, row))
    case .choice: return try choice(node, row)
    case .cast: return try cast(value(node.first, row), to: node.affinity ?? .blob)
    case .store: return try stored(value(node.first, row), as: node.affinity ?? .blob)
    default: return try function(node, row)
    }
  }

  /// A node as a condition; nil for NULL.
  func truth(_ number: Int32, _ row: Expression.Row) throws(Unsure) -> Bool? {
    let node = nodes[Int(number)]
    switch node.kind {
    case .compare: return try compare(node, value(node.first, row), value(node.second, row))
    case .and:
      let left = try truth(node.first, row)
      if left == false { return false }
      let right = try truth(node.second, row)
      return right == false ? false : left == nil || right == nil ? nil : true
    case .or:
      let left = try truth(node.first, row)
      if left == true { return true }
      let right = try truth(node.second, row)
      return right == true ? true : left == nil || right == nil ? nil : false
    case .not: return try truth(node.first, row).map { !$0 }
    case .isNull: return try unread(node.first, row).isNull != node.isNegated
    case .isTrue: return (try truth(node.first, row) == true) != node.isNegated
    case .isFalse: return (try truth(node.first, row) == false) != node.isNegated
    case .oneOf: return try oneOf(node, row)
    case .like, .glob: return try matches(node, value(node.first, row))
    default: return try Self.isTrue(value(number, row))
    }
  }

  /// A value as a condition; nil for NULL. A text counts as the number at its beginning.
  static func isTrue(_ value: StoredValue) throws(Unsure) -> Bool? {
    switch value {
    case .null: nil
    case .integer(let number): number != 0
    case .real(let number): number != 0
    case .text(let text), .blob(let text): try TextNumber(text).isNonzero
    }
  }

  // MARK: Operands

  func literal(_ node: ExpressionNode) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[Int(node.bits)..<Int(node.bits) + Int(node.second)])
  }

  /// The operands of a node that has a list of them.
  func operands(_ node: ExpressionNode) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: lists[Int(node.first)..<Int(node.first) + Int(node.second)])
  }

  @inline(__always) private func column(_ node: ExpressionNode, _ row: Expression.Row) throws(Unsure) -> StoredValue {
    let value = row(Int(node.first))
    switch value {
    // A record keeps a whole number of a REAL column as an integer.
    case .integer(let number): return node.affinity == .real ? .real(Double(number)) : value
    // What is no number at all SQLite reads as NULL.
    case .real(let number): return number.isNaN ? .null : value
    // A blob too is taken for a text where a number or text is wanted.
    case .text, .blob:
      guard isUTF8 else { throw Unsure() }
      return value
    case .null: return value
    }
  }

  /// The value of a node of which only the type matters, so that a text may be in any encoding.
  func unread(_ number: Int32, _ row: Expression.Row) throws(Unsure) -> StoredValue {
    let node = nodes[Int(number)]
    guard !isUTF8, node.kind == .column else { return try value(number, row) }
    let value = row(Int(node.first))
    switch value {
    case .text, .blob: return value
    case .null, .integer, .real: return try column(node, row)
    }
  }

  // MARK: Comparisons

  @inline(__always) private func compare(
    _ node: ExpressionNode, _ left: StoredValue, _ right: StoredValue
  ) throws(Unsure) -> Bool? {
    if case .integer(let x) = left, case .integer(let y) = right {
      return Self.holds(node.comparison, x < y ? -1 : x > y ? 1 : 0)
    }
    if node.comparesBytes, case .text(let x) = left, case .text(let y) = right {
      return StoredValue.areEqual(x, y) == (node.comparison == .equal || node.comparison == .same)
    }
    if left.isNull || right.isNull {
      switch node.comparison {
      case .same: return left.isNull && right.isNull
      case .different: return !(left.isNull && right.isNull)
      default: return nil
      }
    }
    return Self.holds(node.comparison, try order(node, left, right))
  }

  /// The order of two values that are not NULL, after the affinity of the comparison is applied (datatype3.html, 4.2).
  private func order(_ node: ExpressionNode, _ left: StoredValue, _ right: StoredValue) throws(Unsure) -> Int {
    var left = left
    var right = right
    switch (node.affinity, left, right) {
    case (.none, _, _), (.blob, _, _): break
    case (.text, .text, .integer), (.text, .text, .real): right = .text(try text(right))
    case (.text, .integer, .text), (.text, .real, .text): left = .text(try text(left))
    case (.text, _, _): break
    case (_, .text(let x), .text(let y)):
      left = try Self.number(x, else: left)
      right = try Self.number(y, else: right)
    case (_, .text(let x), _): left = try Self.number(x, else: left)
    case (_, _, .text(let y)): right = try Self.number(y, else: right)
    default: break
    }
    let order = try StoredValue.order(left, right, node.collation)
    if !isUTF8, order != 0, case .text = left, case .text = right {
      switch node.comparison {
      case .equal, .unequal, .same, .different: break
      // Texts in UTF-16 are ordered by bytes that are not known here.
      default: throw Unsure()
      }
    }
    return order
  }

  private static func holds(_ comparison: ExpressionNode.Comparison, _ order: Int) -> Bool {
    switch comparison {
    case .equal, .same: order == 0
    case .unequal, .different: order != 0
    case .less: order < 0
    case .lessOrEqual: order <= 0
    case .greater: order > 0
    case .greaterOrEqual: order >= 0
    }
  }

  /// `x IN (…)`: the first operand of the list is x.
  private func oneOf(_ node: ExpressionNode, _ row: Expression.Row) throws(Unsure) -> Bool? {
    let operands = operands(node)
    let sought = try value(operands[0], row)
    guard !sought.isNull else { return nil }
    var hasNull = false
    for operand in operands.dropFirst() {
      let isEqual = try compare(node, sought, value(operand, row))
      if isEqual == true { return !node.isNegated }
      if isEqual == nil { hasNull = true }
    }
    return hasNull ? nil : node.isNegated
  }

  private func matches(_ node: ExpressionNode, _ subject: StoredValue) throws(Unsure) -> Bool? {
    let text: UnsafeRawBufferPointer
    switch subject {
    case .null: return nil
    // Whether a blob can match depends on how SQLite was built.
    case .blob: throw Unsure()
    case .text(let bytes): text = bytes
    case .integer, .real: text = try self.text(subject)
    }
    let pattern = WildcardPattern(
      literal(node), style: node.kind == .like ? .like(escape: node.escape) : .glob)
    return try pattern.matches(text) != node.isNegated
  }

  private func choice(_ node: ExpressionNode, _ row: Expression.Row) throws(Unsure) -> StoredValue {
    let operands = operands(node)
    var at = 0
    while at + 1 < operands.count {
      if try truth(operands[at], row) == true { return try value(operands[at + 1], row) }
      at += 2
    }
    return at < operands.count ? try value(operands[at], row) : .null
  }
}
