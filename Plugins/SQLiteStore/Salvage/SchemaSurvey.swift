import MendKit

/// What definitions say of the records of their tables.
struct SchemaShapes {
  struct Shape {
    let expected: ExpectedRecord
    /// The primary key's order, of a table without rowid; nil for one with rowids.
    let key: [KeyPlan.Term]?
  }

  private var shapes: [String: Shape] = [:]
  private let encoding: TextEncoding
  /// Virtual tables by their names in lower case.
  private let virtual: [String: VirtualDefinition]

  /// Asks the library about the tables of a schema that was tried in a database in memory.
  init(_ objects: [SchemaObject], in memory: Connection, encoding: TextEncoding) {
    self.encoding = encoding
    virtual = Dictionary(
      objects.compactMap { object in
        guard object.kind == "table", !object.isStored else { return nil }
        return object.sql.flatMap(VirtualDefinition.init).map { (ASCII.lowered(object.name), $0) }
      }, uniquingKeysWith: { first, _ in first })
    for object in objects where object.kind == "table" && object.isStored {
      shapes[object.name] = try? shape(object.name, memory)
    }
  }

  subscript(_ name: String) -> Shape? { shapes[name] }

  /// Whether a statement makes a table of the columns that it lists: no other is run, whatever a schema row may hold.
  static func isPlainTable(_ sql: String) -> Bool {
    guard let open = sql.firstIndex(of: "(") else { return false }
    let words = sql[..<open].lowercased().split(whereSeparator: \.isWhitespace)
    return words.count >= 3 && words[0] == "create" && words[1] == "table" && !words.contains("as")
  }

  private func shape(_ name: String, _ memory: Connection) throws(Problem) -> Shape {
    let literal = Connection.literal(name)
    let list = "SELECT count(*) FROM pragma_table_list WHERE name = \(literal) AND "
    let hasRowid = try memory.integer(list + "wr = 1") == 0
    let isStrict = try memory.integer(list + "strict = 1") != 0
    guard try memory.value("SELECT 1 FROM pragma_table_list WHERE name = \(literal)") != nil else {
      throw Self.unknown(name)
    }
    let keyIndex = try memory.value("SELECT name FROM pragma_index_list(\(literal)) WHERE origin = 'pk'")?.text
    var columns: [ExpectedRecord.Column?] = []
    // Columns that were added later have a default or may be NULL: a record has at least those up to the last of the others.
    var isNeeded: [Bool] = []
    var keys = 0
    var alias: Int?
    try memory.rows("PRAGMA table_xinfo(\(literal))") { row throws(Problem) in
      let type = row.text(2)
      if row.integer(5) > 0 {
        keys += 1
        if keyIndex == nil, hasRowid, ASCII.areSame(type, "INTEGER") { alias = columns.count }
      }
      let isNotNull = row.integer(3) == 1 || !hasRowid && row.integer(5) > 0
      isNeeded.append(isNotNull && row[4].text == nil)
      // A virtual generated column is not stored.
      columns.append(
        row.integer(6) == 2
          ? nil
          : ExpectedRecord.Column(
            allowed: written(name, row.text(1)) ?? Self.allowed(type, isNotNull: isNotNull, isStrict),
            usual: type.isEmpty ? Self.shadowed(name, row.text(1)) : Self.usual(type),
            usualSize: Self.shadowedSize(name, row.text(1))))
      return true
    }
    if keys == 1, let alias { columns[alias]?.isRowidAlias = true }
    guard !hasRowid, let keyIndex else {
      let stored = columns.compactMap { $0 }
      let needed = zip(columns, isNeeded).filter { $0.0 != nil }.lastIndex { $0.1 }.map { $0 + 1 } ?? 1
      return Shape(
        expected: ExpectedRecord(
          counts: min(needed, max(1, stored.count))...max(1, stored.count), columns: stored, encoding: encoding),
        key: nil)
    }
    var stored: [ExpectedRecord.Column] = []
    var terms: [KeyPlan.Term] = []
    var needed = 1
    try memory.rows("PRAGMA index_xinfo(\(Connection.literal(keyIndex)))") { row throws(Problem) in
      let column = row.integer(1)
      stored.append(columns.indices.contains(column) ? columns[column] ?? .anything : .anything)
      if columns.indices.contains(column), isNeeded[column] || row.integer(5) == 1 { needed = stored.count }
      if row.integer(5) == 1 {
        terms.append(KeyPlan.Term(collation: Collation(row.text(4)), isDescending: row.integer(3) == 1))
      }
      return true
    }
    return Shape(
      expected: ExpectedRecord(
        counts: needed...max(needed, stored.count), columns: stored, encoding: encoding), key: terms)
  }

  private static func unknown(_ name: String) -> Problem {
    Problem(.unsupported, tried: "read the definition of", on: name, said: "it could not be tried")
  }

  /// The one class of values that a module ever writes into a column of a table of its own; nil for any other column.
  private func written(_ table: String, _ column: String) -> UInt8? {
    guard let cut = table.lastIndex(of: "_"), let module = virtual[ASCII.lowered(String(table[..<cut]))]?.module else {
      return nil
    }
    switch (module, table[cut...], column) {
    case ("rtree", "_node", "data"), ("rtree_i32", "_node", "data"), ("fts5", "_data", "block"),
      ("fts5", "_docsize", "sz"),
      ("fts5", "_idx", "term"):
      return SerialType.blobBit
    case ("rtree", "_rowid", "nodeno"), ("rtree_i32", "_rowid", "nodeno"), ("rtree", "_parent", "parentnode"),
      ("rtree_i32", "_parent", "parentnode"), ("fts5", "_idx", "segid"), ("fts5", "_idx", "pgno"):
      return SerialType.integerBit
    default: return nil
    }
  }

  /// What the columns of R-Tree's and FTS's own tables hold, which are declared without a type.
  private static func shadowed(_ table: String, _ column: String) -> UInt8 {
    switch (table.split(separator: "_").last, column) {
    case ("node", "data"), ("docsize", "sz"): SerialType.blobBit
    case ("rowid", "nodeno"), ("parent", "parentnode"): SerialType.integerBit
    default: 0x1F
    }
  }

  /// How many bytes they hold: a node has room for many entries, and the sizes of a document's columns are a few small numbers.
  private static func shadowedSize(_ table: String, _ column: String) -> ClosedRange<Int> {
    switch (table.split(separator: "_").last, column) {
    case ("node", "data"): leastNode...Int.max
    case ("docsize", "sz"): 0...leastNode - 1
    default: 0...Int.max
    }
  }

  /// No node of an R-Tree is smaller: the smallest page's size less 64 bytes.
  private static let leastNode = 448

  /// The classes of values that columns of a type mostly hold: those of every word in it, since a type such as
  /// `INTEGER_OR_TEXT` means what it says, whatever affinity it has.
  private static func usual(_ type: String) -> UInt8 {
    guard !type.isEmpty else { return 0x1F }
    let words: [(String, UInt8)] = [
      ("INT", SerialType.integerBit), ("CHAR", SerialType.textBit), ("CLOB", SerialType.textBit),
      ("TEXT", SerialType.textBit), ("BLOB", SerialType.blobBit), ("REAL", SerialType.integerBit | SerialType.realBit),
      ("FLOA", SerialType.integerBit | SerialType.realBit), ("DOUB", SerialType.integerBit | SerialType.realBit),
    ]
    let capitals = type.uppercased()
    let named = words.reduce(0) { $0 | (capitals.contains($1.0) ? $1.1 : 0) }
    return named != 0 ? named : SerialType.integerBit | SerialType.realBit | SerialType.textBit
  }

  /// The classes of values that a column's affinity leaves as they are (datatype3.html, section 3).
  private static func allowed(_ type: String, isNotNull: Bool, _ isStrict: Bool) -> UInt8 {
    let every =
      SerialType.integerBit | SerialType.realBit | SerialType.textBit | SerialType.blobBit
      | (isNotNull ? 0 : SerialType.nullBit)
    let numbers = SerialType.integerBit | SerialType.realBit
    switch Affinity(declaredType: type) {
    case .text: return every & ~numbers & (isStrict ? ~SerialType.blobBit : every)
    case .integer where isStrict: return every & ~(SerialType.realBit | SerialType.textBit | SerialType.blobBit)
    case .real where isStrict: return every & ~(SerialType.textBit | SerialType.blobBit)
    default: return every
    }
  }
}

extension ExpectedRecord {
  /// Records of which nothing is known.
  static let any = ExpectedRecord(counts: 1...RecordHeader.mostColumns, columns: [], encoding: nil)

  /// Rows of the schema table.
  static let schemaRow = ExpectedRecord(
    counts: 5...5,
    columns: [
      Column(allowed: SerialType.textBit), Column(allowed: SerialType.textBit), Column(allowed: SerialType.textBit),
      Column(allowed: SerialType.integerBit | SerialType.nullBit),
      Column(allowed: SerialType.textBit | SerialType.nullBit),
    ], encoding: nil)

  /// Whether a cell's record has what is usual.
  func isUsual(_ page: UnsafeRawPointer, _ cell: FoundCell, isWhole: Bool = true) -> Bool {
    isUsual(page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize, isWhole: isWhole)
  }

  /// Whether a cell's record is what is expected.
  func accepts(_ page: UnsafeRawPointer, _ cell: FoundCell) -> Bool {
    var work = 0
    return accepts(
      page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize, checksText: false, work: &work)
  }
}

extension SalvageFile {
  /// The rows of a schema table whose leaves are known.
  func objects(_ schema: SalvagedTable, _ claims: PageClaimTable) -> [SchemaObject] {
    schema.slots.flatMap { slot -> [SchemaObject] in
      guard slot.state == .sound, let page = original(slot.page), let header = BTreePage(page, number: slot.page) else {
        return []
      }
      return (0..<header.cellCount).compactMap { index in
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: geometry) else { return nil }
        return object(page, cell, claims)
      }
    }
  }

  private func object(_ page: UnsafeRawPointer, _ cell: FoundCell, _ claims: PageClaimTable) -> SchemaObject? {
    var record: [UInt8]
    if !cell.isSpilled {
      record = OverflowChain(self, cell).payload(page, [])
    } else if let chain = OverflowChain(self, cell).pages(claims) {
      record = OverflowChain(self, cell).payload(page, chain)
    } else {
      let local = UnsafeRawBufferPointer(start: page + cell.payloadOffset, count: cell.localSize)
      guard let rest = SchemaRecord.withoutDefinition(local, payload: cell.payloadSize) else { return nil }
      record = rest
    }
    return record.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress, RecordHeader.isSound(start, size: bytes.count, local: bytes.count) else {
        return nil
      }
      var cursor = ValueCursor(start)
      let values = (0..<5).map { _ in cursor.next().value }
      guard let type = text(values[0]), let name = text(values[1]), let table = text(values[2]) else { return nil }
      let root = values[3].type == .integer ? UInt32(clamping: values[3].bits) : 0
      return SchemaObject(
        type: type, name: name, table: table, root: root, sql: text(values[4]), rowid: cell.rowid, record: record)
    }
  }

  private func text(_ value: KeyValue) -> String? {
    value.type == .text ? String(decoding: encoding.utf8(value.bytes), as: UTF8.self) : nil
  }
}
