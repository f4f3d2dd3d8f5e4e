import MendKit

/// A row of the schema table, as salvage needs it.
struct SchemaObject {
  let type: String
  var name: String
  var table: String
  var root: UInt32
  var sql: String?
  let rowid: Int64
  /// The record's bytes as they were found.
  let record: [UInt8]
  /// Whether it says otherwise than its record.
  var isRewritten = false

  /// What it is, by its definition where the column that says so is not one of the four words.
  var kind: String {
    if ["table", "index", "view", "trigger"].contains(type) { return type }
    let words = (sql ?? "").prefix(100).lowercased().split(whereSeparator: \.isWhitespace).dropFirst().prefix(2)
    guard let word = words.first else { return type }
    return word == "virtual" ? "table" : word == "unique" ? "index" : String(word)
  }

  /// Whether the object has a b-tree of its own, whatever its root says.
  var isStored: Bool {
    kind == "index" || kind == "table" && sql?.lowercased().hasPrefix("create virtual") != true
  }

  /// The record of the object as it is now.
  func written(_ encoding: TextEncoding) -> [UInt8] {
    guard !isRewritten, kind == type else { return anew(encoding) }
    let header = Varint.read(record, at: 0) ?? (0, 0)
    var types: [Int] = []
    var at = header.next
    while at < Int(header.value), let type = Varint.read(record, at: at) {
      types.append(Int(type.value))
      at = type.next
    }
    guard types.count == 5 else { return record }
    let before = types[..<3].reduce(Int(header.value)) { $0 + SerialType.size($1) }
    let after = before + SerialType.size(types[3])
    // Type 4: a whole number of four bytes (section 2.1).
    types[3] = 4
    let body = types.flatMap { Varint.bytes(UInt64($0)) }
    let size = body.count + (body.count + 1 < 0x80 ? 1 : 2)
    let root = (0..<4).map { UInt8(truncatingIfNeeded: self.root >> (24 - 8 * $0)) }
    return Varint.bytes(UInt64(size)) + body + record[Int(header.value)..<before] + root + record[after...]
  }
  private func anew(_ encoding: TextEncoding) -> [UInt8] {
    let texts = [kind, name, table].map(encoding.bytes) + [sql.map(encoding.bytes) ?? []]
    var types = texts.map { 13 + 2 * $0.count }
    if sql == nil { types[3] = 0 }
    types.insert(4, at: 3)
    let header = types.flatMap { Varint.bytes(UInt64($0)) }
    let size = header.count + (header.count + 1 < 0x80 ? 1 : 2)
    let root = (0..<4).map { UInt8(truncatingIfNeeded: self.root >> (24 - 8 * $0)) }
    return Varint.bytes(UInt64(size)) + header + texts[..<3].joined() + root + texts[3]
  }
}

extension TextEncoding {
  /// The bytes of a text.
  func bytes(_ text: String) -> [UInt8] {
    switch self {
    case .utf8: Array(text.utf8)
    case .utf16le: text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    case .utf16be: text.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }
  }
}
