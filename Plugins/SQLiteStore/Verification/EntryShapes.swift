/// What is done with one value of the entries of a shape.
struct ShapeStep {
  enum Action {
    static let integer = TypeFact.Kind.integer
    static let text = TypeFact.Kind.text
    static let blob = TypeFact.Kind.blob
    static let real = TypeFact.Kind.real
  }

  var action: UInt8 = 0
  /// Bits before a whole number in the eight bytes that end with it; the type of what is no number, text or blob.
  var shift: UInt8 = 0
  /// The place of the value among those of the entry.
  var field: Int32 = 0
  /// Where the value starts and ends in the record.
  var start: Int32 = 0
  var end: Int32 = 0
  /// What the hash of a text or blob begins with.
  var salt: UInt64 = 0
}

/// The entries of indexes that have the same header: it says where each value stands.
struct EntryShape {
  /// Bytes of such an entry; -1 where it takes the general way to read one.
  var size: Int32 = -1
  /// Bytes of its size before it in the cell; of that, its size and its header; of the whole cell.
  var prefix: Int32 = 0
  var lead: Int32 = .max
  var span: Int32 = 0
  /// Where two cells first differ before this byte, their order is that of the bytes there, but for numbers below zero.
  var bytewise: Int32 = 0
  /// For each byte of a cell up to there, the one that holds the sign of the number whose order turns with it: of a whole number
  /// for its first byte, of a real for all of them. For every other byte that of the header's length, which is no sign.
  let signs: UnsafeMutablePointer<UInt8>
  /// For each byte of the header, where the value that it tells of starts in the cell.
  let values: UnsafeMutablePointer<UInt8>
  /// The hash of such an entry before its body is taken up.
  var salt = BytesHash()
  /// The values, up to `end`.
  let steps: UnsafeMutablePointer<ShapeStep>
  var end: UnsafeMutablePointer<ShapeStep>

  fileprivate(set) var header = ShortHeader()
  /// What the shape is made for; -1 as long as there is none.
  fileprivate var plan = -1

  /// Bytes of a cell that may be compared one by one.
  fileprivate static let mostBytes = 128

  fileprivate init(place: Int, _ steps: UnsafeMutablePointer<ShapeStep>, _ bytes: UnsafeMutablePointer<UInt8>) {
    self.steps = steps + place * ShortHeader.longest
    end = self.steps
    signs = bytes + place * (Self.mostBytes + ShortHeader.longest)
    values = signs + Self.mostBytes
  }
}

/// The shapes of entries that a walker met last.
final class EntryShapes {
  private static let bits = 6

  private let shapes: UnsafeMutablePointer<EntryShape>
  private let steps: UnsafeMutablePointer<ShapeStep>
  private let bytes: UnsafeMutablePointer<UInt8>
  private let masks = ShortHeader.masks()
  private let facts: UnsafePointer<TypeFact>

  /// A shape that no record has.
  let none: UnsafePointer<EntryShape>

  init(facts: UnsafePointer<TypeFact>) {
    self.facts = facts
    let count = 1 << Self.bits + 1
    steps = .allocate(capacity: count * ShortHeader.longest)
    steps.initialize(repeating: ShapeStep(), count: count * ShortHeader.longest)
    let bytesOfEach = EntryShape.mostBytes + ShortHeader.longest
    bytes = .allocate(capacity: count * bytesOfEach)
    bytes.initialize(repeating: 0, count: count * bytesOfEach)
    shapes = .allocate(capacity: count)
    for place in 0..<count { (shapes + place).initialize(to: EntryShape(place: place, steps, bytes)) }
    none = UnsafePointer(shapes + count - 1)
  }

  deinit {
    shapes.deallocate()
    steps.deallocate()
    bytes.deallocate()
    masks.deallocate()
  }

  /// The shape of an entry, of which sixteen bytes are readable; one without a size where it takes the general way.
  @inline(__always) func shape(of record: UnsafeRawPointer, _ plan: KeyPlan) -> UnsafePointer<EntryShape> {
    let header = ShortHeader(of: record, masks)
    guard header.isShort else { return none }
    // How an entry is read depends on its header; how two are compared, on which of its bytes may differ and how.
    let use = plan.fieldCount << 16 | (plan.isBytewise ? plan.firstFree + 1 : 0)
    let shape = shapes + header.place(bits: Self.bits)
    if shape.pointee.plan != use || shape.pointee.header != header {
      shape.pointee.header = header
      shape.pointee.plan = use
      read(record, plan, into: &shape.pointee)
    }
    return UnsafePointer(shape)
  }

  /// Reads the shape of an entry; it has no size where such entries take the general way.
  @inline(never) private func read(_ record: UnsafeRawPointer, _ plan: KeyPlan, into shape: inout EntryShape) {
    let fields = plan.fieldCount
    let headerSize = record.byte(0)
    var count = 0
    let steps = shape.steps
    let found = ShortHeader.values(of: record, facts) { value in
      guard value.column < fields else { return false }
      steps[value.column] = Self.step(value)
      count = value.column + 1
      return true
    }
    shape.end = steps + count
    shape.salt = BytesHash()
    shape.salt.take(record, headerSize)
    guard found.columns == fields, found.size >= 0, found.size < 1 << 14 else {
      shape.size = -1
      return
    }
    shape.size = Int32(found.size)
    shape.prefix = found.size < 0x80 ? 1 : 2
    shape.lead = shape.prefix + Int32(headerSize)
    shape.span = shape.prefix + shape.size
    noteBytes(of: record, plan, in: &shape)
  }

  /// Notes what the bytes of a cell say of its order.
  private func noteBytes(of record: UnsafeRawPointer, _ plan: KeyPlan, in shape: inout EntryShape) {
    let prefix = Int(shape.prefix)
    let (signs, values) = (shape.signs, shape.values)
    signs.update(repeating: UInt8(prefix), count: EntryShape.mostBytes)
    values.update(repeating: 0, count: ShortHeader.longest)
    let free = plan.firstFree < plan.fieldCount ? Int(shape.steps[plan.firstFree].start) : Int(shape.size)
    shape.bytewise = plan.isBytewise ? Int32(min(prefix + free, EntryShape.mostBytes)) : 0
    var type = 1
    var step = shape.steps
    while step < shape.end {
      let (start, end) = (prefix + Int(step.pointee.start), prefix + Int(step.pointee.end))
      let turning =
        switch step.pointee.action {
        case ShapeStep.Action.integer: start + 1
        case ShapeStep.Action.real: end
        default: start
        }
      for byte in start..<max(start, min(turning, EntryShape.mostBytes)) { signs[byte] = UInt8(start) }
      repeat {
        values[type] = UInt8(min(start, EntryShape.mostBytes))
        type += 1
      } while record.byte(type - 1) >= 0x80
      step += 1
    }
  }

  private static func step(_ value: ShortHeader.Value) -> ShapeStep {
    let fact = value.fact
    return ShapeStep(
      action: fact.kind, shift: fact.shift, field: Int32(value.column), start: Int32(value.start),
      end: Int32(value.end),
      salt: fact.kind <= TypeFact.Kind.blob
        ? Hash128.salt(count: value.end - value.start, isText: fact.kind == TypeFact.Kind.text) : 0)
  }
}
