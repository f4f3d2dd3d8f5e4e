/// What kind of thing was found: a lower-case word for the part of the store, a full stop, and what is wrong with it, such as
/// `index.entry-missing`. Codes are a promise to users' rules and CI: they are added to, never renamed.
public struct FindingCode: RawRepresentable, Hashable, Sendable, Comparable, ExpressibleByStringLiteral,
  CustomStringConvertible
{
  /// The code as it stands in reports and rules.
  public let rawValue: String

  /// A code from its text.
  public init(rawValue: String) { self.rawValue = rawValue }
  /// A code from a literal.
  public init(stringLiteral value: String) { rawValue = value }

  /// The code.
  public var description: String { rawValue }
  /// In the order of their texts.
  public static func < (one: FindingCode, other: FindingCode) -> Bool { one.rawValue < other.rawValue }

  /// Whether the code is one of those that a pattern names; `*` in the pattern stands for any run of characters,
  /// so `row-count.*` names every finding of the row counts.
  public func matches(_ pattern: String) -> Bool { Glob.matches(pattern, rawValue) }
}

/// Shell-like patterns with `*` (any run of characters) as rules use them.
public enum Glob {
  /// Whether the whole text is named by the pattern. Linear in the product of the lengths.
  public static func matches(_ pattern: String, _ text: String) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var p = 0
    var t = 0
    var star: Int?
    var resume = 0
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = p
        resume = t
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let at = star {
        p = at + 1
        resume += 1
        t = resume
      } else {
        return false
      }
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
    return p == pattern.count
  }

  /// Whether every text that the second pattern names is named by the first.
  public static func covers(_ pattern: String, _ other: String) -> Bool {
    // Nothing but a `*` of the first pattern can stand for a `*` of the second one.
    matches(pattern, other)
  }

  /// Whether some text is named by both patterns.
  public static func meet(_ one: String, _ other: String) -> Bool {
    let star = UInt8(ascii: "*")
    let (one, other) = (Array(one.utf8), Array(other.utf8))
    // reach[j]: whether what is left of both, from i and from j on, can be the same text.
    var reach = [Bool](repeating: false, count: other.count + 1)
    for i in stride(from: one.count, through: 0, by: -1) {
      let below = reach
      for j in stride(from: other.count, through: 0, by: -1) {
        if i == one.count, j == other.count {
          reach[j] = true
        } else if i < one.count, one[i] == star {
          reach[j] = below[j] || (j < other.count && reach[j + 1])
        } else if j < other.count, other[j] == star {
          reach[j] = reach[j + 1] || (i < one.count && below[j])
        } else {
          reach[j] = i < one.count && j < other.count && one[i] == other[j] && below[j + 1]
        }
      }
    }
    return reach[0]
  }
}
