import MendKit
import Synchronization

/// Rows of which an index held another value than the table: a new database has what the table has, and a table beside it has each of
/// these rows once more, with the value of the index. So neither is lost, whichever was right.
enum ContradictedRows {
  private static let expected = Mutex<[String: [Contradiction]]>([:])

  /// Notes that a copy is being made of a database whose contradictions are known.
  static func expect(in copy: PostgresAddress, of address: PostgresAddress) {
    let known = Contradiction.remembered(of: address.uri)
    expected.withLock { $0[copy.uri] = known.isEmpty ? nil : known }
  }

  /// Sets the rows aside in a copy, once; what became of them.
  static func setAside(in copy: PostgresAddress, _ connection: ServerConnection) throws(ServerFailure) -> RepairOutcome
  {
    let all = expected.withLock { $0.removeValue(forKey: copy.uri) } ?? []
    var outcome = RepairOutcome()
    var places: [String: String] = [:]
    for one in all {
      let relation = one.relation
      let name = relation.table.name
      let place: String
      if let known = places[name] {
        place = known
      } else {
        place = try AsideTable.free(for: relation.name, in: relation.schema, connection)
        places[name] = place
      }
      let count = try insert(one, Quoting.name(relation.schema) + "." + Quoting.name(place), connection)
      guard count > 0 else { continue }
      if outcome.rows[name] == nil {
        let kept = try connection.value("select count(*) from only \(relation.sql)").flatMap { Int($0) }
        outcome.rows[name] = RowTally(kept: kept ?? 0)
      }
      outcome.rows[name]?.setAside += count
      outcome.notes.append(
        "\(one.evidence) \(one.index): the row of \(name) stays as it was read, and as the index has it it is set aside in "
          + DatabaseCatalog.shown(relation.schema, place))
    }
    return outcome
  }

  /// Writes the row as the index has it to the table beside its own; how many rows that are.
  private static func insert(
    _ one: Contradiction, _ aside: String, _ connection: ServerConnection
  ) throws(ServerFailure) -> Int {
    let relation = one.relation
    let other = Dictionary(one.differences.map { ($0.column, $0.byIndex) }) { first, _ in first }
    let values = relation.table.columns.map { column in
      guard let value = other[column.name] else { return Quoting.name(column.name) }
      let text = value.map(Quoting.text) ?? "null"
      return "cast(\(text) as \(column.type)) as \(Quoting.name(column.name))"
    }
    let identity = one.identity.map { column, value in
      value.map { "\(Quoting.name(column)) = \(Quoting.text($0))" } ?? "\(Quoting.name(column)) is null"
    }
    try connection.run("create table if not exists \(aside) as select * from only \(relation.sql) limit 0")
    let count = try connection.value(
      """
      select count(*) from only \(relation.sql) where \(identity.joined(separator: " and "))
      """)
    guard let count = count.flatMap({ Int($0) }), count > 0 else { return 0 }
    try connection.run(
      """
      insert into \(aside) select \(values.joined(separator: ", ")) from only \(relation.sql)
      where \(identity.joined(separator: " and ")) limit 1
      """)
    return 1
  }
}
