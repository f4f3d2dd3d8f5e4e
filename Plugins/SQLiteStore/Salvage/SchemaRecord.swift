/// How the records of schema rows begin: a header whose first type is a text as long as the word that the body begins with.
struct SchemaAnchors {
  private struct Word {
    let type: String
    let bytes: [UInt8]
    /// The serial type of a text of that many bytes.
    let serial: Int
  }

  private let words: [Word]
  /// Whether a byte is one of the words' serial types.
  private let isSerial: [Bool]

  init(_ encoding: TextEncoding) {
    words = ["table", "index", "view", "trigger"].map { type in
      let ascii = Array(type.utf8)
      let bytes: [UInt8] =
        switch encoding {
        case .utf8: ascii
        case .utf16le: ascii.flatMap { [$0, 0] }
        case .utf16be: ascii.flatMap { [0, $0] }
        }
      return Word(type: type, bytes: bytes, serial: 13 + 2 * bytes.count)
    }
    let serials = Set(words.map(\.serial))
    isSerial = (0..<256).map { serials.contains($0) }
  }

  /// Whether a record may stand anywhere in these bytes.
  func stand(in bytes: UnsafeRawBufferPointer) -> Bool {
    isSerial.withUnsafeBufferPointer { isSerial in
      var at = 1
      while at < bytes.count {
        if isSerial[Int(bytes[at])], isRecord(bytes, at: at - 1) || at > 1 && isRecord(bytes, at: at - 2) {
          return true
        }
        at += 1
      }
      return false
    }
  }

  /// Whether bytes begin as a schema row's record does.
  func begin(_ record: UnsafeRawBufferPointer) -> Bool { isRecord(record, at: 0) }

  private func isRecord(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
    guard let base = bytes.baseAddress, let size = Varint.read(base, at: start, end: bytes.count),
      size.value >= 6, size.value < 64, size.next < bytes.count
    else { return false }
    let serial = Int(bytes[size.next])
    let body = start + Int(size.value)
    return words.contains { word in
      word.serial == serial && body + word.bytes.count <= bytes.count
        && bytes[body..<body + word.bytes.count].elementsEqual(word.bytes)
    }
  }
}

/// One record that is read as a row of the schema table (SQLite's file format, section 2.6).
struct SchemaRecord {
  private let type: String
  private let name: String
  private let table: String
  /// nil for NULL.
  private let root: Int64?
  private let sql: String?

  /// nil where the record has other columns than type, name, table, root page and definition, or text that is not valid.
  init?(_ record: UnsafeRawBufferPointer, encoding: TextEncoding) {
    guard let start = record.baseAddress else { return nil }
    var values: [(type: Int, bytes: UnsafeRawBufferPointer)] = []
    let count = RecordHeader.read(start, available: record.count, payload: record.count) { column, type, at in
      guard column < 5, at + SerialType.size(type) <= record.count else { return false }
      values.append((type, UnsafeRawBufferPointer(rebasing: record[at..<at + SerialType.size(type)])))
      return true
    }
    guard count == 5 else { return nil }
    func text(_ column: Int) -> String? {
      let (type, bytes) = values[column]
      guard type >= 13, type & 1 == 1, encoding.isValid(bytes) else { return nil }
      return String(decoding: encoding.utf8(bytes), as: UTF8.self)
    }
    guard let type = text(0), let name = text(1), let table = text(2), !name.isEmpty else { return nil }
    switch values[3].type {
    case 0: root = nil
    case 1...6:
      let bytes = values[3].bytes
      root = bytes.dropFirst().reduce(Int64(Int8(bitPattern: bytes[0]))) { $0 << 8 | Int64($1) }
    case 8, 9: root = Int64(values[3].type - 8)
    default: return nil
    }
    guard values[4].type == 0 || text(4) != nil else { return nil }
    self.type = type
    self.name = name
    self.table = table
    sql = text(4)
  }

  /// The record of a row whose definition goes on in overflow pages that are lost: what stands in the cell, with NULL for the
  /// definition; nil where not even the other columns stand there.
  static func withoutDefinition(_ local: UnsafeRawBufferPointer, payload: Int) -> [UInt8]? {
    guard let start = local.baseAddress else { return nil }
    var types: [Int] = []
    var end = 0
    let count = RecordHeader.read(start, available: local.count, payload: payload) { _, type, at in
      types.append(type)
      if types.count == 4 { end = at + SerialType.size(type) }
      return types.count <= 5
    }
    guard count == 5, end <= local.count, let header = Varint.read(start, at: 0, end: local.count) else { return nil }
    let body: [UInt8] = types[..<4].flatMap { Varint.bytes(UInt64($0)) } + [0]
    return Varint.bytes(UInt64(body.count + 1)) + body + local[Int(header.value)..<end]
  }

  /// The row, where its columns agree with one another and with the number of pages; its place is still to be filled in. Of
  /// one that is torn, the definition is lost.
  func row(pageCount: UInt32, isTorn: Bool) -> SchemaRecovery.Row? {
    guard ["table", "index", "view", "trigger"].contains(type) else { return nil }
    let words = sql.map { Self.firstWords($0) } ?? []
    guard sql == nil ? isTorn || isAutomaticIndex : words.first == "create" else { return nil }
    let isVirtual = type == "table" && words.dropFirst().first == "virtual"
    let number = root ?? 0
    if type == "view" || type == "trigger" || isVirtual {
      guard number == 0 else { return nil }
    } else {
      guard number > 1, number <= Int64(pageCount) else { return nil }
    }
    if type == "table" || type == "view" {
      guard Self.folded(name) == Self.folded(table) else { return nil }
    }
    return SchemaRecovery.Row(
      type: type, name: name, table: table, root: UInt32(number), sql: sql, record: [], page: 0, cell: 0, rowid: 0,
      isUnnamed: false)
  }

  private var isAutomaticIndex: Bool { type == "index" && name.utf8.starts(with: "sqlite_autoindex_".utf8) }

  /// The first two words of a definition, in lower case.
  private static func firstWords(_ sql: String) -> [String] {
    let spaces: Set<UInt8> = [9, 10, 12, 13, 32]
    return sql.utf8.prefix(64).split(whereSeparator: { spaces.contains($0) }).prefix(2)
      .map { folded(String(decoding: Array($0), as: UTF8.self)) }
  }

  /// A name as SQLite compares names: ASCII letters in lower case.
  static func folded(_ name: String) -> String {
    String(decoding: name.utf8.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }, as: UTF8.self)
  }
}
