/// One operation of a compiled expression. Nodes name each other by their numbers, so that evaluating them counts no
/// references.
struct ExpressionNode {
  enum Kind: UInt8 {
    // Values.
    case null, integer, real, text, blob, column
    // Operators on numbers and texts.
    case negate, invert, add, subtract, multiply, divide, remainder, concatenate, bitAnd, bitOr, shiftLeft, shiftRight
    // Conditions.
    case compare, and, or, not, isNull, isTrue, isFalse, oneOf, like, glob
    // Choices and conversions.
    case choice, cast, store
    // Functions.
    case coalesce, nullIf, typeName, absolute, length, lower, upper, trim, trimStart, trimEnd, substring, position
    case smallest, largest
  }

  enum Comparison: UInt8 { case equal, unequal, less, lessOrEqual, greater, greaterOrEqual, same, different }

  let kind: Kind
  /// Of a comparison: what is applied to both sides, nil for nothing. Of a cast: what is cast to. Of a column: its own.
  var affinity: Affinity?
  var collation = Collation.binary
  var comparison = Comparison.equal
  /// Whether two texts are only held to be equal or not, byte for byte.
  var comparesBytes = false
  /// Whether the condition is turned into its opposite.
  var isNegated = false
  /// The character that takes its meaning from a wildcard; 0 for none.
  var escape: UInt8 = 0
  /// Operands, or where the list of them begins and how long it is; of a column its number.
  var first: Int32 = 0
  var second: Int32 = 0
  /// A whole number, the bits of a real, or where a literal's bytes begin, with their count in `second`.
  var bits: Int64 = 0

  init(_ kind: Kind, _ first: Int32 = 0, _ second: Int32 = 0) {
    self.kind = kind
    self.first = first
    self.second = second
  }

  /// Sets what a comparison goes by.
  mutating func compare(_ comparison: Comparison, _ affinity: Affinity?, _ collation: Collation) {
    self.comparison = comparison
    self.affinity = affinity
    self.collation = collation
    let isOrder =
      comparison.rawValue >= Comparison.less.rawValue && comparison.rawValue <= Comparison.greaterOrEqual.rawValue
    comparesBytes = !isOrder && collation == .binary && [nil, .text, .blob].contains(affinity)
  }
}
