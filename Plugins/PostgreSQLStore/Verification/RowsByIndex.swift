import MendKit
import Synchronization

/// Counts the rows of a table twice: by the table and by one of its indexes. A page that became zeros is an empty page to the
/// server, and the end of a file that was cut off is not missed: the index still knows the rows.
struct RowsByIndex {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  /// Whether the connection is in a transaction with one view already.
  private let isInView: Bool

  init(_ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, isInView: Bool) {
    self.connection = connection
    self.relation = relation
    self.isInView = isInView
  }

  /// What the server said of the table, where it said anything else than a number.
  enum Outcome {
    /// Nothing is missing, or no index tells.
    case same
    /// The index knows so many rows, of which so many are not in the table.
    case missing(Int, of: Int)
    /// The index leads to a page that is not there.
    case broken(String)
  }

  /// Indexes of all rows.
  private var hasIndex: Bool {
    zip(relation.indexes, relation.table.indexes).contains { relation, index in
      relation.method == "btree" && relation.isValid && relation.isReady && !index.isPartial
    }
  }

  func compare() throws(ServerFailure) -> Outcome {
    guard hasIndex else { return .same }
    return try withView { () throws(ServerFailure) in
      let byIndex: Int
      do throws(ServerFailure) {
        byIndex = try count(without: ["seqscan", "bitmapscan"])
      } catch {
        guard error.isDamage, !error.isGone else { throw error }
        // What is wrong with the index itself, its own verification tells.
        let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
        return DamagedPlace(error.message).isOf(path) ? .broken(error.message) : .same
      }
      let byTable = try count(without: ["indexscan", "indexonlyscan", "bitmapscan"])
      return byIndex > byTable ? .missing(byIndex - byTable, of: byIndex) : .same
    }
  }

  /// The rows that an index knows; nil where it cannot be asked without the table.
  func known() -> Int? {
    guard hasIndex else { return nil }
    return try? withView { () throws(ServerFailure) in try count(without: ["seqscan", "bitmapscan"]) }
  }

  private func withView<Result>(_ work: () throws(ServerFailure) -> Result) throws(ServerFailure) -> Result {
    if !isInView { try connection.run("begin isolation level repeatable read read only") }
    do throws(ServerFailure) {
      let result = try work()
      if !isInView { try connection.run("commit") }
      return result
    } catch {
      if !isInView, !error.isGone { try? connection.run("rollback") }
      throw error
    }
  }

  private func count(without ways: [String]) throws(ServerFailure) -> Int {
    for way in ways { try connection.run("set enable_\(way) = off") }
    defer { for way in ways { try? connection.run("set enable_\(way) = on") } }
    return Int(try connection.value("select count(*) from only \(relation.sql)") ?? "") ?? 0
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
