import MendKit

/// What a finding must have measured: `drop > 20%`.
public struct Comparison: Sendable, Hashable, CustomStringConvertible {
  /// How the measured value must stand to the number.
  public enum Relation: String, Sendable, CaseIterable {
    case less = "<"
    case atMost = "<="
    case more = ">"
    case atLeast = ">="
    case equal = "="
    case other = "!="

    /// The relation that holds exactly where this one does not.
    var opposite: Relation {
      switch self {
      case .less: .atLeast
      case .atMost: .more
      case .more: .atMost
      case .atLeast: .less
      case .equal: .other
      case .other: .equal
      }
    }

    func holds(_ one: Double, _ other: Double) -> Bool {
      switch self {
      case .less: one < other
      case .atMost: one <= other
      case .more: one > other
      case .atLeast: one >= other
      case .equal: one == other
      // What is no number differs from none in a way that anybody could mean.
      case .other: !one.isNaN && one != other
      }
    }
  }

  /// The measure's name.
  public var measure: String
  /// How its value must stand to the number.
  public var relation: Relation
  /// The number, in the unit that all of its sort are told in: `20 %` is 20, `2GiB` so many bytes, `1h` 3600 seconds.
  public var number: Double
  /// What the number counts; `none` for a plain one, which is held against the value as it is.
  public var unit: MeasureUnit
  /// The number as it was written.
  private var written: String

  /// The comparison as it was written.
  public var description: String { "\(measure) \(relation.rawValue) \(written)" }

  /// A comparison from its text: a name, one of `< <= > >= = !=`, and a number, which may have a unit. Throws what is wrong with it.
  public init(_ text: String) throws(Slip) {
    let signs: Set<Character> = ["<", ">", "=", "!"]
    // The name may be anything, also that of a path with signs in it: the last sign is the one that is meant.
    guard let last = text.lastIndex(where: signs.contains) else {
      throw Slip("'\(text)' compares nothing: write a measure, one of < <= > >= = !=, and a number, as in drop > 20%")
    }
    var first = last
    while first > text.startIndex, signs.contains(text[text.index(before: first)]) { first = text.index(before: first) }
    let sign = String(text[first...last])
    guard let relation = Relation(rawValue: sign == "==" ? "=" : sign) else {
      throw Slip("'\(sign)' is no comparison; there are < <= > >= = !=")
    }
    measure = Self.trimmed(text[..<first])
    guard !measure.isEmpty else { throw Slip("'\(text)' names no measure before '\(sign)'") }
    self.relation = relation
    written = Self.trimmed(text[text.index(after: last)...])
    let digits = written.prefix { $0.isASCII && ($0.isNumber || "+-.".contains($0)) }
    guard let number = Double(digits), number.isFinite else {
      throw Slip("'\(written)' is no number; write one such as 20, 20%, 500MB or 2h")
    }
    let unit = Self.trimmed(written.dropFirst(digits.count))
    self.unit = MeasureUnit(unit)
    guard self.unit != .other else {
      throw Slip(
        "'\(unit)' is no unit that is known; write a plain number, or one with %, a size such as 500MB or a "
          + "length of time such as 2h")
    }
    self.number = self.unit.base(number)
  }

  /// Why a text is no comparison.
  public struct Slip: Error, Hashable {
    var said: String
    init(_ said: String) { self.said = said }
  }

  /// Whether it holds for what a finding measured. Of several measures of one name the first counts.
  func holds(for finding: Finding) -> Bool {
    guard let measure = Self.measure(measure, of: finding) else { return false }
    return holds(for: measure)
  }

  /// The measure of a name; `count` is one that every finding has.
  static func measure(_ name: String, of finding: Finding) -> Measure? {
    let own = finding.measures.first { $0.name == name }
    return own ?? (name == MeasureDescription.count.name ? Measure(name, Double(finding.count)) : nil)
  }

  private func holds(for measure: Measure) -> Bool {
    if unit == .none { return relation.holds(measure.value, number) }
    let own = MeasureUnit(measure.unit)
    return unit.isComparable(with: own) && relation.holds(own.base(measure.value), number)
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var text = text[...]
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return String(text)
  }
}
