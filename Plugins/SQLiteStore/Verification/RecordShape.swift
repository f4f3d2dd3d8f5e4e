/// What is done with one value of the records of a shape.
struct ShapeStep {
  enum Action {
    /// Takes up a whole number.
    static let integer: UInt8 = 0
    /// Takes up a text, and of a row's text looks whether it is valid.
    static let text: UInt8 = 1
    static let blob: UInt8 = 2
    static let real: UInt8 = 3
    /// NULL and the numbers 0 and 1.
    static let constant: UInt8 = 4
    /// Looks whether a text is valid, and nothing more.
    static let look: UInt8 = 5
  }

  var action: UInt8 = 0
  /// Bits before a whole number in the eight bytes that end with it; the type of what is no number, text or blob.
  var shift: UInt8 = 0
  /// Where a row's hash of the value is kept.
  var slot: Int16 = 0
  /// The column of the record.
  var column: Int32 = 0
  /// Where the value starts and ends in the record.
  var start: Int32 = 0
  var end: Int32 = 0
  /// What the hash of a text or blob begins with.
  var salt: UInt64 = 0
}

/// The records of one plan that have the same header: it says where each value stands, so it is read once for all of them.
struct RecordShape {
  /// Bytes of the longest header that makes a shape: two words.
  static let longestHeader = 16
  static let mostSteps = longestHeader

  /// The header, with zeros behind it, and which bits of two words it takes.
  var low: UInt64 = 0
  var high: UInt64 = 0
  var lowMask: UInt64 = ~0
  var highMask: UInt64 = ~0
  var headerSize: Int32 = .max
  /// Bytes of such a record; -1 where it takes the general way to read one.
  var size: Int32 = -1
  /// What is done with its values, up to `end`.
  var steps: UnsafePointer<ShapeStep>
  var end: UnsafePointer<ShapeStep>
  /// The plan that the steps are made for; -1 as long as there is none.
  var plan = -1

  /// Whether a record starts with the shape's header. Sixteen bytes from its start are readable.
  @inline(__always) func matches(_ record: UnsafeRawPointer) -> Bool {
    let first = UInt64(littleEndian: record.loadUnaligned(as: UInt64.self)) ^ low
    let second = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) ^ high
    return first & lowMask | second & highMask == 0
  }
}

/// The shapes that a walker met last.
final class ShapeCache {
  private static let bits = 6

  private let shapes: UnsafeMutablePointer<RecordShape>
  private let steps: UnsafeMutablePointer<ShapeStep>
  private let facts: UnsafePointer<TypeFact>
  private let encoding: TextEncoding

  /// A shape that no record has.
  let none: UnsafePointer<RecordShape>

  init(facts: UnsafePointer<TypeFact>, encoding: TextEncoding) {
    self.facts = facts
    self.encoding = encoding
    let count = 1 << Self.bits
    steps = .allocate(capacity: count * RecordShape.mostSteps)
    steps.initialize(repeating: ShapeStep(), count: count * RecordShape.mostSteps)
    shapes = .allocate(capacity: count + 1)
    shapes.initialize(repeating: RecordShape(steps: steps, end: steps), count: count + 1)
    for place in 0..<count { shapes[place].steps = UnsafePointer(steps + place * RecordShape.mostSteps) }
    none = UnsafePointer(shapes + count)
  }

  deinit {
    shapes.deallocate()
    steps.deallocate()
  }

  /// The shape of a row's record, of which sixteen bytes are readable.
  @inline(never) func shape(
    ofRow record: UnsafeRawPointer, _ rows: RowPlan
  ) -> UnsafePointer<RecordShape> {
    // Tables of the same form have the same operations.
    let (shape, isKnown) = find(record, plan: Int(bitPattern: rows.operations.baseAddress))
    guard !isKnown else { return UnsafePointer(shape) }
    let first = steps(of: shape)
    var step = first
    let found = values(record) { column, fact, start, end in
      guard column < rows.operations.count else { return false }
      let plan = rows.operations[column]
      // What is wrong with the value is said on the general way.
      guard plan.forbidden & fact.classBit == 0, fact.kind != TypeFact.Kind.text || !plan.checksNumericText else {
        return false
      }
      if plan.slot < 0, fact.kind != TypeFact.Kind.text { return true }
      guard fact.kind != TypeFact.Kind.text || encoding == .utf8 else { return false }
      step.pointee = Self.step(fact, column: column, start, end)
      step.pointee.slot = plan.slot
      if plan.slot < 0 { step.pointee.action = ShapeStep.Action.look }
      step += 1
      return true
    }
    shape.pointee.end = UnsafePointer(step)
    shape.pointee.size = found.columns == rows.operations.count ? Int32(truncatingIfNeeded: found.size) : -1
    return UnsafePointer(shape)
  }

  /// The shape of an index entry, of which sixteen bytes are readable.
  @inline(never) func shape(
    ofEntry record: UnsafeRawPointer, fields: Int
  ) -> UnsafePointer<RecordShape> {
    // How an entry is read depends on its header alone. No operations are at such an address.
    let (shape, isKnown) = find(record, plan: -2 &- fields)
    guard !isKnown else { return UnsafePointer(shape) }
    let first = steps(of: shape)
    let found = values(record) { field, fact, start, end in
      first[field] = Self.step(fact, column: field, start, end)
      return true
    }
    shape.pointee.end = UnsafePointer(first + fields)
    shape.pointee.size = found.columns == fields ? Int32(truncatingIfNeeded: found.size) : -1
    return UnsafePointer(shape)
  }

  private func steps(of shape: UnsafeMutablePointer<RecordShape>) -> UnsafeMutablePointer<ShapeStep> {
    steps + (shape - shapes) * RecordShape.mostSteps
  }

  private static func step(_ fact: TypeFact, column: Int, _ start: Int, _ end: Int) -> ShapeStep {
    ShapeStep(
      action: fact.kind, shift: fact.shift, slot: 0, column: Int32(column), start: Int32(start), end: Int32(end),
      salt: fact.kind <= TypeFact.Kind.blob
        ? Hash128.salt(count: end - start, isText: fact.kind == TypeFact.Kind.text) : 0)
  }

  /// The place of a record's shape, and whether the shape is there already. Where the header is too long, a shape that fits
  /// nothing.
  private func find(_ record: UnsafeRawPointer, plan: Int) -> (UnsafeMutablePointer<RecordShape>, isKnown: Bool) {
    let length = record.byte(0)
    guard length > 1, length <= RecordShape.longestHeader else { return (shapes + (1 << Self.bits), true) }
    let lowMask = length >= 8 ? ~0 : ~0 &>> UInt64(truncatingIfNeeded: 64 &- 8 &* length)
    let highMask = length > 8 ? ~0 &>> UInt64(truncatingIfNeeded: 128 &- 8 &* length) : 0
    let low = UInt64(littleEndian: record.loadUnaligned(as: UInt64.self)) & lowMask
    let high = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) & highMask
    let mixed = (low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: high ^ 0xD1B5_4A32_D192_ED03)
    let place = Int(truncatingIfNeeded: (mixed.high ^ mixed.low) &>> UInt64(truncatingIfNeeded: 64 &- Self.bits))
    let shape = shapes + place
    if shape.pointee.plan == plan, shape.pointee.low == low, shape.pointee.high == high { return (shape, true) }
    let steps = shape.pointee.steps
    shape.pointee = RecordShape(
      low: low, high: high, lowMask: lowMask, highMask: highMask, headerSize: Int32(truncatingIfNeeded: length),
      steps: steps, end: steps, plan: plan)
    return (shape, false)
  }

  /// Goes through a header's types. How many there are, and the size of the record; a size of -1 where the header is not in
  /// order, or the values are refused.
  private func values(
    _ record: UnsafeRawPointer, _ take: (_ column: Int, _ fact: TypeFact, _ start: Int, _ end: Int) -> Bool
  ) -> (columns: Int, size: Int) {
    let headerSize = record.byte(0)
    var at = 1
    var body = headerSize
    var column = 0
    while at < headerSize {
      var type = record.byte(at)
      at += 1
      var fact = facts[type & 0x7F]
      let start = body
      if type >= 0x80 {
        guard let read = Varint.read(record, at: at - 1, end: headerSize), read.value >= 12, read.value < 1 << 20 else {
          return (column, -1)
        }
        type = Int(truncatingIfNeeded: read.value)
        at = read.next
        body += SerialType.size(type)
        fact = facts[12 + (type & 1)]
      } else {
        body += Int(fact.size)
      }
      guard fact.kind != TypeFact.Kind.reserved, take(column, fact, start, body) else { return (column, -1) }
      column += 1
    }
    return (column, at == headerSize ? body : -1)
  }
}
