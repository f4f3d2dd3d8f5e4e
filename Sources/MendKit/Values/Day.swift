/// One day of the calendar, in UTC.
public struct Day: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The day's number since 1970 began, from 0.
  public var number: Int

  /// The day in which a moment lies, in seconds since 1970.
  public init(at seconds: Int64) { number = UTCTime(seconds: seconds).day }

  /// A day from its text, `2026-12-31`; nil for any other text and for a day that no calendar has.
  public init?(_ text: String) {
    guard let time = UTCTime(iso: text + "T00:00:00Z") else { return nil }
    number = time.day
  }

  /// `2026-12-31`, by ISO 8601.
  public var description: String { String(UTCTime(seconds: Int64(number) * 86400).iso.prefix(10)) }

  /// The day after this one.
  public var next: Day {
    var day = self
    day.number += 1
    return day
  }

  /// In the order of the calendar.
  public static func < (one: Day, other: Day) -> Bool { one.number < other.number }
}
