import MendKit

/// The values that several comparisons leave to one measure.
struct MeasureRange {
  private var lower: Double
  private var upper: Double
  private var isLowerOut = false
  private var isUpperOut = false
  private var excluded: Set<Double> = []

  /// All values between two bounds, which belong to them.
  init(_ range: ClosedRange<Double> = -Double.infinity...Double.infinity) {
    lower = range.lowerBound
    upper = range.upperBound
  }

  /// Leaves only the values for which the comparison with a number holds.
  mutating func narrow(_ relation: Comparison.Relation, _ number: Double) {
    switch relation {
    case .less: lessen(number, isOut: true)
    case .atMost: lessen(number, isOut: false)
    case .more: raise(number, isOut: true)
    case .atLeast: raise(number, isOut: false)
    case .equal:
      lessen(number, isOut: false)
      raise(number, isOut: false)
    case .other: excluded.insert(number)
    }
  }

  /// Whether no value is left. In case of doubt one is.
  var isEmpty: Bool {
    if lower != upper { return lower > upper }
    return isLowerOut || isUpperOut || excluded.contains(lower)
  }

  private mutating func lessen(_ number: Double, isOut: Bool) {
    guard number <= upper else { return }
    isUpperOut = isOut || (number == upper && isUpperOut)
    upper = number
  }

  private mutating func raise(_ number: Double, isOut: Bool) {
    guard number >= lower else { return }
    isLowerOut = isOut || (number == lower && isLowerOut)
    lower = number
  }
}
