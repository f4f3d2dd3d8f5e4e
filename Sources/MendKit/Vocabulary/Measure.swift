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

/// What the unit of a measure counts, so that a number with another unit of the same sort can be held against it.
public enum MeasureUnit: Sendable, Hashable {
  /// Things.
  case none
  /// Hundredths of a whole.
  case percent
  /// So many bytes each.
  case bytes(Double)
  /// So many seconds each.
  case seconds(Double)
  /// Something that only its author knows: a plain number can be held against it, and nothing else.
  case other

  /// The unit that a text names: `%`, `B`, `MiB`, `ms`.
  public init(_ text: String) {
    switch text {
    case "": self = .none
    case "%": self = .percent
    case "us": self = .seconds(0.000_001)
    default:
      if let size = ByteSize("1000000" + text) {
        self = .bytes(Double(size.bytes) / 1_000_000)
      } else if let span = TimeSpan("1" + text) {
        self = .seconds(span.seconds)
      } else {
        self = .other
      }
    }
  }

  /// What a number of this unit is in the unit that all of its sort are told in: bytes, seconds.
  public func base(_ value: Double) -> Double {
    switch self {
    case .bytes(let factor), .seconds(let factor): value * factor
    case .none, .percent, .other: value
    }
  }

  /// Whether both count the same sort of thing.
  public func isComparable(with other: MeasureUnit) -> Bool {
    switch (self, other) {
    case (.none, .none), (.percent, .percent), (.bytes, .bytes), (.seconds, .seconds): true
    default: false
    }
  }

  /// What is counted, as messages say it.
  public var title: String {
    switch self {
    case .none: "a plain number"
    case .percent: "a percentage"
    case .bytes: "a size"
    case .seconds: "a length of time"
    case .other: "a number of its own unit"
    }
  }
}

extension Measure {
  /// The value with its unit, as people write it: `62.5 %`, `1.2 GB`, `4 rows`.
  public var words: String {
    switch MeasureUnit(unit) {
    case .bytes(let factor) where value * factor < 9e18 && value >= 0: ByteSize(bytes: Int(value * factor)).short
    default: Self.number(value) + (unit.isEmpty ? "" : " " + unit)
    }
  }

  /// A number with at most two digits behind the point, and none where they are zeros.
  public static func number(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let hundredths = Int((value * 100).rounded())
    let (whole, rest) = (hundredths.magnitude / 100, hundredths.magnitude % 100)
    let digits = rest == 0 ? "" : rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)"
    return (hundredths < 0 ? "-" : "") + "\(whole)" + digits
  }
}
