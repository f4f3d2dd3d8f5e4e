import MendKit
import Synchronization

/// Counts the rows of a table twice: by the table and by one of its indexes. A page that became zeros is an empty page to the
/// server, and the end of a file that was cut off is not missed: the index still knows the rows.
struct RowsByIndex {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation

  /// On a connection that is in a transaction with one view.
  init(_ connection: ServerConnection, _ relation: DatabaseCatalog.Relation) {
    self.connection = connection
    self.relation = relation
  }

  /// What a table was found to hold.
  struct Count: Sendable {
    var rows: Int
    /// How many rows have a NULL in the primary key.
    var nullKeys: Int
  }

  /// What the server said of the table.
  enum Outcome {
    /// Nothing is missing, or no index tells; the rows that an index knows.
    case same(Count, byIndex: Int?)
    /// The index knows so many rows, of which so many are not in the table.
    case missing(Int, of: Int)
    /// A page of the table is not there, or is damaged; the rows that an index knows.
    case broken(String, byIndex: Int?)
    /// An index is so damaged that the server plans no query.
    case untold
  }

  private var hasIndex: Bool { relation.indexOfAllRows != nil }

  func compare() throws(ServerFailure) -> Outcome {
    var byIndex: Int?
    do throws(ServerFailure) {
      if hasIndex { byIndex = try countByIndex() }
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      // What is wrong with the index itself, its own verification tells.
      if try isOfTable(error) { return .broken(error.message, byIndex: nil) }
    }
    do throws(ServerFailure) {
      let count = try countByTable()
      if let byIndex, byIndex > count.rows { return .missing(byIndex - count.rows, of: byIndex) }
      return .same(count, byIndex: byIndex)
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return try isOfTable(error) ? .broken(error.message, byIndex: byIndex) : .untold
    }
  }

  private func isOfTable(_ failure: ServerFailure) throws(ServerFailure) -> Bool {
    DamagedPlace(failure.message).isOf(
      try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))"))
  }

  /// The rows that an index knows, of which it has to ask the table where not all are known to be visible to everybody.
  func countByIndex() throws(ServerFailure) -> Int {
    try without(["seqscan", "bitmapscan"]) { () throws(ServerFailure) in
      Int(try connection.value("select count(*) from only \(relation.sql)") ?? "") ?? 0
    }
  }

  /// The rows, and those whose key has a NULL in it, whatever the definition promises.
  func countByTable() throws(ServerFailure) -> Count {
    let keys = relation.table.primaryKey.map(Quoting.name)
    return try without(["indexscan", "indexonlyscan", "bitmapscan"]) { () throws(ServerFailure) in
      let list = (["count(*)"] + keys.map { "count(\($0))" }).joined(separator: ", ")
      let row = try connection.rows("select \(list) from only \(relation.sql)").first ?? []
      let counts = row.map { Int($0 ?? "") ?? 0 }
      guard let rows = counts.first else { return Count(rows: 0, nullKeys: 0) }
      if counts.allSatisfy({ $0 == rows }) { return Count(rows: rows, nullKeys: 0) }
      let nulls = try connection.value(
        "select count(*) from only \(relation.sql) where num_nulls(\(keys.joined(separator: ", "))) > 0")
      return Count(rows: rows, nullKeys: Int(nulls ?? "") ?? 0)
    }
  }

  private func without<Result>(
    _ ways: [String], _ work: () throws(ServerFailure) -> Result
  ) throws(ServerFailure) -> Result {
    try connection.run(ways.map { "set enable_\($0) = off" }.joined(separator: "; "))
    defer { try? connection.run(ways.map { "set enable_\($0) = on" }.joined(separator: "; ")) }
    return try work()
  }

  // MARK: - What is known

  private static let counts = Mutex<[String: [String: Int]]>([:])

  /// Remembers how many rows the indexes of damaged tables know, for who counts what was lost.
  static func remember(_ counts: [String: Int], of address: PostgresAddress) {
    self.counts.withLock { $0[address.uri] = counts }
  }

  /// What was remembered.
  static func remembered(of uri: String) -> [String: Int] { counts.withLock { $0[uri] ?? [:] } }
}
