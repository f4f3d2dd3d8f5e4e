/// Random numbers that are the same for the same seed, on every machine (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A sequence for a seed, and for a purpose, so that two uses of one seed have nothing in common.
  public init(_ seed: UInt64, _ purpose: String = "") {
    state = seed &* 0x9E37_79B9_7F4A_7C15
    for byte in purpose.utf8 { state = (state ^ UInt64(byte)) &* 0x0100_0000_01B3 }
    _ = next()
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number of a range.
  public mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  /// True so many times of a hundred.
  public mutating func chance(_ percent: Int) -> Bool { int(0...99) < percent }

  /// One of some values.
  public mutating func pick<Value>(_ values: [Value]) -> Value { values[int(0...values.count - 1)] }

  /// One of some values; nil of none.
  public mutating func pickAny<Value>(_ values: [Value]) -> Value? { values.randomElement(using: &self) }

  /// Some different ones of some values, in random order; at most all.
  public mutating func some<Value>(_ count: Int, of values: [Value]) -> [Value] {
    Array(values.shuffled(using: &self).prefix(count))
  }

  /// Random bytes.
  public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
