/// Goes through the values of a record that was found sound.
struct ValueCursor {
  struct Value {
    let type: Int
    let kind: UInt8
    let start: UnsafeRawPointer
    let size: Int

    var value: KeyValue { KeyValue(type: type, body: start) }
  }

  private var at: UnsafeRawPointer
  private var body: UnsafeRawPointer
  private let headerEnd: UnsafeRawPointer

  var isAtEnd: Bool { at >= headerEnd }

  init(_ record: UnsafeRawPointer) {
    let size = Varint.read(record, at: 0, end: 9) ?? (1, 1)
    at = record + size.next
    headerEnd = record + Int(truncatingIfNeeded: size.value)
    body = headerEnd
  }

  /// The next value; NULL behind the last.
  @inline(__always) mutating func next() -> Value {
    guard at < headerEnd else { return Value(type: 0, kind: TypeFact.Kind.constant, start: body, size: 0) }
    var type = at.byte(0)
    at += 1
    if type >= 0x80, let read = Varint.read(at - 1, at: 0, end: headerEnd - (at - 1)) {
      type = Int(truncatingIfNeeded: read.value)
      at += read.next &- 1
    }
    let size = SerialType.size(type)
    let start = body
    body += size
    let kind =
      type >= 12
      ? TypeFact.Kind.blob &- UInt8(truncatingIfNeeded: type & 1)
      : type == 7 ? TypeFact.Kind.real : type &- 1 < 6 && type > 0 ? TypeFact.Kind.integer : TypeFact.Kind.constant
    return Value(type: type, kind: kind, start: start, size: size)
  }
}
