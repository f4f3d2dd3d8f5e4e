/// The catalog as the file has it: how many entries there are, and then each of them, which begins with its kind, twice.
struct CatalogStream {
  /// The entries, as far as their beginnings can be seen.
  private(set) var entries: [CatalogEntry] = []

  /// Tells the entries of a catalog apart that may be damaged anywhere.
  init(_ content: [UInt8]) {
    var starts: [Int] = []
    var at = 0
    while at + 9 < content.count {
      if CatalogEntry.begins(content, at) {
        starts.append(at)
        at += 9
      } else {
        at += 1
      }
    }
    guard let last = starts.last else { return }
    // Behind the last entry comes the end of the list, and nothing.
    var end = content.count
    while end > last, content[end - 1] == 0 { end -= 1 }
    if end - 2 > last, content[end - 1] == 0xFF, content[end - 2] == 0xFF { end -= 2 }
    for (start, next) in zip(starts, starts.dropFirst() + [end]) {
      entries.append(CatalogEntry(bytes: Array(content[start..<next])))
    }
  }

  /// The content of a catalog of these entries.
  static func content(_ entries: [CatalogEntry]) -> [UInt8] {
    [100, 0] + LogFields.bytes(UInt64(entries.count)) + entries.flatMap(\.bytes) + [0xFF, 0xFF]
  }
}

/// One entry of a catalog: a schema, a table, a view and so on. What else it says only the engine understands.
struct CatalogEntry: Equatable {
  /// The entry. Where the one behind it does not begin as it should, that follows.
  var bytes: [UInt8]

  /// Whether an entry begins here: the field 99 with the kind, and an object whose first field is the kind again.
  static func begins(_ content: [UInt8], _ at: Int) -> Bool {
    let kind = content[at + 2]
    return kind > 0 && kind < 0x80 && content[at..<at + 9].elementsEqual([99, 0, kind, 100, 0, 1, 100, 0, kind])
  }

  /// Whether it is a table's.
  var isTable: Bool { bytes.count > 2 && bytes[2] == 1 }

  /// What it is, in words.
  var sort: String {
    let names: [UInt8: String] = [1: "table", 2: "schema", 3: "view", 4: "index", 6: "sequence", 8: "type"]
    return bytes.count > 2 ? names[bytes[2]] ?? "macro" : "entry"
  }

  /// The name of the table with that of its schema, as the catalog has it; nil where it cannot be read.
  var name: String? {
    guard let schema = text(field: 102, in: 9..<min(bytes.count, 400)) else { return nil }
    guard let own = text(field: 200, in: schema.end..<min(bytes.count, schema.end + 1000)) else { return nil }
    return DuckDBCatalog.name(schema.text, own.text)
  }

  private func text(field: UInt8, in range: Range<Int>) -> (text: String, end: Int)? {
    guard !range.isEmpty else { return nil }
    for at in range where at + 2 < bytes.count && bytes[at] == field && bytes[at + 1] == 0 {
      var fields = LogFields(bytes[(at + 2)...])
      guard let text = fields.text(), !text.isEmpty, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
        continue
      }
      return (text, fields.position)
    }
    return nil
  }

  /// Where the rows of a table are told of, and how many there are.
  struct Rows: Equatable {
    var block: UInt64
    var offset: UInt64
    var count: UInt64
    /// The place of all three in the entry.
    var place: Range<Int>
  }

  /// What a table's entry says of its rows: the object of a pointer, and a number behind it; nil where that cannot be read.
  var rows: Rows? {
    for at in stride(from: bytes.count - 8, to: 8, by: -1)
    where bytes[at] == 101 && bytes[at + 1] == 0 && bytes[at + 2] == 100 && bytes[at + 3] == 0 {
      var fields = LogFields(bytes[at...])
      guard fields.begins(101), fields.begins(100), let block = fields.number(), fields.begins(101),
        let offset = fields.number(), offset < 1 << 20, fields.ends(), fields.begins(102),
        let count = fields.number(), count < 1 << 48
      else { continue }
      return Rows(block: block, offset: offset, count: count, place: at..<fields.position)
    }
    return nil
  }

  /// The entry with its rows where another one's are.
  func taking(_ other: Rows) -> CatalogEntry? {
    guard let own = rows else { return nil }
    let fields =
      [101, 0, 100, 0] + LogFields.bytes(other.block) + [101, 0] + LogFields.bytes(other.offset)
      + [0xFF, 0xFF, 102, 0] + LogFields.bytes(other.count)
    return CatalogEntry(bytes: Array(bytes[..<own.place.lowerBound] + fields + bytes[own.place.upperBound...]))
  }

  /// The entry cut off at each place where an object ends, the shortest first.
  var cuts: [CatalogEntry] {
    guard bytes.count > 12 else { return [] }
    return (12..<bytes.count).filter { bytes[$0 - 1] == 0xFF && bytes[$0 - 2] == 0xFF }
      .map { CatalogEntry(bytes: Array(bytes[..<$0])) }
  }
}
