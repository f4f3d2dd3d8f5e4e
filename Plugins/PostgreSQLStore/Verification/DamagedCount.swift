import MendKit

/// Counts the rows of a table of which blocks are damaged, without a look at these by the server: where a scan comes upon line pointers
/// that contradict each other, the server tidies the page up, and stops all its processes when that cannot be done.
struct DamagedCount {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let functions: PageFunctions
  private let endings: TransactionEndings

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ functions: PageFunctions
  ) {
    self.connection = connection
    self.relation = relation
    self.functions = functions
    endings = TransactionEndings(connection)
  }

  /// More damaged blocks are not told apart.
  private static let mostBlocks = 1000

  /// The rows of all other blocks, and those of the damaged ones that an index knows; nil where nothing tells.
  func rows(besides blocks: [Int]?) throws(ServerFailure) -> Int? {
    guard let blocks, !blocks.isEmpty, blocks.count <= Self.mostBlocks, functions.pageinspect != .unavailable,
      let index = relation.indexOfAllRows
    else { return nil }
    do throws(ServerFailure) {
      guard case .sound = try TreeVerification(connection, functions).verify(index.oid, full: false) else { return nil }
      if try areAllVisible(blocks) { return try RowsByIndex(connection, relation).countByIndex() }
      var rows = try BlankPages.entries(of: index, to: blocks, functions, connection)
      for block in blocks { rows -= try deadEntries(block) }
      var next = 0
      for block in blocks {
        if next < block { rows += try count(next, block - 1) }
        next = block + 1
      }
      return rows + (try count(next, Int(UInt32.max) - 1))
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return nil
    }
  }

  /// Whether the server answers for all of these blocks from an index alone.
  private func areAllVisible(_ blocks: [Int]) throws(ServerFailure) -> Bool {
    let size = try connection.value("select current_setting('block_size')").flatMap { Int($0) } ?? 8192
    let map = VisibilityMap(connection, relation, functions, blockSize: size)
    for block in blocks { guard try map.isAllVisible(block) else { return false } }
    return true
  }

  private func count(_ first: Int, _ last: Int) throws(ServerFailure) -> Int {
    let part = TableReader.Part.blocks(first, last).condition
    return Int(try connection.value("select count(*) from only \(relation.sql) where \(part)") ?? "") ?? 0
  }

  /// How many rows of a block are gone that an index may still have entries of.
  private func deadEntries(_ block: Int) throws(ServerFailure) -> Int {
    let page = try connection.value(
      "select pg_catalog.encode(\(functions.rawPage)(\(Quoting.text(relation.sql)), \(block)), 'hex')")
    guard let bytes = Hexadecimal.bytes(page ?? "") else { return 0 }
    let row = HeapRow(page: HeapPage(bytes, block: block), columns: [], ending: endings.ending)
    return row.page.pointers.indices.count { row.isGoneWithEntries($0 + 1) }
  }
}
