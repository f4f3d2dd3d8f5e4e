import MendKit

/// The rows of a sound database, read page by page: what a gap of a damaged one may be filled from.
final class BackupRows {
  let path: String
  private let file: SalvageFile
  private let survey: FileSurvey
  private let objects: [SchemaObject]
  private var claims: PageClaimTable

  struct Row {
    let rowid: Int64
    let record: [UInt8]
    let page: UInt32
  }

  /// Opens a backup, which is a file of its own; nil where its texts are stored in another way, or it is no sound database.
  init?(_ path: String, encoding: TextEncoding) {
    guard let found = try? SalvageHeader.read(path), !found.isInferred,
      let file = try? SalvageFile(
        path, pageSize: found.header.pageSize, reservedBytes: found.header.reservedBytes,
        encoding: found.header.encodingOfTexts, hasPointerMaps: found.header.largestRootPage != 0),
      file.encoding == encoding
    else { return nil }
    self.path = path
    self.file = file
    survey = FileSurvey(file)
    claims = PageClaimTable(pageCount: file.filePages)
    var schema = SalvagedTable(name: "sqlite_schema", number: 1, root: 1, expected: .schemaRow)
    TableSurvey(file: file, survey: survey).walk(&schema, &claims)
    guard schema.slots.allSatisfy({ $0.state == .sound }) else { return nil }
    objects = file.objects(schema, claims)
  }

  deinit { file.close() }

  /// Hands over the rows of a table that may be missing in the damaged file, in the order of their rowids. False where the
  /// backup has no table of this very definition.
  func rows(of table: SchemaObject, _ missing: GapRanges, _ each: (Row) -> Void) -> Bool {
    guard let object = objects.first(where: { $0.type == "table" && $0.name == table.name }), object.sql == table.sql
    else { return false }
    var tree = SalvagedTable(name: table.name, number: 2, root: object.root, expected: .any)
    TableSurvey(file: file, survey: survey).walk(&tree, &claims)
    let reader = EntryReader(file)
    for slot in tree.slots where slot.state == .sound {
      let facts = survey[slot.page]
      guard facts.cells > 0, missing.overlaps(facts.first, facts.last), let page = file.original(slot.page),
        let header = BTreePage(page, number: slot.page)
      else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          missing.contains(cell.rowid), let record = reader.payload(page, cell)
        else { continue }
        each(Row(rowid: cell.rowid, record: record, page: slot.page))
      }
    }
    return true
  }

  /// Hands over the rows of a table without rowid, in the order of their keys. False where the backup has no table of this very
  /// definition.
  func keyedRows(of table: SchemaObject, like keyed: KeyedTable, _ each: (KeyedEntry) -> Void) -> Bool {
    guard let object = objects.first(where: { $0.type == "table" && $0.name == table.name }), object.sql == table.sql
    else { return false }
    let tree = KeyedTable(
      name: table.name, number: 2, root: object.root, expected: keyed.expected, terms: Array(keyed.plan.terms))
    let pages = KeyedPages(file, survey)
    KeyedSurvey(pages: pages).walk(tree, &claims)
    guard !tree.isBroken else { return false }
    pages.forEachRow(of: tree, claims, each)
    return true
  }
}
