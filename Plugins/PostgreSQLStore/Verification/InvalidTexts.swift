import MendKit

/// Finds the texts of a table that are not valid in the encoding of its database. The server reads them as they are and takes no such
/// text in: what has one can be dumped, and the dump cannot be restored.
struct InvalidTexts {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation

  init(_ connection: ServerConnection, _ relation: DatabaseCatalog.Relation) {
    self.connection = connection
    self.relation = relation
  }

  /// Counts the values of a column, and holds each text of it against the encoding on the way: a conversion from an encoding to
  /// itself does nothing else.
  static func reading(_ column: DatabaseCatalog.TextColumn) -> String {
    let name = Quoting.name(column.name)
    let encoding = "pg_catalog.getdatabaseencoding()"
    return column.isPadded
      ? "count(pg_catalog.convert_from(pg_catalog.bpcharsend(\(name)), \(encoding)))"
      : "count(pg_catalog.convert_to(\(name)::text, \(encoding)))"
  }

  /// Whether the server refused a text.
  static func areTold(by failure: ServerFailure) -> Bool { failure.state == "22021" }

  /// A text, and what the server says of it.
  private struct Place {
    var block: Int
    var item: String
    var column: String
    var said: String
  }

  /// More than this many are not told apart any more.
  private static let mostPlaces = 1000

  /// What there is in all of the table, the first of it one by one.
  func findings(shown most: Int) throws(ServerFailure) -> [Finding] {
    let size = try connection.value(
      "select pg_catalog.pg_relation_size(\(relation.oid)) / pg_catalog.current_setting('block_size')::int")
    guard let blocks = size.flatMap({ Int($0) }), blocks > 0 else { return [] }
    return try findings(0, blocks - 1, shown: most).findings
  }

  /// What there is in the blocks from the first to the last, and which items are not to be read: what the server hands over of a text
  /// with a zero in it ends there.
  func findings(
    _ first: Int, _ last: Int, shown most: Int
  ) throws(ServerFailure) -> (findings: [Finding], items: [Int: [Int: String]]) {
    var places: [Place] = []
    try look(first, last, &places)
    let most = max(1, most)
    let findings = places.prefix(most).enumerated().map { number, place in
      var location = Finding.Location(table: relation.table.name, column: place.column)
      location.page = place.block + 1
      let rest = number == most - 1 ? places.count - most : 0
      var message =
        "a text in \(place.column) of \(relation.table.name) is not valid in the database's encoding, so that no dump with it can be restored"
      if rest > 0 { message += "; nor \(rest == 1 ? "is 1 other" : "are \(rest) others")" }
      return Finding(
        "text.invalid", .error, at: location, message, evidence: "the row \(place.item): \(place.said)",
        count: 1 + rest)
    }
    var items: [Int: [Int: String]] = [:]
    for place in places {
      let number = place.item.split { !$0.isNumber }.last.flatMap { Int($0) }
      if let number { items[place.block, default: [:]][number] = place.said }
    }
    return (findings, items)
  }

  private func look(_ first: Int, _ last: Int, _ places: inout [Place]) throws(ServerFailure) {
    guard places.count < Self.mostPlaces else { return }
    let part = TableReader.Part.blocks(first, last).condition
    guard try failure(relation.texts, part) != nil else { return }
    guard first == last else {
      let middle = first + (last - first) / 2
      try look(first, middle, &places)
      return try look(middle + 1, last, &places)
    }
    for row in try connection.rows("select ctid from only \(relation.sql) where \(part)") {
      guard let item = row.first ?? nil else { continue }
      let condition = "ctid = \(Quoting.text(item))::tid"
      guard try failure(relation.texts, condition) != nil else { continue }
      for column in relation.texts {
        guard let said = try failure([column], condition) else { continue }
        places.append(Place(block: first, item: item, column: column.name, said: said))
      }
    }
  }

  /// What the server says of the texts of some rows; nil where all are valid.
  private func failure(_ columns: [DatabaseCatalog.TextColumn], _ condition: String) throws(ServerFailure) -> String? {
    let list = columns.map(Self.reading).joined(separator: ", ")
    do throws(ServerFailure) {
      _ = try connection.rows("select \(list) from only \(relation.sql) where \(condition)")
      return nil
    } catch {
      guard Self.areTold(by: error) else { throw error }
      return error.message
    }
  }
}
