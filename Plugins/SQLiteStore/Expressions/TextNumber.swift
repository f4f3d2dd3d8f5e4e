/// A text or blob read as a number, as SQLite's arithmetic, casts and affinities read it. Whole numbers are exact. A
/// decimal fraction is converted only where every version of SQLite gets the same: their conversions round differently
/// where the fraction lies almost in the middle of two reals.
struct TextNumber {
  /// How much of the text is a number.
  enum Extent {
    /// Not even its beginning, or its beginning is a whole number and something else follows.
    case noneOrPrefix
    /// All of it, a whole number.
    case integer
    /// All of it, with a point or an exponent.
    case real
    /// Its beginning, with a point or an exponent.
    case realPrefix
  }

  /// The whole number at the beginning of the text, and how it was come by.
  struct Whole {
    /// The number, cut to the range of 64 bits.
    let value: Int64
    /// Whether the number fits in 64 bits.
    let fits: Bool
    /// Whether something else follows it, or it is missing.
    let isPartial: Bool
  }

  let extent: Extent
  private let isNegative: Bool
  /// The digits as one number; meaningless when there are more than eighteen.
  private let digits: UInt64
  private let digitCount: Int
  private let exponent: Int
  let whole: Whole

  init(_ text: UnsafeRawBufferPointer) {
    whole = Self.whole(text)
    var at = 0
    let end = text.count
    while at < end, ASCII.isSpace(text[at]) { at += 1 }
    var negative = false
    if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
      negative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    isNegative = negative
    var number: UInt64 = 0
    var count = 0
    var scale = 0
    var hasDigits = false
    func take(_ byte: UInt8) {
      hasDigits = true
      if count > 0 || byte != UInt8(ascii: "0") { count += 1 }
      if count <= 18 { number = number &* 10 &+ UInt64(byte - 48) }
    }
    while at < end, ASCII.isDigit(text[at]) {
      take(text[at])
      at += 1
    }
    var isReal = false
    if at < end, text[at] == UInt8(ascii: ".") {
      isReal = true
      at += 1
      while at < end, ASCII.isDigit(text[at]) {
        take(text[at])
        scale -= 1
        at += 1
      }
    }
    var isValid = true
    var hasPoint = isReal
    if at < end, ASCII.lowered(text[at]) == UInt8(ascii: "e") {
      at += 1
      var power = 0
      isValid = false
      var isBelow = false
      if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
        isBelow = text[at] == UInt8(ascii: "-")
        at += 1
      }
      while at < end, ASCII.isDigit(text[at]) {
        isValid = true
        power = min(power * 10 + Int(text[at] - 48), 10_000)
        at += 1
      }
      scale += isBelow ? -power : power
      isReal = true
    } else {
      hasPoint = false
    }
    if isValid { while at < end, ASCII.isSpace(text[at]) { at += 1 } }
    digits = number
    digitCount = count
    exponent = scale
    if at == end, hasDigits, isValid {
      extent = isReal ? .real : .integer
    } else if isReal, hasDigits, isValid || hasPoint {
      extent = .realPrefix
    } else {
      extent = .noneOrPrefix
    }
  }

  /// The number as a real.
  var real: Double {
    get throws(Unsure) {
      guard digitCount > 0 else { return isNegative ? -0.0 : 0 }
      guard digitCount <= 18, let value = Self.real(digits, exponent) else { throw Unsure() }
      return isNegative ? -value : value
    }
  }

  /// Whether it is another number than zero, even where the number itself is not sure.
  var isNonzero: Bool {
    get throws(Unsure) {
      guard digitCount > 0 else { return false }
      // Numbers this small become zero; how soon is not the same in all versions.
      guard exponent + digitCount > -300 else { throw Unsure() }
      return true
    }
  }

  private static let powers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  /// Digits times a power of ten; nil where rounding is not sure.
  private static func real(_ digits: UInt64, _ exponent: Int) -> Double? {
    var digits = digits
    var exponent = exponent
    while exponent < 0, digits % 10 == 0 {
      digits /= 10
      exponent += 1
    }
    while exponent > 0, digits < 100_000_000_000_000_000 {
      digits *= 10
      exponent -= 1
    }
    // One rounding of a whole number is the same everywhere.
    if exponent == 0 { return Double(digits) }
    guard digits <= 1 << 53, abs(exponent) < powers.count else { return nil }
    // Both numbers are exact, so that the result is rounded once, and what rounding took away can be computed. SQLite
    // may round twice, first to 64 bits, and then be wrong when that comes to lie in the middle.
    let power = powers[abs(exponent)]
    let number = Double(digits)
    let result: Double
    let lost: Double
    let half: Double
    if exponent < 0 {
      result = number / power
      lost = abs(number.addingProduct(-result, power))
      half = result.ulp / 2 * power
    } else {
      result = number * power
      lost = abs((-result).addingProduct(number, power))
      half = result.ulp / 2
    }
    if lost == 0 { return result }
    // Below a power of two the reals lie closer together than above it.
    return result.significandBitPattern != 0 && lost < half * (1 - 1.0 / 256) ? result : nil
  }

  private static func whole(_ text: UnsafeRawBufferPointer) -> Whole {
    var at = 0
    let end = text.count
    while at < end, ASCII.isSpace(text[at]) { at += 1 }
    var isNegative = false
    if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
      isNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    let start = at
    var value: Int64 = 0
    var fits = true
    while at < end, ASCII.isDigit(text[at]) {
      let digit = Int64(text[at] - 48)
      let (tenfold, over) = value.multipliedReportingOverflow(by: 10)
      let (next, above) =
        isNegative ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
      if over || above { fits = false }
      value = next
      at += 1
    }
    let hasDigits = at > start
    while at < end, ASCII.isSpace(text[at]) { at += 1 }
    return Whole(
      value: fits ? value : isNegative ? .min : .max, fits: fits, isPartial: !hasDigits || at < end)
  }
}
