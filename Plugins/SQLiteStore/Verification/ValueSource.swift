/// Where a value of a row stands, for the indexes that hold it.
struct ValueSource {
  /// The serial type; -1 for a value that an expression computed, of which the hash alone is kept.
  var type: Int
  /// The value's bytes; eight bytes before their end are readable.
  var start: UnsafeRawPointer?

  static var null: Self { Self(type: 0, start: nil) }
  static var computed: Self { Self(type: -1, start: nil) }

  var hash: Hash128 { start.map { KeyValue(type: type, body: $0).hash } ?? .null }
}

/// Puts entries of indexes together, byte for byte as SQLite writes them.
final class EntryBuffer {
  private static let slack = 16

  private var bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 12, alignment: 16)

  deinit { bytes.deallocate() }

  /// The hash of an entry with these values.
  func hash(_ slots: UnsafeBufferPointer<Int32>, of sources: UnsafePointer<ValueSource>) -> Hash128 {
    var headerSize = 0
    var bodySize = 0
    for slot in slots {
      let type = sources[Int(slot)].type
      headerSize += type < 0x80 ? 1 : Varint.size(UInt64(type))
      bodySize += SerialType.size(type)
    }
    // The header's size counts itself (section 2.1).
    headerSize += headerSize < 127 ? 1 : 2
    let size = headerSize + bodySize
    // Of an entry beyond what is put together the index's side is not read either.
    guard size <= PayloadAssembly.largest, let record = room(for: size) else { return .null }
    var at = write(headerSize, record)
    var body = record + headerSize
    for slot in slots {
      let source = sources[Int(slot)]
      at = write(source.type, at)
      guard let start = source.start else { continue }
      let count = SerialType.size(source.type)
      body.copyMemory(from: start, byteCount: count)
      body += count
    }
    return BytesHash(record: record, size: size).hash
  }

  private func write(_ number: Int, _ at: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    guard number >= 0x80 else {
      at.storeBytes(of: UInt8(truncatingIfNeeded: number), as: UInt8.self)
      return at + 1
    }
    let digits = Varint.bytes(UInt64(number))
    at.copyMemory(from: digits, byteCount: digits.count)
    return at + digits.count
  }

  private func room(for size: Int) -> UnsafeMutableRawPointer? {
    if size + 2 * Self.slack > bytes.count {
      bytes.deallocate()
      bytes = .allocate(byteCount: 2 * size + 2 * Self.slack, alignment: 16)
    }
    return bytes.baseAddress.map { $0 + Self.slack }
  }
}
