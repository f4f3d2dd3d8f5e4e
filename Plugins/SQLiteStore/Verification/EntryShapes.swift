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
  /// Bytes of the header; more than there are of any where it has none.
  var headerSize: Int32 = .max
  /// Bytes of such an entry; -1 where it takes the general way to read one.
  var size: Int32 = -1
  /// Where two entries first differ before this byte, their order is that of the words there, but for `special` bytes: those
  /// that hold a number's sign, and all of a real, whose order turns with it.
  var bytewise: Int32 = 0
  var special: UInt64 = 0
  /// The hash of such an entry before its body is taken up.
  var salt = BytesHash()
  /// The values, up to `end`.
  var steps: UnsafePointer<ShapeStep>
  var end: UnsafePointer<ShapeStep>

  fileprivate var header = ShortHeader()
  /// What the shape is made for; -1 as long as there is none.
  fileprivate var plan = -1
}

/// The shapes of entries that a walker met last.
final class EntryShapes {
  private static let bits = 6
  private static let mostSteps = ShortHeader.longest

  private let shapes: UnsafeMutablePointer<EntryShape>
  private let steps: UnsafeMutablePointer<ShapeStep>
  private let masks = ShortHeader.masks()
  private let facts: UnsafePointer<TypeFact>

  /// A shape that no record has.
  let none: UnsafePointer<EntryShape>

  init(facts: UnsafePointer<TypeFact>) {
    self.facts = facts
    let count = 1 << Self.bits
    steps = .allocate(capacity: count * Self.mostSteps)
    steps.initialize(repeating: ShapeStep(), count: count * Self.mostSteps)
    shapes = .allocate(capacity: count + 1)
    shapes.initialize(repeating: EntryShape(steps: steps, end: steps), count: count + 1)
    none = UnsafePointer(shapes + count)
  }

  deinit {
    shapes.deallocate()
    steps.deallocate()
    masks.deallocate()
  }

  /// The shape of an entry, of which sixteen bytes are readable; one without a size where it takes the general way.
  @inline(never) func shape(of record: UnsafeRawPointer, _ plan: KeyPlan) -> UnsafePointer<EntryShape> {
    let header = ShortHeader(of: record, masks)
    guard header.isShort else { return none }
    let fields = plan.fieldCount
    // How an entry is read depends on its header; how two are compared, on which of its bytes may differ and how.
    let use = fields << 16 | (plan.isBytewise ? plan.firstFree + 1 : 0)
    let place = header.place(bits: Self.bits)
    let shape = shapes + place
    if shape.pointee.plan == use, shape.pointee.header == header { return UnsafePointer(shape) }
    let first = steps + place * Self.mostSteps
    var special: UInt64 = 0
    let found = ShortHeader.values(of: record, facts) { value in
      guard value.column < fields else { return false }
      first[value.column] = Self.step(value)
      if value.start < 64 {
        if value.fact.kind == TypeFact.Kind.integer { special |= 1 &<< UInt64(value.start) }
        if value.fact.kind == TypeFact.Kind.real { special |= 0xFF &<< UInt64(value.start) }
      }
      return true
    }
    shape.pointee = EntryShape(
      headerSize: Int32(record.byte(0)), special: special, steps: UnsafePointer(first),
      end: UnsafePointer(first + fields), header: header, plan: use)
    guard found.columns == fields, found.size >= 0 else { return UnsafePointer(shape) }
    shape.pointee.salt.take(record, record.byte(0))
    shape.pointee.size = Int32(truncatingIfNeeded: found.size)
    if plan.isBytewise {
      let free = plan.firstFree < fields ? Int(first[plan.firstFree].start) : found.size
      shape.pointee.bytewise = Int32(min(free, 64))
    }
    return UnsafePointer(shape)
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
