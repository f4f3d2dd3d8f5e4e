import MendKit

/// Counts the rows on pages that were taken from a backup, table by table, in a file that is whole again.
struct RestoredRows {
  private let file: FileHandle
  private let mapping: Mapping?
  private let geometry: PayloadGeometry
  private let pageSize: Int
  private let pageCount: UInt32
  private let restored: Set<UInt32>

  private static let deepest = 20

  init(_ file: FileHandle, pageSize: Int, usableSize: Int, pages: [UInt32]) throws(Problem) {
    self.file = file
    self.pageSize = pageSize
    let size = try file.status().size
    pageCount = UInt32(clamping: size / pageSize)
    mapping = try Mapping(file, size: Int(pageCount) * pageSize)
    geometry = PayloadGeometry(usableSize: usableSize)
    restored = Set(pages)
  }

  func count() throws(Problem) -> [String: Int] {
    var rows: [String: Int] = [:]
    let connection = try Connection.open(copy: file.path)
    defer { try? connection.close() }
    let tables = try connection.query(
      "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    for table in tables {
      guard let name = table.first?.text, let root = table.last?.integer else { continue }
      let count = count(UInt32(clamping: root), level: 1)
      if count > 0 { rows[name] = count }
    }
    return rows
  }

  private func count(_ number: UInt32, level: Int) -> Int {
    guard level <= Self.deepest, number > 0, number <= pageCount, let mapping else { return 0 }
    let page = mapping.start + (Int(number) - 1) * pageSize
    guard let header = BTreePage(page, number: number), header.cellPointersEnd <= geometry.usableSize else { return 0 }
    var rows = restored.contains(number) && header.kind != .tableInterior ? header.cellCount : 0
    guard !header.kind.isLeaf else { return rows }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard at + 4 <= geometry.usableSize else { continue }
      rows += count(page.big32(at), level: level + 1)
    }
    return rows + count(header.rightChild(page), level: level + 1)
  }
}
