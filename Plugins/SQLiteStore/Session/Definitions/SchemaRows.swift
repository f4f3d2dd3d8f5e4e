import MendKit

/// The rows of the schema table, read from its pages rather than asked of the library.
struct SchemaRows {
  /// A schema with more bytes than this is left to the library.
  private static let mostBytes = 8 << 20

  private let pages: PageMap
  private let geometry: PayloadGeometry
  private var objects: [SchemaReading.Object] = []
  private var pagesLeft: UInt32
  private var bytesLeft = Self.mostBytes
  private var isPlain = true
  /// The table of the object that was read last.
  private var owner = ""

  private init(_ pages: PageMap) {
    self.pages = pages
    geometry = PayloadGeometry(usableSize: pages.usableSize)
    pagesLeft = pages.pageCount
  }

  /// The rows in the order of their rowids, of a database in UTF-8; nil where anything about them is not as SQLite writes it.
  /// Where they are many, several workers read a part each.
  static func read(_ pages: PageMap, workers: Int = 1) -> Content? {
    let children = workers > 1 ? childrenOfRoot(pages) : []
    // A few parts for each worker, since none takes as long as another.
    let perPart = max(fewestPages, (children.count - 1) / (4 * workers) + 1)
    let count = (children.count + perPart - 1) / perPart
    let parts: [SchemaRows?]
    if count > 1 {
      parts = Workers.map(count, workers: workers) { part in
        var rows = SchemaRows(pages)
        let own = children[part * perPart..<min((part + 1) * perPart, children.count)]
        return own.allSatisfy { rows.readTree($0, level: 2) } ? rows : nil
      }
    } else {
      var rows = SchemaRows(pages)
      parts = [rows.readTree(1, level: 1) ? rows : nil]
    }
    let whole = parts.compactMap { $0 }
    let bytes = whole.reduce(0) { $0 + mostBytes - $1.bytesLeft }
    guard whole.count == parts.count, bytes <= mostBytes else { return nil }
    let objects = whole.count == 1 ? whole[0].objects : Array(whole.map(\.objects).joined())
    return Content(objects: objects, bytes: bytes, isPlain: whole.allSatisfy(\.isPlain))
  }

  /// Pages of the schema that are worth a thread.
  private static let fewestPages = 16

  /// The pages under the schema's root, left to right; none where it is a leaf, or not in order.
  private static func childrenOfRoot(_ pages: PageMap) -> [UInt32] {
    guard let page = pages[1], let header = BTreePage(page, number: 1), header.kind == .tableInterior,
      header.cellPointersEnd <= pages.usableSize
    else { return [] }
    let cells = (0..<header.cellCount).map { page.big16(header.cellPointers + 2 * $0) }
    guard cells.allSatisfy({ $0 >= header.cellPointersEnd && $0 + 4 <= pages.usableSize }) else { return [] }
    return cells.map { page.big32($0) } + [header.rightChild(page)]
  }

  /// What was read.
  struct Content {
    let objects: [SchemaReading.Object]
    /// How much that was.
    let bytes: Int
    /// Whether its texts are of ASCII without control characters, no page of the tree is empty, and each root is the number
    /// of a page.
    let isPlain: Bool
  }

  private mutating func readTree(_ number: UInt32, level: Int) -> Bool {
    guard level <= TreeWalker.deepest, pagesLeft > 0, let page = pages[number],
      let header = BTreePage(page, number: number), header.kind.isTable,
      header.cellPointersEnd <= pages.usableSize
    else { return false }
    pagesLeft -= 1
    if header.cellCount == 0, level > 1 { isPlain = false }
    for cell in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * cell)
      guard at >= header.cellPointersEnd, at + 4 <= pages.usableSize else { return false }
      let isRead = header.kind.isLeaf ? readCell(page, at) : readTree(page.big32(at), level: level + 1)
      guard isRead else { return false }
    }
    return header.kind.isLeaf || readTree(header.rightChild(page), level: level + 1)
  }

  private mutating func readCell(_ page: UnsafeRawPointer, _ at: Int) -> Bool {
    let usable = pages.usableSize
    guard let payload = Varint.read(page, at: at, end: usable), payload.value <= UInt64(bytesLeft),
      let rowid = Varint.read(page, at: payload.next, end: usable)
    else { return false }
    let size = Int(payload.value)
    bytesLeft -= size
    let local = geometry.local(size, maximum: geometry.tableMaximum)
    let content = UnsafeRawBufferPointer(start: page + rowid.next, count: local)
    guard rowid.next + local <= usable else { return false }
    if local == size { return readRecord(content) }
    guard rowid.next + local + 4 <= usable,
      let whole = whole(content, size: size, next: page.big32(rowid.next + local))
    else { return false }
    return whole.withUnsafeBytes { readRecord($0) }
  }

  /// A payload that goes on in overflow pages (section 1.6, "Cell Payload Overflow Pages").
  private func whole(_ start: UnsafeRawBufferPointer, size: Int, next: UInt32) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    bytes.append(contentsOf: start)
    var next = next
    while bytes.count < size {
      guard let page = pages[next] else { return nil }
      let count = min(size - bytes.count, geometry.overflowCapacity)
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: page + 4, count: count))
      next = page.big32(0)
    }
    return bytes
  }

  /// Type, name, table, root page and definition (section 2.6).
  private mutating func readRecord(_ record: UnsafeRawBufferPointer) -> Bool {
    guard let start = record.baseAddress, let size = Varint.read(start, at: 0, end: record.count),
      size.value <= UInt64(record.count)
    else { return false }
    let headerEnd = Int(size.value)
    var at = size.next
    var body = headerEnd
    func value() -> (type: Int, bytes: UnsafeRawBufferPointer)? {
      guard let type = Varint.read(start, at: at, end: headerEnd), type.value <= UInt64(2 * Self.mostBytes + 13) else {
        return nil
      }
      at = type.next
      let count = SerialType.size(Int(type.value))
      guard body + count <= record.count else { return nil }
      body += count
      return (Int(type.value), UnsafeRawBufferPointer(rebasing: record[body - count..<body]))
    }
    func text() -> UnsafeRawBufferPointer? {
      guard let (type, bytes) = value(), type >= 13, type & 1 == 1 else { return nil }
      return bytes
    }
    guard let type = text(), let name = text(), let table = text(), let root = value().flatMap(Self.integer),
      let (sqlType, sql) = value(), sqlType == 0 || sqlType >= 13 && sqlType & 1 == 1, at == headerEnd,
      body == record.count
    else { return false }
    // Type, name and table stand one behind the other.
    let names = UnsafeRawBufferPointer(rebasing: record[headerEnd..<headerEnd + type.count + name.count + table.count])
    if isPlain, root > pages.pageCount || !Self.isPlain(names) || !Self.isPlain(sql) { isPlain = false }
    let ownName = String(decoding: name, as: UTF8.self)
    // The table of most objects is itself, or that of the object before.
    if Self.areSame(name, table) {
      owner = ownName
    } else if !isOwner(table) {
      owner = String(decoding: table, as: UTF8.self)
    }
    objects.append(
      SchemaReading.Object(
        type: Self.word(type), name: ownName, table: owner, root: UInt32(clamping: root),
        sql: sqlType == 0 ? nil : String(decoding: sql, as: UTF8.self)))
    return true
  }

  private static func word(_ type: UnsafeRawBufferPointer) -> String {
    if isSame(type, "table") { return "table" }
    return isSame(type, "index") ? "index" : String(decoding: type, as: UTF8.self)
  }

  private static func isSame(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    areSame(bytes, UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
  }

  private mutating func isOwner(_ table: UnsafeRawBufferPointer) -> Bool {
    owner.withUTF8 { Self.areSame(UnsafeRawBufferPointer($0), table) }
  }

  private static func areSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count, let a = one.baseAddress, let b = other.baseAddress else { return false }
    return memcmp(a, b, one.count) == 0
  }

  private static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    let high: UInt64 = 0x8080_8080_8080_8080
    var at = 0
    while at + 8 <= text.count {
      let word = text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      // A byte of which the highest bit is set, or that gets it where a blank is taken off.
      if (word | (word &- 0x2020_2020_2020_2020)) & high != 0 { break }
      at += 8
    }
    return text[at...].allSatisfy { $0 >= 0x20 && $0 < 0x80 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
  }

  private static func integer(_ type: Int, _ bytes: UnsafeRawBufferPointer) -> Int64? {
    switch type {
    case 1...6: bytes.dropFirst().reduce(Int64(Int8(bitPattern: bytes[0]))) { $0 << 8 | Int64($1) }
    case 8, 9: Int64(type - 8)
    default: nil
    }
  }
}
