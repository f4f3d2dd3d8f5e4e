/// The innermost loop of a verification: reads one index entry, holds it against the one before and adds its hash up.
///
/// Tens of millions of entries go through it, so it works on raw pointers and scalars. Its caller has made sure that the
/// record is within its page (or its buffer), and that the eight bytes before it are readable.
struct EntryKernel {
  /// A value of the entry before: its class, its number or length, and where its bytes stand.
  struct Value {
    var tag: Int
    var bits: Int
    var start: UnsafeRawPointer
  }

  /// Classes of values in SQLite's order. Integers and reals are compared as numbers.
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

  let current: UnsafeMutablePointer<Value>
  let previous: UnsafeMutablePointer<Value>
  let hasPrevious: Bool
  let encoding: TextEncoding
  /// The entry's hash; set when the outcome is anything but malformed.
  var hash = Hash128.seed
  /// The number of values.
  var fields = 0

  @inline(__always) init(
    current: UnsafeMutablePointer<Value>, previous: UnsafeMutablePointer<Value>, hasPrevious: Bool,
    encoding: TextEncoding
  ) {
    self.current = current
    self.previous = previous
    self.hasPrevious = hasPrevious
    self.encoding = encoding
  }

  @inline(__always) mutating func read(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ plan: KeyPlan
  ) -> Outcome {
    let end = record + size
    var at = record + 1
    var body = record
    let first = size > 0 ? record.byte(0) : 0
    if first < 0x80 {
      body += first
    } else {
      guard let read = Varint.read(record, at: 0, end: available), read.value <= UInt64(available) else {
        return .malformed
      }
      at = record + read.next
      body = record + Int(truncatingIfNeeded: read.value)
    }
    let headerEnd = body
    guard headerEnd >= at, headerEnd <= record + available else { return .malformed }
    let readable = record + available
    guard let terms = plan.terms.baseAddress else { return .sound }
    let termCount = plan.terms.count
    var field = 0
    var firstHash = Hash128.seed.first
    var secondHash = Hash128.seed.second
    // Negative once the entry is known to come after the one before, positive when before.
    var order = hasPrevious ? 0 : -1
    var firstDifference = hasPrevious ? Int.max : 0
    var nulls = Int.max
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
      guard body <= end else { return .malformed }
      if field < termCount {
        guard body <= readable else { return .unread }
        let value = current + field
        var tag: Int
        var bits: Int
        var low: UInt64
        var high: UInt64
        if type >= 12 {
          tag = Tag.blob &- type & 1
          bits = (type &- 12) >> 1
          value.pointee.start = start
          let hash = Hash128(start, count: bits, isText: tag == Tag.text)
          low = hash.first
          high = hash.second
        } else if type != 0, type < 7 {
          tag = Tag.integer
          bits = Int(SerialType.integer(body, ofLast: body - start))
          let hash = Hash128(integer: Int64(bits))
          low = hash.first
          high = hash.second
        } else {
          (tag, bits) = Self.rare(type, start)
          if tag == Tag.null { nulls = min(nulls, field) }
          let hash = Self.rareHash(tag, bits)
          low = hash.first
          high = hash.second
        }
        value.pointee.tag = tag
        value.pointee.bits = bits
        if order == 0 {
          let before = previous + field
          let difference: Int
          if tag == Tag.integer, before.pointee.tag == Tag.integer {
            difference = before.pointee.bits < bits ? -1 : before.pointee.bits > bits ? 1 : 0
          } else if tag >= Tag.text, before.pointee.tag == tag, terms[field].collation == .binary || tag == Tag.blob {
            difference = KeyOrder.bytes(before.pointee.start, before.pointee.bits, start, bits)
          } else {
            difference = KeyOrder.compare(before.pointee, value.pointee, terms[field].collation, encoding)
          }
          if difference != 0 {
            order = terms[field].isDescending ? 0 &- difference : difference
            // Where an application's own collation decides, any order may be right.
            if terms[field].collation == .custom { order = -1 }
            firstDifference = field
          }
        }
        firstHash = Hash128.fold(firstHash ^ low, Hash128.firstFactor)
        secondHash = Hash128.fold(secondHash ^ high, Hash128.secondFactor)
      }
      field &+= 1
    }
    fields = field
    hash = Hash128(first: firstHash, second: secondHash)
    guard body == end, at == headerEnd else { return .malformed }
    guard field == plan.fieldCount || !plan.isExact && field >= termCount else { return .fieldCount }
    if order >= 0 { return .outOfOrder }
    if firstDifference >= plan.uniqueCount, plan.uniqueCount > 0, nulls >= plan.uniqueCount { return .notUnique }
    return .sound
  }

  /// NULL, reals, and the numbers without a body.
  @inline(never) static func rare(_ type: Int, _ body: UnsafeRawPointer) -> (tag: Int, bits: Int) {
    let value = KeyValue(type: type, body: body)
    return (Int(value.type.rawValue), Int(value.bits))
  }

  @inline(__always) static func rareHash(_ tag: Int, _ bits: Int) -> Hash128 {
    if tag == Tag.integer { return Hash128(integer: Int64(bits)) }
    return tag == Tag.null ? .null : Hash128(real: UInt64(bitPattern: Int64(bits)))
  }
}
