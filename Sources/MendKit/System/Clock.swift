import CSystem

/// The two clocks of a run, handed in so that tests choose them.
public struct Clock: Sendable {
  /// Wall time in seconds since 1970. May go back.
  public var now: @Sendable () -> Int64
  /// Seconds from any start, never going back: what durations are measured by.
  public var steady: @Sendable () -> Double

  /// Clocks of one's own.
  public init(now: @escaping @Sendable () -> Int64, steady: @escaping @Sendable () -> Double) {
    self.now = now
    self.steady = steady
  }

  /// The system's clocks.
  public static let system = Clock(
    now: { Int64(time(nil)) },
    steady: {
      var value = timespec()
      clock_gettime(CLOCK_MONOTONIC, &value)
      return Double(value.tv_sec) + Double(value.tv_nsec) / 1e9
    })
}

/// A moment in UTC, split into its parts.
public struct UTCTime: Sendable, Hashable {
  /// Seconds since 1970.
  public var seconds: Int64

  /// The moment so many seconds after 1970 began.
  public init(seconds: Int64) { self.seconds = seconds }

  private var parts: tm {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    return parts
  }

  /// `20240115_020000`, as names of archives have it.
  public var compact: String {
    let parts = parts
    return pad(Int(parts.tm_year) + 1900, 4) + pad(Int(parts.tm_mon) + 1) + pad(Int(parts.tm_mday)) + "_"
      + pad(Int(parts.tm_hour)) + pad(Int(parts.tm_min)) + pad(Int(parts.tm_sec))
  }

  /// `2024-01-15T02:00:00Z`, by ISO 8601.
  public var iso: String {
    let parts = parts
    return pad(Int(parts.tm_year) + 1900, 4) + "-" + pad(Int(parts.tm_mon) + 1) + "-" + pad(Int(parts.tm_mday)) + "T"
      + pad(Int(parts.tm_hour)) + ":" + pad(Int(parts.tm_min)) + ":" + pad(Int(parts.tm_sec)) + "Z"
  }

  /// The moment that an ISO 8601 text of the form of `iso` names; nil for any other text.
  public init?(iso: String) {
    let numbers = iso.split { !$0.isNumber }.compactMap { Int32($0) }
    guard iso.count == 20, numbers.count == 6 else { return nil }
    var parts = tm()
    parts.tm_year = numbers[0] - 1900
    parts.tm_mon = numbers[1] - 1
    parts.tm_mday = numbers[2]
    parts.tm_hour = numbers[3]
    parts.tm_min = numbers[4]
    parts.tm_sec = numbers[5]
    seconds = Int64(timegm(&parts))
    guard self.iso == iso else { return nil }
  }

  /// The day's number since 1970 and the ISO week's, month's: what retention groups by.
  public var day: Int { Int(seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400) }
  /// The week's number; weeks begin on Monday.
  public var week: Int { (day + 3) / 7 }
  /// The month's number since the year 0.
  public var month: Int { (Int(parts.tm_year) + 1900) * 12 + Int(parts.tm_mon) }

  private func pad(_ number: Int, _ width: Int = 2) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
