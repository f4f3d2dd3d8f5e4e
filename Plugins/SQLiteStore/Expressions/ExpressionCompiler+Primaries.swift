/// Literals, columns, functions and the forms that begin with a word of their own.
extension ExpressionCompiler {
  mutating func primary() -> Operand? {
    guard let token = take() else { return nil }
    switch token.kind {
    case .sign: return signed(token)
    case .string:
      guard peek?.isSign(".") != true else { return nil }
      return text(token)
    case .blob: return blob(token)
    case .integer: return integer(token)
    case .real: return real(token)
    case .quoted, .name: return column(token)
    case .word:
      if token.isKeyword("NULL") { return emitLiteral(.null) }
      if token.isKeyword("CASE") { return choice() }
      if peek?.isSign("(") == true { return token.isKeyword("CAST") ? cast() : function(token) }
      return column(token)
    }
  }

  private mutating func signed(_ token: SchemaToken) -> Operand? {
    switch token.text {
    case "(":
      guard let operand = expression(1), take(sign: ")") else { return nil }
      return operand
    case "+":
      guard var operand = expression(Self.signLevel) else { return nil }
      operand.affinity = nil
      operand.literal = nil
      operand.truthWord = nil
      return operand
    case "-":
      // The one literal that has a meaning only behind this sign.
      if peek?.kind == .integer, peek?.text == "9223372036854775808" {
        _ = take()
        var result = emitLiteral(.integer, .min)
        result?.literal = nil
        return result
      }
      guard let operand = expression(Self.signLevel) else { return nil }
      return negated(operand)
    case "~": return expression(Self.signLevel).flatMap { emit(.invert, [$0]) }
    default: return nil
    }
  }

  /// The opposite of an operand. A literal takes one sign as its own; a second one is an operation.
  private mutating func negated(_ operand: Operand) -> Operand? {
    let bits = program.nodes[Int(operand.node)].bits
    var result: Operand?
    switch operand.literal {
    case .integer:
      // -0x8000000000000000 is an error to SQLite.
      guard bits != .min else { return nil }
      result = emitLiteral(.integer, -bits)
    case .real:
      let number = -Double(bitPattern: UInt64(bitPattern: bits))
      result = emitLiteral(.real, Int64(bitPattern: number.bitPattern))
    default: return emit(.negate, [operand])
    }
    result?.literal = nil
    return result
  }

  // MARK: Literals

  private mutating func text(_ token: SchemaToken) -> Operand? {
    // What was no UTF-8 in the schema looks like this sign, and is no longer known.
    guard !token.text.unicodeScalars.contains("\u{FFFD}") else { return nil }
    return emitLiteral(.text, bytes: Array(token.text.utf8))
  }

  private mutating func blob(_ token: SchemaToken) -> Operand? {
    guard scope.isUTF8 else { return nil }
    let digits = token.text.utf8.compactMap(ASCII.hexValue)
    return emitLiteral(
      .blob, bytes: stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
  }

  private mutating func integer(_ token: SchemaToken) -> Operand? {
    if ASCII.lowered(token.text).hasPrefix("0x") {
      guard let bits = UInt64(token.text.dropFirst(2), radix: 16) else { return nil }
      return emitLiteral(.integer, Int64(bitPattern: bits))
    }
    if let number = Int64(token.text) { return emitLiteral(.integer, number) }
    // Larger numbers are reals, whose conversion is not worth the doubt.
    return nil
  }

  private mutating func real(_ token: SchemaToken) -> Operand? {
    let number = Array(token.text.utf8).withUnsafeBytes { bytes in try? TextNumber(bytes).real }
    guard let number else { return nil }
    return emitLiteral(.real, Int64(bitPattern: number.bitPattern))
  }

  // MARK: Columns

  private static let functionWords = ["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"]

  private mutating func column(_ token: SchemaToken) -> Operand? {
    guard !token.isKeyword(among: Self.functionWords) else { return nil }
    var name = token
    var isQualified = false
    if take(sign: ".") {
      guard ASCII.areSame(token.text, scope.table), let second = take(), second.isName, second.kind != .string,
        peek?.isSign(".") != true
      else { return nil }
      name = second
      isQualified = true
    }
    if let number = scope.columns.firstIndex(where: { ASCII.areSame($0.name, name.text) }) { return column(number) }
    guard name.kind == .word else { return nil }
    if scope.hasRowid, name.isKeyword(among: ["ROWID", "_ROWID_", "OID"]) { return rowid() }
    guard !isQualified, name.isKeyword(among: ["TRUE", "FALSE"]) else { return nil }
    let isTrue = name.isKeyword("TRUE")
    var operand = emitLiteral(.integer, isTrue ? 1 : 0)
    operand?.truthWord = isTrue
    operand?.literal = nil
    return operand
  }

  private mutating func column(_ number: Int) -> Operand? {
    let column = scope.columns[number]
    program.columns.insert(number)
    var operand = emit(.column, []) {
      $0.first = Int32(number)
      $0.affinity = column.affinity
    }
    operand?.affinity = column.isRowid ? .integer : column.affinity
    operand?.collation = column.isRowid ? nil : column.collation
    return operand
  }

  private mutating func rowid() -> Operand? {
    if let alias = scope.columns.firstIndex(where: \.isRowid) { return column(alias) }
    program.usesRowid = true
    var operand = emit(.column, []) { $0.first = Int32(Expression.rowid) }
    operand?.affinity = .integer
    return operand
  }

  // MARK: CASE and CAST

  private mutating func choice() -> Operand? {
    var base: Operand?
    if peek?.isKeyword("WHEN") != true {
      base = expression(1)
      if base == nil { return nil }
    }
    var operands: [Operand] = []
    while take(keyword: "WHEN") {
      guard var condition = expression(1), take(keyword: "THEN"), let result = expression(1) else { return nil }
      if let base {
        guard let equal = compared(base, .equal, condition) else { return nil }
        condition = equal
      }
      operands += [condition, result]
    }
    guard !operands.isEmpty else { return nil }
    if take(keyword: "ELSE") {
      guard let other = expression(1) else { return nil }
      operands.append(other)
    }
    return take(keyword: "END") ? emitList(.choice, operands) : nil
  }

  private mutating func cast() -> Operand? {
    guard take(sign: "("), let operand = expression(1), take(keyword: "AS"), let first = peek, first.kind == .word
    else {
      return nil
    }
    var type = ""
    var end = first.range.lowerBound
    while let token = take() {
      // SQLite looks at the type as it was written, with a comment if there is room for one.
      guard token.range.lowerBound - end < 3 else { return nil }
      end = token.range.upperBound
      if token.isSign(")") { break }
      if token.isSign("(") {
        while let inner = take(), !inner.isSign(")") {
          guard inner.kind == .integer || inner.isSign(",") else { return nil }
        }
        guard take(sign: ")") else { return nil }
        break
      }
      guard token.kind == .word, token.text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
      type += type.isEmpty ? token.text : " " + token.text
    }
    guard tokenBefore?.isSign(")") == true else { return nil }
    let affinity = Affinity(declaredType: type)
    guard scope.isUTF8 || affinity != .blob, var result = emit(.cast, [operand], { $0.affinity = affinity }) else {
      return nil
    }
    result.affinity = affinity
    result.collation = operand.collation
    result.isExplicit = operand.isExplicit
    result.hidesCollation = operand.hidesCollation
    return result
  }

  // MARK: Functions

  private static let functions: [String: (kind: ExpressionNode.Kind, arguments: ClosedRange<Int>)] = [
    "coalesce": (.coalesce, 2...100), "ifnull": (.coalesce, 2...2), "nullif": (.nullIf, 2...2),
    "iif": (.choice, 3...3), "typeof": (.typeName, 1...1), "abs": (.absolute, 1...1), "length": (.length, 1...1),
    "lower": (.lower, 1...1), "upper": (.upper, 1...1), "trim": (.trim, 1...1), "ltrim": (.trimStart, 1...1),
    "rtrim": (.trimEnd, 1...1), "substr": (.substring, 2...3), "substring": (.substring, 2...3),
    "instr": (.position, 2...2), "min": (.smallest, 2...100), "max": (.largest, 2...100),
  ]

  private mutating func function(_ name: SchemaToken) -> Operand? {
    guard let (kind, counts) = Self.functions[ASCII.lowered(name.text)], take(sign: "(") else { return nil }
    var arguments: [Operand] = []
    repeat {
      guard let argument = expression(1) else { return nil }
      arguments.append(argument)
    } while take(sign: ",")
    guard take(sign: ")"), counts.contains(arguments.count) else { return nil }
    var collation = Collation.binary
    if [.nullIf, .smallest, .largest].contains(kind) {
      guard !arguments.contains(where: \.hidesCollation) else { return nil }
      collation = arguments.lazy.compactMap(\.collation).first ?? .binary
      guard collation != .custom else { return nil }
    }
    return emitList(kind, arguments) { $0.collation = collation }
  }
}
