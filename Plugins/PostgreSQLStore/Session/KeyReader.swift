import MendKit

/// Looks at the keys that a table really holds: past its indexes, and past what its definition promises.
struct KeyReader {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation

  init(_ connection: ServerConnection, _ relation: DatabaseCatalog.Relation) {
    self.connection = connection
    self.relation = relation
  }

  private var columns: String { relation.table.primaryKey.map(Quoting.name).joined(separator: ", ") }

  /// Rows with a NULL in the key. `IS NULL` may be taken for impossible where the column is declared NOT NULL.
  func nullCount() throws(ServerFailure) -> Int {
    try withoutIndexes { () throws(ServerFailure) in
      Int(try connection.value("select count(*) from only \(relation.sql) where num_nulls(\(columns)) > 0") ?? "") ?? 0
    }
  }

  func duplicates(limit: Int) throws(ServerFailure) -> (keys: [[SQLValue]], count: Int) {
    let groups = """
      select \(columns) from only \(relation.sql) where num_nulls(\(columns)) = 0 group by \(columns) having count(*) > 1
      """
    return try withoutIndexes { () throws(ServerFailure) in
      let count = Int(try connection.value("select count(*) from (\(groups)) g") ?? "") ?? 0
      guard count > 0 else { return ([], 0) }
      let keys = try connection.rows("\(groups) order by \(columns) limit \(limit)")
      return (keys.map { row in row.map { $0.map { .text($0) } ?? .null } }, count)
    }
  }

  private func withoutIndexes<Result>(_ work: () throws(ServerFailure) -> Result) throws(ServerFailure) -> Result {
    try Self.withoutIndexes(connection, work)
  }

  /// Asks tables themselves.
  static func withoutIndexes<Result>(
    _ connection: ServerConnection, _ work: () throws(ServerFailure) -> Result
  ) throws(ServerFailure) -> Result {
    let settings = ["enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"]
    try connection.run(settings.map { "set \($0) = off" }.joined(separator: "; "))
    defer { try? connection.run(settings.map { "reset \($0)" }.joined(separator: "; ")) }
    return try work()
  }
}
