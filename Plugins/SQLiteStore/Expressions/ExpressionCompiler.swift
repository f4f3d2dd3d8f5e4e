/// Compiles the tokens of an expression by the precedence of SQLite's grammar (lang_expr.html, section 2). Whatever is
/// not known for certain ends in nil.
struct ExpressionCompiler {
  /// A part of the expression, with what a comparison must know of it.
  struct Operand {
    var node: Int32
    /// The affinity that it lends to the other side of a comparison; nil for none.
    var affinity: Affinity?
    /// The collating sequence that it lends; nil for none.
    var collation: Collation?
    /// Whether that one was given by COLLATE.
    var isExplicit = false
    /// Whether there is a COLLATE further down. By SQLite's rules it still counts in comparisons, which are refused
    /// here.
    var hidesCollation = false
    /// What kind of literal it is, as the schema has it, without a sign; nil for none.
    var literal: ExpressionNode.Kind?
    /// Whether it is a constant that is certainly no text.
    var isNoText = false
    /// The word TRUE or FALSE.
    var truthWord: Bool?
    /// How many operations lie one in the other.
    var depth = 1
  }

  /// How many operations may lie one in the other, a chain of ANDs among them.
  private static let deepest = 300
  /// How many parentheses and signs may.
  private static let deepestNesting = 100

  let scope: ExpressionScope
  var program = ExpressionProgram()
  private let tokens: [SchemaToken]
  private var at = 0
  private var nesting = 0

  init(_ tokens: [SchemaToken], _ scope: ExpressionScope) {
    self.tokens = tokens
    self.scope = scope
  }

  mutating func compile(storedAs affinity: Affinity?) -> Expression? {
    guard var root = expression(1), at == tokens.count else { return nil }
    if let affinity {
      guard let stored = emit(.store, [root], { $0.affinity = affinity }) else { return nil }
      root = stored
    }
    return Expression(program, root: root.node, isUTF8: scope.isUTF8)
  }

  // MARK: Tokens

  var peek: SchemaToken? { at < tokens.count ? tokens[at] : nil }
  var tokenBefore: SchemaToken? { at > 0 ? tokens[at - 1] : nil }
  var following: SchemaToken? { at + 1 < tokens.count ? tokens[at + 1] : nil }

  mutating func take() -> SchemaToken? {
    guard let token = peek else { return nil }
    at += 1
    return token
  }

  mutating func take(keyword: String) -> Bool {
    guard peek?.isKeyword(keyword) == true else { return false }
    at += 1
    return true
  }

  mutating func take(sign: String) -> Bool {
    guard peek?.isSign(sign) == true else { return false }
    at += 1
    return true
  }

  // MARK: Nodes

  /// Adds a node of at most two operands; nil when the expression becomes too deep.
  mutating func emit(
    _ kind: ExpressionNode.Kind, _ operands: [Operand], _ change: (inout ExpressionNode) -> Void = { _ in }
  ) -> Operand? {
    var node = ExpressionNode(kind, operands.first?.node ?? 0, operands.count > 1 ? operands[1].node : 0)
    change(&node)
    return add(node, operands)
  }

  /// Adds a node with a list of operands.
  mutating func emitList(
    _ kind: ExpressionNode.Kind, _ operands: [Operand], _ change: (inout ExpressionNode) -> Void = { _ in }
  ) -> Operand? {
    var node = ExpressionNode(kind, Int32(program.lists.count), Int32(operands.count))
    change(&node)
    program.lists += operands.map(\.node)
    return add(node, operands)
  }

  private mutating func add(_ node: ExpressionNode, _ operands: [Operand]) -> Operand? {
    var result = Operand(node: Int32(program.nodes.count))
    result.depth = (operands.map(\.depth).max() ?? 0) + 1
    result.hidesCollation = operands.contains { $0.isExplicit || $0.hidesCollation }
    guard result.depth <= Self.deepest else { return nil }
    program.nodes.append(node)
    return result
  }

  mutating func emitLiteral(_ kind: ExpressionNode.Kind, _ bits: Int64 = 0, count: Int = 0) -> Operand? {
    var operand = emit(kind, []) {
      $0.bits = bits
      $0.second = Int32(count)
    }
    operand?.literal = kind
    operand?.isNoText = kind != .text
    return operand
  }

  mutating func emitLiteral(_ kind: ExpressionNode.Kind, bytes: [UInt8]) -> Operand? {
    let start = program.bytes.count
    program.bytes += bytes
    return emitLiteral(kind, Int64(start), count: bytes.count)
  }

  // MARK: Precedence

  // From the loosest: OR; AND; NOT; = == != <> IS IN LIKE GLOB BETWEEN ISNULL NOTNULL; < <= > >=; ESCAPE;
  // & | << >>; + -; * / %; ||; COLLATE; ~ and the signs of numbers.
  private static let notLevel = 3
  private static let equalityLevel = 4
  private static let collateLevel = 11
  static let signLevel = 12

  private static let levels: [String: (level: Int, kind: ExpressionNode.Kind)] = [
    "&": (7, .bitAnd), "|": (7, .bitOr), "<<": (7, .shiftLeft), ">>": (7, .shiftRight), "+": (8, .add),
    "-": (8, .subtract), "*": (9, .multiply), "/": (9, .divide), "%": (9, .remainder), "||": (10, .concatenate),
  ]

  private static let comparisons: [String: (level: Int, comparison: ExpressionNode.Comparison)] = [
    "=": (4, .equal), "==": (4, .equal), "<>": (4, .unequal), "!=": (4, .unequal), "<": (5, .less),
    "<=": (5, .lessOrEqual), ">": (5, .greater), ">=": (5, .greaterOrEqual),
  ]

  /// An expression of operators that bind at least as tightly as `level`.
  mutating func expression(_ level: Int) -> Operand? {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Self.deepestNesting, var left = prefix() else { return nil }
    while let token = peek {
      let next: Operand?
      switch token.kind {
      case .sign:
        if let (own, kind) = Self.levels[token.text] {
          guard own >= level else { return left }
          at += 1
          guard let right = expression(own + 1) else { return nil }
          next = emit(kind, [left, right])
        } else if let (own, comparison) = Self.comparisons[token.text] {
          guard own >= level else { return left }
          at += 1
          guard let right = expression(own + 1) else { return nil }
          next = compared(left, comparison, right)
        } else {
          return left
        }
      case .word:
        guard let own = wordLevel(token) else { return left }
        guard own >= level else { return left }
        next = wordOperator(left)
      default:
        return left
      }
      guard let next else { return nil }
      left = next
    }
    return left
  }

  private mutating func prefix() -> Operand? {
    guard peek?.isKeyword("NOT") == true else { return primary() }
    at += 1
    guard let operand = expression(Self.notLevel) else { return nil }
    return emit(.not, [operand])
  }

  private func wordLevel(_ token: SchemaToken) -> Int? {
    if token.isKeyword("OR") { return 1 }
    if token.isKeyword("AND") { return 2 }
    if token.isKeyword("NOT") { return Self.notLevel }
    if token.isKeyword("COLLATE") { return Self.collateLevel }
    let isOther = token.isKeyword(among: ["IS", "IN", "LIKE", "GLOB", "BETWEEN", "ISNULL", "NOTNULL"])
    return isOther ? Self.equalityLevel : nil
  }

  private mutating func wordOperator(_ left: Operand) -> Operand? {
    if take(keyword: "OR") { return expression(2).flatMap { emit(.or, [left, $0]) } }
    if take(keyword: "AND") { return expression(3).flatMap { emit(.and, [left, $0]) } }
    if take(keyword: "COLLATE") { return collated(left) }
    if take(keyword: "ISNULL") { return emit(.isNull, [left]) }
    if take(keyword: "NOTNULL") { return emit(.isNull, [left]) { $0.isNegated = true } }
    if take(keyword: "IS") { return identity(left) }
    let isNegated = take(keyword: "NOT")
    if isNegated, take(keyword: "NULL") { return emit(.isNull, [left]) { $0.isNegated = true } }
    if take(keyword: "IN") { return membership(left, isNegated: isNegated) }
    if take(keyword: "BETWEEN") { return between(left, isNegated: isNegated) }
    if take(keyword: "LIKE") { return matched(left, .like, isNegated: isNegated) }
    if take(keyword: "GLOB") { return matched(left, .glob, isNegated: isNegated) }
    return nil
  }

  private func collated(_ operand: Operand, _ name: String) -> Operand? {
    let collation = Collation(name)
    guard collation != .custom, operand.truthWord == nil else { return nil }
    var result = operand
    result.collation = collation
    result.isExplicit = true
    result.hidesCollation = false
    result.literal = nil
    return result
  }

  private mutating func collated(_ operand: Operand) -> Operand? {
    guard let name = take(), name.isName, name.text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    return collated(operand, name.text)
  }
}
