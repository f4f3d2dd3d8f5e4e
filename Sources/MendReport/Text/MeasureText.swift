import MendKit

/// What was measured, in one line.
enum MeasureText {
  /// `/ 40 %, warning 80, critical 90, from 0 to 100`: the ranges as the program wrote them down.
  static func line(_ measure: Measure) -> String {
    var text = "\(measure.name) \(number(measure.value))"
    if !measure.unit.isEmpty { text += " \(measure.unit)" }
    if let warning = measure.warning { text += ", warning \(warning)" }
    if let critical = measure.critical { text += ", critical \(critical)" }
    switch (measure.minimum.map(number), measure.maximum.map(number)) {
    case (let minimum?, let maximum?): text += ", from \(minimum) to \(maximum)"
    case (let minimum?, nil): text += ", at least \(minimum)"
    case (nil, let maximum?): text += ", at most \(maximum)"
    case (nil, nil): break
    }
    return text
  }

  /// Whole numbers without a point.
  private static func number(_ number: Double) -> String {
    number.rounded() == number && abs(number) < 9e15 ? String(Int(number)) : String(number)
  }
}
