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
  var headerSize = 0
  /// Bytes of such a record; -1 where it takes the general way to read one.
  var size = -1
  var stepCount = 0
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
  private static let capacity = 64

  private let shapes: UnsafeMutablePointer<RecordShape>
  private let steps: UnsafeMutablePointer<ShapeStep>
  private let facts: UnsafePointer<TypeFact>
  private let encoding: TextEncoding

  init(facts: UnsafePointer<TypeFact>, encoding: TextEncoding) {
    self.facts = facts
    self.encoding = encoding
    shapes = .allocate(capacity: Self.capacity)
    shapes.initialize(repeating: RecordShape(), count: Self.capacity)
    steps = .allocate(capacity: Self.capacity * RecordShape.mostSteps)
    steps.initialize(repeating: ShapeStep(), count: Self.capacity * RecordShape.mostSteps)
  }

  deinit {
    shapes.deallocate()
    steps.deallocate()
  }

  /// A shape that no record has.
  var none: UnsafePointer<RecordShape> { UnsafePointer(shapes + (Self.capacity - 1)) }

  /// The steps of a shape.
  @inline(__always) func steps(of shape: UnsafePointer<RecordShape>) -> UnsafePointer<ShapeStep> {
    UnsafePointer(steps + (shape - UnsafePointer(shapes)) * RecordShape.mostSteps)
  }

  /// The shape of a row's record, of which sixteen bytes are readable.
  @inline(never) func shape(
    ofRow record: UnsafeRawPointer, _ rows: RowPlan
  ) -> UnsafePointer<RecordShape> {
    // Tables of the same form have the same operations.
    let (shape, isKnown) = find(record, plan: Int(bitPattern: rows.operations.baseAddress))
    guard !isKnown else { return UnsafePointer(shape) }
    var step = steps + (shape - shapes) * RecordShape.mostSteps
    let first = step
    let found = values(record) { column, fact, start, end in
      guard column < rows.operations.count else { return false }
      let plan = rows.operations[column]
      // What is wrong with the value is said on the general way.
      guard plan.forbidden & fact.classBit == 0, fact.kind != TypeFact.Kind.text || !plan.checksNumericText else {
        return false
      }
      if plan.slot < 0, fact.kind != TypeFact.Kind.text { return true }
      guard fact.kind != TypeFact.Kind.text || encoding == .utf8 else { return false }
      step.pointee = ShapeStep(
        action: plan.slot < 0 ? ShapeStep.Action.look : fact.kind, shift: fact.shift, slot: plan.slot,
        column: Int32(column), start: Int32(start), end: Int32(end))
      step += 1
      return true
    }
    shape.pointee.stepCount = step - first
    shape.pointee.size = found.columns == rows.operations.count ? found.size : -1
    return UnsafePointer(shape)
  }

  /// The shape of an index entry, of which sixteen bytes are readable.
  @inline(never) func shape(
    ofEntry record: UnsafeRawPointer, fields: Int
  ) -> UnsafePointer<RecordShape> {
    // How an entry is read depends on its header alone. No operations are at such an address.
    let (shape, isKnown) = find(record, plan: -2 &- fields)
    guard !isKnown else { return UnsafePointer(shape) }
    let step = steps + (shape - shapes) * RecordShape.mostSteps
    let found = values(record) { field, fact, start, end in
      step[field] = ShapeStep(
        action: fact.kind, shift: fact.shift, slot: 0, column: Int32(field), start: Int32(start), end: Int32(end))
      return true
    }
    shape.pointee.stepCount = fields
    shape.pointee.size = found.columns == fields ? found.size : -1
    return UnsafePointer(shape)
  }

  /// The place of a record's shape, and whether the shape is there already. Where the header is too long, a shape that fits
  /// nothing.
  private func find(_ record: UnsafeRawPointer, plan: Int) -> (UnsafeMutablePointer<RecordShape>, isKnown: Bool) {
    let length = record.byte(0)
    guard length > 1, length <= RecordShape.longestHeader else { return (shapes + (Self.capacity - 1), true) }
    let lowMask = length >= 8 ? ~0 : ~0 &>> UInt64(64 &- 8 &* length)
    let highMask = length > 8 ? ~0 &>> UInt64(128 &- 8 &* length) : 0
    let low = UInt64(littleEndian: record.loadUnaligned(as: UInt64.self)) & lowMask
    let high = UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) & highMask
    let mixed = (low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: high ^ 0xD1B5_4A32_D192_ED03)
    let shape = shapes + Int(truncatingIfNeeded: (mixed.high ^ mixed.low) % UInt64(Self.capacity - 1))
    if shape.pointee.plan == plan, shape.pointee.low == low, shape.pointee.high == high { return (shape, true) }
    shape.pointee = RecordShape(
      low: low, high: high, lowMask: lowMask, highMask: highMask, headerSize: length, plan: plan)
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
