/// Arithmetic, conversions and casts, with SQLite's overflows and roundings.
extension ExpressionEvaluation {
  private enum Number {
    case integer(Int64)
    case real(Double)
  }

  /// A value as arithmetic takes it: a text or blob is the number at its beginning, or 0. Nil for NULL.
  private static func numeric(_ value: StoredValue) throws(Unsure) -> Number? {
    switch value {
    case .null: return nil
    case .integer(let number): return .integer(number)
    case .real(let number): return .real(number)
    case .text(let bytes), .blob(let bytes):
      let text = TextNumber(bytes)
      switch text.extent {
      case .noneOrPrefix, .integer: return text.whole.fits ? .integer(text.whole.value) : .real(try text.real)
      case .real, .realPrefix: return .real(try text.real)
      }
    }
  }

  /// A text as a number where all of it is one; otherwise the value itself.
  static func number(_ bytes: UnsafeRawBufferPointer, else value: StoredValue) throws(Unsure) -> StoredValue {
    let text = TextNumber(bytes)
    switch text.extent {
    case .noneOrPrefix, .realPrefix: return value
    case .integer: return text.whole.fits ? .integer(text.whole.value) : .real(try text.real)
    case .real: return .real(try text.real)
    }
  }

  static func real(_ value: StoredValue) throws(Unsure) -> Double {
    switch value {
    case .null: 0
    case .integer(let number): Double(number)
    case .real(let number): number
    case .text(let bytes), .blob(let bytes): try TextNumber(bytes).real
    }
  }

  /// A value as a whole number: a real is cut off and kept within 64 bits, a text is the whole number at its beginning.
  private static func whole(_ value: StoredValue) -> Int64? {
    switch value {
    case .null: nil
    case .integer(let number): number
    case .real(let number): cut(number)
    case .text(let bytes), .blob(let bytes): TextNumber(bytes).whole.value
    }
  }

  private static func cut(_ number: Double) -> Int64 {
    number <= -0x1p63 ? .min : number >= 0x1p63 ? .max : Int64(number)
  }

  /// A value as a text; numbers in decimal digits. A blob stays out: what it is as a text only its encoding tells.
  func text(_ value: StoredValue) throws(Unsure) -> UnsafeRawBufferPointer {
    switch value {
    case .integer(let number): try scratch.text(number)
    case .real(let number): try scratch.text(number)
    case .text(let bytes): bytes
    case .null, .blob: throw Unsure()
    }
  }

  // MARK: Operators

  func unary(_ kind: ExpressionNode.Kind, _ value: StoredValue) throws(Unsure) -> StoredValue {
    guard kind == .negate else { return Self.whole(value).map { .integer(~$0) } ?? .null }
    // SQLite subtracts from zero: the opposite of 0.0 is 0.0.
    return try arithmetic(.subtract, .integer(0), value)
  }

  func arithmetic(
    _ kind: ExpressionNode.Kind, _ left: StoredValue, _ right: StoredValue
  ) throws(Unsure) -> StoredValue {
    guard !left.isNull, !right.isNull, let a = try Self.numeric(left), let b = try Self.numeric(right) else {
      return .null
    }
    if case .integer(let x) = a, case .integer(let y) = b {
      if (kind == .divide || kind == .remainder) && y == 0 { return .null }
      if let result = Self.exact(kind, x, y) { return .integer(result) }
    }
    if kind == .remainder {
      guard let x = Self.whole(left), let y = Self.whole(right), y != 0 else { return .null }
      return .real(y == -1 ? 0 : Double(x % y))
    }
    let x = try Self.real(left)
    let y = try Self.real(right)
    let result: Double
    switch kind {
    case .add: result = x + y
    case .subtract: result = x - y
    case .multiply: result = x * y
    default:
      guard y != 0 else { return .null }
      result = x / y
    }
    return result.isNaN ? .null : .real(result)
  }

  /// The result in whole numbers; nil where it does not fit in 64 bits. The divisor is not 0.
  private static func exact(_ kind: ExpressionNode.Kind, _ x: Int64, _ y: Int64) -> Int64? {
    let result: (partialValue: Int64, overflow: Bool)
    switch kind {
    case .add: result = x.addingReportingOverflow(y)
    case .subtract: result = x.subtractingReportingOverflow(y)
    case .multiply: result = x.multipliedReportingOverflow(by: y)
    case .divide: result = x.dividedReportingOverflow(by: y)
    default: return y == -1 ? 0 : x % y
    }
    return result.overflow ? nil : result.partialValue
  }

  func bits(_ kind: ExpressionNode.Kind, _ left: StoredValue, _ right: StoredValue) throws(Unsure) -> StoredValue {
    guard let x = Self.whole(left), let y = Self.whole(right) else { return .null }
    switch kind {
    case .bitAnd: return .integer(x & y)
    case .bitOr: return .integer(x | y)
    // Swift's shifts are SQLite's: by a negative count the other way, and by too many places until nothing is left.
    case .shiftLeft: return .integer(x << y)
    default: return .integer(x >> y)
    }
  }

  func concatenated(_ left: StoredValue, _ right: StoredValue) throws(Unsure) -> StoredValue {
    guard !left.isNull, !right.isNull else { return .null }
    let head = try text(left)
    let tail = try text(right)
    let room = try scratch.room(head.count + tail.count)
    UnsafeMutableRawBufferPointer(rebasing: room[..<head.count]).copyMemory(from: head)
    UnsafeMutableRawBufferPointer(rebasing: room[head.count...]).copyMemory(from: tail)
    return .text(UnsafeRawBufferPointer(room))
  }

  // MARK: Conversions

  func cast(_ value: StoredValue, to affinity: Affinity) throws(Unsure) -> StoredValue {
    if value.isNull { return .null }
    switch affinity {
    case .text:
      if case .blob(let bytes) = value { return .text(bytes) }
      return .text(try text(value))
    case .blob:
      if case .blob = value { return value }
      return .blob(try text(value))
    case .integer: return Self.whole(value).map { .integer($0) } ?? .null
    case .real: return .real(try Self.real(value))
    case .numeric:
      guard let number = try Self.numeric(value) else { return .null }
      switch (number, value) {
      case (.integer(let number), _): return .integer(number)
      case (.real(let number), .text), (.real(let number), .blob):
        // Whole numbers of at most 51 bits become integers (the same limit as SQLite's).
        let isWhole = number == number.rounded(.towardZero) && number >= -0x1p51 && number < 0x1p51
        return isWhole ? .integer(Int64(number)) : .real(number)
      case (.real(let number), _): return .real(number)
      }
    }
  }

  /// A value as a column of an affinity stores it (datatype3.html, section 3).
  func stored(_ value: StoredValue, as affinity: Affinity) throws(Unsure) -> StoredValue {
    switch (affinity, value) {
    case (.blob, _), (_, .null), (_, .blob), (.text, .text): return value
    case (.text, .integer), (.text, .real): return .text(try text(value))
    case (.numeric, _), (.integer, _), (.real, _): break
    }
    var number = value
    if case .text(let bytes) = value { number = try Self.number(bytes, else: value) }
    switch number {
    case .integer(let whole) where affinity == .real: return .real(Double(whole))
    case .real(let real) where affinity != .real:
      let whole = Self.cut(real)
      return real == Double(whole) && whole > .min && whole < .max ? .integer(whole) : number
    default: return number
    }
  }
}
