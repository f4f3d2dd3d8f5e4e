/// A number of bytes as people write it. `k`, `M`, `G`, `T` with `B` are powers of 1000, with `iB` powers of 1024.
public struct ByteSize: Sendable, Hashable {
  /// The number of bytes.
  public var bytes: Int

  /// A size of so many bytes.
  public init(bytes: Int) { self.bytes = bytes }

  /// A size from its text (`2GiB`, `500 MB`, `4096`); nil when it is none, negative or too large to count.
  public init?(_ text: String) {
    guard let (number, unit) = Quantity.split(text) else { return nil }
    let factors: [String: Double] = [
      "": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024, "kiB": 1024,
      "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776, "K": 1024, "k": 1024, "M": 1_048_576,
      "G": 1_073_741_824, "T": 1_099_511_627_776,
    ]
    guard let factor = factors[unit], number * factor < 9e18 else { return nil }
    bytes = Int(number * factor)
  }

  /// A few significant digits and a decimal unit: `8.3 MB`.
  public var short: String {
    var value = Double(bytes)
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if unit == 0 { return bytes == 1 ? "1 byte" : "\(bytes) bytes" }
    let tenths = Int((value * 10).rounded())
    return value < 10 ? "\(tenths / 10).\(tenths % 10) \(units[unit])" : "\(Int(value.rounded())) \(units[unit])"
  }
}

/// A length of time as people write it: `250ms`, `5s`, `2m`, `12h`, `7d`, `4w`. A bare number is seconds.
public struct TimeSpan: Sendable, Hashable {
  /// The length in seconds.
  public var seconds: Double

  /// So many seconds.
  public init(seconds: Double) { self.seconds = seconds }

  /// A length from its text; nil when it is none or negative.
  public init?(_ text: String) {
    guard let (number, unit) = Quantity.split(text) else { return nil }
    let factors: [String: Double] = [
      "": 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604_800,
    ]
    guard let factor = factors[unit] else { return nil }
    seconds = number * factor
  }

  /// The length with the unit that fits it: `250 ms`, `5 s`, `3 min`.
  public var short: String {
    if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 10 { return "\(Int(seconds)).\(Int(seconds * 10) % 10) s" }
    if seconds < 120 { return "\(Int(seconds)) s" }
    return "\(Int(seconds / 60)) min"
  }
}

/// A part of a whole, from 0 to 1.
public struct Share: Sendable, Hashable {
  /// 0 for nothing to 1 for all.
  public var fraction: Double

  /// A share of so much.
  public init(fraction: Double) { self.fraction = fraction }

  /// A share from `20%`, `"0.2"`, 0.2 or 0; nil for anything else or beyond 100 %.
  public init?(_ value: OptionValue) {
    switch value {
    case .integer(let number): fraction = Double(number)
    case .number(let number): fraction = number
    case .string(let text):
      guard let (number, unit) = Quantity.split(text), unit == "" || unit == "%" else { return nil }
      fraction = unit == "%" ? number / 100 : number
    default: return nil
    }
    guard (0...1).contains(fraction) else { return nil }
  }
}

enum Quantity {
  /// A number that is not negative, and the unit behind it.
  static func split(_ text: String) -> (Double, String)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number.isFinite else { return nil }
    return (number, String(text.dropFirst(digits.count).drop { $0 == " " }))
  }
}
