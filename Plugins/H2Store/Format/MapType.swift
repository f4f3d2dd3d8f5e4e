/// What the keys or the values of a map are, as the store's own list of types tells (the map `_`, `MetaType`).
indirect enum MapType: Hashable, Sendable {
  /// A whole number.
  case long
  case text
  case bytes
  /// Nothing at all: of maps of which only the keys are of interest.
  case nothing
  /// One value of SQL.
  case value
  /// Values of SQL, of these columns of a table, with the number of the row before them where it is not the key.
  case row(columns: [Int], hasNumber: Bool)
  /// Values each of which a transaction that is still open may have changed.
  case versioned(MapType)
  /// Where a large object is.
  case largeObject
  /// Which large objects have the same content.
  case largeObjectUse

  /// Reads one that was written; nil where it is none that is known here.
  init?(_ reader: inout ByteReader) {
    guard let name = reader.text() else { return nil }
    switch name {
    case "org.h2.mvstore.type.LongDataType": self = .long
    case "org.h2.mvstore.type.StringDataType": self = .text
    case "org.h2.mvstore.type.ByteArrayDataType": self = .bytes
    case "org.h2.mvstore.db.NullValueDataType": self = .nothing
    case "org.h2.mvstore.db.LobStorageMap$BlobMeta$Type": self = .largeObject
    case "org.h2.mvstore.db.LobStorageMap$BlobReference$Type": self = .largeObjectUse
    case "org.h2.mvstore.db.ValueDataType$Factory":
      guard Self.numbers(&reader) != nil, let columns = reader.count(upTo: Self.mostColumns),
        Self.numbers(&reader) != nil, reader.byte() != nil
      else { return nil }
      // With columns it is a part of a type of rows.
      guard columns == 0 else { return nil }
      self = .value
    case "org.h2.mvstore.db.RowDataType$Factory":
      guard let columns = reader.count(upTo: Self.mostColumns), Self.numbers(&reader) != nil,
        let indexed = Self.numbers(&reader), let hasNumber = reader.byte()
      else { return nil }
      self = .row(columns: indexed.list ?? Array(0..<columns), hasNumber: hasNumber != 0)
    case "org.h2.mvstore.tx.VersionedValueType$Factory":
      guard let inner = MapType(&reader) else { return nil }
      self = .versioned(inner)
    default: return nil
    }
  }

  private static let mostColumns = 1 << 16

  /// A list of numbers: how many there are, and one more; 0 where there is no list.
  private static func numbers(_ reader: inout ByteReader) -> (list: [Int]?, isThere: Bool)? {
    guard let length = reader.count(upTo: mostColumns) else { return nil }
    guard length > 0 else { return (nil, false) }
    var list: [Int] = []
    for _ in 0..<length - 1 {
      guard let number = reader.variable(), number < mostColumns else { return nil }
      list.append(Int(number))
    }
    return (list, true)
  }

  /// Passes over the items of a page; false where they are none of the type.
  func skip(_ count: Int, _ cursor: inout ValueCursor) -> Bool {
    guard case .versioned(let type) = self else {
      for _ in 0..<count where !skip(&cursor) { return false }
      return true
    }
    guard let isChanging = cursor.byte(), isChanging <= 1 else { return false }
    guard isChanging == 1 else { return type.skip(count, &cursor) }
    for _ in 0..<count {
      guard let operation = cursor.long() else { return false }
      if operation == 0 {
        guard type.skip(&cursor) else { return false }
        continue
      }
      guard let there = cursor.byte(), there <= 3 else { return false }
      if there & 1 == 1, !type.skip(&cursor) { return false }
      if there & 2 == 2, !type.skip(&cursor) { return false }
    }
    return true
  }

  private func skip(_ cursor: inout ValueCursor) -> Bool {
    switch self {
    case .long: return cursor.long() != nil
    case .text: return cursor.textOfLength()
    case .bytes: return cursor.bytesOfLength()
    case .nothing: return true
    case .value: return StoredValue.skip(&cursor)
    case .row(let columns, let hasNumber):
      if hasNumber, cursor.long() == nil { return false }
      for _ in columns where !StoredValue.skip(&cursor) { return false }
      return true
    case .largeObject:
      return cursor.bytesOfLength() && cursor.int() != nil && cursor.long() != nil && cursor.skip(8)
    case .largeObjectUse: return cursor.bytesOfLength() && cursor.long() != nil
    case .versioned: return false
    }
  }
}
