/// Something that a check measured, of the store or of one thing in it: by how much the rows dropped, how full a volume is.
public struct Measure: Sendable, Hashable {
  /// What was measured, as rules name it: `drop`.
  public var name: String
  /// How much it was.
  public var value: Double
  /// What the value counts: `%`, `B`, `s`; empty for a number of things.
  public var unit: String
  /// The range in which it is no warning, as the program that measured it wrote that down; nil where it told none.
  public var warning: String?
  /// Likewise for what it calls critical.
  public var critical: String?
  /// The least that it can be.
  public var minimum: Double?
  /// The most that it can be.
  public var maximum: Double?

  /// A measure; see the properties.
  public init(
    _ name: String, _ value: Double, unit: String = "", warning: String? = nil, critical: String? = nil,
    minimum: Double? = nil, maximum: Double? = nil
  ) {
    self.name = name
    self.value = value
    self.unit = unit
    self.warning = warning
    self.critical = critical
    self.minimum = minimum
    self.maximum = maximum
  }
}
