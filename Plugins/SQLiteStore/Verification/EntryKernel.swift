/// The innermost loop of a verification: reads one index entry, holds it against the one before and computes its hash.
///
/// Tens of millions of entries go through it, so it works on raw pointers and scalars. Its caller has made sure that the
/// record is within its page (or its buffer), and that the eight bytes before it are readable.
enum EntryKernel {
  /// A value that an entry is compared by: how, and what the entry before has there.
  struct Slot {
    /// The class, in SQLite's order. Integers and reals are compared as numbers.
    var tag: Int
    /// The number, the real's bits, or the count of bytes.
    var bits: Int
    /// The bytes of a text or blob.
    var start: UnsafeRawPointer
    var collation: Collation
    var isDescending: Bool
  }

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

  /// Reads an entry into the slots, and its hash into `hash`.
  @inline(__always) static func read(
    _ record: UnsafeRawPointer, size: Int, available: Int, _ plan: KeyPlan,
    slots: UnsafeMutablePointer<Slot>, hasPrevious: Bool, encoding: TextEncoding, hash: inout EntryHash
  ) -> Outcome {
    let end = record + size
    let readable = record + available
    var at = record + 1
    var body = record
    let first = record.byte(0)
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
    guard size > 0, headerEnd >= at, headerEnd <= readable else { return .malformed }
    var slot = slots
    let slotsEnd = slots + plan.terms.count
    let uniqueEnd = slots + plan.uniqueCount
    // As long as every value was equal to the one of the entry before.
    var isUndecided = hasPrevious
    var isOutOfOrder = false
    var decidedAt = slots
    var hasNull = false
    var extra = 0
    while at < headerEnd {
      let byte = at.byte(0)
      at += 1
      if byte &- 1 < 6, byte > 0 {
        // A whole number of one to eight bytes.
        let count = SerialType.size(byte)
        body += count
        guard body <= readable, slot < slotsEnd else {
          if body > end { return .malformed }
          if slot < slotsEnd { return .unread }
          extra &+= 1
          continue
        }
        let value = Int(SerialType.integer(body, ofLast: count))
        if isUndecided {
          let before = slot.pointee.tag == Tag.integer ? slot.pointee.bits : value
          if before != value || slot.pointee.tag != Tag.integer {
            isUndecided = false
            decidedAt = slot
            let isAbove = slot.pointee.tag == Tag.integer ? value > before : isAfter(slot, Tag.integer, value, encoding)
            if isAbove == slot.pointee.isDescending { isOutOfOrder = true }
          }
        }
        slot.pointee.tag = Tag.integer
        slot.pointee.bits = value
        let valueHash = Hash128(integer: Int64(value))
        hash.combine(valueHash.first, valueHash.second)
        slot += 1
        continue
      }
      var type = byte
      if byte >= 0x80 {
        guard let read = Varint.read(at - 1, at: 0, end: headerEnd - (at - 1)), read.value <= 0xFFFF_FFFF else {
          return .malformed
        }
        type = Int(truncatingIfNeeded: read.value)
        at += read.next &- 1
      }
      let start = body
      body += SerialType.size(type)
      guard body <= readable, slot < slotsEnd else {
        if body > end { return .malformed }
        if slot < slotsEnd { return .unread }
        extra &+= 1
        continue
      }
      let tag: Int
      let bits: Int
      if type >= 12 {
        tag = Tag.blob &- type & 1
        bits = (type &- 12) &>> 1
        let valueHash = Hash128(start, count: bits, isText: tag == Tag.text)
        hash.combine(valueHash.first, valueHash.second)
        if isUndecided {
          let difference: Int
          if slot.pointee.tag == tag, slot.pointee.collation == .binary || tag == Tag.blob {
            difference = KeyOrder.bytes(slot.pointee.start, slot.pointee.bits, start, bits)
          } else {
            difference = KeyOrder.compare(
              slot.pointee.tag, slot.pointee.bits, slot.pointee.start, tag, bits, start, slot.pointee.collation,
              encoding)
          }
          if difference != 0 {
            isUndecided = false
            decidedAt = slot
            // Where an application's own collation decides, any order may be right.
            if (difference < 0) == slot.pointee.isDescending, slot.pointee.collation != .custom { isOutOfOrder = true }
          }
        }
        slot.pointee.start = start
      } else {
        guard type < 10 else { return .malformed }
        (tag, bits) = rare(type, start)
        let valueHash = rareHash(tag, bits)
        hash.combine(valueHash.first, valueHash.second)
        if tag == Tag.null, slot < uniqueEnd { hasNull = true }
        if isUndecided, slot.pointee.tag != tag || slot.pointee.bits != bits {
          isUndecided = false
          decidedAt = slot
          if isAfter(slot, tag, bits, encoding) == slot.pointee.isDescending { isOutOfOrder = true }
        }
      }
      slot.pointee.tag = tag
      slot.pointee.bits = bits
      slot += 1
    }
    guard body == end, at == headerEnd else { return .malformed }
    guard slot == slotsEnd, !plan.isExact || extra == 0 else { return .fieldCount }
    if isUndecided || isOutOfOrder { return .outOfOrder }
    if hasPrevious, decidedAt >= uniqueEnd, uniqueEnd > slots, !hasNull { return .notUnique }
    return .sound
  }

  /// What `readPlain` learned besides the hash, in memory rather than in registers.
  struct Marks {
    /// The slot whose value differed from the one before.
    var decidedAt: UnsafeMutablePointer<Slot>
    /// Whether one of the two that follow is set.
    var isUnusual = false
    var isOutOfOrder = false
    var hasNull = false
  }

  /// The record headers that `readPlain` reads: as many values as there are slots, each type in one byte.
  struct PlainHeader {
    let size: Int
    let mask: UInt64

    /// nil for more values than one word holds.
    init?(fields: Int) {
      guard fields > 0, fields <= 7 else { return nil }
      size = fields + 1
      mask = 0x8080_8080_8080_8080 >> UInt64(64 - 8 * size)
    }

    /// Whether a record starts with such a header. The eight bytes from its start are readable.
    @inline(__always) func matches(_ record: UnsafeRawPointer) -> Bool {
      let word = UInt64(littleEndian: record.loadUnaligned(as: UInt64.self))
      return word & 0xFF == UInt64(truncatingIfNeeded: size) && word & mask == 0
    }
  }

  /// As `read`, for an entry with a plain header and one before it. False when the record is malformed or equal to the one
  /// before.
  @inline(__always) static func readPlain(
    _ record: UnsafeRawPointer, headerSize: Int, end: UnsafeRawPointer, slots: UnsafeMutablePointer<Slot>,
    marks: UnsafeMutablePointer<Marks>, encoding: TextEncoding, hash: inout EntryHash
  ) -> Bool {
    let headerEnd = record + headerSize
    var at = record + 1
    var body = headerEnd
    var slot = slots
    var isUndecided = true
    repeat {
      let type = at.byte(0)
      at += 1
      let start = body
      body += SerialType.size(type)
      guard body <= end else { return false }
      if UInt(bitPattern: type &- 1) < 6 {
        let value = Int(SerialType.integer(body, ofLast: body - start))
        let before = slot.pointee.bits
        if isUndecided, slot.pointee.tag != Tag.integer || before != value {
          isUndecided = false
          marks.pointee.decidedAt = slot
          let isAbove = slot.pointee.tag == Tag.integer ? value > before : isAfter(slot, Tag.integer, value, encoding)
          if isAbove == slot.pointee.isDescending { refuse(marks) }
        }
        slot.pointee.tag = Tag.integer
        slot.pointee.bits = value
        hash.combine(integer: value)
      } else if type >= 12 {
        let tag = Tag.blob &- type & 1
        let count = body - start
        let valueHash = Hash128(start, count: count, isText: tag == Tag.text)
        hash.combine(valueHash.first, valueHash.second)
        if isUndecided {
          let difference: Int
          if slot.pointee.tag == tag, slot.pointee.collation == .binary || tag == Tag.blob {
            difference = KeyOrder.bytes(slot.pointee.start, slot.pointee.bits, start, count)
          } else {
            difference = KeyOrder.compare(
              slot.pointee.tag, slot.pointee.bits, slot.pointee.start, tag, count, start, slot.pointee.collation,
              encoding)
          }
          if difference != 0 {
            isUndecided = false
            marks.pointee.decidedAt = slot
            // Where an application's own collation decides, any order may be right.
            if (difference < 0) == slot.pointee.isDescending, slot.pointee.collation != .custom {
              refuse(marks)
            }
          }
        }
        slot.pointee.start = start
        slot.pointee.tag = tag
        slot.pointee.bits = count
      } else {
        // Types 10 and 11 are reserved: no record has them.
        guard type < 10 else { return false }
        takeRare(type, start, slot, &isUndecided, marks, encoding, &hash)
      }
      slot += 1
    } while at < headerEnd
    return body == end && !isUndecided
  }

  @inline(never) private static func refuse(_ marks: UnsafeMutablePointer<Marks>) {
    marks.pointee.isOutOfOrder = true
    marks.pointee.isUnusual = true
  }

  /// NULL, reals, and the numbers without a body.
  @inline(never) private static func takeRare(
    _ type: Int, _ body: UnsafeRawPointer, _ slot: UnsafeMutablePointer<Slot>, _ isUndecided: inout Bool,
    _ marks: UnsafeMutablePointer<Marks>, _ encoding: TextEncoding, _ hash: inout EntryHash
  ) {
    let (tag, bits) = rare(type, body)
    let valueHash = rareHash(tag, bits)
    hash.combine(valueHash.first, valueHash.second)
    if tag == Tag.null {
      marks.pointee.hasNull = true
      marks.pointee.isUnusual = true
    }
    if isUndecided, slot.pointee.tag != tag || slot.pointee.bits != bits {
      isUndecided = false
      marks.pointee.decidedAt = slot
      if isAfter(slot, tag, bits, encoding) == slot.pointee.isDescending { refuse(marks) }
    }
    slot.pointee.tag = tag
    slot.pointee.bits = bits
  }

  /// Whether a number or NULL comes after what stands in a slot, in ascending order. The two are not equal.
  @inline(never) private static func isAfter(
    _ slot: UnsafeMutablePointer<Slot>, _ tag: Int, _ bits: Int, _ encoding: TextEncoding
  ) -> Bool {
    KeyOrder.compare(
      slot.pointee.tag, slot.pointee.bits, slot.pointee.start, tag, bits, slot.pointee.start, .binary, encoding) < 0
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
