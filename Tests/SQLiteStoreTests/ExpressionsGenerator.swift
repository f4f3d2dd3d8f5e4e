/// Writes random expressions in SQLite's grammar, sensible and not.
struct ExpressionWriter {
  var numbers: SeededNumbers
  let columns: [String]

  private static let integers = [
    "0", "1", "2", "5", "-1", "10", "12", "100", "-7", "64", "63", "9007199254740993", "9223372036854775807",
    "-9223372036854775808", "0x10", "0xFFFFFFFFFFFFFFFF", "4611686018427387904", "3037000500", "1000000000000",
  ]
  private static let reals = [
    "0.5", "1.0", "5.0", "-0.0", "0.0", "3.14", "1e3", "2.5e-3", "12.5", "-7.75", "1e15", "0.1", "99999.999", "1E2",
    ".5", "5.", "9e15", "123456789.123",
  ]
  static let texts = [
    "", "a", "abc", "ABC", "Abc", "abc ", "abc  ", " abc", "5", "5.0", " 5 ", "5abc", "0x10", "1e2", "-3", "+7", ".5",
    "5.", "12.5abc", "1e", "1e5x", "12.5e", "-", "+", ".", "e5", "-0", "-0.0", "12", "100", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999", "0.1", "3.14",
    "é", "aé", "日本", "null", "true", "[", "]", "a]b", "a%c", "a_c", "%", "_", "*", "a*c", "ab\tc", "1 2", "\t7\n",
    "123456789012345678", "0.30000000000000004", "007", "1e22", "1e23", "10", "2", "text", "integer", "real",
  ]
  private static let patterns = [
    "%", "_", "a%", "%c", "a_c", "%b%", "ABC", "abc", "5%", "%.%", "é", "_é", "a\\%c", "", "%%", "_%", "a%_c", "日%",
    "__",
  ]
  private static let globs = [
    "*", "?", "a*", "*c", "a?c", "[a-c]*", "*[0-9]*", "[^a-z]*", "[]]*", "[a-", "*[", "[a-]", "[^]a]*", "5*", "*5", "",
    "[0-9]*[0-9]", "é", "[é-日]*", "[--9]*", "[A-Z]*", "?*",
  ]
  private static let types = [
    "INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "INT", "VARCHAR(10)", "DECIMAL(10, 2)", "DOUBLE PRECISION", "DATE",
  ]

  mutating func expression(_ depth: Int = 4) -> String {
    guard depth > 0, !numbers.chance(12) else { return leaf() }
    let text = compound(depth - 1)
    return numbers.chance(55) ? "(\(text))" : text
  }

  private mutating func literal() -> String {
    switch numbers.below(8) {
    case 0, 1: return numbers.pick(Self.integers)
    case 2: return numbers.pick(Self.reals)
    case 3, 4: return quoted(numbers.pick(Self.texts))
    case 5: return numbers.pick(["x''", "x'35'", "X'616263'", "x'ff00'", "x'414243'"])
    case 6: return "NULL"
    default: return numbers.pick(["TRUE", "false", "1", "0"])
    }
  }

  private mutating func leaf() -> String {
    if numbers.chance(35) { return literal() }
    let column = numbers.pick(columns)
    return numbers.chance(5) ? "\"\(column)\"" : numbers.chance(5) ? "t.[\(column)]" : column
  }

  private func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }

  private mutating func binary(_ operators: [String], _ depth: Int) -> String {
    let left = expression(depth)
    let sign = numbers.pick(operators)
    return "\(left) \(sign) \(expression(depth))"
  }

  private mutating func maybeNot() -> String { numbers.chance(40) ? " NOT" : "" }

  private mutating func list(_ depth: Int, _ count: Int) -> String {
    (0..<count).map { _ in numbers.chance(85) ? literal() : expression(depth) }.joined(separator: ", ")
  }

  private mutating func compound(_ depth: Int) -> String {
    switch numbers.below(22) {
    case 0...4: return binary(["=", "==", "<>", "!=", "<", "<=", ">", ">="], depth)
    case 5, 6: return binary(["AND", "OR", "and"], depth)
    case 7: return "NOT \(expression(depth))"
    case 8, 9: return binary(["+", "-", "*", "/", "%"], depth)
    case 10: return binary(["||", "&", "|", "<<", ">>"], depth)
    case 11:
      return expression(depth)
        + numbers.pick([" ISNULL", " NOTNULL", " NOT NULL", " IS NULL", " IS NOT NULL", " IS TRUE", " IS NOT FALSE"])
    case 12: return binary(["IS", "IS NOT", "IS NOT DISTINCT FROM", "IS DISTINCT FROM"], depth)
    case 13: return "\(expression(depth))\(maybeNot()) BETWEEN \(expression(depth)) AND \(expression(depth))"
    case 14: return "\(expression(depth))\(maybeNot()) IN (\(list(depth, numbers.below(5))))"
    case 15:
      let escape = numbers.chance(20) ? " ESCAPE '\\'" : ""
      return "\(expression(depth))\(maybeNot()) LIKE \(quoted(numbers.pick(Self.patterns)))\(escape)"
    case 16: return "\(expression(depth))\(maybeNot()) GLOB \(quoted(numbers.pick(Self.globs)))"
    case 17:
      let operand = expression(depth)
      return numbers.pick(operand.hasPrefix("-") ? ["- ", "+", "~"] : ["-", "+", "~", "- "]) + operand
    case 18: return choice(depth)
    case 19: return "CAST(\(expression(depth)) AS \(numbers.pick(Self.types)))"
    case 20: return "\(expression(depth)) COLLATE \(numbers.pick(["NOCASE", "binary", "RTRIM"]))"
    default: return function(depth)
    }
  }

  private mutating func choice(_ depth: Int) -> String {
    var text = numbers.chance(50) ? "CASE" : "CASE \(expression(depth))"
    for _ in 0...numbers.below(2) { text += " WHEN \(expression(depth)) THEN \(expression(depth))" }
    return text + (numbers.chance(60) ? " ELSE \(expression(depth))" : "") + " END"
  }

  private mutating func function(_ depth: Int) -> String {
    let one = expression(depth)
    let two = expression(depth)
    switch numbers.below(13) {
    case 0: return "coalesce(\(one), \(two), \(literal()))"
    case 1: return "ifnull(\(one), \(two))"
    case 2: return "nullif(\(one), \(two))"
    case 3: return "length(\(one))"
    case 4: return "typeof(\(one))"
    case 5: return "abs(\(one))"
    case 6: return "\(numbers.pick(["lower", "UPPER", "trim", "ltrim", "rtrim"]))(\(one))"
    case 7: return "substr(\(one), \(numbers.pick(["1", "0", "-2", "2", two])))"
    case 8:
      return "substr(\(one), \(numbers.pick(["1", "0", "-2", "2"])), \(numbers.pick(["1", "0", "-1", "-3", two])))"
    case 9: return "instr(\(one), \(two))"
    case 10: return "\(numbers.pick(["min", "max"]))(\(one), \(two))"
    case 11: return "iif(\(one), \(two), \(literal()))"
    default: return "max(\(one), \(two), \(literal()))"
    }
  }
}
