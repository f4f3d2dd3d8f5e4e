import MendKit

/// A row that has no table, or that its table's indexes refute: its record as some page held it.
struct StrayRow {
  let page: UInt32
  /// Which of the page's cells it was.
  let cell: Int
  let rowid: Int64
  let record: [UInt8]
  /// The table that it would belong to, and why it is not there.
  var table: String?
  var reason: String?
}

/// Tables for rows that cannot be placed or trusted, one for each shape: nothing that can be read is dropped.
struct LostAndFound {
  let file: SalvageFile
  private(set) var rows: [StrayRow] = []
  /// Rows that were left where nothing points to them, since there are too many for memory.
  private(set) var left = 0
  private var bytes = 0

  /// The bytes of records that are held in memory.
  static let mostBytes = 64 << 20
  /// SQLite takes no more columns in a table.
  private static let mostColumns = 1990

  init(_ file: SalvageFile) { self.file = file }

  mutating func add(_ row: StrayRow) {
    guard bytes + row.record.count <= Self.mostBytes else { return left += 1 }
    bytes += row.record.count + 64
    rows.append(row)
  }

  /// Takes the rows of leaves that nothing points to, but for those that a table has already, byte for byte.
  mutating func gather(_ survey: FileSurvey, _ tables: [SalvagedTable], _ claims: PageClaimTable) {
    guard file.filePages > 1 else { return }
    for number in 2...file.filePages where claims.isFree(number) && survey[number].form == .tableLeaf {
      guard let page = file.original(number), let header = BTreePage(page, number: number),
        header.cellPointersEnd <= file.usableSize
      else { continue }
      var found: [(index: Int, cell: FoundCell)] = []
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          RecordHeader.isSound(page + cell.payloadOffset, size: cell.payloadSize, local: cell.localSize)
        else { continue }
        found.append((index, cell))
      }
      var owner = tables.first { table in found.prefix(3).contains { table.holds(page, $0.cell, file) } }
      // Two tables may have the same rows: one whose rows are missing may have had these.
      if owner?.hasGap == false, let first = found.first,
        tables.contains(where: { $0.hasGap && $0.expected.accepts(page, first.cell) })
      {
        owner = nil
      }
      for (index, cell) in found where owner?.holds(page, cell, file) != true {
        guard let chain = !cell.isSpilled ? [] : OverflowChain(file, cell).pages(claims) else { continue }
        add(
          StrayRow(
            page: number, cell: index, rowid: cell.rowid, record: OverflowChain(file, cell).payload(page, chain)))
      }
    }
  }

  /// A table of rows of one shape.
  struct Table {
    let sql: String
    let name: String
    let rows: [StrayRow]
  }

  /// The rows by their shapes, under names that nothing else has.
  func tables(besides taken: Set<String>) -> [Table] {
    var shapes: [(classes: [UInt8], rows: [StrayRow])] = []
    var page: (number: UInt32, shape: Int)?
    for row in rows {
      guard let classes = Self.classes(row.record), classes.count <= Self.mostColumns else { continue }
      // The rows of one page are of one table.
      let place =
        page.flatMap { $0.number == row.page && shapes[$0.shape].classes.count == classes.count ? $0.shape : nil }
        ?? shapes.firstIndex { $0.classes.count == classes.count && Self.agree($0.classes, classes) }
      if let place {
        for column in classes.indices { shapes[place].classes[column] |= classes[column] }
        shapes[place].rows.append(row)
      } else {
        shapes.append((classes, [row]))
      }
      page = (row.page, place ?? shapes.count - 1)
    }
    var number = 0
    return shapes.map { shape in
      repeat { number += 1 } while taken.contains("lost_and_found_\(number)")
      let columns = shape.classes.enumerated().map { "c\($0)" + Self.type($1) }
      let sql =
        "CREATE TABLE lost_and_found_\(number)("
        + (["page INTEGER", "cell INTEGER", "rowid INTEGER", "of_table TEXT", "why TEXT"] + columns)
        .joined(separator: ", ") + ")"
      return Table(sql: sql, name: "lost_and_found_\(number)", rows: shape.rows)
    }
  }

  /// The classes of a record's values.
  private static func classes(_ record: [UInt8]) -> [UInt8]? {
    record.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return nil }
      var classes: [UInt8] = []
      let count = RecordHeader.read(start, available: bytes.count, payload: bytes.count) { _, type, _ in
        classes.append(SerialType.classBit(type))
        return true
      }
      return count == nil ? nil : classes
    }
  }

  /// Whether two rows may be of one table: each column holds values of one class in both, or none.
  private static func agree(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    zip(one, other).allSatisfy {
      $0 & $1 & ~SerialType.nullBit != 0 || ($0 | SerialType.nullBit) == SerialType.nullBit || $1 == SerialType.nullBit
    }
  }

  /// A declared type that leaves every value of these classes as it is.
  private static func type(_ classes: UInt8) -> String {
    switch classes & ~SerialType.nullBit {
    case SerialType.integerBit: " INTEGER"
    case SerialType.realBit: " REAL"
    case SerialType.textBit: " TEXT"
    default: ""
    }
  }

  /// A row's record behind what tells where it was found.
  func payload(_ row: StrayRow) -> [UInt8] {
    guard let header = Varint.read(row.record, at: 0), header.value <= UInt64(row.record.count) else { return [] }
    let texts = [row.table, row.reason].map { $0.map(file.encoding.bytes) }
    let types =
      [4, 4, 6].flatMap { Varint.bytes($0) } + texts.flatMap { Varint.bytes(UInt64($0.map { 13 + 2 * $0.count } ?? 0)) }
      + row.record[header.next..<Int(header.value)]
    let body =
      Self.bytes(UInt64(row.page), 4) + Self.bytes(UInt64(row.cell), 4)
      + Self.bytes(UInt64(bitPattern: row.rowid), 8) + texts.flatMap { $0 ?? [] } + row.record[Int(header.value)...]
    var size = types.count + 1
    while Varint.size(UInt64(size)) + types.count != size { size += 1 }
    return Varint.bytes(UInt64(size)) + types + body
  }

  private static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
  }
}

extension SalvagedTable {
  /// Whether the table has a row already, byte for byte as far as it stands in the cell.
  fileprivate func holds(_ page: UnsafeRawPointer, _ cell: FoundCell, _ file: SalvageFile) -> Bool {
    guard let own = row(cell.rowid, file), own.cell.payloadSize == cell.payloadSize else { return false }
    let size = min(cell.localSize, own.cell.localSize)
    return UnsafeRawBufferPointer(start: page + cell.payloadOffset, count: size)
      .elementsEqual(UnsafeRawBufferPointer(start: own.page + own.cell.payloadOffset, count: size))
  }
}
