import CSystem

/// The innermost loops of a verification: they read an index entry's values, compute its hash, and hold it against the entry
/// before.
///
/// Tens of millions of entries go through them, so they work on raw pointers and scalars. Their caller has made sure that the
/// record is within its page (or its buffer), and that eight bytes before and after it are readable.
enum EntryKernel {
  enum Tag {
    static let null = 0
    static let integer = 1
    static let real = 2
    static let text = 3
    static let blob = 4
  }

  /// What became of an entry.
  enum Outcome {
    case sound
    /// The record's header and its length disagree.
    case malformed
    /// It has another number of values than the index.
    case fieldCount
    /// It does not come after the one before.
    case outOfOrder
    /// It has the key of the one before.
    case notUnique
    /// A value that is compared goes beyond what could be put together of the payload.
    case unread
  }

  /// Reads the values that an entry is compared by into its hash. `available` bytes of the record's `size` are there.
  static func read(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ plan: KeyPlan, hash: inout EntryHash
  ) -> Outcome {
    let end = record + size
    let readable = record + available
    guard size > 0, let header = Varint.read(record, at: 0, end: available), header.value <= UInt64(available) else {
      return .malformed
    }
    let headerEnd = record + Int(truncatingIfNeeded: header.value)
    var at = record + header.next
    var body = headerEnd
    guard headerEnd >= at else { return .malformed }
    let terms = plan.terms.count
    var field = 0
    while at < headerEnd {
      var type = at.byte(0)
      at += 1
      if type >= 0x80 {
        guard let read = Varint.read(at - 1, at: 0, end: headerEnd - (at - 1)), read.value <= 0xFFFF_FFFF else {
          return .malformed
        }
        type = Int(truncatingIfNeeded: read.value)
        at += read.next &- 1
      }
      let start = body
      body += SerialType.size(type)
      guard body <= end, type != 10, type != 11 else { return .malformed }
      if field < terms {
        guard body <= readable else { return .unread }
        let value = KeyValue(type: type, body: start).hash
        hash.combine(value.first, value.second)
      }
      field &+= 1
    }
    guard body == end, at == headerEnd else { return .malformed }
    guard field >= terms, !plan.isExact || field == terms else { return .fieldCount }
    return .sound
  }

  /// The hash of an entry as it is added up in the first pass; nil where it is not sound, or not there wholly.
  static func hash(_ record: UnsafeRawPointer, size: Int, available: Int, _ plan: KeyPlan) -> Hash128? {
    var hash = EntryHash()
    guard available == size, read(record, size: size, available: available, plan, hash: &hash) == .sound else {
      return nil
    }
    return plan.isByBytes ? BytesHash(record: record, size: size).hash : hash.hash
  }

  /// The hash of the values of an entry of a shape.
  @inline(never) static func hash(_ record: UnsafeRawPointer, _ shape: EntryShape) -> Hash128 {
    var step = shape.steps
    var hash = EntryHash()
    while step < shape.end {
      if step.pointee.action == ShapeStep.Action.integer {
        hash.combine(integer: Int(integer(record, step)))
      } else {
        let value = value(record, step)
        hash.combine(value.first, value.second)
      }
      step += 1
    }
    return hash.hash
  }

  /// The sum of the hashes by their bytes of entries of a shape.
  static func sum(_ leaf: EntryLeaf, _ cells: Range<Int>, _ shape: EntryShape) -> Fingerprint {
    let size = Int(shape.span &- shape.lead)
    // The loops differ by how many words an entry has, so that each of them has no branch.
    if size > 0, size <= 8 { return sum(leaf, cells, shape) { hash, body in hash.take(upTo8: body, size) } }
    if size > 8, size <= 16 { return sum(leaf, cells, shape) { hash, body in hash.take(upTo16: body, size) } }
    if size > 16, size <= 32 { return sum(leaf, cells, shape) { hash, body in hash.take(upTo32: body, size) } }
    return sum(leaf, cells, shape) { hash, body in hash.take(body, size) }
  }

  @inline(__always) private static func sum(
    _ leaf: EntryLeaf, _ cells: Range<Int>, _ shape: EntryShape, _ take: (inout BytesHash, UnsafeRawPointer) -> Void
  ) -> Fingerprint {
    let bodies = leaf.page + Int(shape.lead)
    let salt = shape.salt
    var (low, high): (UInt64, UInt64) = (0, 0)
    var pointer = leaf.pointers + 2 &* cells.lowerBound
    let end = leaf.pointers + 2 &* cells.upperBound
    while pointer < end {
      var hash = salt
      take(&hash, bodies + pointer.big16(0))
      let entry = hash.hash
      low &+= entry.first
      high &+= entry.second
      pointer += 2
    }
    return Fingerprint(first: low, second: high, count: cells.count)
  }

  /// How many of sixteen bytes two cells begin alike with.
  @inline(__always) static func common(_ before: UnsafeRawPointer, _ next: UnsafeRawPointer) -> Int {
    Int(csystem_common_bytes(before, next))
  }

  /// The first byte from one on, before another one, in which two cells differ; beyond that where they do not.
  @inline(__always) static func common(
    _ before: UnsafeRawPointer, _ next: UnsafeRawPointer, from start: Int, to end: Int
  ) -> Int {
    var offset = start
    while offset < end {
      let count = common(before + offset, next + offset)
      offset &+= count
      if count < 16 { break }
    }
    return offset
  }

  /// Whether the order of two numbers, if there is one, is that of their bytes: it is where neither is below zero. What begins
  /// with the highest of all other bytes may be no number, and takes a closer look too.
  @inline(__always) static func isByteOrder(
    _ before: UnsafeRawPointer, _ next: UnsafeRawPointer, sign: Int
  ) -> Bool {
    before.byte(sign) | next.byte(sign) < 0x7F
  }

  /// Whether an entry plainly stands after the one before, which has another shape: the values before the first one of another
  /// type tell.
  @inline(__always) static func isAscending(
    _ before: UnsafeRawPointer, _ one: UnsafePointer<EntryShape>, _ record: UnsafeRawPointer,
    _ other: UnsafePointer<EntryShape>
  ) -> Bool {
    let place = one.pointee.header.firstDifference(from: other.pointee.header)
    guard one.pointee.lead == other.pointee.lead, place < ShortHeader.longest else { return false }
    let prefix = Int(one.pointee.prefix)
    let shared = min(Int(one.pointee.values[place]), Int(one.pointee.bytewise))
    let (before, next) = (before - prefix, record - prefix)
    let offset = common(before, next, from: Int(one.pointee.lead), to: shared)
    return offset < shared && isByteOrder(before, next, sign: Int(one.pointee.signs[offset]))
      && before.byte(offset) < next.byte(offset)
  }

  /// The hash of a value that is no whole number with a body.
  @inline(__always) static func value(_ record: UnsafeRawPointer, _ step: UnsafePointer<ShapeStep>) -> Hash128 {
    let start = record + Int(step.pointee.start)
    let action = step.pointee.action
    if action <= ShapeStep.Action.blob {
      return Hash128(
        start, count: Int(step.pointee.end &- step.pointee.start), salt: step.pointee.salt)
    }
    if action == ShapeStep.Action.real, let bits = broken(start) { return Hash128(real: bits) }
    return rare(Int(step.pointee.shift), start)
  }

  /// The bits of a real that is plainly no whole number; nil where that takes a closer look.
  @inline(__always) static func broken(_ body: UnsafeRawPointer) -> UInt64? {
    let bits = UInt64(bigEndian: body.loadUnaligned(as: UInt64.self))
    let exponent = Int(truncatingIfNeeded: bits &>> 52) & 0x7FF
    // From the value's point on 52 - (exponent - 1023) bits are left; a set one among them is a fraction. What is less than
    // one is a fraction but for zero.
    guard exponent < 1075 else { return nil }
    let fraction = exponent >= 1023 ? bits &<< UInt64(truncatingIfNeeded: exponent &- 1011) : bits &<< 1
    return fraction != 0 ? bits : nil
  }

  /// The hash of NULL, of a real, or of a number without a body.
  @inline(never) static func rare(_ type: Int, _ body: UnsafeRawPointer) -> Hash128 {
    KeyValue(type: type, body: body).hash
  }

  /// How two entries differ.
  struct Difference {
    /// The first value in which they do; the number of values when they are equal.
    let field: Int
    /// Whether the first stands before the second in the index's order.
    let isAscending: Bool
  }

  /// Whether the value of a step stands before the same one of the next entry in ascending order, where the first byte in
  /// which they differ is at `offset`; nil where the bytes do not tell.
  @inline(__always) static func isAscending(
    _ before: UnsafeRawPointer, _ record: UnsafeRawPointer, at offset: Int, _ step: UnsafePointer<ShapeStep>,
    _ collation: Collation
  ) -> Bool? {
    let action = step.pointee.action
    if action == ShapeStep.Action.integer {
      return integer(before, step) < integer(record, step)
    }
    if action == ShapeStep.Action.real {
      let (a, b) = (real(before + Int(step.pointee.start)), real(record + Int(step.pointee.start)))
      return a < b ? true : a > b ? false : nil
    }
    guard action <= ShapeStep.Action.blob, collation == .binary || action == ShapeStep.Action.blob else { return nil }
    return before.byte(offset) < record.byte(offset)
  }

  /// How an entry differs from the one before, which has another shape; nil where the values are of kinds that take a closer
  /// look.
  static func difference(
    _ before: UnsafeRawPointer, _ one: EntryShape, _ record: UnsafeRawPointer, _ other: EntryShape,
    _ terms: UnsafePointer<KeyPlan.Term>
  ) -> Difference? {
    var (first, second) = (one.steps, other.steps)
    while first < one.end {
      let field = Int(first.pointee.field)
      let term = terms[field]
      guard let order = order(before, first, record, second, term.collation) else { return nil }
      if order != 0 { return Difference(field: field, isAscending: (order < 0) != term.isDescending) }
      first += 1
      second += 1
    }
    return nil
  }

  /// Less than zero where a value stands before another in ascending order, greater where after; nil where that takes a
  /// closer look.
  @inline(__always) private static func order(
    _ before: UnsafeRawPointer, _ first: UnsafePointer<ShapeStep>, _ record: UnsafeRawPointer,
    _ second: UnsafePointer<ShapeStep>, _ collation: Collation
  ) -> Int? {
    switch (first.pointee.action, second.pointee.action) {
    case (ShapeStep.Action.text, ShapeStep.Action.text) where collation == .binary,
      (ShapeStep.Action.blob, ShapeStep.Action.blob):
      return KeyOrder.bytes(
        before + Int(first.pointee.start), Int(first.pointee.end &- first.pointee.start),
        record + Int(second.pointee.start), Int(second.pointee.end &- second.pointee.start))
    case (ShapeStep.Action.integer, ShapeStep.Action.integer):
      let (a, b) = (integer(before, first), integer(record, second))
      return a < b ? -1 : a > b ? 1 : 0
    case (ShapeStep.Action.integer, ShapeStep.Action.real):
      guard let bits = broken(record + Int(second.pointee.start)) else { return nil }
      return KeyOrder.number(integer(before, first), Double(bitPattern: bits))
    case (ShapeStep.Action.real, ShapeStep.Action.integer):
      guard let bits = broken(before + Int(first.pointee.start)) else { return nil }
      return -KeyOrder.number(integer(record, second), Double(bitPattern: bits))
    case (ShapeStep.Action.real, ShapeStep.Action.real):
      let (a, b) = (real(before + Int(first.pointee.start)), real(record + Int(second.pointee.start)))
      return a < b ? -1 : a > b ? 1 : a == b ? 0 : nil
    default: return nil
    }
  }

  /// The whole number of a step.
  @inline(__always) private static func integer(_ record: UnsafeRawPointer, _ step: UnsafePointer<ShapeStep>) -> Int64 {
    SerialType.integer(record + Int(step.pointee.end), shift: Int(step.pointee.shift))
  }

  @inline(__always) private static func real(_ body: UnsafeRawPointer) -> Double {
    Double(bitPattern: UInt64(bigEndian: body.loadUnaligned(as: UInt64.self)))
  }

  /// How an entry differs from the one before. Both were found sound.
  @inline(never) static func difference(
    _ before: UnsafeRawPointer, _ record: UnsafeRawPointer, _ plan: KeyPlan, _ encoding: TextEncoding
  ) -> Difference {
    var ours = ValueCursor(record)
    var theirs = ValueCursor(before)
    for field in 0..<plan.terms.count {
      let term = plan.terms[field]
      let x = theirs.next()
      let y = ours.next()
      let order: Int
      if x.kind == TypeFact.Kind.integer, y.kind == x.kind {
        let a = SerialType.integer(x.start + x.size, ofLast: x.size)
        let b = SerialType.integer(y.start + y.size, ofLast: y.size)
        order = a < b ? -1 : a > b ? 1 : 0
      } else if x.kind == y.kind,
        x.kind == TypeFact.Kind.text && term.collation == .binary || x.kind == TypeFact.Kind.blob
      {
        order = KeyOrder.bytes(x.start, x.size, y.start, y.size)
      } else {
        let a = x.value
        let b = y.value
        order = KeyOrder.compare(
          Int(a.type.rawValue), Int(a.bits), x.start, Int(b.type.rawValue), Int(b.bits), y.start, term.collation,
          encoding)
        // Where an application's own collation decides, any order may be right.
        if order != 0, term.collation == .custom, a.type == .text, b.type == .text {
          return Difference(field: field, isAscending: true)
        }
      }
      if order != 0 { return Difference(field: field, isAscending: (order < 0) != term.isDescending) }
    }
    return Difference(field: plan.terms.count, isAscending: false)
  }

  /// Whether one of the first `count` values of a sound entry is NULL.
  @inline(never) static func hasNull(_ record: UnsafeRawPointer, first count: Int) -> Bool {
    var cursor = ValueCursor(record)
    for _ in 0..<count where cursor.next().value.type == .null { return true }
    return false
  }

  /// The value in one field of a sound entry.
  @inline(never) static func value(_ record: UnsafeRawPointer, field: Int) -> KeyValue {
    var cursor = ValueCursor(record)
    for _ in 0..<field { _ = cursor.next() }
    return cursor.next().value
  }
}
