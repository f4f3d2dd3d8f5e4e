import MendKit

/// One value of a record as it is stored: its serial type and its bytes.
struct StoredField: Hashable {
  let type: Int
  let bytes: [UInt8]

  static let null = StoredField(type: 0, bytes: [])

  /// The value that is stored.
  func value(_ encoding: TextEncoding) -> SQLValue {
    switch type {
    case 0: .null
    case 8, 9: .integer(Int64(type - 8))
    case 7: .real(Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) }))
    case 1...6: .integer(bytes.dropFirst().reduce(Int64(Int8(bitPattern: bytes[0]))) { $0 << 8 | Int64($1) })
    default:
      type & 1 == 0
        ? .blob(bytes) : .text(bytes.withUnsafeBytes { String(decoding: encoding.utf8($0), as: UTF8.self) })
    }
  }
}

/// A record taken apart into its values, and put together of them (SQLite's file format, section 2.1).
enum RecordParts {
  /// The values of a record; nil where its header is not in order.
  static func fields(_ record: [UInt8]) -> [StoredField]? {
    var fields: [StoredField] = []
    let count = record.withUnsafeBytes { bytes -> Int? in
      guard let start = bytes.baseAddress else { return nil }
      return RecordHeader.read(start, available: bytes.count, payload: bytes.count) { _, type, at in
        let end = at + SerialType.size(type)
        guard end <= bytes.count else { return false }
        fields.append(StoredField(type: type, bytes: Array(bytes[at..<end])))
        return true
      }
    }
    return count == fields.count ? fields : nil
  }

  /// The record of values.
  static func record(_ fields: [StoredField]) -> [UInt8] {
    let types = fields.flatMap { Varint.bytes(UInt64($0.type)) }
    // The header's size counts itself.
    var size = types.count + 1
    while Varint.size(UInt64(size)) + types.count > size { size += 1 }
    return Varint.bytes(UInt64(size)) + types + fields.flatMap(\.bytes)
  }
}
