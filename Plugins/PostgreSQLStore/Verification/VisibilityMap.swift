import MendKit

/// What the server knows of pages all of whose rows are visible to everybody: of these it answers from an index alone, without a look
/// at the page, and no index has an entry of a row that is gone.
struct VisibilityMap {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let functions: PageFunctions
  private let blockSize: Int

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ functions: PageFunctions, blockSize: Int
  ) {
    self.connection = connection
    self.relation = relation
    self.functions = functions
    self.blockSize = blockSize
  }

  /// Whether a block is noted as such. Two bits for a block stand behind the head of a page of the map (`visibilitymap.c`).
  func isAllVisible(_ block: Int) throws(ServerFailure) -> Bool {
    let perPage = (blockSize - 24) * 4
    let call =
      "\(PageFunctions.name("get_raw_page", functions.pageinspect))(\(Quoting.text(relation.sql)), 'vm', \(block / perPage))"
    do throws(ServerFailure) {
      let page = try connection.value("select pg_catalog.encode(\(call), 'hex')")
      guard let map = Hexadecimal.bytes(page ?? ""), map.count == blockSize else { return false }
      let place = block % perPage
      return map[24 + place / 4] >> (place % 4 * 2) & 1 == 1
    } catch {
      // There is none before the first vacuum.
      guard !error.isGone else { throw error }
      return false
    }
  }
}
