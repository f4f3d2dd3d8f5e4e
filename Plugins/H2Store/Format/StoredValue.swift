/// How H2 writes the values of a row (`ValueDataType`): a byte for the type, which for small numbers and short texts tells the value
/// or the length as well, and what belongs to it.
enum StoredValue {
  /// Passes over one value; false where it is none.
  static func skip(_ cursor: inout ValueCursor, depth: Int = 0) -> Bool {
    guard depth < deepest, let type = cursor.byte() else { return false }
    switch type {
    // NULL, the numbers 0 and 1 of several types, truth values, small whole numbers.
    case 0, 32...57, 60...65: return true
    // TINYINT, SMALLINT.
    case 2: return cursor.skip(1)
    case 3: return cursor.skip(2)
    // INTEGER, ENUM; REAL with its bits the other way round; the same below zero.
    case 4, 8, 25, 66: return cursor.int() != nil
    // BIGINT, DOUBLE with its bits the other way round, DATE, NUMERIC without a scale.
    case 5, 7, 10, 58, 67: return cursor.long() != nil
    // NUMERIC.
    case 6: return cursor.int() != nil && cursor.bytesOfLength()
    case 59: return cursor.int() != nil && cursor.long() != nil
    case 9: return time(&cursor)
    // TIMESTAMP, and with a time zone.
    case 11: return cursor.long() != nil && time(&cursor)
    case 24: return cursor.long() != nil && time(&cursor) && cursor.int() != nil
    case 135: return cursor.long() != nil && time(&cursor) && timeZone(&cursor)
    case 136: return cursor.int() != nil && cursor.int() != nil && timeZone(&cursor)
    // VARBINARY, JAVA_OBJECT, GEOMETRY, JSON, BINARY.
    case 12, 19, 22, 134, 137: return cursor.bytesOfLength()
    // VARCHAR, VARCHAR_IGNORECASE, CHAR.
    case 13, 14, 21: return cursor.textOfLength()
    case 15: return largeObject(&cursor, isText: false)
    case 16: return largeObject(&cursor, isText: true)
    // ARRAY, ROW.
    case 17, 27:
      guard let count = cursor.count() else { return false }
      for _ in 0..<count where !skip(&cursor, depth: depth + 1) { return false }
      return true
    case 20: return cursor.skip(16)
    case 26: return interval(&cursor)
    case 68...99: return cursor.text(Int(type) - 68)
    case 100...131: return cursor.skip(Int(type) - 100)
    case 138: return decimalFloat(&cursor)
    default: return false
    }
  }

  private static let deepest = 64

  /// A whole number of 32 bits; nil where something else comes.
  static func int(_ cursor: inout ValueCursor) -> Int32? {
    switch cursor.byte() {
    case 4: return cursor.int()
    case 66: return cursor.int().map { 0 &- $0 }
    case .some(let type) where (32...47).contains(type): return Int32(type) - 32
    default: return nil
    }
  }

  /// A text in UTF-8; nil where something else comes.
  static func text(_ cursor: inout ValueCursor) -> [UInt8]? {
    switch cursor.byte() {
    case 13: return cursor.count().flatMap { cursor.characters($0) }
    case .some(let type) where (68...99).contains(type): return cursor.characters(Int(type) - 68)
    default: return nil
    }
  }

  private static func time(_ cursor: inout ValueCursor) -> Bool {
    guard let millis = cursor.long(), let nanos = cursor.int() else { return false }
    return (0..<86_400_000).contains(millis) && (0..<1_000_000).contains(nanos)
  }

  private static func timeZone(_ cursor: inout ValueCursor) -> Bool {
    guard let quarters = cursor.byte().map({ Int8(bitPattern: $0) }) else { return false }
    return quarters == .max || quarters == .min ? cursor.int() != nil : (-72...72).contains(quarters)
  }

  /// A small one stands in the row; of any other, the row tells where it is.
  private static func largeObject(_ cursor: inout ValueCursor, isText: Bool) -> Bool {
    guard let length = cursor.int() else { return false }
    if length == -3 {
      guard cursor.int() != nil, cursor.long() != nil, cursor.long() != nil else { return false }
    } else {
      guard cursor.skip(Int(length)) else { return false }
    }
    return !isText || cursor.long() != nil
  }

  /// The number of the large object that comes next, where that does not stand in the row; nil of any other value.
  static func reference(_ cursor: ValueCursor) -> Int64? {
    var cursor = cursor
    guard let type = cursor.byte(), type == 15 || type == 16, cursor.int() == -3, cursor.int() != nil else {
      return nil
    }
    return cursor.long()
  }

  private static func interval(_ cursor: inout ValueCursor) -> Bool {
    guard let byte = cursor.byte().map({ Int8(bitPattern: $0) }) else { return false }
    let kind = byte < 0 ? ~byte : byte
    guard kind < 13, cursor.long() != nil else { return false }
    return kind < 5 || cursor.long() != nil
  }

  private static func decimalFloat(_ cursor: inout ValueCursor) -> Bool {
    guard cursor.int() != nil, let length = cursor.int() else { return false }
    return (-3 ... -1).contains(length) || cursor.skip(Int(length))
  }
}
