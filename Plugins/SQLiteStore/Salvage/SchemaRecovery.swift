/// Pages as salvage reads them, whether or not a header is left that says how many there are.
struct SalvagePages {
  let pageCount: UInt32
  let usableSize: Int
  /// A page's bytes, as many as are usable; nil when it cannot be read.
  let page: (UInt32) -> UnsafeRawPointer?
}

/// The rows of the schema table, recognised by their shape on whatever table leaf page they stand.
struct SchemaRecovery {
  struct Row: Sendable, Hashable {
    var type: String
    var name: String
    var table: String
    /// 0 for what has no b-tree of its own.
    var root: UInt32
    /// nil for the index that SQLite makes for a constraint.
    var sql: String?
    /// The record's bytes as they were found.
    var record: [UInt8]
    var page: UInt32
    /// Where the cell begins on its page.
    var cell: Int
    var rowid: Int64
    /// Whether the cell was found on a damaged page without a pointer that names it.
    var isUnnamed: Bool
  }

  struct Result: Sendable {
    /// One row for each name, in the order of their rowids.
    var rows: [Row] = []
    /// Other rows of the same names: older copies on pages that were freed, mostly.
    var alternatives: [Row] = []
    /// Whether there was more than a schema may take in memory, so that some rows were left out.
    var isCutShort = false
  }

  /// The bytes that rows may take together, which bounds what a hostile file can ask for.
  private static let mostBytes = 64 << 20

  private let pages: SalvagePages
  private let encoding: TextEncoding
  private let geometry: PayloadGeometry
  private let scan: CellScan
  private let anchors: SchemaAnchors
  private var found: [Row] = []
  private var bytesLeft = Self.mostBytes
  private var isCutShort = false

  private init(_ pages: SalvagePages, encoding: TextEncoding) {
    self.pages = pages
    self.encoding = encoding
    geometry = PayloadGeometry(usableSize: pages.usableSize)
    let text = ExpectedRecord.Column(allowed: SerialType.textBit)
    let root = ExpectedRecord.Column(allowed: SerialType.integerBit | SerialType.nullBit)
    let sql = ExpectedRecord.Column(allowed: SerialType.textBit | SerialType.nullBit)
    scan = CellScan(
      geometry: geometry, pageCount: pages.pageCount, bounds: CellScan.Bounds(above: 0),
      expected: ExpectedRecord(counts: 5...5, columns: [text, text, text, root, sql], encoding: encoding))
    anchors = SchemaAnchors(encoding)
  }

  /// Looks for schema rows on every page. Of several rows of one name, one on a page that `isTrusted` accepts is preferred, then
  /// the one with the higher rowid.
  static func recover(
    _ pages: SalvagePages, encoding: TextEncoding, isTrusted: (UInt32) -> Bool = { _ in false }
  ) -> Result {
    guard pages.pageCount > 0, pages.usableSize >= 480 else { return Result() }
    var recovery = SchemaRecovery(pages, encoding: encoding)
    for number in 1...pages.pageCount {
      if let page = pages.page(number) { recovery.read(page, number) }
    }
    var result = recovery.settled(isTrusted)
    result.isCutShort = recovery.isCutShort
    return result
  }

  private mutating func read(_ page: UnsafeRawPointer, _ number: UInt32) {
    // The shape of a schema row is looked for before anything that takes longer.
    let bytes = UnsafeRawBufferPointer(start: page, count: pages.usableSize)
    guard anchors.stand(in: bytes) else { return }
    let kind = BTreePage(page, number: number)?.kind
    if kind == .tableLeaf || PageSurvey(page, number: number, geometry: geometry) == nil {
      for cell in scan.scan(page, number: number).cells {
        if let row = row(page, cell, number) { found.append(row) }
      }
    }
  }

  private mutating func row(_ page: UnsafeRawPointer, _ cell: CellScan.Cell, _ number: UInt32) -> Row? {
    let place = cell.place
    let local = UnsafeRawBufferPointer(start: page + place.payloadOffset, count: place.localSize)
    // The type stands in the cell, so that most of what is no schema row needs no overflow chain.
    guard anchors.begin(local) else { return nil }
    // A row keeps its record and, decoded, the same bytes again.
    let cost = 2 * place.payloadSize + 256
    guard cost <= bytesLeft else {
      isCutShort = true
      return nil
    }
    let whole = payload(local, place)
    guard let record = whole ?? SchemaRecord.withoutDefinition(local, payload: place.payloadSize) else { return nil }
    bytesLeft -= cost
    guard
      var row = record.withUnsafeBytes({
        SchemaRecord($0, encoding: encoding)?.row(pageCount: pages.pageCount, isTorn: whole == nil)
      })
    else { return nil }
    row.record = record
    row.page = number
    row.cell = place.offset
    row.rowid = place.rowid
    row.isUnnamed = cell.isUnnamed
    return row
  }

  /// The whole payload of a cell; nil where its overflow chain is not as long as it should be.
  private func payload(_ local: UnsafeRawBufferPointer, _ place: FoundCell) -> [UInt8]? {
    var bytes = Array(local)
    var next = place.overflowPage
    while bytes.count < place.payloadSize {
      guard next > 1, next <= pages.pageCount, let page = pages.page(next) else { return nil }
      let count = min(place.payloadSize - bytes.count, geometry.overflowCapacity)
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: page + 4, count: count))
      next = page.big32(0)
      if bytes.count == place.payloadSize, next != 0 { return nil }
    }
    return bytes
  }

  private func settled(_ isTrusted: (UInt32) -> Bool) -> Result {
    struct Key: Hashable {
      /// Triggers have names of their own; tables, indexes and views share theirs.
      let isTrigger: Bool
      let name: String
    }
    var result = Result()
    var best: [Key: (row: Row, isTrusted: Bool)] = [:]
    for row in found {
      let key = Key(isTrigger: row.type == "trigger", name: SchemaRecord.folded(row.name))
      let candidate = (row: row, isTrusted: isTrusted(row.page))
      guard let other = best[key] else {
        best[key] = candidate
        continue
      }
      let isBetter = Self.isBetter(candidate, other)
      if isBetter { best[key] = candidate }
      result.alternatives.append(isBetter ? other.row : row)
    }
    result.rows = best.values.map(\.row).sorted { ($0.rowid, $0.page, $0.cell) < ($1.rowid, $1.page, $1.cell) }
    result.alternatives.sort { ($0.rowid, $0.page, $0.cell) < ($1.rowid, $1.page, $1.cell) }
    return result
  }

  private static func isBetter(_ one: (row: Row, isTrusted: Bool), _ other: (row: Row, isTrusted: Bool)) -> Bool {
    if one.isTrusted != other.isTrusted { return one.isTrusted }
    if one.row.rowid != other.row.rowid { return one.row.rowid > other.row.rowid }
    return !one.row.isUnnamed && other.row.isUnnamed
  }
}
