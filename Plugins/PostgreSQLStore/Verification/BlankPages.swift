import MendKit

/// Looks for pages of zeros in a table. The server takes one for a page that was never written, and finds no row missing: where
/// nobody has vacuumed, an index does not tell its rows without asking the table. But the entries that lead to such a page are
/// still in the index, and a page that was never written has none. To be looked for before an index is asked for rows: that
/// marks such entries as dead, and they are forgotten sooner or later.
struct BlankPages {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let functions: PageFunctions
  private let request: IntegrityRequest

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ functions: PageFunctions,
    _ request: IntegrityRequest
  ) {
    self.connection = connection
    self.relation = relation
    self.functions = functions
    self.request = request
  }

  /// What was found.
  struct Outcome {
    var findings: [Finding] = []
    /// How many entries of an index lead to pages of zeros.
    var entries: Int?
    /// Why nobody can tell.
    var unverified: String?
  }

  /// More than this many pages are not told apart any more.
  private static let mostPages = 10_000

  func look() throws(ServerFailure) -> Outcome {
    var outcome = Outcome()
    // Of a page of which all rows are known to be visible to everybody, an index tells the rows by itself.
    let row =
      try connection.rows(
        """
        select pg_catalog.pg_relation_size(oid) / pg_catalog.current_setting('block_size')::int, relallvisible
        from pg_catalog.pg_class where oid = \(relation.oid)
        """
      ).first ?? []
    guard row.count == 2, let blocks = Int(row[0] ?? ""), let visible = Int(row[1] ?? ""), blocks > 0,
      index == nil || visible < blocks
    else { return outcome }
    guard functions.pageinspect != .unavailable else {
      outcome.unverified =
        "pages of zeros are not told from new ones: that needs a superuser and the extension pageinspect"
      return outcome
    }
    let name = Quoting.text(relation.sql)
    // The upper end of the free space, which is 0 in a page that was never written (`PageIsNew`).
    let found = try connection.rows(
      """
      select b from pg_catalog.generate_series(0, \(blocks - 1)) b
      where pg_catalog.substr(\(functions.rawPage)(\(name), b), 15, 2) = '\\x0000'::bytea limit \(Self.mostPages)
      """)
    let blanks = found.compactMap { ($0.first ?? nil).flatMap { Int($0) } }
    guard let last = blanks.last else { return outcome }
    if let index {
      let entries = try Self.entries(of: index, to: blanks, functions, connection)
      guard entries > 0 else { return outcome }
      outcome.entries = entries
      outcome.findings = [
        finding(
          "table.malformed", .error, blanks,
          "\(Self.list(blanks)) of \(relation.table.name) \(blanks.count == 1 ? "is" : "are") all zeros, and \(entries) entries of the index \(index.shown) lead there",
          evidence: "rows that stood there are gone; entries of rows that were deleted count, too")
      ]
    } else {
      // The server leaves pages at the end that it has not come to yet.
      let tail = Set((0..<blanks.count).map { blocks - 1 - $0 })
      let within = blanks.filter { !(tail.contains($0) && last == blocks - 1) }
      guard !within.isEmpty else { return outcome }
      outcome.findings = [
        finding(
          "page.blank", .warning, within,
          "\(Self.list(within)) of \(relation.table.name) \(within.count == 1 ? "is" : "are") all zeros: either the server never wrote there, or rows are gone that no index tells of",
          evidence: "the table has no b-tree over all of its rows")
      ]
    }
    return outcome
  }

  private var index: DatabaseCatalog.IndexRelation? { relation.indexOfAllRows }

  /// The entries of leaves that lead to some blocks; one entry may lead to many rows of the same key. Those count, too, that a
  /// query marked as dead since it found no row there.
  static func entries(
    of index: DatabaseCatalog.IndexRelation, to blocks: [Int], _ functions: PageFunctions,
    _ connection: ServerConnection
  ) throws(ServerFailure) -> Int {
    let name = Quoting.text(index.sql)
    let list = blocks.map { String($0) }.joined(separator: ",")
    let count = try connection.value(
      """
      select count(*) from pg_catalog.generate_series(1, pg_catalog.pg_relation_size(\(index.oid))
          / pg_catalog.current_setting('block_size')::int - 1) b,
        lateral \(functions.pageStats)(\(name), b) s, lateral \(functions.pageItems)(\(name), b) i,
        lateral pg_catalog.unnest(coalesce(i.tids, array[i.htid])) t
      where s.type = 'l' and t is not null
        and ((t::text::point)[0])::bigint = any('{\(list)}'::bigint[])
      """)
    return Int(count ?? "") ?? 0
  }

  private static func list(_ blocks: [Int]) -> String {
    let shown = blocks.prefix(5).map { String($0) }.joined(separator: ", ")
    if blocks.count == 1 { return "block \(shown)" }
    return "blocks \(shown)" + (blocks.count > 5 ? " and \(blocks.count - 5) more" : "")
  }

  private func finding(
    _ code: FindingCode, _ severity: Severity, _ blocks: [Int], _ message: String, evidence: String
  ) -> Finding {
    var location = Finding.Location(table: relation.table.name)
    location.page = blocks.first.map { $0 + 1 }
    return Finding(code, severity, at: location, message, evidence: evidence, count: blocks.count)
  }
}
